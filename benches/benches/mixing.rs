//! Conferences: a whole tick of a hundred members, and the sum alone.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tandem_benches::Conference;
use tandem_codecs::CodecId::{Opus, Pcmu};
use tandem_media::mix::{Mixer, Role};
use tandem_model::SampleRate;

fn conferences(c: &mut Criterion) {
    for (name, codecs, speakers) in [
        ("100 PCMU members, 3 speak", &[Pcmu][..], 3),
        ("100 members, half Opus, 3 speak", &[Pcmu, Opus], 3),
        ("100 Opus members, 3 speak", &[Opus], 3),
    ] {
        let mut conference = Conference::new(100, codecs, speakers);
        for _ in 0..100 {
            conference.tick();
        }
        c.bench_function(&format!("mix/{name}"), |b| b.iter(|| conference.tick()));
    }
}

fn sum(c: &mut Criterion) {
    let mut mixer = Mixer::new(SampleRate::HZ_8000);
    (0..100).for_each(|_| mixer.add(Role { speaks: true, hears: true, coaches: None }));
    let voice: Vec<i16> = (0..160).map(|n| ((n as f32 * 0.3).sin() * 8_000.0) as i16).collect();
    c.bench_function("mix/hear and sum, 100 voices at 8 kHz", |b| {
        b.iter(|| {
            for seat in 0..100 {
                mixer.hear(seat, Some((black_box(&voice), SampleRate::HZ_8000)));
            }
            mixer.mix(&[]);
        });
    });
}

criterion_group!(benches, conferences, sum);
criterion_main!(benches);
