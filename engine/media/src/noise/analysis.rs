use super::payload::{ComfortNoise, dbov};

/// Reflection coefficients we send: enough for the colour of a room, which has no voice's formants.
pub(super) const ORDER: usize = 6;
/// What each frame adds to the running average, so that it holds about ten.
const SHARE: f32 = 0.1;

/// The autocorrelation of one frame, or a running average of several.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spectrum {
    lags: [f32; ORDER + 1],
}

impl Spectrum {
    pub(super) fn of(pcm: &[i16]) -> Self {
        let mut lags = [0.0; ORDER + 1];
        for (lag, sum) in lags.iter_mut().enumerate() {
            let products = pcm.iter().zip(pcm.iter().skip(lag)).map(|(a, b)| f32::from(*a) * f32::from(*b));
            // Divided by the whole length at each lag: so the model below is always stable.
            *sum = products.sum::<f32>() / pcm.len().max(1) as f32;
        }
        Spectrum { lags }
    }

    pub(super) fn approach(&mut self, frame: &Spectrum) {
        for (lag, new) in self.lags.iter_mut().zip(frame.lags) {
            *lag += (new - *lag) * SHARE;
        }
    }

    pub(super) fn level_db(&self) -> f32 {
        dbov(self.lags[0])
    }

    /// What part of the power no predictor of this order foresees: near 1 for noise, near 0 for tones.
    pub(super) fn unpredictable(&self) -> f32 {
        self.reflection().iter().map(|k| 1.0 - k * k).product()
    }

    pub(super) fn describe(&self) -> ComfortNoise {
        ComfortNoise::new(ComfortNoise::level_of(self.lags[0]), &self.reflection())
    }

    /// The Levinson-Durbin recursion.
    fn reflection(&self) -> [f32; ORDER] {
        let mut reflection = [0.0; ORDER];
        let mut a = [0.0; ORDER + 1];
        a[0] = 1.0;
        // A floor of noise 40 dB below keeps the recursion away from dividing by nothing.
        let mut error = self.lags[0] * 1.000_1 + 1e-3;
        for i in 1..=ORDER {
            let sum: f32 = (0..i).map(|j| a[j] * self.lags[i - j]).sum();
            let k = (-sum / error).clamp(-0.999, 0.999);
            let before = a;
            for j in 1..=i {
                a[j] = before[j] + k * before[i - j];
            }
            error *= 1.0 - k * k;
            reflection[i - 1] = k;
        }
        reflection
    }
}
