//! The path of an RTP packet, step by step and whole. A bench bears the name of the step it measures.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tandem_benches::{MediaPath, addr, rtp_packet};
use tandem_codecs::{CodecId, CodecSpec, EncoderSettings};
use tandem_media::conceal::{Background, Concealer};
use tandem_media::control::SrtpPair;
use tandem_media::jitter::{Content, JitterBuffer, JitterConfig, Packet};
use tandem_media::playout::{FRAME_SAMPLES_MAX, Playout, PlayoutCounts};
use tandem_media::rtcp::{Compound, OwnReport, SenderInfo, write_compound};
use tandem_media::rtp::{RtpHeader, RtpView, classify, write_header};
use tandem_media::source::SourcePolicy;
use tandem_media::srtp::{Protector, Unprotector};
use tandem_media::stats::StreamAccount;
use tandem_media::stretch::{Allowance, Stretcher};
use tandem_model::{Ptime, RtpTime, SampleRate, SeqNo, SrtpKey, SrtpSuite, Timestamp};
use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

const TICK: Duration = Duration::from_millis(20);

/// The nth packet of a stream of G.711.
fn packet(n: u32, payload: &[u8]) -> Packet<'_> {
    let (sequence, timestamp) = (n as u16, n.wrapping_mul(160));
    Packet { sequence, timestamp, marker: false, content: Content::Audio(payload) }
}

fn steps(c: &mut Criterion) {
    let wire = rtp_packet(1, 0, 160, &[0x55; 160]);
    c.bench_function("rtp/classify", |b| b.iter(|| classify(black_box(&wire))));
    c.bench_function("rtp/parse", |b| b.iter(|| RtpView::parse(black_box(&wire)).map(|v| v.payload().len())));
    c.bench_function("rtp/admit", |b| {
        let mut policy = SourcePolicy::new(Some(addr(1)));
        let mut seq = SeqNo(0);
        b.iter(|| {
            seq = seq.next();
            policy.admit(Timestamp::ZERO, black_box(addr(1)), 7, seq)
        });
    });
    c.bench_function("rtp/account", |b| {
        let mut account = StreamAccount::new(7, 8_000, SeqNo(0));
        let (mut now, mut seq) = (Timestamp::ZERO, SeqNo(0));
        b.iter(|| {
            (now, seq) = (now + TICK, seq.next());
            account.packet(now, seq, RtpTime(u32::from(seq.0) * 160), true)
        });
    });
    c.bench_function("rtp/jitter insert and pop", |b| {
        let mut jitter = JitterBuffer::new(8_000, 20, 8_192, JitterConfig::default());
        let (mut now, mut n) = (Timestamp::ZERO, 0u32);
        b.iter(|| {
            (now, n) = (now + TICK, n.wrapping_add(1));
            jitter.insert(now, packet(n, black_box(&wire[12..])));
            black_box(jitter.pop(now, 0));
        });
    });
    c.bench_function("rtp/packetise", |b| {
        let header = RtpHeader { marker: false, payload_type: 0, sequence: SeqNo(1), timestamp: RtpTime(160), ssrc: 7 };
        let mut out = [0; 172];
        b.iter(|| {
            out[12..].copy_from_slice(black_box(&wire[12..]));
            write_header(&mut out, black_box(header))
        });
    });
    c.bench_function("rtcp/read and write", |b| {
        let sender = Some(SenderInfo { ntp: 1, rtp_time: 2, packets: 3, octets: 4 });
        let report = OwnReport { ssrc: 7, sender, block: None, cname: "0123456789abcdef01234567", bye: false };
        let mut out = [0; 256];
        b.iter(|| {
            let len = write_compound(&mut out, black_box(&report)).unwrap_or(0);
            Compound::parse(&out[..len]).map(Iterator::count)
        });
    });
    for suite in SrtpSuite::ALL {
        let key = SrtpKey::new(suite, vec![3; suite.key_len() + suite.salt_len()]).expect("fits its suite");
        c.bench_function(&format!("srtp/protect {}", suite.as_str()), |b| {
            let mut protector = Protector::new(&key);
            let mut buf = [0; 256];
            let mut seq = SeqNo(0);
            b.iter(|| {
                seq = seq.next();
                buf[..wire.len()].copy_from_slice(&wire);
                buf[2..4].copy_from_slice(&seq.0.to_be_bytes());
                protector.protect_rtp(&mut buf, wire.len())
            });
        });
        c.bench_function(&format!("srtp/protect and unprotect {}", suite.as_str()), |b| {
            let (mut protector, mut unprotector) = (Protector::new(&key), Unprotector::new(&key));
            let mut buf = [0; 256];
            let mut seq = SeqNo(0);
            b.iter(|| {
                seq = seq.next();
                buf[..wire.len()].copy_from_slice(&wire);
                buf[2..4].copy_from_slice(&seq.0.to_be_bytes());
                let len = protector.protect_rtp(&mut buf, wire.len()).expect("room");
                unprotector.unprotect_rtp(&mut buf, len)
            });
        });
        c.bench_function(&format!("srtp/protect and unprotect {} by webrtc-srtp", suite.as_str()), |b| {
            let (mut protector, mut unprotector) = (by_package(&key), by_package(&key));
            let mut plain = wire.clone();
            let mut seq = SeqNo(0);
            b.iter(|| {
                seq = seq.next();
                plain[2..4].copy_from_slice(&seq.0.to_be_bytes());
                let protected = protector.encrypt_rtp(black_box(&plain)).expect("fits its suite");
                unprotector.decrypt_rtp(&protected)
            });
        });
    }
}

