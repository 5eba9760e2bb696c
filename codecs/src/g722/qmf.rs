use super::band::limit;
use super::tables::QMF;

/// Pairs of samples taken at a time: 20 ms.
const BLOCK: usize = 160;
/// Samples a filter remembers.
const PAST: usize = 22;

/// The transmit filter: two samples at 16 kHz become one of each band at 8 kHz (G.722 clause 3.1).
#[derive(Clone)]
pub(super) struct Splitter {
    past: [i16; PAST],
}

impl Splitter {
    pub(super) fn new() -> Self {
        Splitter { past: [0; PAST] }
    }

    /// Gives the bands of each whole pair in `pcm` to `take`, lower first.
    #[inline]
    pub(super) fn split(&mut self, pcm: &[i16], mut take: impl FnMut(i32, i32)) {
        const LOW: [i16; 24] = taps(1);
        const HIGH: [i16; 24] = taps(-1);
        let mut window = [0; PAST + 2 * BLOCK];
        for block in pcm.chunks(2 * BLOCK) {
            let held = PAST + (block.len() & !1);
            window[..PAST].copy_from_slice(&self.past);
            window[PAST..held].copy_from_slice(&block[..held - PAST]);
            for taken in window[..held].windows(24).step_by(2) {
                take(limit(dot(taken, &LOW) >> 14), limit(dot(taken, &HIGH) >> 14));
            }
            self.past.copy_from_slice(&window[held - PAST..held]);
        }
    }
}

/// The taps of one band: the even ones with the sign given.
const fn taps(even: i16) -> [i16; 24] {
    let mut taps = [0; 24];
    let mut i = 0;
    while i < 12 {
        taps[2 * i] = even * QMF[i];
        taps[2 * i + 1] = QMF[11 - i];
        i += 1;
    }
    taps
}

/// The receive filter: one sample of each band becomes two at 16 kHz (clause 4.4). It works on sums and differences.
#[derive(Clone)]
pub(super) struct Joiner {
    sums: [i16; PAST / 2],
    differences: [i16; PAST / 2],
}

impl Joiner {
    pub(super) fn new() -> Self {
        Joiner { sums: [0; PAST / 2], differences: [0; PAST / 2] }
    }

    /// Fills `pcm`, a whole number of pairs, from the bands that `bands` gives in turn.
    #[inline]
    pub(super) fn join(&mut self, pcm: &mut [i16], mut bands: impl FnMut() -> (i32, i32)) {
        const REVERSED: [i16; 12] = {
            let mut reversed = QMF;
            let mut i = 0;
            while i < 12 {
                reversed[i] = QMF[11 - i];
                i += 1;
            }
            reversed
        };
        let (mut sums, mut differences) = ([0; PAST / 2 + BLOCK], [0; PAST / 2 + BLOCK]);
        for block in pcm.chunks_mut(2 * BLOCK) {
            let pairs = block.len() / 2;
            sums[..PAST / 2].copy_from_slice(&self.sums);
            differences[..PAST / 2].copy_from_slice(&self.differences);
            for i in PAST / 2..PAST / 2 + pairs {
                let (low, high) = bands();
                // Both are 15 bits wide, so neither sum leaves 16.
                (sums[i], differences[i]) = ((low + high) as i16, (low - high) as i16);
            }
            for (i, pair) in block.chunks_exact_mut(2).enumerate() {
                let first = dot(&differences[i..i + 12], &REVERSED) >> 11;
                let second = dot(&sums[i..i + 12], &QMF) >> 11;
                (pair[0], pair[1]) = (saturate(first), saturate(second));
            }
            self.sums.copy_from_slice(&sums[pairs..pairs + PAST / 2]);
            self.differences.copy_from_slice(&differences[pairs..pairs + PAST / 2]);
        }
    }
}

#[inline]
fn dot(samples: &[i16], taps: &[i16]) -> i32 {
    samples.iter().zip(taps).map(|(s, t)| i32::from(*s) * i32::from(*t)).sum()
}

fn saturate(x: i32) -> i16 {
    x.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}
