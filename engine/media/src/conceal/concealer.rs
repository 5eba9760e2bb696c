use tandem_model::SampleRate;

use super::pitch::PitchRange;

/// The last pitch period is repeated in full for this long, then fades.
const HOLD_MS: usize = 10;
const SILENT_MS: usize = 70;
/// Cross-fade into the next good frame: at least, more per 10 ms of loss, at most.
const FADE_BACK_MS: usize = 4;
const FADE_BACK_MS_MAX: usize = 10;

/// Hides lost frames of one PCM stream. Frames may have any length, also changing ones; nothing allocates after `new`.
pub struct Concealer {
    samples_per_ms: usize,
    range: PitchRange,
    /// The newest output, oldest first; always full.
    past: Box<[i16]>,
    /// One pitch period whose end leads into its start.
    cycle: Box<[f32]>,
    loss: Option<Loss>,
}

/// The loss that goes on.
struct Loss {
    period: usize,
    /// Samples concealed so far.
    passed: usize,
    /// What the first repetition starts too low, taken back over a quarter period.
    step: f32,
}

impl Concealer {
    pub fn new(rate: SampleRate) -> Self {
        let hz = (rate.0 as usize).clamp(8_000, 192_000);
        let range = PitchRange::new(hz);
        // The cycle's own end needs a quarter period before it.
        let past = range.reach().max(2 * range.max);
        Concealer {
            samples_per_ms: hz / 1_000,
            past: vec![0; past].into_boxed_slice(),
            cycle: vec![0.0; range.max].into_boxed_slice(),
            range,
            loss: None,
        }
    }

    /// A frame that came: remembered, and cross-faded into when frames before it were concealed.
    pub fn good(&mut self, pcm: &mut [i16]) {
        if let Some(mut loss) = self.loss.take() {
            let lost_ms = loss.passed / self.samples_per_ms;
            let fade_ms = (FADE_BACK_MS + FADE_BACK_MS * lost_ms / 10).min(FADE_BACK_MS_MAX);
            let fade = (fade_ms * self.samples_per_ms).min(pcm.len());
            for (n, sample) in pcm[..fade].iter_mut().enumerate() {
                let weight = (n + 1) as f32 / (fade + 1) as f32;
                let concealed = self.next_concealed(&mut loss);
                *sample = (concealed + (f32::from(*sample) - concealed) * weight) as i16;
            }
        }
        self.remember(pcm);
    }

    /// Fills a lost frame.
    pub fn conceal(&mut self, pcm: &mut [i16]) {
        let mut loss = self.loss.take().unwrap_or_else(|| self.begin());
        for sample in pcm.iter_mut() {
            *sample = self.next_concealed(&mut loss) as i16;
        }
        self.loss = Some(loss);
        self.remember(pcm);
    }

    fn begin(&mut self) -> Loss {
        let period = self.range.find(&self.past);
        let end = self.past.len();
        let at = |n: usize| f32::from(self.past[n]);
        let start = end - period;
        for n in 0..period {
            self.cycle[n] = at(start + n);
        }
        let quarter = period / 4;
        for n in 0..quarter {
            let weight = (n + 1) as f32 / (quarter + 1) as f32;
            let (last, before) = (at(end - quarter + n), at(start - quarter + n));
            self.cycle[period - quarter + n] = last + (before - last) * weight;
        }
        Loss { period, passed: 0, step: at(end - 1) - at(start - 1) }
    }

    fn next_concealed(&self, loss: &mut Loss) -> f32 {
        let n = loss.passed;
        // A loss may last for ever; past silence nothing counts.
        let (hold, silent) = (HOLD_MS * self.samples_per_ms, SILENT_MS * self.samples_per_ms);
        if n >= silent {
            return 0.0;
        }
        loss.passed += 1;
        let bridge = loss.step * (1.0 - n as f32 / (loss.period / 4).max(1) as f32).max(0.0);
        let gain = if n < hold { 1.0 } else { (silent - n) as f32 / (silent - hold) as f32 };
        (self.cycle[n % loss.period] + bridge) * gain
    }

