//! What every codec of the registry must do. A new codec is tested by being listed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use tandem_codecs::{CODECS, CodecError, CodecId, CodecSpec, Decoder, Encoder, EncoderSettings, OpusTuning, Tuning};
use tandem_model::{Ptime, SampleRate};

/// The bandwidths that matter in telephony, of those libopus has.
const OPUS_RATES: [SampleRate; 3] = [SampleRate::HZ_8000, SampleRate::HZ_16000, SampleRate::HZ_48000];
/// The least signal to noise of speech there and back, in dB; a codec that is not here has no test of its quality.
const FLOORS_DB: &[(CodecId, f64)] = &[
    // A parametric codec shapes its noise and moves phases: this tells speech from rubbish, not good from better.
    (CodecId::Opus, 4.0),
    (CodecId::G722, 38.0),
    (CodecId::Pcmu, 33.0),
    (CodecId::Pcma, 33.0),
    (CodecId::L16At8k, 90.0),
    (CodecId::L16At16k, 90.0),
    (CodecId::L16At24k, 90.0),
    (CodecId::L16At48k, 90.0),
];
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
    EncoderSettings { fmtp, ..EncoderSettings::new(rate, ptime) }
}

/// Every codec at every rate it runs at.
fn each(mut check: impl FnMut(&'static CodecSpec, SampleRate)) {
    for spec in CODECS {
        for rate in spec.rates {
            check(spec, *rate);
        }
    }
}

fn floor_db(spec: &CodecSpec) -> f64 {
    FLOORS_DB.iter().find(|(id, _)| *id == spec.id).expect("a floor for every codec").1
}

/// The packet time a codec would be asked for in a call.
fn usual(spec: &CodecSpec) -> Ptime {
    spec.ptime_for(Ptime(20))
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
        let floor_db = floor_db(spec);
        for ptime in spec.ptimes_ms.iter().copied().map(Ptime) {
            let snr = snr_db(rate, &sent, &round_trip(spec, rate, ptime, &sent));
            assert!(snr > floor_db, "{} {rate:?} {ptime:?}: {snr:.1} dB", spec.name);
        }
    });
}

#[test]
fn silence_stays_silent() {
    each(|spec, rate| {
        let heard = round_trip(spec, rate, usual(spec), &vec![0; rate.0 as usize]);
        assert!(heard.iter().all(|s| s.unsigned_abs() <= 8), "{} {rate:?}", spec.name);
    });
}

