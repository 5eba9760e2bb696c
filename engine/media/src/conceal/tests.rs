use super::*;
use crate::stretch::energy;
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

/// What a listener hears when these frames are lost: the rest joined to what was made up.
fn lossy(clean: &[i16], frame: usize, lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let rate = SampleRate((frame * 50) as u32);
    let (mut concealer, mut background) = (Concealer::new(rate), Background::new(rate));
    let mut out = Vec::new();
    for (n, pcm) in clean.chunks(frame).enumerate() {
        let mut pcm = pcm.to_vec();
        if lost(n) {
            concealer.conceal(&out, &mut pcm, &mut background);
            out.extend(pcm);
        } else if concealer.is_active() {
            let joined = concealer.join(&out, &mut pcm, frame, &mut background);
            out.extend(concealer.lead(joined));
            out.extend(&pcm[joined.skip..]);
        } else {
            background.learn(&pcm);
            out.extend(pcm);
        }
    }
    out
}

/// The clean signal with its lost frames as they are made up (or as holes), each from a clean past.
fn made_up(clean: &[i16], frame: usize, conceal: bool, lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let rate = SampleRate((frame * 50) as u32);
    let (mut concealer, mut background) = (Concealer::new(rate), Background::new(rate));
    let mut out = clean.to_vec();
    for n in (0..clean.len() / frame).filter(|&n| lost(n)) {
        let (past, rest) = out.split_at_mut(n * frame);
        rest[..frame].fill(0);
        if conceal {
            concealer.conceal(past, &mut rest[..frame], &mut background);
            concealer.end();
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
        let holes = snr_db(&clean, &made_up(&clean, frame, false, five_percent));
        let hidden = snr_db(&clean, &made_up(&clean, frame, true, five_percent));
        assert!(hidden > holes + 3.0, "{hz} Hz: {hidden:.1} dB against {holes:.1} dB");
    }
}

#[test]
fn a_lost_frame_in_a_vowel_keeps_its_energy() {
    let (clean, frame) = (speech(8_000), 160);
    for n in [5, 6, 7, 8, 30, 31, 32] {
        let heard = made_up(&clean, frame, true, |f| f == n);
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
            let heard = lossy(&clean, frame, |n| n > 3 && n % 11 < burst);
            assert!(jump_max(&heard) <= natural * 3 / 2, "{hz} Hz, {burst} lost: {} of {natural}", jump_max(&heard));
        }
    }
}

/// A voice that changes too little between two periods for its pitch to be in doubt.
fn hum(hz: usize, samples: usize) -> Vec<i16> {
    let wave = |t: f64| (TAU * t).sin() + 0.6 * (TAU * 2.0 * t).sin() + 0.4 * (TAU * 3.0 * t).cos();
    (0..samples).map(|n| (wave(n as f64 / hz as f64 * 123.0) * 5_000.0) as i16).collect()
}

#[test]
fn what_comes_behind_a_loss_falls_into_step_with_what_was_made_up() {
    for hz in [8_000, 16_000, 48_000] {
        let rate = SampleRate(hz as u32);
        let whole = hum(hz, hz);
        for off_ms in [-3_i64, -1, 0, 2, 3] {
            let (mut concealer, mut background) = (Concealer::new(rate), Background::new(rate));
            let (past, lost) = (&whole[..hz / 10], hz / 25);
            let mut out = past.to_vec();
            let mut pcm = vec![0; lost];
            concealer.conceal(past, &mut pcm, &mut background);
            out.extend(&pcm);
            // The signal went on a little faster, or slower, than the loss was filled.
            let from = (past.len() + lost) as i64 + off_ms * hz as i64 / 1_000;
            let mut next = whole[from as usize..from as usize + lost].to_vec();
            let joined = concealer.join(&out, &mut next, lost, &mut background);
            out.extend(concealer.lead(joined));
            out.extend(&next[joined.skip..]);
            // In step all of it is one periodic signal.
            let period = (hz as f64 / 123.0).round() as usize;
            let seam = past.len() + lost;
            let alike = crate::stretch::likeness(
                &out[seam - period / 2..seam + 2 * period],
                &out[seam - period - period / 2..seam + period],
                1,
            );
            assert!(alike > 0.95, "{hz} Hz, {off_ms} ms off: {alike}");
        }
    }
}

#[test]
fn a_long_loss_fades_into_the_background_and_not_into_silence() {
    let mut noise = SeedEntropy::new(3);
    let room: Vec<i16> = (0..8_000).map(|_| (noise.next_u32() % 101) as i16 - 50).collect();
    let (mut concealer, mut background) = (Concealer::new(SampleRate::HZ_8000), Background::new(SampleRate::HZ_8000));
    room.chunks(160).for_each(|frame| background.learn(frame));
    let voice = hum(8_000, 1_600);
    voice.chunks(160).for_each(|frame| background.learn(frame));
    let mut lost = [0; 8_000];
    concealer.conceal(&voice, &mut lost, &mut background);
    let db = |pcm: &[i16], of: &[i16]| 10.0 * (energy(pcm) / energy(of)).log10();
    assert!(db(&lost[..160], &voice[..1_600]).abs() < 3.0, "the voice goes on at first");
    assert!(db(&lost[960..], &room).abs() < 3.0, "then there is the room: {} dB", db(&lost[960..], &room));
    for tenth in lost[960..].chunks(800) {
        assert!(db(tenth, &room).abs() < 5.0, "evenly: {} dB", db(tenth, &room));
    }
}

#[test]
fn a_long_loss_of_a_voice_does_not_buzz_at_its_pitch() {
    // One period over and over has all of its energy at the harmonics of the pitch; a mixture of three does not.
    let clean = speech(8_000);
    let past = &clean[..1_600];
    let (mut concealer, mut background) = (Concealer::new(SampleRate::HZ_8000), Background::new(SampleRate::HZ_8000));
    let mut lost = [0; 640];
    concealer.conceal(past, &mut lost, &mut background);
    let range = PitchRange::new(8_000);
    let (period, _) = range.find(past);
    let later = &lost[320..];
    let same = crate::stretch::likeness(&later[..later.len() - period], &later[period..], 1);
    assert!(same < 0.999, "{same}");
    assert!(same > 0.5, "yet it is a voice: {same}");
}

#[test]
fn pieces_of_any_length_are_taken() {
    let (rate, clean) = (SampleRate(11_025), speech(11_025));
    let (mut concealer, mut background) = (Concealer::new(rate), Background::new(rate));
    for len in [0, 1, 7, 220, 5_000, 3] {
        concealer.conceal(&clean[..len], &mut vec![i16::MIN; len], &mut background);
        let joined = concealer.join(&clean[..len], &mut clean[..len].to_vec(), 40, &mut background);
        assert!(joined.skip <= len && concealer.lead(joined).len() == joined.lead);
        concealer.join(&[], &mut vec![i16::MIN; len], 7, &mut background);
        background.learn(&vec![i16::MAX; len]);
        concealer.conceal(&[], &mut vec![0; len], &mut background);
    }
}
