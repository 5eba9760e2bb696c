//! The test data of ITU's software tool library (G.191). It is copyrighted, so it is not kept here: the environment variable
//! `TANDEM_ITU_VECTORS` names a folder with `g711/` (sweep.src, sweep-r.a, …) and `g722/` (inpsp.bin, codspw.cod, outsp1.bin)
//! as the library has them. Without it these tests say that they were skipped.

use std::path::PathBuf;

use tandem_codecs::{CodecId, CodecSpec, EncoderSettings};
use tandem_model::{Ptime, SampleRate};

/// 16-bit words, little-endian.
fn words(name: &str) -> Option<Vec<u16>> {
    #[expect(clippy::disallowed_methods, reason = "the vectors' owner says where they are")]
    let folder = std::env::var("TANDEM_ITU_VECTORS").ok()?;
    let path = PathBuf::from(folder).join(name);
    #[expect(clippy::disallowed_methods, reason = "a test reads its vectors")]
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Some(bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect())
}

fn samples(name: &str) -> Option<Vec<i16>> {
    Some(words(name)?.into_iter().map(|w| w as i16).collect())
}

fn bytes(name: &str) -> Option<Vec<u8>> {
    Some(words(name)?.into_iter().map(|w| w as u8).collect())
}

fn skipped(what: &str) {
    eprintln!("skipped: TANDEM_ITU_VECTORS does not say where the test data of {what} is");
}

fn encoded(id: CodecId, pcm: &[i16]) -> Vec<u8> {
    let spec = CodecSpec::by_id(id);
    let mut encoder = (spec.encoder)(&EncoderSettings::new(spec.natural_rate, Ptime(20))).expect("its own rate");
    let mut out = vec![0; pcm.len()];
    let written = encoder.encode(pcm, &mut out).expect("room");
    out.truncate(written);
    out
}

fn decoded(id: CodecId, codes: &[u8]) -> Vec<i16> {
    let spec = CodecSpec::by_id(id);
    let mut out = vec![0; 2 * codes.len()];
    let written = (spec.decoder)(spec.natural_rate).expect("its own rate").decode(codes, &mut out).expect("room");
    out.truncate(written);
    out
}

#[test]
fn g711_codes_all_samples_as_the_tool_library_does() {
    for (id, codes, heard) in
        [(CodecId::Pcma, "g711/sweep-r.a", "g711/sweep-r.rea"), (CodecId::Pcmu, "g711/sweep-r.u", "g711/sweep-r.reu")]
    {
        let Some(sweep) = samples("g711/sweep.src") else { return skipped("G.711") };
        let (codes, heard) = (bytes(codes).expect("beside the source"), samples(heard).expect("beside the source"));
        assert_eq!(sweep.len(), 65_536);
        assert!(encoded(id, &sweep) == codes, "{id:?}");
        assert!(decoded(id, &codes) == heard, "{id:?}");
    }
}

#[test]
fn g722_codes_speech_as_the_tool_library_does() {
    let Some(speech) = samples("g722/inpsp.bin") else { return skipped("G.722") };
    let codes = bytes("g722/codspw.cod").expect("beside the source");
    assert_eq!(encoded(CodecId::G722, &speech), codes);
    assert_eq!(decoded(CodecId::G722, &codes), samples("g722/outsp1.bin").expect("beside the source"));
    let narrow = (CodecSpec::by_id(CodecId::G722).decoder)(SampleRate::HZ_8000);
    assert_eq!(narrow.expect("has the rate").decode(&codes, &mut vec![0; codes.len()]), Ok(codes.len()));
}