#[test]
fn a_small_output_is_an_error_and_not_an_overrun() {
    each(|spec, rate| {
        let (mut encoder, mut decoder) = pair(spec, rate, usual(spec));
        let frame = speech_like(rate, rate.samples(usual(spec)));
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
        let (mut encoder, mut decoder) = pair(spec, rate, usual(spec));
        let frame = speech_like(rate, rate.samples(usual(spec)));
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
        let (mut encoder, mut decoder) = pair(spec, rate, usual(spec));
        let pcm = speech_like(rate, rate.0 as usize / 5);
        let mut once = || {
            let mut payload = [0; 1_500];
            let mut out = vec![0; rate.samples(usual(spec))];
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
fn a_codec_runs_at_the_rates_and_packet_times_it_names_and_at_no_others() {
    let known: Vec<SampleRate> = CODECS.iter().flat_map(|c| c.rates.iter().copied()).collect();
    let odd = [SampleRate(0), SampleRate(1), SampleRate(44_100), SampleRate(u32::MAX)];
    for spec in CODECS {
        for rate in known.iter().copied().chain(odd) {
            let named = spec.runs_at(rate);
            assert_eq!((spec.decoder)(rate).is_ok(), named, "{} {rate:?}", spec.name);
            let encoder = (spec.encoder)(&settings(rate, usual(spec), ""));
            match encoder {
                Ok(encoder) => assert!(named && encoder.rate() == rate, "{} {rate:?}", spec.name),
                Err(error) => assert!(!named && error == CodecError::Rate(rate), "{} {rate:?}", spec.name),
            }
        }
        for ms in [10, 20, 30, 40, 50, 60] {
            let encoder = (spec.encoder)(&settings(spec.natural_rate, Ptime(ms), ""));
            assert_eq!(encoder.is_ok(), spec.ptimes_ms.contains(&ms), "{} {ms} ms", spec.name);
        }
    }
}

#[test]
fn every_packet_fits_an_ethernet_frame() {
    // IPv6, UDP, RTP, and the longest SRTP tag.
    let room = 1_500 - 40 - 8 - 12 - 16;
    each(|spec, rate| {
        let ptime = Ptime(*spec.ptimes_ms.last().expect("some packet time"));
        let (mut encoder, _) = pair(spec, rate, ptime);
        let mut payload = [0; 4_000];
        let bytes = encoder.encode(&speech_like(rate, rate.samples(ptime)), &mut payload).expect("a whole frame");
        assert!(bytes <= room, "{} {rate:?} {ptime:?}: {bytes}", spec.name);
    });
}

#[test]
fn one_packet_in_ten_lost_is_hidden_where_the_codec_can() {
    each(|spec, rate| {
        let (mut encoder, mut decoder) = pair(spec, rate, usual(spec));
        encoder.set_expected_loss_percent(10);
        let sent = speech_like(rate, rate.0 as usize * 2);
        let mut payloads = Vec::new();
        for frame in sent.chunks_exact(rate.samples(usual(spec))) {
            let mut payload = [0; 1_500];
            let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
            payloads.push(payload[..bytes].to_vec());
        }
        let mut out = vec![0; rate.samples(usual(spec))];
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
    for (rate, band) in OPUS_RATES.into_iter().zip([0..4, 8..12, 14..16]) {
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
    for from in OPUS_RATES {
        for to in OPUS_RATES {
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
fn a_stream_goes_on_after_a_gap() {
    each(|spec, rate| {
        let (mut encoder, mut decoder) = pair(spec, rate, usual(spec));
        let sent = speech_like(rate, rate.0 as usize * 2);
        let mut out = vec![0; rate.samples(usual(spec))];
        let mut heard = Vec::new();
        let frames = sent.chunks_exact(out.len()).count();
        for (i, frame) in sent.chunks_exact(out.len()).enumerate() {
            let mut payload = [0; 1_500];
            let bytes = encoder.encode(frame, &mut payload).expect("takes a whole frame");
            // The decoder misses a fifth of a second and is told nothing.
            if (frames / 4..frames / 4 + frames / 10).contains(&i) {
                out.fill(0);
            } else {
                decoder.decode(&payload[..bytes], &mut out).expect("decodes its own payload");
            }
            heard.extend_from_slice(&out);
        }
        let half = sent.len() / 2;
        let snr = snr_db(rate, &sent[half..], &heard[half..]);
        assert!(snr > floor_db(spec) / 2.0, "{} {rate:?}: {snr:.1} dB half a second later", spec.name);
    });
}

#[test]
fn opus_says_nothing_for_silence_when_the_far_end_asked_for_that() {
    let spec = CodecSpec::by_id(CodecId::Opus);
    let sizes = |fmtp: &str| {
        let mut encoder = (spec.encoder)(&settings(SampleRate::HZ_8000, Ptime(20), fmtp)).expect("has the rate");
        let mut pcm = speech_like(SampleRate::HZ_8000, 8_000);
        pcm.extend([0; 16_000]);
        pcm.extend(speech_like(SampleRate::HZ_8000, 8_000));
        let mut payload = [0; 1_500];
        pcm.chunks_exact(160).map(|frame| encoder.encode(frame, &mut payload).expect("whole")).collect::<Vec<_>>()
    };
    assert!(sizes("").iter().all(|bytes| *bytes > 0));
    let sent = sizes("usedtx=1");
    assert!(sent[..50].iter().all(|bytes| *bytes > 2), "speech is sent: {sent:?}");
    let silent = sent[50..150].iter().filter(|bytes| **bytes == 0).count();
    // libopus tells of the background each 400 ms.
    assert!((70..=96).contains(&silent), "{silent} of 100 left out: {sent:?}");
    assert!(sent[152..].iter().all(|bytes| *bytes > 2), "and comes back at once: {sent:?}");
}

#[test]
fn opus_of_any_packet_time_up_to_120_ms_is_decoded_and_stereo_mixed_down() {
    // Codes 1 and 3 of RFC 6716 section 3.2: the same 20 ms frame repeated, as one packet.
    let spec = CodecSpec::by_id(CodecId::Opus);
    let rate = SampleRate::HZ_48000;
    let (mut encoder, _) = pair(spec, rate, Ptime(20));
    let mut payload = [0; 1_275];
    let bytes = encoder.encode(&speech_like(rate, 960), &mut payload).expect("a whole frame");
    for frames in 1..=6_u8 {
        let mut packet = vec![payload[0] | 3, frames];
        for _ in 0..frames {
            packet.extend_from_slice(&payload[1..bytes]);
        }
        let mut decoder = (spec.decoder)(rate).expect("has the rate");
        assert_eq!(decoder.decode(&packet, &mut [0; 5_760]), Ok(960 * usize::from(frames)));
    }
    let mut decoder = (spec.decoder)(rate).expect("has the rate");
    let too_long = [payload[0] | 3, 7];
    assert_eq!(decoder.decode(&too_long, &mut [0; 5_760]), Err(CodecError::Malformed), "140 ms: section 3.2.5");
    // The stereo bit of the first byte alone makes another stream of the same bytes; it must decode to as many mono samples.
    payload[0] |= 0b100;
    assert_eq!(decoder.decode(&payload[..bytes], &mut [0; 5_760]), Ok(960));
}

#[test]
fn an_operators_bit_rates_and_effort_reach_opus() {
    let spec = CodecSpec::by_id(CodecId::Opus);
    let bytes_at = |rate: SampleRate, opus: OpusTuning| {
        let plain = EncoderSettings::new(rate, Ptime(20));
        let mut encoder = (spec.encoder)(&EncoderSettings { tuning: Tuning { opus }, ..plain }).expect("has the rate");
        let mut payload = [0; 1_500];
        speech_like(rate, rate.0 as usize)
            .chunks_exact(rate.samples(Ptime(20)))
            .map(|frame| encoder.encode(frame, &mut payload).expect("a whole frame"))
            .sum::<usize>()
    };
    let usual = OpusTuning::default();
    let more = OpusTuning {
        bitrate_narrowband: 48_000,
        bitrate_wideband: 64_000,
        bitrate_fullband: 96_000,
        ..OpusTuning::default()
    };
    for rate in OPUS_RATES {
        assert!(bytes_at(rate, more) > bytes_at(rate, usual) * 3 / 2, "{rate:?}");
        // Out of range by configuration's mistake: taken to the nearest libopus has.
        let wild = OpusTuning {
            complexity: 255,
            bitrate_narrowband: 0,
            bitrate_wideband: 0,
            bitrate_fullband: u32::MAX,
            ..usual
        };
        assert!(bytes_at(rate, wild) > 0);
    }
    let narrow_only = OpusTuning { bitrate_narrowband: 48_000, ..usual };
    assert_eq!(bytes_at(SampleRate::HZ_16000, narrow_only), bytes_at(SampleRate::HZ_16000, usual));
}

#[test]
fn opus_parameters_tell_what_the_far_end_makes_use_of() {
    let spec = CodecSpec::by_id(CodecId::Opus);
    let far_end = |fmtp| spec.far_end(fmtp);
    assert_eq!(far_end("").plays, SampleRate::HZ_48000);
    let narrow = far_end("maxplaybackrate=8000; sprop-maxcapturerate=16000");
    assert_eq!((narrow.plays, narrow.captures), (SampleRate::HZ_8000, SampleRate::HZ_16000));
    let g722 = CodecSpec::by_id(CodecId::G722).far_end("maxplaybackrate=8000");
    assert_eq!((g722.plays, g722.captures), (SampleRate::HZ_16000, SampleRate::HZ_16000));
}

#[test]
fn l16_is_samples_in_network_order() {
    let spec = CodecSpec::by_id(CodecId::L16At16k);
    let (mut encoder, mut decoder) = pair(spec, spec.natural_rate, Ptime(20));
    let mut payload = [0; 6];
    assert_eq!(encoder.encode(&[1, -2, i16::MIN], &mut payload), Ok(6));
    assert_eq!(payload, [0, 1, 0xff, 0xfe, 0x80, 0], "RFC 3551 section 4.5.11");
    assert_eq!(decoder.decode(&payload[..5], &mut [0; 9]), Err(CodecError::Malformed), "half a sample");
}

#[test]
fn a_wideband_codec_keeps_what_lies_above_telephone_bandwidth() {
    let tone: Vec<i16> = (0..16_000)
        .map(|n| ((f64::from(n) * 5_500.0 * std::f64::consts::TAU / 16_000.0).sin() * 8_000.0) as i16)
        .collect();
    for id in [CodecId::G722, CodecId::L16At16k] {
        let heard = round_trip(CodecSpec::by_id(id), SampleRate::HZ_16000, Ptime(20), &tone);
        let ratio = energy(&heard[1_600..]) / energy(&tone);
        assert!((0.7..1.3).contains(&ratio), "{id:?}: {ratio:.2}");
    }
}

#[test]
fn g722_at_telephone_bandwidth_and_at_its_own_is_one_stream() {
    let spec = CodecSpec::by_id(CodecId::G722);
    let [narrow, wide] = [SampleRate::HZ_8000, SampleRate::HZ_16000];
    for (from, to) in [(narrow, wide), (wide, narrow)] {
        let mut encoder = (spec.encoder)(&settings(from, Ptime(20), "")).expect("has the rate");
        let mut decoder = (spec.decoder)(to).expect("has the rate");
        let (mut payload, mut out) = ([0; 160], vec![0; to.samples(Ptime(20))]);
        let mut heard = Vec::new();
        for frame in speech_like(from, from.0 as usize).chunks_exact(from.samples(Ptime(20))) {
            assert_eq!(encoder.encode(frame, &mut payload), Ok(160));
            assert_eq!(decoder.decode(&payload, &mut out), Ok(out.len()));
            heard.extend_from_slice(&out);
        }
        let snr = snr_db(to, &speech_like(to, to.0 as usize * 9 / 10), &heard);
        assert!(snr > 10.0, "{from:?} to {to:?}: {snr:.1} dB");
    }
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