    fn remember(&mut self, pcm: &[i16]) {
        let keep = self.past.len().saturating_sub(pcm.len());
        let newest = &pcm[pcm.len() - (self.past.len() - keep)..];
        let drop = self.past.len() - keep;
        self.past.copy_within(drop.., 0);
        self.past[keep..].copy_from_slice(newest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;
    use tandem_model::{Entropy, SeedEntropy};

    /// Four seconds of syllables: a gliding voice with formant-like harmonics, between breaths of noise.
    fn speech(hz: usize) -> Vec<i16> {
        let mut noise = SeedEntropy::new(7);
        let mut phase = 0.0;
        (0..hz * 4)
            .map(|n| {
                let t = n as f64 / hz as f64;
                let pitch = 130.0 + 25.0 * (TAU * 0.3 * t).sin();
                phase += TAU * pitch / hz as f64;
                let voice: f64 = (1..12).map(|h| (phase * h as f64).sin() / (1.0 + (h as f64 - 4.0).abs())).sum();
                let syllable = (TAU * 2.0 * t).sin().max(0.0).sqrt();
                let breath = (noise.next_u32() % 2_000) as f64 - 1_000.0;
                (voice * syllable * 4_000.0 + breath * 0.3) as i16
            })
            .collect()
    }

    fn lossy(clean: &[i16], frame: usize, conceal: bool, lost: impl Fn(usize) -> bool) -> Vec<i16> {
        let mut concealer = Concealer::new(SampleRate((frame * 50) as u32));
        let mut out = clean.to_vec();
        for (n, pcm) in out.chunks_mut(frame).enumerate() {
            match (lost(n), conceal) {
                (true, true) => concealer.conceal(pcm),
                (true, false) => pcm.fill(0),
                (false, true) => concealer.good(pcm),
                (false, false) => {}
            }
        }
        out
    }

    fn snr_db(clean: &[i16], heard: &[i16]) -> f64 {
        let energy = |f: &dyn Fn(usize) -> f64| (0..clean.len()).map(|n| f(n).powi(2)).sum::<f64>();
        let noise = energy(&|n| f64::from(clean[n]) - f64::from(heard[n]));
        10.0 * (energy(&|n| f64::from(clean[n])) / noise.max(1.0)).log10()
    }

    fn jump_max(pcm: &[i16]) -> i32 {
        pcm.windows(2).map(|w| (i32::from(w[1]) - i32::from(w[0])).abs()).max().unwrap_or(0)
    }

    fn five_percent(n: usize) -> bool {
        n > 3 && SeedEntropy::new(n as u64 * 31).next_u32() % 100 < 5
    }

    #[test]
    fn speech_with_five_percent_loss_is_nearer_to_the_original_than_with_holes() {
        for hz in [8_000, 16_000, 48_000] {
            let (clean, frame) = (speech(hz), hz / 50);
            assert!((4..20).contains(&(0..200).filter(|&n| five_percent(n)).count()));
            let holes = snr_db(&clean, &lossy(&clean, frame, false, five_percent));
            let hidden = snr_db(&clean, &lossy(&clean, frame, true, five_percent));
            assert!(hidden > holes + 3.0, "{hz} Hz: {hidden:.1} dB against {holes:.1} dB");
        }
    }

    #[test]
    fn a_lost_frame_in_a_vowel_keeps_its_energy() {
        let (clean, frame) = (speech(8_000), 160);
        let energy = |pcm: &[i16]| pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
        for n in [5, 6, 7, 8, 30, 31, 32] {
            let heard = lossy(&clean, frame, true, |f| f == n);
            let range = n * frame..(n + 1) * frame;
            let db = 10.0 * (energy(&heard[range.clone()]) / energy(&clean[range])).log10();
            assert!(db.abs() < 4.0, "frame {n}: {db:.1} dB off");
        }
    }

    #[test]
    fn losses_begin_and_end_without_a_click() {
        for hz in [8_000, 48_000] {
            let (clean, frame) = (speech(hz), hz / 50);
            let natural = jump_max(&clean);
            for burst in [1, 2, 6] {
                let heard = lossy(&clean, frame, true, |n| n > 3 && n % 11 < burst);
                assert!(
                    jump_max(&heard) <= natural * 3 / 2,
                    "{hz} Hz, {burst} lost: {} of {natural}",
                    jump_max(&heard)
                );
            }
        }
    }

    #[test]
    fn a_long_loss_is_silent_after_70_ms() {
        let mut pcm: Vec<i16> = speech(8_000)[800..1_600].to_vec();
        let mut concealer = Concealer::new(SampleRate::HZ_8000);
        concealer.good(&mut pcm);
        let mut lost = [1; 1_600];
        concealer.conceal(&mut lost);
        assert!(lost[..240].iter().any(|&s| s.abs() > 500));
        assert!(lost[560..].iter().all(|&s| s == 0));
    }

    #[test]
    fn frames_of_any_length_are_taken() {
        let mut concealer = Concealer::new(SampleRate(11_025));
        let clean = speech(11_025);
        for len in [0, 1, 7, 220, 5_000, 3] {
            concealer.conceal(&mut vec![i16::MIN; len]);
            concealer.good(&mut clean[..len].to_vec());
            concealer.good(&mut vec![i16::MIN; len]);
            concealer.conceal(&mut vec![0; len]);
        }
    }
}
