//! What every codec of the registry must do. A new codec is tested by being listed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use tandem_codecs::{CODECS, CodecError, CodecId, CodecSpec, Decoder, Encoder, EncoderSettings};
use tandem_model::{Ptime, SampleRate};

const RATES: [SampleRate; 3] = [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate::HZ_48000];
const PTIMES: [Ptime; 4] = [Ptime(10), Ptime(20), Ptime(40), Ptime(60)];
const FEC: &str = "useinbandfec=1";

/// Counts this thread's allocations, so that tests running beside each other do not disturb the count.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system allocator unchanged; counting touches a thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn settings(rate: SampleRate, ptime: Ptime, fmtp: &str) -> EncoderSettings<'_> {
    EncoderSettings { rate, ptime, fmtp, complexity: 5 }
}

/// Every codec at every rate it runs at.
fn each(mut check: impl FnMut(&'static CodecSpec, SampleRate)) {
    for spec in CODECS {
        for rate in RATES {
            if (spec.decoder)(rate).is_ok() {
                check(spec, rate);
            }
        }
    }
}

fn pair(spec: &CodecSpec, rate: SampleRate, ptime: Ptime) -> (Box<dyn Encoder>, Box<dyn Decoder>) {
    let encoder = (spec.encoder)(&settings(rate, ptime, FEC)).expect("runs at a rate its decoder has");
    (encoder, (spec.decoder)(rate).expect("was asked before"))
}

/// A voiced sound: twelve harmonics of 140 Hz that swell four times a second.
fn speech_like(rate: SampleRate, samples: usize) -> Vec<i16> {
    let at = |n: usize, hz: f64| (n as f64 * hz * std::f64::consts::TAU / f64::from(rate.0)).sin();
    (0..samples)
        .map(|n| {
            let voice: f64 = (1..=12).map(|h| at(n, 140.0 * f64::from(h)) / f64::from(h)).sum();
            (voice * (0.6 + 0.4 * at(n, 4.0)) * 7_000.0) as i16
        })
        .collect()
}

fn round_trip(spec: &CodecSpec, rate: SampleRate, ptime: Ptime, pcm: &[i16]) -> Vec<i16> {
    let (mut encoder, mut decoder) = pair(spec, rate, ptime);
    let mut heard = Vec::new();
    let mut payload = [0; 1_500];
    let mut out = vec![0; rate.samples(Ptime(120))];
    for frame in pcm.chunks_exact(rate.samples(ptime)) {
        let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
        let samples = decoder.decode(&payload[..bytes], &mut out).expect("decodes its own payload");
        assert_eq!(samples, frame.len());
        heard.extend_from_slice(&out[..samples]);
    }
    heard
}

/// Signal to noise in dB at the best delay up to 15 ms, and after the first 200 ms.
fn snr_db(rate: SampleRate, sent: &[i16], heard: &[i16]) -> f64 {
    let skip = rate.samples(Ptime(200));
    (0..rate.samples(Ptime(15)))
        .map(|delay| {
            let (mut signal, mut noise) = (0.0, 1e-9);
            for (s, h) in sent[skip..].iter().zip(&heard[skip + delay..]) {
                signal += f64::from(*s).powi(2);
                noise += (f64::from(*s) - f64::from(*h)).powi(2);
            }
            10.0 * f64::log10(signal / noise)
        })
        .fold(f64::MIN, f64::max)
}

fn energy(pcm: &[i16]) -> f64 {
    pcm.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / pcm.len() as f64
}

#[test]
fn speech_comes_back_recognisable_at_every_rate_and_packet_time() {
    each(|spec, rate| {
        let sent = speech_like(rate, rate.0 as usize * 6 / 5);
        let floor_db = if spec.id == CodecId::Opus { 4.0 } else { 33.0 };
        for ptime in PTIMES {
            let snr = snr_db(rate, &sent, &round_trip(spec, rate, ptime, &sent));
            assert!(snr > floor_db, "{} {rate:?} {ptime:?}: {snr:.1} dB", spec.name);
        }
    });
}

#[test]
fn silence_stays_silent() {
    each(|spec, rate| {
        let heard = round_trip(spec, rate, Ptime(20), &vec![0; rate.0 as usize]);
        assert!(heard.iter().all(|s| s.unsigned_abs() <= 8), "{} {rate:?}", spec.name);
    });
}

#[test]
fn a_small_output_is_an_error_and_not_an_overrun() {
    each(|spec, rate| {
        let (mut encoder, mut decoder) = pair(spec, rate, Ptime(20));
        let frame = speech_like(rate, rate.samples(Ptime(20)));
        let mut payload = [0; 1_500];
        let bytes = encoder.encode(&frame, &mut payload).expect("takes a whole frame");
        let mut short = vec![0; frame.len() - 1];
        let needed = frame.len();
        assert_eq!(decoder.decode(&payload[..bytes], &mut short), Err(CodecError::OutputTooSmall { needed }));
        assert!(matches!(encoder.encode(&frame, &mut []), Err(CodecError::OutputTooSmall { .. })), "{}", spec.name);
    });
}

#[test]
fn no_frame_allocates() {
    each(|spec, rate| {
        let (mut encoder, mut decoder) = pair(spec, rate, Ptime(20));
        let frame = speech_like(rate, rate.samples(Ptime(20)));
        let mut payload = [0; 1_500];
        let mut out = vec![0; frame.len()];
        let before = ALLOCATIONS.with(Cell::get);
        for _ in 0..20 {
            let bytes = encoder.encode(&frame, &mut payload).unwrap_or(0);
            let decoded = decoder.decode(&payload[..bytes], &mut out);
            assert!(decoded == Ok(frame.len()));
            let _ = decoder.decode(&[0xff, 0x00, 0x11], &mut out);
            decoder.decode_fec(&payload[..bytes], &mut out);
            decoder.conceal(&mut out);
            encoder.set_expected_loss_percent(10);
            encoder.reset();
            decoder.reset();
        }
        assert_eq!(ALLOCATIONS.with(Cell::get), before, "{} {rate:?}", spec.name);
    });
}

#[test]
fn a_reset_codec_repeats_itself() {
    each(|spec, rate| {
        let (mut encoder, mut decoder) = pair(spec, rate, Ptime(20));
        let pcm = speech_like(rate, rate.0 as usize / 5);
        let mut once = || {
            let mut payload = [0; 1_500];
            let mut out = vec![0; rate.samples(Ptime(20))];
            let mut all = Vec::new();
            for frame in pcm.chunks_exact(out.len()) {
                let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
                decoder.decode(&payload[..bytes], &mut out).expect("decodes its own payload");
                all.extend_from_slice(&out);
            }
            encoder.reset();
            decoder.reset();
            all
        };
        assert!(once() == once(), "{} {rate:?}", spec.name);
    });
}

#[test]
fn rates_a_codec_does_not_run_at_are_refused() {
    for spec in CODECS {
        for rate in [SampleRate(0), SampleRate(1), SampleRate(44_100), SampleRate(u32::MAX)] {
            assert!(matches!((spec.decoder)(rate), Err(CodecError::Rate(r)) if r == rate));
            assert!(matches!((spec.encoder)(&settings(rate, Ptime(20), "")), Err(CodecError::Rate(r)) if r == rate));
        }
        assert!((spec.decoder)(spec.natural_rate).is_ok());
    }
}

#[test]
fn one_packet_in_ten_lost_is_hidden_where_the_codec_can() {
    each(|spec, rate| {
        let (mut encoder, mut decoder) = pair(spec, rate, Ptime(20));
        encoder.set_expected_loss_percent(10);
        let sent = speech_like(rate, rate.0 as usize * 2);
        let mut payloads = Vec::new();
        for frame in sent.chunks_exact(rate.samples(Ptime(20))) {
            let mut payload = [0; 1_500];
            let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
            payloads.push(payload[..bytes].to_vec());
        }
        let mut out = vec![0; rate.samples(Ptime(20))];
        let (mut recovered, mut concealed, mut hidden) = (0, 0, Vec::new());
        for (i, payload) in payloads.iter().enumerate() {
            if i % 10 != 7 {
                decoder.decode(payload, &mut out).expect("decodes its own payload");
                continue;
            }
            match payloads.get(i + 1).and_then(|next| decoder.decode_fec(next, &mut out)) {
                Some(samples) => {
                    assert_eq!(samples, out.len());
                    recovered += 1;
                }
                None if decoder.conceal(&mut out) => concealed += 1,
                None => continue,
            }
            hidden.extend_from_slice(&out);
        }
        if spec.id != CodecId::Opus {
            assert_eq!((recovered, concealed), (0, 0), "{} has no concealment of its own", spec.name);
            return;
        }
        assert!(recovered >= 6, "{} {rate:?}: {recovered} recovered, {concealed} concealed", spec.name);
        assert!(energy(&hidden) > energy(&sent) / 4.0, "what was hidden is speech, not silence");
    });
}

#[test]
fn opus_keeps_its_band_with_redundancy_on() {
    // Configuration numbers of RFC 6716 table 2: narrowband and wideband speech, fullband hybrid.
    for (rate, band) in [(RATES[0], 0..4), (RATES[1], 8..12), (RATES[2], 14..16)] {
        for loss in [5, 10, 20] {
            let (mut encoder, mut decoder) = pair(CodecSpec::by_id(CodecId::Opus), rate, Ptime(20));
            encoder.set_expected_loss_percent(loss);
            let (mut payload, mut out) = ([0; 1_500], vec![0; rate.samples(Ptime(20))]);
            let (mut configs, mut redundant) = (Vec::new(), 0);
            for frame in speech_like(rate, rate.0 as usize).chunks_exact(out.len()) {
                let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
                configs.push(payload[0] >> 3);
                redundant += usize::from(decoder.decode_fec(&payload[..bytes], &mut out).is_some());
            }
            assert!(configs[5..].iter().all(|c| band.contains(c)), "{rate:?} at {loss} % loss: {configs:?}");
            assert!(redundant > 30, "{rate:?} at {loss} % loss: {redundant} of 50 redundant");
        }
    }
}

#[test]
fn opus_crosses_rates_inside_the_codec() {
    let spec = CodecSpec::by_id(CodecId::Opus);
    for from in RATES {
        for to in RATES {
            let mut encoder = (spec.encoder)(&settings(from, Ptime(20), FEC)).expect("has the rate");
            let mut decoder = (spec.decoder)(to).expect("has the rate");
            let (mut payload, mut out) = ([0; 1_500], vec![0; to.samples(Ptime(20))]);
            let mut heard = Vec::new();
            for frame in speech_like(from, from.0 as usize).chunks_exact(from.samples(Ptime(20))) {
                let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
                assert_eq!(decoder.decode(&payload[..bytes], &mut out), Ok(out.len()));
                heard.extend_from_slice(&out);
            }
            let snr = snr_db(to, &speech_like(to, to.0 as usize * 9 / 10), &heard);
            assert!(snr > 3.0, "{from:?} to {to:?}: {snr:.1} dB");
        }
    }
}

#[test]
fn opus_obeys_the_receivers_parameters() {
    let spec = CodecSpec::by_id(CodecId::Opus);
    let bytes_of = |fmtp: &str| {
        let rate = SampleRate::HZ_48000;
        let mut encoder = (spec.encoder)(&settings(rate, Ptime(20), fmtp)).expect("has the rate");
        let mut payload = [0; 1_500];
        speech_like(rate, 48_000)
            .chunks_exact(960)
            .map(|frame| {
                let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
                (payload[0], bytes)
            })
            .collect::<Vec<_>>()
    };
    let total = |packets: &[(u8, usize)]| packets.iter().map(|(_, bytes)| bytes).sum::<usize>();
    let default = bytes_of("");
    assert!(total(&bytes_of("maxaveragebitrate=12000")) < total(&default) / 2, "bit rate is capped");
    let narrow = bytes_of("maxplaybackrate=8000;stereo=1");
    assert!(narrow.iter().all(|(toc, _)| toc >> 3 < 4 && toc & 4 == 0), "narrowband, mono: {narrow:?}");
    let constant = bytes_of("cbr=1");
    assert!(constant.iter().all(|(_, bytes)| *bytes == constant[0].1), "constant: {constant:?}");
}

#[test]
fn opus_takes_no_frame_it_does_not_have() {
    let spec = CodecSpec::by_id(CodecId::Opus);
    assert!(matches!(
        (spec.encoder)(&settings(SampleRate::HZ_8000, Ptime(30), "")),
        Err(CodecError::FrameSize { samples: 240 })
    ));
    let (mut encoder, mut decoder) = pair(spec, SampleRate::HZ_8000, Ptime(20));
    assert_eq!(encoder.encode(&[0; 161], &mut [0; 100]), Err(CodecError::FrameSize { samples: 161 }));
    assert_eq!(decoder.decode(&[], &mut [0; 160]), Err(CodecError::Malformed));
    assert!(!decoder.conceal(&mut [0; 161]));
}

proptest! {
    #[test]
    fn any_bytes_are_safe_to_decode(payload in prop::collection::vec(any::<u8>(), 0..1_500), room in 0_usize..6_000) {
        each(|spec, rate| {
            let mut decoder = (spec.decoder)(rate).expect("was asked before");
            let mut pcm = vec![0x55; room];
            if let Ok(samples) = decoder.decode(&payload, &mut pcm) {
                assert!(samples <= room);
            }
            if let Some(samples) = decoder.decode_fec(&payload, &mut pcm) {
                assert!(samples <= room);
            }
            decoder.conceal(&mut pcm);
        });
    }
}
