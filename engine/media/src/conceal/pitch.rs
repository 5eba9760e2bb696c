//! The pitch period of the newest audio, by normalised cross-correlation: coarse on every n-th sample, then exact.

use crate::stretch::likeness;

/// The coarse search runs at about this rate.
const COARSE_HZ: usize = 4_000;

#[derive(Clone, Debug)]
pub(super) struct PitchRange {
    pub min: usize,
    pub max: usize,
    /// Samples compared.
    pub window: usize,
    pub stride: usize,
}

impl PitchRange {
    /// 66 to 200 Hz; a higher pitch is found as a multiple of its period.
    pub fn new(hz: usize) -> Self {
        PitchRange { min: hz / 200, max: hz * 15 / 1_000, window: hz / 50, stride: (hz / COARSE_HZ).max(1) }
    }

    /// Samples of the past that [`find`](Self::find) looks at.
    pub fn reach(&self) -> usize {
        self.window + self.max
    }

    /// The period in samples, and how alike two are: 1 for a clear pitch, 0 for none.
    pub fn find(&self, past: &[i16]) -> (usize, f32) {
        let Some(past) = past.len().checked_sub(self.reach()).map(|skip| &past[skip..]) else { return (self.max, 0.0) };
        let coarse = self.best(past, (self.min..=self.max).step_by(self.stride), self.stride);
        let around = coarse.0.saturating_sub(self.stride).max(self.min)..=(coarse.0 + self.stride).min(self.max);
        self.best(past, around, 1)
    }

    fn best(&self, past: &[i16], periods: impl Iterator<Item = usize>, stride: usize) -> (usize, f32) {
        periods
            .map(|p| (p, self.likeness(past, p, stride)))
            .fold((self.max, f32::MIN), |best, candidate| if candidate.1 > best.1 { candidate } else { best })
    }

    /// Of the newest window and the one `period` before it.
    fn likeness(&self, past: &[i16], period: usize, stride: usize) -> f32 {
        let start = past.len() - self.window;
        likeness(&past[start..], &past[start - period..past.len() - period], stride)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_period_of_a_voiced_sound_is_found() {
        for hz in [8_000, 16_000, 48_000] {
            let range = PitchRange::new(hz);
            for pitch_hz in [70.0, 110.0, 155.0, 190.0] {
                let past: Vec<i16> = (0..range.reach())
                    .map(|n| {
                        let t = n as f32 / hz as f32 * pitch_hz * std::f32::consts::TAU;
                        ((t.sin() + 0.6 * (2.0 * t).sin() + 0.3 * (3.0 * t + 1.0).sin()) * 5_000.0) as i16
                    })
                    .collect();
                let (found, likeness) = range.find(&past);
                let (found, expected) = (found as f32, hz as f32 / pitch_hz);
                assert!((found - expected).abs() <= 1.0 + expected * 0.01, "{hz} {pitch_hz}: {found} for {expected}");
                assert!(likeness > 0.9, "{likeness}");
            }
        }
    }

    #[test]
    fn silence_and_a_short_past_have_no_pitch() {
        let range = PitchRange::new(8_000);
        assert!(range.find(&[0; 320]).1 < 0.1);
        assert_eq!(range.find(&[1; 10]), (120, 0.0));
    }
}