/// What the ear gets for its 20 ms: nothing to mend, then a length to change and a loss to hide.
fn playing(c: &mut Criterion) {
    let wire = rtp_packet(1, 0, 160, &[0x55; 160]);
    for rate in [SampleRate::HZ_8000, SampleRate::HZ_48000] {
        let ms = rate.0 as usize / 1_000;
        let voice: Vec<i16> = (0..150 * ms)
            .map(|n| {
                let phase = n as f32 / rate.0 as f32 * 120.0 * std::f32::consts::TAU;
                ((phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (3.0 * phase).sin()) * 6_000.0) as i16
            })
            .collect();
        let stretcher = Stretcher::new(rate);
        for (name, likeness) in [("", 0.8), (", refused", 2.0)] {
            let allowance = Allowance { samples: 15 * ms, likeness, quiet: 0.0 };
            let mut pcm = voice.clone();
            c.bench_function(&format!("play/shorten {} Hz{name}", rate.0), |b| {
                b.iter(|| {
                    pcm.copy_from_slice(&voice);
                    stretcher.shorten(black_box(&mut pcm), 50 * ms, allowance)
                });
            });
            c.bench_function(&format!("play/lengthen {} Hz{name}", rate.0), |b| {
                b.iter(|| {
                    pcm.copy_from_slice(&voice);
                    stretcher.lengthen(black_box(&mut pcm), 50 * ms, 100 * ms, allowance)
                });
            });
        }
        c.bench_function(&format!("play/conceal and join {} Hz", rate.0), |b| {
            let (mut concealer, mut background) = (Concealer::new(rate), Background::new(rate));
            let (mut lost, mut next) = (vec![0; 20 * ms], voice[70 * ms..90 * ms].to_vec());
            b.iter(|| {
                concealer.conceal(black_box(&voice[..50 * ms]), &mut lost, &mut background);
                concealer.join(&lost, &mut next, 20, &mut background)
            });
        });
    }
    c.bench_function("play/fill 8000 Hz, nothing to mend", |b| {
        let mut playout = Playout::new(CodecId::Pcmu, SampleRate::HZ_8000, 20, JitterConfig::default()).expect("8 kHz");
        let (mut frame, mut tick) = ([0; FRAME_SAMPLES_MAX], [0; 160]);
        let (mut now, mut n, mut counts) = (Timestamp::ZERO, 0u32, PlayoutCounts::default());
        b.iter(|| {
            (now, n) = (now + TICK, n.wrapping_add(1));
            playout.insert(now, packet(n, black_box(&wire[12..])));
            playout.fill(now, &mut frame, &mut tick, &mut counts)
        });
    });
}

/// The package's own context, to compare with.
fn by_package(key: &SrtpKey) -> Context {
    let profile = match key.suite {
        SrtpSuite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        SrtpSuite::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        SrtpSuite::AesCm256HmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        SrtpSuite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpSuite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
    };
    Context::new(key.master_key(), key.master_salt(), profile, None, None).expect("fits its suite")
}

fn paths(c: &mut Criterion) {
    let suite = SrtpSuite::AesCm128HmacSha1_80;
    let key = |n| SrtpKey::new(suite, vec![n; suite.key_len() + suite.salt_len()]).expect("fits its suite");
    for (name, from, to, secure) in [
        ("pass-through PCMU", CodecId::Pcmu, CodecId::Pcmu, false),
        ("pass-through PCMU to SRTP", CodecId::Pcmu, CodecId::Pcmu, true),
        ("transcode PCMU to PCMA", CodecId::Pcmu, CodecId::Pcma, false),
        ("transcode PCMU to Opus", CodecId::Pcmu, CodecId::Opus, false),
        ("transcode Opus to PCMU", CodecId::Opus, CodecId::Pcmu, false),
    ] {
        let codec = CodecSpec::by_id(from);
        let settings = EncoderSettings::new(SampleRate::HZ_8000, Ptime(20));
        let mut encoder = (codec.encoder)(&settings).expect("8 kHz");
        let payloads: Vec<Vec<u8>> = (0..50)
            .map(|frame| {
                let sample = |i: usize| (((frame * 160 + i) as f32 * 0.35).sin() * 9_000.0) as i16;
                let pcm: Vec<i16> = (0..160).map(sample).collect();
                let mut payload = [0; 400];
                let n = encoder.encode(&pcm, &mut payload).expect("encodes");
                payload[..n].to_vec()
            })
            .collect();
        let srtp = secure.then(|| SrtpPair { outbound: key(1), inbound: key(2) });
        let mut path = MediaPath::new(from, to, srtp);
        let mut seq = 0u16;
        c.bench_function(&format!("path/{name}"), |b| {
            b.iter_batched(
                || {
                    seq = seq.wrapping_add(1);
                    let payload = &payloads[usize::from(seq) % payloads.len()];
                    rtp_packet(seq, codec.default_payload_type, codec.clock_hz / 50, payload)
                },
                |mut wire| path.frame(&mut wire),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group!(benches, steps, playing, paths);
criterion_main!(benches);
