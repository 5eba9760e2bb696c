use tandem_model::SampleRate;

use super::grains::Grains;
use crate::stretch::energy;

/// The quietest audio is kept for this long a piece.
const KEPT_MS: usize = 40;
/// Mean square against the quietest heard up to which a frame is background: 6 dB.
const NEAR: f32 = 4.0;
/// How fast the quietest heard is given up, in dB a second: a call's noise changes, but not between two words.
const RISE_DB_PER_S: f32 = 1.5;
/// The noise is never louder than this, whatever was heard: -56 dBov. A far end that only ever spoke, or sent a tone, has not
/// shown its background; and noise must not pass for speech where somebody listens for that.
const LOUDEST: f32 = 52.0 * 52.0;

/// Learns what is heard while nobody speaks, and goes on with it: comfort noise with the level and the colour of the
/// far end's room.
#[derive(Clone, Debug)]
pub struct Background {
    samples_per_ms: usize,
    /// Mean square of the quietest heard of late; None before the first frame.
    floor: Option<f32>,
    kept: Box<[i16]>,
    at: usize,
    grains: Grains,
}

impl Background {
    pub fn new(rate: SampleRate) -> Self {
        let samples_per_ms = (rate.0 as usize / 1_000).clamp(8, 192);
        Background {
            samples_per_ms,
            floor: None,
            kept: vec![0; KEPT_MS * samples_per_ms].into_boxed_slice(),
            at: 0,
            grains: Grains::new(samples_per_ms),
        }
    }

    /// A frame as it was decoded.
    pub fn learn(&mut self, pcm: &[i16]) {
        if pcm.len() < 2 * self.samples_per_ms {
            return;
        }
        let now = energy(pcm).max(1.0);
        let ms = (pcm.len() / self.samples_per_ms) as f32;
        // 10^(x/10) for small x.
        let risen = self.floor.map(|floor| floor * (1.0 + RISE_DB_PER_S * 0.000_230_26 * ms));
        let floor = risen.map_or(now, |floor| floor.min(now));
        self.floor = Some(floor);
        if now <= floor * NEAR {
            for &sample in pcm.iter().rev().take(self.kept.len()).rev() {
                self.kept[self.at] = sample;
                self.at = (self.at + 1) % self.kept.len();
            }
        }
    }

    /// Mean square of the background; 0 while nothing is known.
    pub fn energy(&self) -> f32 {
        self.floor.map_or(0.0, |floor| floor.min(LOUDEST))
    }

    /// One sample of it.
    pub(super) fn next(&mut self) -> f32 {
        let Some(floor) = self.floor else { return 0.0 };
        let gain = if floor > LOUDEST { (LOUDEST / floor).sqrt() } else { 1.0 };
        self.grains.next(&self.kept) * gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::{Entropy, SeedEntropy};

    fn noise(seed: u64, gain: f32, samples: usize) -> Vec<i16> {
        let mut random = SeedEntropy::new(seed);
        (0..samples).map(|_| ((random.next_u32() % 2_001) as f32 / 1_000.0 - 1.0) * gain).map(|s| s as i16).collect()
    }

    #[test]
    fn the_noise_between_words_is_learned_at_its_level_and_the_words_are_not() {
        for hz in [8_000, 48_000] {
            let mut background = Background::new(SampleRate(hz));
            let frame = hz as usize / 50;
            for n in 0..200 {
                let gain = if n % 40 < 10 { 60.0 } else { 8_000.0 };
                background.learn(&noise(n, gain, frame));
            }
            let heard: Vec<i16> = (0..frame * 50).map(|_| background.next() as i16).collect();
            let db = 10.0 * (energy(&heard) / energy(&noise(7, 60.0, frame * 50))).log10();
            assert!(db.abs() < 3.0, "{hz} Hz: {db:.1} dB off");
        }
    }

    #[test]
    fn silence_stays_silence_and_a_loud_tone_is_no_background() {
        let mut background = Background::new(SampleRate::HZ_8000);
        assert_eq!(background.next(), 0.0);
        for _ in 0..50 {
            background.learn(&[0; 160]);
        }
        assert!((0..1_000).all(|_| background.next() == 0.0));
        for _ in 0..50 {
            background.learn(&[12_000; 160]);
        }
        let mut background = Background::new(SampleRate::HZ_8000);
        (0..50).for_each(|_| background.learn(&[12_000; 160]));
        let loudest = (0..1_000).map(|_| background.next().abs()).fold(0.0, f32::max);
        assert!(loudest <= 80.0, "{loudest}");
    }
}
