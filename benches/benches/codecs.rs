//! What each codec spends on 20 ms, either way, at every rate it runs at; and what making one costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tandem_benches::{CodecFrames, frame_name};
use tandem_codecs::{CODECS, EncoderSettings};

/// The codec's own name, its clock where several share that, and the rate of the PCM.
fn frames(c: &mut Criterion) {
    for codec in CODECS {
        for rate in codec.rates {
            let name = frame_name(codec, *rate);
            let mut frames = CodecFrames::new(codec, *rate, "");
            c.bench_function(&format!("codec/encode {name}"), |b| b.iter(|| black_box(frames.encode())));
            let mut frames = CodecFrames::new(codec, *rate, "");
            c.bench_function(&format!("codec/decode {name}"), |b| b.iter(|| black_box(frames.decode())));
        }
    }
}

/// With the redundancy a lossy path gets.
fn redundancy(c: &mut Criterion) {
    for codec in CODECS.iter().filter(|codec| codec.far_end.is_some()) {
        for rate in codec.rates {
            let mut frames = CodecFrames::new(codec, *rate, "useinbandfec=1");
            let name = frame_name(codec, *rate);
            c.bench_function(&format!("codec/encode {name} with redundancy"), |b| {
                b.iter(|| black_box(frames.encode()))
            });
        }
    }
}

fn construction(c: &mut Criterion) {
    for codec in CODECS {
        let rate = codec.natural_rate;
        let settings = EncoderSettings::new(rate, codec.ptime_for(tandem_model::Ptime(20)));
        let name = frame_name(codec, rate);
        c.bench_function(&format!("codec/new encoder {name}"), |b| {
            b.iter(|| black_box((codec.encoder)(&settings).is_ok()))
        });
        c.bench_function(&format!("codec/new decoder {name}"), |b| b.iter(|| black_box((codec.decoder)(rate).is_ok())));
    }
}

criterion_group!(codecs, frames, redundancy, construction);
criterion_main!(codecs);
