use tandem_model::SampleRate;

/// The rate that keys are looked for at.
const TARGET_HZ: u32 = 8_000;
/// 48 kHz.
const FACTOR_MAX: usize = 6;
/// Zero crossings of the filter at each side of its middle: what folds back into the band of the tones is 45 dB down.
const LOBES: usize = 4;
const TAPS_MAX: usize = 2 * LOBES * FACTOR_MAX + 1;

/// Takes a multiple of 8 kHz down to 8 kHz by one short low-pass filter: good enough to look for tones below 1.7 kHz, not
/// meant for listening.
#[derive(Debug)]
pub(super) struct Decimator {
    factor: usize,
    taps: [f32; TAPS_MAX],
    count: usize,
    /// The latest `count` samples, each written twice, so that they always lie in one piece.
    history: [f32; 2 * TAPS_MAX],
    /// Where the oldest of them lies, which the next one replaces.
    oldest: usize,
    /// Samples since the last output.
    phase: usize,
}

impl Decimator {
    /// None when `rate` is no multiple of 8 kHz up to 48 kHz.
    pub fn new(rate: SampleRate) -> Option<Self> {
        let factor = (rate.0 / TARGET_HZ) as usize;
        if !rate.0.is_multiple_of(TARGET_HZ) || factor == 0 || factor > FACTOR_MAX {
            return None;
        }
        let count = if factor == 1 { 1 } else { 2 * LOBES * factor + 1 };
        let mut taps = [0.0; TAPS_MAX];
        let middle = (count - 1) as f64 / 2.0;
        let tap = |n: usize| {
            // A sinc that cuts at 4 kHz, under a Hann window.
            let x = (n as f64 - middle) / factor as f64;
            let sinc = if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
            let window = 0.5 + 0.5 * (std::f64::consts::PI * (n as f64 - middle) / (middle + 1.0)).cos();
            sinc * window
        };
        let sum: f64 = (0..count).map(tap).sum();
        taps[..count].iter_mut().enumerate().for_each(|(n, t)| *t = (tap(n) / sum) as f32);
        Some(Decimator { factor, taps, count, history: [0.0; 2 * TAPS_MAX], oldest: 0, phase: 0 })
    }

    /// Whether samples pass as they are.
    pub fn is_idle(&self) -> bool {
        self.factor == 1
    }

    /// Takes one sample; gives one at every `factor`th.
    pub fn take(&mut self, sample: i16) -> Option<f32> {
        self.history[self.oldest] = f32::from(sample);
        self.history[self.oldest + self.count] = f32::from(sample);
        self.oldest = if self.oldest + 1 == self.count { 0 } else { self.oldest + 1 };
        self.phase += 1;
        if self.phase < self.factor {
            return None;
        }
        self.phase = 0;
        let latest = &self.history[self.oldest..self.oldest + self.count];
        // Eight sums side by side: the compiler makes vectors of them.
        let (mut sums, taps) = ([0.0; 8], &self.taps[..self.count]);
        let (whole, rest) = (latest.chunks_exact(8), latest.chunks_exact(8).remainder());
        for (x, t) in whole.zip(taps.chunks_exact(8)) {
            for ((sum, x), t) in sums.iter_mut().zip(x).zip(t) {
                *sum += x * t;
            }
        }
        let last: f32 = rest.iter().zip(&taps[self.count - rest.len()..]).map(|(x, t)| x * t).sum();
        Some(sums.iter().sum::<f32>() + last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn gain_db(rate: u32, hz: f64) -> f64 {
        let mut decimator = Decimator::new(SampleRate(rate)).unwrap();
        let samples = (0..rate).map(|n| ((TAU * hz * f64::from(n) / f64::from(rate)).sin() * 16_000.0) as i16);
        let out: Vec<f32> = samples.filter_map(|s| decimator.take(s)).skip(100).collect();
        let power = out.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / out.len() as f64;
        10.0 * (power / (16_000.0_f64.powi(2) / 2.0)).log10()
    }

    #[test]
    fn the_band_of_the_tones_is_flat_and_nothing_folds_into_it() {
        for rate in [16_000, 24_000, 32_000, 48_000] {
            for hz in [300.0, 697.0, 941.0, 1_209.0, 1_700.0] {
                let gain = gain_db(rate, hz);
                assert!(gain.abs() < 0.2, "{rate} Hz: {hz} Hz at {gain:.2} dB");
            }
            for hz in [6_400.0, 7_000.0, 7_303.0].into_iter().filter(|hz| *hz < f64::from(rate) / 2.0) {
                let gain = gain_db(rate, hz);
                assert!(gain < -40.0, "{rate} Hz: {hz} Hz at {gain:.2} dB");
            }
        }
    }

    #[test]
    fn only_multiples_of_8_khz_are_taken() {
        for (rate, taken) in
            [(8_000, true), (48_000, true), (44_100, false), (12_000, false), (0, false), (96_000, false)]
        {
            assert_eq!(Decimator::new(SampleRate(rate)).is_some(), taken, "{rate}");
        }
    }
}
