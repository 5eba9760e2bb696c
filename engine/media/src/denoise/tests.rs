use proptest::prelude::*;
use tandem_model::{Entropy, SampleRate, SeedEntropy};

use super::Denoiser;

const RATES: [SampleRate; 4] = [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate(24_000), SampleRate::HZ_48000];

/// Syllables: a voice's harmonics under formants, rising and falling four times a second, with a pause after each second.
fn voice(rate: SampleRate, secs: f64, amplitude: f64) -> Vec<f64> {
    let rate = f64::from(rate.0);
    let mut phase = 0.0;
    (0..(secs * rate) as usize)
        .map(|n| {
            let t = n as f64 / rate;
            let pitch = 120.0 + 25.0 * (t * 2.3).sin();
            phase += std::f64::consts::TAU * pitch / rate;
            let vowel = 500.0 + 300.0 * (t * 5.1).sin();
            let harmonics: f64 = (1..24)
                .map(|h| {
                    let hz = pitch * f64::from(h);
                    let weight =
                        1.0 / (1.0 + ((hz - vowel) / 200.0).powi(2)) + 0.3 / (1.0 + ((hz - 1_800.0) / 300.0).powi(2));
                    weight * (phase * f64::from(h)).sin()
                })
                .sum();
            let syllable = (std::f64::consts::TAU * 4.0 * t).sin().max(0.0).powf(0.5);
            let spoken = if t.fract() < 0.7 { syllable } else { 0.0 };
            amplitude * harmonics * spoken
        })
        .collect()
}

/// White noise of this standard deviation.
fn noise(samples: usize, deviation: f64) -> Vec<f64> {
    let mut random = SeedEntropy::new(2_002);
    (0..samples)
        .map(|_| {
            let sum: f64 = (0..12).map(|_| f64::from(random.next_u32()) / f64::from(u32::MAX)).sum();
            (sum - 6.0) * deviation
        })
        .collect()
}

fn pcm(samples: &[f64]) -> Vec<i16> {
    samples.iter().map(|s| s.round().clamp(-32_768.0, 32_767.0) as i16).collect()
}

fn clean(rate: SampleRate, mut samples: Vec<i16>) -> Vec<i16> {
    let mut denoiser = Denoiser::new(rate);
    let tick = rate.0 as usize / 50;
    samples.chunks_exact_mut(tick).for_each(|piece| denoiser.process(piece));
    samples
}

/// How much of `heard` is `said`, 10 ms later, against all that is not, in dB. The level of what was said may have changed.
fn signal_to_noise_db(rate: SampleRate, said: &[f64], heard: &[i16]) -> f64 {
    let delay = rate.0 as usize / 100;
    let pairs: Vec<(f64, f64)> = said.iter().copied().zip(heard[delay..].iter().map(|s| f64::from(*s))).collect();
    let of = |f: fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
    let (said_power, both) = (of(|p| p.0 * p.0), of(|p| p.0 * p.1));
    let share = both / said_power;
    let rest: f64 = pairs.iter().map(|p| (p.1 - share * p.0).powi(2)).sum();
    10.0 * (share * share * said_power / rest).log10()
}

fn level_db(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * power.max(1e-9).log10()
}

#[test]
fn a_voice_in_noise_comes_out_clearer_at_every_rate() {
    for rate in RATES {
        let said = voice(rate, 6.0, 2_500.0);
        let power = said.iter().map(|s| s * s).sum::<f64>() / said.len() as f64;
        for before_db in [0.0, 5.0, 10.0] {
            let noise = noise(said.len(), power.sqrt() / 10_f64.powf(before_db / 20.0));
            let mixed: Vec<f64> = said.iter().zip(&noise).map(|(a, b)| a + b).collect();
            let heard = clean(rate, pcm(&mixed));
            // The first second is spent with learning what is noise.
            let from = rate.0 as usize;
            let after_db = signal_to_noise_db(rate, &said[from..], &heard[from..]);
            assert!(after_db > before_db + 3.0, "{rate:?} at {before_db} dB: {after_db:.1} dB");
        }
    }
}

