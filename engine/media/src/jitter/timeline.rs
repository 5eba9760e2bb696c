use super::arrivals::Arrivals;

/// A sender that moves its timestamps on by more than time passed has jumped (a new source behind the same SSRC).
const JUMP_AHEAD_MS: i64 = 500;
/// One that moves them on by less has jumped too, or its packets were held up for so long that it makes no difference.
const JUMP_BACK_MS: i64 = 1_000;

/// Makes one unbroken time line of a stream's RTP timestamps, across their wrap and the jumps of the sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    units_per_ms: i64,
    /// A timestamp, and the media time it stands for.
    origin: Option<(u32, i64)>,
}

/// The newest packet of audio: what the next one is expected after.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newest {
    pub seq: u16,
    pub media: i64,
}

impl Timeline {
    pub fn new(clock_hz: u32) -> Self {
        Timeline { units_per_ms: i64::from(clock_hz / 1_000), origin: None }
    }

    /// The media time of a packet that arrives now. None for a packet of before a jump.
    pub fn place(
        &mut self,
        arrivals: &Arrivals,
        arrival: i64,
        (seq, ts): (u16, u32),
        newest: Option<Newest>,
        packet_units: u32,
    ) -> Option<i64> {
        if let Some((origin_ts, origin_media)) = self.origin {
            let media = origin_media + i64::from(ts.wrapping_sub(origin_ts) as i32);
            let added = arrivals.added(arrival, media);
            if (-JUMP_AHEAD_MS * self.units_per_ms..=JUMP_BACK_MS * self.units_per_ms).contains(&added) {
                // Moves along, so that a long call does not outgrow the distance that can be told.
                self.origin = Some((ts, media));
                return Some(media);
            }
        }
        let steps = newest.map(|newest| seq.wrapping_sub(newest.seq) as i16);
        if steps.is_some_and(|steps| steps < 0) {
            return None;
        }
        let expected = newest.zip(steps).map(|(newest, n)| newest.media + i64::from(n) * i64::from(packet_units));
        let plausible = 0..=JUMP_AHEAD_MS * self.units_per_ms;
        let media = expected
            .filter(|&media| plausible.contains(&arrivals.added(arrival, media)))
            .unwrap_or_else(|| arrivals.media_at(arrival));
        self.origin = Some((ts, media));
        Some(media)
    }

    /// The next packet starts anew, as if it came by the best path.
    pub fn reset(&mut self) {
        self.origin = None;
    }
}
