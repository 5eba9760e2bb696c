//! Hearing keys in the audio: what 20 ms of it cost, at each rate a leg may have.

use std::f64::consts::TAU;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tandem_media::dtmf::InBandDetector;
use tandem_model::SampleRate;

/// A second of tones, as (frequency, amplitude).
fn tones(rate: SampleRate, tones: &[(f64, f64)]) -> Vec<i16> {
    let sample = |n: u32| {
        let t = f64::from(n) / f64::from(rate.0);
        tones.iter().map(|(hz, amplitude)| amplitude * (TAU * hz * t).sin()).sum::<f64>() as i16
    };
    (0..rate.0).map(sample).collect()
}

fn hear(c: &mut Criterion) {
    // The harmonics of a vowel; a key held down; a line with little on it.
    let voice = [(210.0, 2_000.0), (420.0, 2_000.0), (630.0, 2_000.0), (1_260.0, 1_000.0), (2_100.0, 600.0)];
    for (what, sounds) in
        [("voice", &voice[..]), ("a key", &[(770.0, 6_000.0), (1_336.0, 6_000.0)]), ("silence", &[(50.0, 3.0)])]
    {
        for rate in [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate::HZ_48000] {
            let pcm = tones(rate, sounds);
            let mut detector = InBandDetector::new(rate).expect("a multiple of 8 kHz");
            let mut frames = pcm.chunks_exact(rate.0 as usize / 50).cycle();
            c.bench_function(&format!("dtmf/hear 20 ms of {what} at {} Hz", rate.0), |b| {
                b.iter(|| {
                    let mut keys = 0;
                    detector.hear(black_box(frames.next().unwrap_or_default()), |_| keys += 1);
                    keys
                });
            });
        }
    }
}

criterion_group!(benches, hear);
criterion_main!(benches);
