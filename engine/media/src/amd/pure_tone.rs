use tandem_model::limits::TICK;

use crate::mix::level_dbov;

/// Follows a single steady tone: a beep, or a fax. Speech, music and tones of two frequencies are none.
#[derive(Clone, Debug, Default)]
pub(super) struct PureTone {
    hz: f32,
    ticks: u32,
}

/// A tone that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Heard {
    pub hz: f32,
    pub ms: u32,
}

/// The narrow range that answering machines beep in; a fax is inside it.
const LOW_HZ: f32 = 345.0;
const HIGH_HZ: f32 = 2_205.0;
const LEVEL_MIN_DBOV: f32 = -42.0;
/// What of a tick's energy a tone may leave unexplained: some 20 dB below it, where companding leaves 35.
const REST_MAX: f32 = 0.01;
/// How far one tick's frequency may be from the mean of those before.
const DRIFT_HZ: f32 = 12.0;
/// Quarters of a tick of one tone have about the same energy; two tones beat.
const QUARTERS_MAX: i64 = 3;
const TICK_MS: u32 = TICK.as_millis() as u32;

impl PureTone {
    /// Takes a tick. The tone that ended with it, however short.
    pub fn hear(&mut self, pcm: &[i16], rate_hz: f32) -> Option<Heard> {
        let now = frequency(pcm, rate_hz).filter(|hz| (LOW_HZ..=HIGH_HZ).contains(hz));
        match now {
            Some(hz) if self.ticks > 0 && (hz - self.hz).abs() <= DRIFT_HZ => {
                self.ticks += 1;
                self.hz += (hz - self.hz) / self.ticks as f32;
                None
            }
            Some(hz) => {
                let ended = self.end();
                (self.hz, self.ticks) = (hz, 1);
                ended
            }
            None => self.end(),
        }
    }

    /// The tone that sounds now: only whole ticks of it count.
    pub fn sounding(&self) -> Option<Heard> {
        (self.ticks > 0).then_some(Heard { hz: self.hz, ms: self.ticks * TICK_MS })
    }

    fn end(&mut self) -> Option<Heard> {
        let ended = self.sounding();
        self.ticks = 0;
        ended
    }
}

/// The frequency of a tick that is one tone: each sample of such is told by the two before, x₀ + x₂ = 2 cos ω · x₁.
fn frequency(pcm: &[i16], rate_hz: f32) -> Option<f32> {
    if level_dbov(pcm) < LEVEL_MIN_DBOV || !is_level(pcm) {
        return None;
    }
    let (mut cross, mut square, mut sums) = (0.0_f64, 0.0_f64, 0.0_f64);
    for three in pcm.windows(3) {
        let (a, b, c) = (f64::from(three[0]), f64::from(three[1]), f64::from(three[2]));
        cross += b * (a + c);
        square += b * b;
        sums += (a + c) * (a + c);
    }
    if square <= 0.0 {
        return None;
    }
    let twice_cos = cross / square;
    if twice_cos.abs() >= 2.0 {
        return None;
    }
    // What is left of the energy, by the samples' own measure and not by that of their sums.
    let rest = (sums - twice_cos * cross).max(0.0) / square;
    (rest <= f64::from(REST_MAX)).then(|| ((twice_cos / 2.0).acos() / std::f64::consts::TAU) as f32 * rate_hz)
}

fn is_level(pcm: &[i16]) -> bool {
    let quarter = (pcm.len() / 4).max(1);
    let energies = pcm.chunks_exact(quarter).map(|q| q.iter().map(|s| i64::from(*s) * i64::from(*s)).sum::<i64>());
    let (low, high) = energies.fold((i64::MAX, 0), |(low, high), e| (low.min(e), high.max(e)));
    high <= low.saturating_mul(QUARTERS_MAX)
}