#[test]
fn noise_alone_sinks_and_what_is_left_is_even() {
    for rate in RATES {
        let noise = pcm(&noise(rate.0 as usize * 5, 400.0));
        let heard = clean(rate, noise.clone());
        let second = rate.0 as usize;
        let sunk = level_db(&noise[second..]) - level_db(&heard[second..]);
        assert!((12.5..18.0).contains(&sunk), "{rate:?}: {sunk:.1} dB");
        // Remains that ring would make some pieces much louder than others.
        let pieces: Vec<f64> = heard[2 * second..].chunks_exact(second / 20).map(level_db).collect();
        let loudest = pieces.iter().copied().fold(f64::MIN, f64::max);
        let mean = pieces.iter().sum::<f64>() / pieces.len() as f64;
        assert!(loudest - mean < 7.0, "{rate:?}: {loudest:.1} over {mean:.1} dB");
    }
}

#[test]
fn a_voice_without_noise_is_hardly_changed() {
    for rate in RATES {
        let said = voice(rate, 6.0, 2_500.0);
        let heard = clean(rate, pcm(&said));
        let from = rate.0 as usize;
        let likeness_db = signal_to_noise_db(rate, &said[from..], &heard[from..]);
        assert!(likeness_db > 17.0, "{rate:?}: {likeness_db:.1} dB");
        let change = level_db(&heard[from..]) - level_db(&pcm(&said)[from..]);
        assert!(change.abs() < 0.5, "{rate:?}: {change:.2} dB");
    }
}

#[test]
fn silence_stays_silent_and_a_voice_after_it_is_heard_from_its_first_syllable() {
    for rate in RATES {
        assert!(clean(rate, vec![0; rate.0 as usize * 2]).iter().all(|s| *s == 0), "{rate:?}");
        let said = [vec![0.0; rate.0 as usize], voice(rate, 1.0, 2_500.0)].concat();
        let heard = clean(rate, pcm(&said));
        let syllable = rate.0 as usize..rate.0 as usize * 9 / 8;
        let lost = level_db(&pcm(&said)[syllable.clone()]) - level_db(&heard[syllable]);
        assert!(lost < 1.5, "{rate:?}: {lost:.1} dB");
    }
}

#[test]
fn a_fan_that_is_switched_on_is_learned_within_seconds() {
    let rate = SampleRate::HZ_8000;
    let noise = pcm(&[vec![0.0; 8_000 * 2], noise(8_000 * 5, 300.0)].concat());
    let heard = clean(rate, noise.clone());
    let sunk = level_db(&noise[8_000 * 5..]) - level_db(&heard[8_000 * 5..]);
    assert!(sunk > 12.0, "three seconds after: {sunk:.1} dB");
}

#[test]
fn what_is_no_whole_piece_is_left_alone() {
    let mut denoiser = Denoiser::new(SampleRate::HZ_8000);
    let mut odd = vec![1_000_i16; 333];
    denoiser.process(&mut odd);
    assert!(odd[320..].iter().all(|s| *s == 1_000));
    denoiser.process(&mut []);
}

proptest! {
    #[test]
    fn any_sound_is_bounded_and_silence_comes_back(
        pieces in prop::collection::vec(prop::collection::vec(any::<i16>(), 160), 1..20),
    ) {
        let mut denoiser = Denoiser::new(SampleRate::HZ_8000);
        for mut piece in pieces {
            denoiser.process(&mut piece);
        }
        for _ in 0..3 {
            let mut piece = vec![0; 160];
            denoiser.process(&mut piece);
            if piece.iter().all(|s| *s == 0) {
                return Ok(());
            }
        }
        prop_assert!(false, "something goes on for ever");
    }
}
