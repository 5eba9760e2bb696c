use tandem_model::SampleRate;

use super::filter::{Filter, LANES};

/// Input taken at a time.
const BLOCK: usize = 1_024;

/// Converts one PCM stream from one rate to another. No call allocates after `new`.
///
/// Output sample `k` lies at input time `k × down / up`; after `n` input samples exactly `⌈n × up / down⌉` were written.
pub struct Resampler {
    up: usize,
    down: usize,
    /// None: the rates are the same.
    filter: Option<Filter>,
    /// The taps' past and the block that is being taken; `held` of it are filled.
    samples: Box<[f32]>,
    held: usize,
    /// Place of the next output sample's first tap in `samples`, and its fraction in units of `1 / up`.
    position: usize,
    phase: usize,
}

impl Resampler {
    /// Rates below 1 kHz and above 384 kHz are taken for these.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        let [from, to] = [from, to].map(|rate| rate.0.clamp(1_000, 384_000) as usize);
        let divisor = greatest_common_divisor(from, to);
        let (up, down) = (to / divisor, from / divisor);
        let filter = (up != down).then(|| Filter::new(up, down));
        let taps = filter.as_ref().map_or(0, |f| f.taps);
        let samples = if taps == 0 { 0 } else { taps + BLOCK };
        let samples = vec![0.0; samples].into_boxed_slice();
        Resampler { up, down, filter, samples, held: taps.saturating_sub(1), position: 0, phase: 0 }
    }

    /// The most that [`process`](Self::process) writes for `input` samples.
    pub fn output_max(&self, input: usize) -> usize {
        (input * self.up).div_ceil(self.down)
    }

    /// Takes all of `input`; returns the samples written to `out`, which holds `output_max(input.len())`: what does
    /// not fit is lost. The state goes on from call to call.
    pub fn process(&mut self, input: &[i16], out: &mut [i16]) -> usize {
        if self.filter.is_none() {
            let len = input.len().min(out.len());
            out[..len].copy_from_slice(&input[..len]);
            return len;
        }
        let mut written = 0;
        for block in input.chunks(BLOCK) {
            for (held, &sample) in self.samples[self.held..].iter_mut().zip(block) {
                *held = f32::from(sample);
            }
            self.held += block.len();
            written += self.drain(&mut out[written..]);
        }
        written
    }

    /// Writes what the held samples suffice for, and forgets those no tap will need.
    fn drain(&mut self, out: &mut [i16]) -> usize {
        let Some(filter) = &self.filter else { return 0 };
        let mut written = 0;
        while self.position + filter.taps <= self.held {
            if let Some(sample) = out.get_mut(written) {
                let taken = &self.samples[self.position..self.position + filter.taps];
                *sample = round(dot(taken, filter.row(self.phase, self.up)));
                written += 1;
            }
            self.phase += self.down;
            self.position += self.phase / self.up;
            self.phase %= self.up;
        }
        // A step is shorter than the taps, so the position is never beyond what is held.
        self.samples.copy_within(self.position..self.held, 0);
        self.held -= self.position;
        self.position = 0;
        written
    }
}

fn dot(samples: &[f32], taps: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    for (samples, taps) in samples.chunks_exact(LANES).zip(taps.chunks_exact(LANES)) {
        for n in 0..LANES {
            lanes[n] += samples[n] * taps[n];
        }
    }
    lanes.iter().sum()
}

