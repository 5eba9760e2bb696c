//! Signalling, step by step. A bench bears the name of the step it measures.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tandem_benches::fixtures;
use tandem_codecs::{CodecId, CodecSpec, Tuning};
use tandem_laml::{Script, ScriptConfig};
use tandem_model::{SeedEntropy, SrtpSuite, Timestamp};
use tandem_sdp::{Capabilities, CodecOffer, ComfortNoise, Encryption, LocalMedia, Preference};
use tandem_sip::auth::{Account, Algorithm, Challenge, Challenger, Role, Secrets, ha1_set};
use tandem_sip::message::Message;

const NOW: Timestamp = Timestamp::ZERO;

/// What every request's handling looks at: the topmost Via, identity, sequence, target and what the body is.
fn base_headers(message: &Message) -> usize {
    let text = |s: Option<&str>| s.map_or(0, str::len);
    text(message.via().branch())
        + text(message.request_uri().map(|u| u.host()))
        + text(message.from_tag())
        + text(message.to_tag())
        + message.to().uri().map_or(0, |u| u.host().len())
        + message.call_id().len()
        + message.cseq().number as usize
        + usize::from(message.max_forwards().unwrap_or(0))
        + message.contacts().count()
        + message.routes().count()
        + message.record_routes().count()
        + text(message.content_type())
        + message.body().len()
}

fn messages(c: &mut Criterion) {
    let bytes = fixtures::invite();
    c.bench_function("sip/parse INVITE", |b| b.iter(|| Message::parse(black_box(bytes.clone()))));
    c.bench_function("sip/parse INVITE and base headers", |b| {
        b.iter(|| Message::parse(black_box(bytes.clone())).map(|m| base_headers(&m)));
    });
    let invite = Message::parse(bytes).expect("well-formed");
    c.bench_function("sip/write 200 response", |b| {
        b.iter(|| fixtures::write_response(black_box(&invite)));
    });
    c.bench_function("sip/write INVITE request", |b| {
        b.iter(|| fixtures::write_request(black_box("sip:bob@192.0.2.20:5060;transport=udp")));
    });
}

fn digest(c: &mut Criterion) {
    let (realm, user, password) = ("example.org", "alice", "correct horse");
    let set = ha1_set(user, realm, password);
    let secrets = Secrets { md5: &set.md5, sha256: &set.sha256, sha512_256: &set.sha512_256 };
    let source = std::net::Ipv4Addr::new(192, 0, 2, 1).into();
    let invite = Message::parse(fixtures::invite()).expect("well-formed");
    let uri = invite.request_uri().expect("has one").as_str().to_owned();
    for algorithm in [Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5] {
        let mut entropy = SeedEntropy::new(1);
        let mut challenger = Challenger::new(realm, &mut entropy);
        let values = challenger.challenge(NOW, source, false, &[algorithm], &mut entropy);
        let challenge = Challenge::strongest(Role::Proxy, values.iter().map(String::as_str)).expect("one is offered");
        let algorithm = algorithm.as_str();
        let mut count = 0;
        c.bench_function(&format!("sip/digest verify {algorithm}"), |b| {
            b.iter_batched(
                || {
                    // Each answer is good once.
                    count += 1;
                    let account = Account { username: user, password };
                    let (name, value) = challenge.answer("INVITE", &uri, account, count, &mut entropy);
                    let line = format!("{name}: {value}\r\nMax-Forwards:");
                    let text = String::from_utf8_lossy(invite.bytes()).replacen("Max-Forwards:", &line, 1);
                    Message::parse(Bytes::from(text)).expect("well-formed")
                },
                |request| challenger.verify(NOW, Role::Proxy, &request, |_| Some(secrets)).expect("right password"),
                BatchSize::SmallInput,
            );
        });
    }
}

fn sdp(c: &mut Criterion) {
    let offer = fixtures::OFFER.as_bytes();
    c.bench_function("sdp/parse offer", |b| b.iter(|| tandem_sdp::parse(black_box(offer))));
    let codec = |id: CodecId| {
        let spec = CodecSpec::by_id(id);
        CodecOffer {
            name: spec.name.to_owned(),
            clock_hz: spec.clock_hz,
            channels: spec.channels,
            any_channels: spec.any_channels,
            ptimes_ms: spec.ptimes_ms,
            comfort_noise: spec.comfort_noise,
            payload_type: spec.default_payload_type,
            fmtp: (spec.fmtp)(&Tuning::default()),
        }
    };
    let capabilities = Capabilities {
        codecs: [CodecId::Pcmu, CodecId::Pcma, CodecId::Opus].map(codec).to_vec(),
        dtmf: true,
        comfort_noise: ComfortNoise::Accept,
        ptime_ms: 20,
        encryption: Encryption::Optional,
        suites: SrtpSuite::ALL.to_vec(),
        rtcp_mux: true,
        rtcp_rsize: true,
        rtcp_xr: tandem_sdp::RtcpXr { voip_metrics: true, receiver_rtt: true },
        pins: Vec::new(),
    };
    let local = LocalMedia::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 16_384, 1);
    let remote = tandem_sdp::parse(offer).expect("well-formed");
    let mut entropy = SeedEntropy::new(1);
    c.bench_function("sdp/answer", |b| {
        b.iter(|| {
            tandem_sdp::answer(&capabilities, &local, black_box(&remote), Preference::Offered, &mut entropy)
                .expect("a codec in common")
        });
    });
}

/// The document, and what it says before it waits for the first prompt to end.
fn laml(c: &mut Criterion) {
    c.bench_function("laml/document and first instructions", |b| {
        b.iter(|| {
            let mut script = Script::new(ScriptConfig::default());
            script.start_document(NOW, black_box(fixtures::DOCUMENT));
            std::iter::from_fn(|| script.poll()).count()
        });
    });
}

criterion_group!(benches, messages, digest, sdp, laml);
criterion_main!(benches);
