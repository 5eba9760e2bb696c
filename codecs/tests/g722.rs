//! G.722 against an independent implementation, bit by bit: the codec of the PyPI package G722, in an environment that
//! `tools/setup.sh test` makes. It leaves out two saturations that ITU's reference software has, in the filters (block LIMIT)
//! and in the sum of block FILTEZ, so what is compared here stays below them; beyond them the reference's results are pinned.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tandem_codecs::{CodecId, CodecSpec, EncoderSettings};
use tandem_model::{Entropy, Ptime, SampleRate, SeedEntropy};

const RATES: [SampleRate; 2] = [SampleRate::HZ_8000, SampleRate::HZ_16000];
/// What no filter tap can bring above 15 bits: 16,383 × 2¹⁴ over the sum of all taps' magnitudes.
const LOUDEST: f64 = 20_700.0;

/// What the other implementation makes of `input`.
fn other(what: &str, rate: SampleRate, input: Vec<u8>) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/venv/G722/bin/python");
    #[expect(clippy::disallowed_methods, reason = "a test runs the implementation it compares with")]
    let mut child = Command::new(&python)
        .arg(root.join("codecs/tests/g722_peer.py"))
        .args([what, &rate.0.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; tools/setup.sh test installs it", python.display()));
    // It reads everything before it writes anything, so neither waits for the other.
    child.stdin.take().expect("its input").write_all(&input).expect("to write to it");
    let out = child.wait_with_output().expect("its end");
    assert!(out.status.success(), "{what} at {} Hz", rate.0);
    out.stdout
}

fn encoded(rate: SampleRate, pcm: &[i16]) -> Vec<u8> {
    let spec = CodecSpec::by_id(CodecId::G722);
    let mut encoder = (spec.encoder)(&EncoderSettings::new(rate, Ptime(20))).expect("has the rate");
    let mut out = vec![0; pcm.len()];
    // Uneven frames: the stream is one, however it is cut.
    let mut written = 0;
    for frame in pcm.chunks(314) {
        written += encoder.encode(frame, &mut out[written..]).expect("room");
    }
    out.truncate(written);
    out
}

fn decoded(rate: SampleRate, codes: &[u8]) -> Vec<i16> {
    let mut decoder = (CodecSpec::by_id(CodecId::G722).decoder)(rate).expect("has the rate");
    let mut out = vec![0; 2 * codes.len()];
    let mut written = 0;
    for payload in codes.chunks(157) {
        written += decoder.decode(payload, &mut out[written..]).expect("room");
    }
    out.truncate(written);
    out
}

fn bytes(pcm: &[i16]) -> Vec<u8> {
    pcm.iter().flat_map(|s| s.to_le_bytes()).collect()
}

/// Two seconds each of silence, noise at four levels, a sweep to half the rate, a voice-like sound that starts and stops, and
/// a square wave at the highest level.
fn signals(rate: SampleRate) -> Vec<i16> {
    let second = rate.0 as usize;
    let time = move |n: usize| n as f64 / f64::from(rate.0);
    let mut random = SeedEntropy::new(722);
    let mut pcm = vec![0; second / 5];
    for level in [3.0, 200.0, 5_000.0, LOUDEST] {
        pcm.extend(
            (0..2 * second).map(|_| (f64::from(random.next_u32()) / f64::from(u32::MAX) * 2.0 * level - level) as i16),
        );
    }
    let hertz_a_second = f64::from(rate.0) / 2.0 / 2.0;
    pcm.extend(
        (0..2 * second).map(|n| ((time(n).powi(2) * hertz_a_second * std::f64::consts::PI).sin() * LOUDEST) as i16),
    );
    pcm.extend((0..2 * second).map(|n| {
        let tone = |hz: f64| (time(n) * hz * std::f64::consts::TAU).sin();
        let voice: f64 = (1..=20).map(|h| tone(130.0 * f64::from(h)) / f64::from(h)).sum();
        let speaks = if (n * 5 / second).is_multiple_of(2) { 1.0 } else { 0.0 };
        (voice * speaks * 7_000.0) as i16
    }));
    pcm.extend((0..2 * second).map(|n| if n / 37 % 2 == 0 { LOUDEST as i16 } else { -LOUDEST as i16 }));
    pcm.truncate(pcm.len() & !1);
    pcm
}

#[test]
fn every_code_is_that_of_another_implementation() {
    for rate in RATES {
        let pcm = signals(rate);
        let (ours, theirs) = (encoded(rate, &pcm), other("encode", rate, bytes(&pcm)));
        assert_eq!(ours.len(), theirs.len());
        let differs = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert_eq!(differs, None, "at {} Hz", rate.0);
    }
}

#[test]
fn every_sample_is_that_of_another_implementation() {
    for rate in RATES {
        let mut codes = encoded(SampleRate::HZ_16000, &signals(SampleRate::HZ_16000));
        // Bit errors on the way.
        let mut random = SeedEntropy::new(16);
        for _ in 0..codes.len() / 200 {
            let n = random.next_u32() as usize % codes.len();
            codes[n] ^= 1 << (random.next_u32() % 8);
        }
        let (ours, theirs) = (bytes(&decoded(rate, &codes)), other("decode", rate, codes));
        assert_eq!(ours.len(), theirs.len());
        let differs = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert_eq!(differs, None, "at {} Hz", rate.0);
    }
}

/// FNV-1a.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Both digests were taken from the output of ITU's software tool library (G.191, G.722 module 3.0) for the same input.
#[test]
fn overload_and_codes_no_encoder_sends_come_out_as_from_the_reference_software() {
    let mut random = SeedEntropy::new(16);
    let mut codes: Vec<u8> = (0..400_000).map(|_| random.next_u32() as u8).collect();
    for code in [0x00, 0x3f, 0x04, 0xc4, 0x20, 0xff, 0xe0] {
        codes.extend([code; 2_000]);
    }
    let pcm: Vec<i16> = (0..800_000)
        .map(|n| match n % 40_000 {
            0..20_000 => random.next_u32() as i16,
            _ if n / 37 % 2 == 0 => i16::MAX,
            _ => i16::MIN,
        })
        .collect();
    let (heard, sent) = (bytes(&decoded(SampleRate::HZ_16000, &codes)), encoded(SampleRate::HZ_16000, &pcm));
    assert_eq!((digest(&heard), digest(&sent)), (0xc535_845e_71c8_82c9, 0xae2f_0dfc_b8d2_0ecb));
}
