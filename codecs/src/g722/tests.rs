use std::path::PathBuf;

use super::band::Band;
use super::*;

/// 16-bit words of one of the test sequences of G.722 appendix II, in ITU's little-endian binary form; None when the
/// folder is not named or lacks it.
fn sequence(name: &str) -> Option<Vec<u16>> {
    #[expect(clippy::disallowed_methods, reason = "the vectors are copyrighted, so their owner says where they are")]
    let folder = std::env::var("TANDEM_ITU_VECTORS").ok()?;
    let path = PathBuf::from(folder).join("g722").join(name);
    #[expect(clippy::disallowed_methods, reason = "a test reads its vectors")]
    let bytes = std::fs::read(path).ok()?;
    Some(bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect())
}

/// The lowest bit of a word resets the codec (appendix II clause 4).
fn is_reset(word: &u16) -> bool {
    word & 1 == 1
}

#[test]
fn both_bands_follow_the_digital_test_sequences_of_appendix_ii() {
    let mut compared = 0;
    for (input, output) in [("bt1c1.xmt", "bt2r1.cod"), ("bt1c2.xmt", "bt2r2.cod")] {
        let (Some(input), Some(output)) = (sequence(input), sequence(output)) else { continue };
        let (mut low, mut high) = (Band::low(), Band::high());
        for (n, (word, wanted)) in input.iter().zip(&output).enumerate() {
            if is_reset(word) {
                (low, high) = (Band::low(), Band::high());
                continue;
            }
            let x = i32::from(*word as i16) >> 1;
            let code = (high.encode_high(x) << 6) | low.encode_low(x);
            assert_eq!(u16::from(code), wanted >> 8, "word {n}");
            compared += 1;
        }
    }
    for (codes, low_wanted, high_wanted) in [
        ("bt2r1.cod", "bt3l1.rc1", "bt3h1.rc0"),
        ("bt2r2.cod", "bt3l2.rc1", "bt3h2.rc0"),
        ("bt1d3.cod", "bt3l3.rc1", "bt3h3.rc0"),
    ] {
        let (Some(codes), Some(low_wanted), Some(high_wanted)) =
            (sequence(codes), sequence(low_wanted), sequence(high_wanted))
        else {
            continue;
        };
        let (mut low, mut high) = (Band::low(), Band::high());
        for (n, word) in codes.iter().enumerate() {
            if is_reset(word) {
                (low, high) = (Band::low(), Band::high());
                continue;
            }
            let code = (word >> 8) as u8;
            let wanted = [low_wanted[n], high_wanted[n]].map(|w| i32::from(w as i16) >> 1);
            assert_eq!([low.decode_low(code), high.decode_high(code >> 6)], wanted, "word {n}");
            compared += 1;
        }
    }
    if compared == 0 {
        eprintln!("skipped: TANDEM_ITU_VECTORS names no folder with g722/bt1c1.xmt and its companions");
    }
}

#[test]
fn the_filters_saturate_where_the_recommendation_does() {
    // The signs of the taps: the loudest input there is.
    let mut pcm = [0; 24];
    for (i, sample) in pcm.iter_mut().enumerate() {
        let tap = if i % 2 == 0 { tables::QMF[i / 2] } else { tables::QMF[11 - i / 2] };
        *sample = if tap < 0 { i16::MIN } else { i16::MAX };
    }
    let mut bands = Vec::new();
    Splitter::new().split(&pcm, |low, high| bands.push((low, high)));
    assert_eq!(bands.last().map(|b| b.0), Some(16_383), "clause 3.1 and block LIMIT: 15 bits");
    let mut out = [0; 48];
    Joiner::new().join(&mut out, || (16_383, 16_383));
    assert_eq!(out.iter().max(), Some(&i16::MAX));
}

#[test]
fn frames_of_any_length_are_one_stream() {
    let pcm: Vec<i16> = (0..2_000_i32).map(|n| ((n * n * 7 + n * 31) % 20_011 - 10_000) as i16).collect();
    let codes = |sizes: &[usize]| {
        let mut encoder =
            G722Encoder::new(&EncoderSettings::new(SampleRate::HZ_16000, tandem_model::Ptime(20))).unwrap();
        let (mut from, mut out) = (0, Vec::new());
        for size in sizes.iter().cycle() {
            let Some(frame) = pcm.get(from..from + size) else { break };
            let mut payload = [0; 1_000];
            let bytes = encoder.encode(frame, &mut payload).expect("an even frame");
            out.extend_from_slice(&payload[..bytes]);
            from += size;
        }
        out
    };
    let heard = |codes: &[u8], size: usize| {
        let mut decoder = G722Decoder::new(SampleRate::HZ_16000).unwrap();
        let mut out = Vec::new();
        for payload in codes.chunks(size) {
            let mut pcm = [0; 2_000];
            let samples = decoder.decode(payload, &mut pcm).expect("room");
            out.extend_from_slice(&pcm[..samples]);
        }
        out
    };
    let whole = codes(&[2_000]);
    assert_eq!(codes(&[320, 2, 400, 26])[..], whole[..codes(&[320, 2, 400, 26]).len()]);
    assert_eq!(heard(&whole, 1_000), heard(&whole, 7));
}
