use std::time::Duration;

use proptest::prelude::*;
use tandem_model::{Entropy, Ptime, SeedEntropy, Timestamp};

use super::analysis::Spectrum;
use super::*;

const FRAME: usize = 160;

/// Background of a room: white noise of this level through a gentle low-pass.
fn room(frames: usize, level_db: f64) -> Vec<i16> {
    let mut random = SeedEntropy::new(3_389);
    let amplitude = 32_768.0 * 10_f64.powf(level_db / 20.0);
    // The sum of two draws over ±0.5 each, and the filter, have a variance of a sixth and of 1 / (1 - 0.6²) times 0.4².
    let scale = amplitude * (6.0_f64).sqrt() / (0.16_f64 / 0.64).sqrt();
    let mut last = 0.0;
    (0..frames * FRAME)
        .map(|_| {
            let mut draw = || f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
            let white = draw() + draw();
            last = 0.6 * last + 0.4 * white;
            (last * scale).round() as i16
        })
        .collect()
}

fn voice(frames: usize) -> Vec<i16> {
    (0..frames * FRAME)
        .map(|n| {
            let at = |hz: f64| (n as f64 * hz * std::f64::consts::TAU / 8_000.0).sin();
            ((at(140.0) + at(280.0) / 2.0 + at(700.0) / 2.0) * 4_000.0) as i16
        })
        .collect()
}

fn verdicts(pcm: &[i16]) -> Vec<Verdict> {
    let mut suppressor = SilenceSuppressor::new(Ptime(20));
    let at = |n: usize| Timestamp::from_secs(5) + Duration::from_millis(20 * n as u64);
    pcm.chunks_exact(FRAME).enumerate().map(|(n, frame)| suppressor.judge(at(n), frame)).collect()
}

fn level_db(pcm: &[i16]) -> f64 {
    let mean = pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64;
    10.0 * (mean / 32_768_f64.powi(2)).log10()
}

#[test]
fn payloads_are_as_rfc_3389_has_them() {
    let noise = ComfortNoise::parse(&[0x80 | 40, 0, 127, 254, 255]).expect("a level is enough");
    assert_eq!(noise.level, 40);
    let wanted = [-32_766.0 / 32_768.0, 0.0, 32_766.0 / 32_768.0, 32_766.0 / 32_768.0];
    assert_eq!(noise.reflection(), wanted.map(|k: f64| k as f32));
    assert_eq!(ComfortNoise::parse(&[]), None);
    assert_eq!(ComfortNoise::parse(&[70; 200]).map(|n| n.reflection().len()), Some(ORDER_MAX));
    let mut room = [0; NOISE_BYTES_MAX];
    assert_eq!(ComfortNoise::parse(&[33, 1, 99, 200]).and_then(|n| n.write(&mut room)), Some(4));
    assert_eq!(room[..4], [33, 1, 99, 200]);
    assert_eq!(noise.write(&mut [0; 4]), None, "no room");
}

#[test]
fn noise_comes_out_as_loud_as_it_was_said_to_be_whatever_its_spectrum() {
    for level in [30, 45, 60, 78] {
        for reflection in [&[][..], &[-0.9], &[0.7, 0.3], &[-0.8, 0.5, -0.2, 0.1, 0.0, 0.3]] {
            let mut generator = NoiseGenerator::new(1);
            generator.set(ComfortNoise::new(level, reflection));
            let mut pcm = vec![0; 16_000];
            pcm.chunks_mut(FRAME).for_each(|frame| generator.fill(frame));
            let heard = level_db(&pcm);
            // At the quietest, whole numbers are coarse.
            let slack = if level > 70 { 2.5 } else { 1.0 };
            assert!((heard + f64::from(level)).abs() < slack, "-{level} dBov {reflection:?}: {heard:.1}");
        }
    }
}

