//! The pitch period of the last 40 ms, by normalised cross-correlation: coarse on every n-th sample, then exact.

/// Below this likeness the signal has no pitch.
const VOICED_MIN: f32 = 0.35;
/// The coarse search runs at about this rate.
const COARSE_HZ: usize = 4_000;

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

    /// The period, in samples. Without a pitch the longest: repeating noise is heard least with a long period.
    pub fn find(&self, past: &[i16]) -> usize {
        let Some(past) = past.len().checked_sub(self.reach()).map(|skip| &past[skip..]) else { return self.max };
        let coarse = self.best(past, (self.min..=self.max).step_by(self.stride), self.stride);
        let around = coarse.0.saturating_sub(self.stride).max(self.min)..=(coarse.0 + self.stride).min(self.max);
        let (period, likeness) = self.best(past, around, 1);
        if likeness < VOICED_MIN { self.max } else { period }
    }

    fn best(&self, past: &[i16], periods: impl Iterator<Item = usize>, stride: usize) -> (usize, f32) {
        periods
            .map(|p| (p, self.likeness(past, p, stride)))
            .fold((self.max, f32::MIN), |best, candidate| if candidate.1 > best.1 { candidate } else { best })
    }

    /// Of the newest window and the one `period` before it: 1 for the same shape, 0 for none, whatever their loudness.
    fn likeness(&self, past: &[i16], period: usize, stride: usize) -> f32 {
        let start = past.len() - self.window;
        let (newest, before) = (&past[start..], &past[start - period..past.len() - period]);
        let (mut product, mut energy_newest, mut energy_before) = (0.0_f32, 1.0_f32, 1.0_f32);
        for (&a, &b) in newest.iter().zip(before).step_by(stride) {
            let (a, b) = (f32::from(a), f32::from(b));
            product += a * b;
            energy_newest += a * a;
            energy_before += b * b;
        }
        product / (energy_newest * energy_before).sqrt()
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
                let (found, expected) = (range.find(&past) as f32, hz as f32 / pitch_hz);
                assert!((found - expected).abs() <= 1.0 + expected * 0.01, "{hz} {pitch_hz}: {found} for {expected}");
            }
        }
    }

    #[test]
    fn silence_and_a_short_past_have_the_longest_period() {
        let range = PitchRange::new(8_000);
        assert_eq!(range.find(&[0; 320]), 120);
        assert_eq!(range.find(&[1; 10]), 120);
    }
}