/// To the nearest; beyond the range to its end.
fn round(sample: f32) -> i16 {
    (sample + 0.5_f32.copysign(sample)) as i16
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    const RATES: [u32; 7] = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000];

    fn tone(rate: u32, hz: f64, samples: usize) -> Vec<i16> {
        (0..samples).map(|n| ((TAU * hz * n as f64 / f64::from(rate)).sin() * 16_000.0).round() as i16).collect()
    }

    /// One second of a tone through a resampler in 20 ms frames.
    fn convert(from: u32, to: u32, hz: f64) -> Vec<i16> {
        let mut resampler = Resampler::new(SampleRate(from), SampleRate(to));
        let mut out = vec![];
        for frame in tone(from, hz, from as usize).chunks(from as usize / 50) {
            let mut pcm = vec![0; resampler.output_max(frame.len())];
            let written = resampler.process(frame, &mut pcm);
            out.extend_from_slice(&pcm[..written]);
        }
        out
    }

    /// Level of one frequency against the test tone, in dB, under a Hann window; and of all that is left.
    fn level_db(pcm: &[i16], rate: u32, hz: f64) -> f64 {
        let pcm = &pcm[pcm.len() / 4..pcm.len() * 3 / 4];
        let (mut re, mut im, mut sum) = (0.0, 0.0, 0.0);
        for (n, &sample) in pcm.iter().enumerate() {
            let window = (std::f64::consts::PI * n as f64 / pcm.len() as f64).sin().powi(2);
            let angle = TAU * hz * n as f64 / f64::from(rate);
            re += f64::from(sample) * window * angle.cos();
            im += f64::from(sample) * window * angle.sin();
            sum += window;
        }
        20.0 * ((re * re + im * im).sqrt() * 2.0 / sum / 16_000.0).max(1e-9).log10()
    }

    fn rms_db(pcm: &[i16]) -> f64 {
        let pcm = &pcm[pcm.len() / 4..pcm.len() * 3 / 4];
        let mean = pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len() as f64;
        10.0 * (mean.max(1e-9) * 2.0).log10() - 20.0 * 16_000_f64.log10()
    }

    fn pairs() -> impl Iterator<Item = (u32, u32)> {
        RATES.into_iter().flat_map(|from| RATES.into_iter().map(move |to| (from, to)))
    }

    #[test]
    fn the_pass_band_is_flat_and_clean() {
        for (from, to) in pairs() {
            let nyquist = f64::from(from.min(to)) / 2.0;
            for share in [0.05, 0.3, 0.6, 0.8] {
                let hz = (nyquist * share).round();
                let out = convert(from, to, hz);
                let level = level_db(&out, to, hz);
                assert!(level.abs() < 0.3, "{from} to {to}: {hz} Hz at {level:.2} dB");
                let extra = rms_db(&out) - level;
                assert!(extra.abs() < 0.01, "{from} to {to}: {hz} Hz has company at {extra:.3} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            for share in [1.15, 1.3, 1.7] {
                let hz = f64::from(to) / 2.0 * share;
                if hz < f64::from(from) / 2.0 {
                    let level = rms_db(&convert(from, to, hz));
                    assert!(level < -50.0, "{from} to {to}: {hz} Hz left at {level:.1} dB");
                }
            }
        }
    }

    #[test]
    fn images_above_the_lower_rate_are_gone() {
        for (from, to) in pairs().filter(|(from, to)| from < to) {
            let hz = (f64::from(from) / 2.0 * 0.8).round();
            let out = convert(from, to, hz);
            for image in [f64::from(from) - hz, f64::from(from) + hz] {
                if image < f64::from(to) / 2.0 {
                    let level = level_db(&out, to, image);
                    assert!(level < -50.0, "{from} to {to}: image at {image} Hz of {level:.1} dB");
                }
            }
        }
    }

    #[test]
    fn the_length_is_exact_over_time() {
        for (from, to) in pairs() {
            let mut resampler = Resampler::new(SampleRate(from), SampleRate(to));
            let (mut taken, mut written, mut out) = (0, 0, vec![0; 40_000]);
            for n in 0..400 {
                let input = vec![100; [160, 0, 7, 441, 2_500][n % 5]];
                taken += input.len() as u64;
                let now = resampler.process(&input, &mut out);
                assert!(now <= resampler.output_max(input.len()), "{from} to {to}");
                written += now as u64;
                let exact = (taken * u64::from(to)).div_ceil(u64::from(from));
                assert_eq!(written, exact, "{from} to {to} after {taken}");
            }
        }
    }

    #[test]
    fn the_delay_is_one_and_a_half_milliseconds_at_8_khz() {
        for (from, to) in [(8_000, 48_000), (48_000, 8_000), (8_000, 16_000)] {
            let mut resampler = Resampler::new(SampleRate(from), SampleRate(to));
            let mut impulse = vec![0; from as usize / 50];
            impulse[..from as usize / 8_000].fill(20_000);
            let mut out = vec![0; to as usize / 50];
            resampler.process(&impulse, &mut out);
            let peak = (0..out.len()).max_by_key(|&n| out[n]).unwrap();
            let ms = peak as f64 * 1_000.0 / f64::from(to);
            assert!((1.3..1.65).contains(&ms), "{from} to {to}: {ms} ms");
        }
    }

    #[test]
    fn odd_rates_and_a_short_output_do_not_panic() {
        for (from, to) in [(0, u32::MAX), (u32::MAX, 0), (47_999, 48_000), (8_001, 44_099)] {
            let mut resampler = Resampler::new(SampleRate(from), SampleRate(to));
            let mut out = [0; 50];
            assert!(resampler.process(&[i16::MAX; 3_000], &mut out) <= 50);
            assert_eq!(resampler.process(&[], &mut []), 0);
        }
    }

    #[test]
    fn a_full_scale_signal_saturates_instead_of_wrapping() {
        let mut resampler = Resampler::new(SampleRate::HZ_8000, SampleRate::HZ_48000);
        let square: Vec<i16> = (0..800).map(|n| if n / 40 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        let mut out = vec![0; 4_800];
        resampler.process(&square, &mut out);
        let jump = out.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap();
        assert!(jump < 30_000, "{jump}");
    }
}
