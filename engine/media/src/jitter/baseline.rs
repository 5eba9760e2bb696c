/// Time is cut into pieces of this many milliseconds, each remembered by its fastest packet.
const PIECE_MS: i64 = 2_000;
/// Pieces remembered. 16 s are short enough that a clock 200 ppm off moves the base by 3 ms only, and long enough
/// to meet the best path again under heavy jitter.
const PIECES: usize = 8;

/// The transit time of the best path: the least of the last 16 s, so that a sender's clock that runs slow or fast, and
/// a route that became longer, are followed.
#[derive(Clone, Debug)]
pub(super) struct Baseline {
    piece_units: i64,
    least: [i64; PIECES],
    at: usize,
    piece_ends: i64,
    now: Option<i64>,
}

impl Baseline {
    pub fn new(clock_hz: u32) -> Self {
        Baseline {
            piece_units: PIECE_MS * i64::from(clock_hz) / 1_000,
            least: [i64::MAX; PIECES],
            at: 0,
            piece_ends: 0,
            now: None,
        }
    }

    /// None before the first packet.
    pub fn get(&self) -> Option<i64> {
        self.now
    }

    /// Notes a packet's transit time: arrival less media time, in units of the clock.
    pub fn packet(&mut self, arrival: i64, transit: i64) {
        let Some(now) = self.now else {
            self.least = [i64::MAX; PIECES];
            self.least[self.at] = transit;
            self.piece_ends = arrival + self.piece_units;
            self.now = Some(transit);
            return;
        };
        if arrival >= self.piece_ends {
            // A pause tells nothing of the path: it takes one step, however long.
            self.at = (self.at + 1) % PIECES;
            self.least[self.at] = transit;
            self.piece_ends = arrival + self.piece_units;
            self.now = Some(self.least.iter().copied().fold(transit, i64::min));
            return;
        }
        self.least[self.at] = self.least[self.at].min(transit);
        self.now = Some(now.min(transit));
    }
}