#[test]
fn a_background_is_described_so_that_it_sounds_alike() {
    let pcm = room(50, -50.0);
    let mut background = Spectrum::of(&pcm[..FRAME]);
    pcm.chunks_exact(FRAME).for_each(|frame| background.approach(&Spectrum::of(frame)));
    let mut payload = [0; NOISE_BYTES_MAX];
    let bytes = background.describe().write(&mut payload).expect("room");
    let mut generator = NoiseGenerator::new(9);
    generator.set(ComfortNoise::parse(&payload[..bytes]).expect("ours"));
    let mut made = vec![0; pcm.len()];
    made.chunks_mut(FRAME).for_each(|frame| generator.fill(frame));
    assert!((level_db(&made) - level_db(&pcm)).abs() < 1.5, "{:.1} {:.1}", level_db(&made), level_db(&pcm));
    // One step of a first-order low-pass at 0.6: neighbours are alike by that much.
    let alike = |pcm: &[i16]| {
        let sum = |lag: usize| pcm.iter().zip(&pcm[lag..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        sum(1) / sum(0)
    };
    assert!((alike(&made) - alike(&pcm)).abs() < 0.08, "{:.2} {:.2}", alike(&made), alike(&pcm));
}

#[test]
fn new_parameters_are_approached_without_a_step() {
    let mut generator = NoiseGenerator::new(5);
    generator.set(ComfortNoise::new(60, &[]));
    let mut frame = [0; FRAME];
    generator.fill(&mut frame);
    generator.set(ComfortNoise::new(40, &[]));
    let levels: Vec<f64> = (0..20)
        .map(|_| {
            generator.fill(&mut frame);
            level_db(&frame)
        })
        .collect();
    assert!(levels[0] < -48.0 && (levels[19] + 40.0).abs() < 1.5, "{levels:?}");
    generator.stop();
    assert!(!generator.is_running());
    generator.set(ComfortNoise::new(70, &[]));
    generator.fill(&mut frame);
    assert!((level_db(&frame) + 70.0).abs() < 2.0, "a new silence begins with its own");
}

#[test]
fn speech_is_sent_and_silence_described_after_a_hangover() {
    let pcm = [room(60, -58.0), voice(50), room(100, -58.0), voice(25)].concat();
    let verdicts = verdicts(&pcm);
    assert!(verdicts[60..110].iter().all(|v| *v == Verdict::Speech), "not a frame of speech is lost");
    assert!(verdicts[110..121].iter().all(|v| *v == Verdict::Speech), "the hangover");
    assert!(verdicts[210..].iter().all(|v| *v == Verdict::Speech), "speech comes back at once");
    let silence = &verdicts[124..210];
    assert!(silence.iter().all(|v| *v != Verdict::Speech), "{silence:?}");
    let described: Vec<u8> = verdicts[110..210]
        .iter()
        .filter_map(|v| if let Verdict::Describe(n) = v { Some(n.level) } else { None })
        .collect();
    assert!((2..=4).contains(&described.len()), "at its start, and each second: {described:?}");
    assert!(described.iter().all(|level| level.abs_diff(58) <= 2), "{described:?}");
}

#[test]
fn tones_and_music_are_not_taken_for_background() {
    // A dial tone at any level, for a minute.
    for amplitude in [60.0, 2_000.0, 16_000.0] {
        let tone: Vec<i16> = (0..3_000 * FRAME)
            .map(|n| ((n as f64 * 425.0 * std::f64::consts::TAU / 8_000.0).sin() * amplitude) as i16)
            .collect();
        assert!(verdicts(&tone).iter().all(|v| *v == Verdict::Speech), "{amplitude}");
    }
    let loud = room(3_000, -30.0);
    assert!(verdicts(&loud).iter().all(|v| *v == Verdict::Speech), "louder than any room");
}

#[test]
fn a_background_that_grows_louder_is_learned() {
    let verdicts = verdicts(&[room(100, -70.0), room(400, -50.0)].concat());
    assert!(verdicts[460..].iter().all(|v| *v != Verdict::Speech), "7 s after the fan was switched on");
    let digital = self::verdicts(&vec![0; FRAME * 100]);
    assert!(digital[20..].iter().all(|v| *v != Verdict::Speech), "digital silence is silence");
}

proptest! {
    #[test]
    fn any_payload_makes_bounded_noise(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8), samples in 0_usize..400,
    ) {
        let mut generator = NoiseGenerator::new(0);
        let mut frame = vec![0; samples];
        for payload in payloads {
            if let Some(noise) = ComfortNoise::parse(&payload) {
                generator.set(noise);
            }
            for _ in 0..20 {
                generator.fill(&mut frame);
            }
            prop_assert!(generator.is_sane());
        }
    }

    #[test]
    fn any_sound_is_judged(pcm in prop::collection::vec(any::<i16>(), 0..500)) {
        let mut suppressor = SilenceSuppressor::new(Ptime(20));
        for n in 0..20_u64 {
            let verdict = suppressor.judge(Timestamp::from_millis(20 * n), &pcm);
            if let Verdict::Describe(noise) = verdict {
                prop_assert!(noise.reflection().iter().all(|k| k.abs() < 1.0));
            }
        }
    }
}
