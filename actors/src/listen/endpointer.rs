use std::time::Duration;

use tandem_media::mix::level_dbov;
use tandem_model::limits::TICK;

/// Finds where speech begins and ends, by loudness over a learnt background. It is told tick by tick, and keeps no clock.
#[derive(Clone, Debug)]
pub(super) struct Endpointer {
    end_silence_ticks: u32,
    speech_max_ticks: u32,
    noise_dbov: f32,
    /// Ticks of voice lately, less those without.
    evidence: u32,
    quiet: u32,
    speech: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Speaking,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    Began,
    Ended,
}

const ABOVE_NOISE_DB: f32 = 10.0;
const SPEECH_MIN_DBOV: f32 = -46.0;
const NOISE_START_DBOV: f32 = -60.0;
const NOISE_MIN_DBOV: f32 = -80.0;
const NOISE_MAX_DBOV: f32 = -36.0;
const NOISE_RISE_DB: f32 = 0.05;
/// 120 ms of voice in short order: shorter sounds are clicks, and keys.
const ONSET_TICKS: u32 = 6;
/// What lies before an onset and belongs to the first word.
pub(super) const PRE_ROLL_TICKS: usize = 20;
/// Where the application leaves the end to us (`speechTimeout="auto"`).
pub(super) const AUTO_END_SILENCE: Duration = Duration::from_millis(900);

impl Endpointer {
    pub fn new(end_silence: Duration, speech_max: Duration) -> Self {
        Endpointer {
            end_silence_ticks: ticks(end_silence),
            speech_max_ticks: ticks(speech_max),
            noise_dbov: NOISE_START_DBOV,
            evidence: 0,
            quiet: 0,
            speech: 0,
            state: State::Waiting,
        }
    }

    pub fn has_begun(&self) -> bool {
        self.state != State::Waiting
    }

    /// One tick; an empty one is silence.
    pub fn hear(&mut self, pcm: &[i16]) -> Option<Point> {
        let level = level_dbov(pcm).max(NOISE_MIN_DBOV);
        let voice = level > (self.noise_dbov + ABOVE_NOISE_DB).max(SPEECH_MIN_DBOV);
        self.noise_dbov = level.min(self.noise_dbov + NOISE_RISE_DB).clamp(NOISE_MIN_DBOV, NOISE_MAX_DBOV);
        self.evidence = if voice { (self.evidence + 1).min(ONSET_TICKS) } else { self.evidence.saturating_sub(1) };
        self.quiet = if voice { 0 } else { self.quiet + 1 };
        match self.state {
            State::Waiting if self.evidence >= ONSET_TICKS => {
                self.state = State::Speaking;
                Some(Point::Began)
            }
            State::Speaking => {
                self.speech += 1;
                let over = self.quiet >= self.end_silence_ticks || self.speech >= self.speech_max_ticks;
                over.then(|| {
                    self.state = State::Over;
                    Point::Ended
                })
            }
            State::Waiting | State::Over => None,
        }
    }
}

fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(spec: &[(i16, u32)], end: u64, max: u64) -> Vec<(u32, Point)> {
        let mut endpointer = Endpointer::new(Duration::from_millis(end), Duration::from_millis(max));
        let (mut at, mut found) = (0, Vec::new());
        for (amplitude, count) in spec {
            for _ in 0..*count {
                let tick: Vec<i16> = (0..160).map(|n| if n % 20 < 10 { *amplitude } else { -amplitude }).collect();
                found.extend(endpointer.hear(&tick).map(|point| (at, point)));
                at += 1;
            }
        }
        found
    }

    #[test]
    fn speech_begins_after_120_ms_and_ends_after_its_silence() {
        let speech = [(10, 50), (3_000, 40), (10, 30), (3_000, 20), (10, 100)];
        assert_eq!(points(&speech, 900, 60_000), [(55, Point::Began), (184, Point::Ended)]);
        // A shorter silence ends it within the pause.
        assert_eq!(points(&speech, 400, 60_000), [(55, Point::Began), (109, Point::Ended)]);
    }

    #[test]
    fn clicks_and_steady_noise_are_no_speech_and_endless_speech_ends() {
        assert_eq!(points(&[(10, 20), (8_000, 3), (10, 50), (8_000, 2), (10, 50)], 900, 60_000), []);
        assert_eq!(points(&[(100, 500)], 900, 60_000), []);
        assert_eq!(points(&[(10, 20), (5_000, 500)], 900, 2_000), [(25, Point::Began), (125, Point::Ended)]);
    }
}
