//! Both laws against a second reading of ITU-T G.711: decision values searched one by one, no bit tricks.

use tandem_codecs::{CodecId, CodecSpec, EncoderSettings};
use tandem_model::{Ptime, SampleRate};

/// Positive output values, smallest first, in the law's own units.
fn outputs(id: CodecId) -> Vec<i32> {
    let mut values = Vec::new();
    match id {
        CodecId::Pcmu => {
            // Table 2a: sixteen values a segment, steps of 2, 4, … 256, segments joined by one and a half steps.
            let (mut value, mut step) = (0, 2);
            for _segment in 0..8 {
                for _ in 0..16 {
                    values.push(value);
                    value += step;
                }
                value += step / 2;
                step *= 2;
            }
        }
        _ => {
            // Table 1a: steps of 2, 2, 4, 8, … 128, segments joined by the mean of their steps.
            let (mut value, mut step) = (1, 2);
            for segment in 0..8 {
                for i in 0..16 {
                    values.push(value);
                    let next_step = if i == 15 && segment > 0 { step * 3 / 2 } else { step };
                    value += next_step;
                }
                if segment > 0 {
                    step *= 2;
                }
            }
        }
    }
    values
}

/// The code of a magnitude: the last one whose decision value is not above it. Each output value lies midway between
/// its decision values, so they follow from the first one.
fn nearest(id: CodecId, values: &[i32], magnitude: i32) -> usize {
    let mut decision = if id == CodecId::Pcmu { -1 } else { 0 };
    for (k, value) in values.iter().enumerate() {
        decision = 2 * value - decision;
        if magnitude < decision {
            return k;
        }
    }
    values.len() - 1
}

fn character(id: CodecId, negative: bool, k: usize) -> u8 {
    match (id, negative) {
        (CodecId::Pcmu, false) => 0xff - k as u8,
        (CodecId::Pcmu, true) => 0x7f - k as u8,
        (_, false) => (0x80 + k as u8) ^ 0x55,
        (_, true) => k as u8 ^ 0x55,
    }
}

#[test]
fn all_codes_and_all_samples_are_as_g711_has_them() {
    for (id, scale) in [(CodecId::Pcmu, 4), (CodecId::Pcma, 8)] {
        let values = outputs(id);
        let spec = CodecSpec::by_id(id);
        let settings = EncoderSettings::new(SampleRate::HZ_8000, Ptime(20));
        let mut encoder = (spec.encoder)(&settings).expect("runs at 8 kHz");
        let mut decoder = (spec.decoder)(SampleRate::HZ_8000).expect("runs at 8 kHz");

        for (k, value) in values.iter().enumerate() {
            for (negative, wanted) in [(false, value * scale), (true, -value * scale)] {
                let mut pcm = [0];
                decoder.decode(&[character(id, negative, k)], &mut pcm).expect("one sample of room");
                assert_eq!(i32::from(pcm[0]), wanted, "{id:?} {k} {negative}");
            }
        }
        for sample in i16::MIN..=i16::MAX {
            let negative = sample < 0;
            let magnitude = if negative { -(i32::from(sample) + 1) } else { i32::from(sample) } / scale;
            let mut code = [0];
            encoder.encode(&[sample], &mut code).expect("one byte of room");
            assert_eq!(code[0], character(id, negative, nearest(id, &values, magnitude)), "{id:?} {sample}");
        }
    }
}

#[test]
fn the_end_values_are_those_of_the_recommendation() {
    assert_eq!(outputs(CodecId::Pcmu).last(), Some(&8_031));
    assert_eq!(outputs(CodecId::Pcma).last(), Some(&4_032));
}
