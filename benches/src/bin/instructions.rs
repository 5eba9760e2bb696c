//! Does one thing a given number of times, for an instruction counter to watch: `instructions <what> <times>`.
//! `instructions codecs` names the codecs' own cases. The cost of one is the difference of two runs over the difference of their times, so that setting up does not count.

use std::hint::black_box;
use std::process::ExitCode;

use tandem_benches::{CodecFrames, Conference, MediaPath, fixtures, frame_name, rtp_packet};
use tandem_codecs::{CODECS, CodecId, CodecSpec};
use tandem_model::SampleRate;
use tandem_sip::message::Message;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (what, times) = (arguments.next(), arguments.next().and_then(|n| n.parse::<u32>().ok()));
    if what.as_deref() == Some("codecs") {
        codec_cases().for_each(|(name, ..)| println!("encode-{name}\ndecode-{name}"));
        return ExitCode::SUCCESS;
    }
    let (Some(what), Some(times)) = (what, times) else { return usage() };
    match what.as_str() {
        "sip-parse-invite" => parse_invite(times),
        "sip-write-response" => write_response(times),
        "sip-write-request" => write_request(times),
        "rtp-pass-through" => bridged(CodecId::Pcmu, times),
        "rtp-transcode" => bridged(CodecId::Pcma, times),
        "mix-100-pcmu" => conference(times),
        other => {
            let Some((way, name)) = other.split_once('-') else { return usage() };
            let Some((_, codec, rate)) = codec_cases().find(|case| case.0 == name) else { return usage() };
            match way {
                "encode" => encode(codec, rate, times),
                "decode" => decode(codec, rate, times),
                _ => return usage(),
            }
        }
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!(
        "instructions codecs, or sip-parse-invite|sip-write-response|sip-write-request|rtp-pass-through|rtp-transcode|mix-100-pcmu|encode-CODEC|decode-CODEC <times>"
    );
    ExitCode::from(2)
}

/// Every codec at every rate, by the name of its case.
fn codec_cases() -> impl Iterator<Item = (String, &'static CodecSpec, SampleRate)> {
    CODECS.iter().flat_map(|codec| codec.rates.iter().map(move |rate| (frame_name(codec, *rate), codec, *rate)))
}

/// 20 ms of sound, coded.
fn encode(codec: &CodecSpec, rate: SampleRate, times: u32) {
    let mut frames = CodecFrames::new(codec, rate, "");
    for _ in 0..times {
        assert!(black_box(frames.encode()) > 0, "a payload");
    }
}

fn decode(codec: &CodecSpec, rate: SampleRate, times: u32) {
    let mut frames = CodecFrames::new(codec, rate, "");
    for _ in 0..times {
        assert!(black_box(frames.decode()) > 0, "samples");
    }
}

fn parse_invite(times: u32) {
    let bytes = fixtures::invite();
    for _ in 0..times {
        let message = Message::parse(black_box(bytes.clone()));
        assert!(black_box(message).is_ok(), "the INVITE is well-formed");
    }
}

/// A 200 with SDP, read again as the writer does.
fn write_response(times: u32) {
    let invite = Message::parse(fixtures::invite()).expect("the INVITE is well-formed");
    for _ in 0..times {
        assert_eq!(black_box(fixtures::write_response(black_box(&invite))).status(), Some(200));
    }
}

fn write_request(times: u32) {
    for _ in 0..times {
        let request = fixtures::write_request(black_box("sip:bob@192.0.2.20:5060;transport=udp"));
        assert!(black_box(request).is_request());
    }
}

/// A PCMU packet through both legs of a bridge to a leg that speaks `to`, with the tick of time that follows it.
fn bridged(to: CodecId, times: u32) {
    let mut path = MediaPath::new(CodecId::Pcmu, to, None);
    let mut wire = rtp_packet(0, 0, 160, &[0x55; 160]);
    for n in 0..times {
        let sequence = n as u16;
        wire[2..4].copy_from_slice(&sequence.to_be_bytes());
        wire[4..8].copy_from_slice(&n.wrapping_mul(160).to_be_bytes());
        let sent = path.frame(black_box(&mut wire));
        assert!(sent >= 1 || n < 20, "packet {n} went on");
    }
}

/// A tick of a hundred PCMU members of whom three speak.
fn conference(times: u32) {
    let mut conference = Conference::new(100, &[CodecId::Pcmu], 3);
    for n in 0..times {
        let sent = black_box(conference.tick());
        assert!(n < 20 || sent >= 100, "everybody is sent to");
    }
}
