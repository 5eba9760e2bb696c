//! Does one thing a given number of times, for an instruction counter to watch: `instructions <what> <times>`.
//! The cost of one is the difference of two runs over the difference of their times, so that setting up does not count.

use std::hint::black_box;
use std::process::ExitCode;

use tandem_benches::{Conference, MediaPath, fixtures, rtp_packet};
use tandem_codecs::CodecId;
use tandem_sip::message::Message;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (what, times) = (arguments.next(), arguments.next().and_then(|n| n.parse::<u32>().ok()));
    let Some(times) = times else { return usage() };
    match what.as_deref() {
        Some("sip-parse-invite") => parse_invite(times),
        Some("rtp-pass-through") => pass_through(times),
        Some("mix-100-pcmu") => conference(times),
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("instructions sip-parse-invite|rtp-pass-through|mix-100-pcmu <times>");
    ExitCode::from(2)
}

fn parse_invite(times: u32) {
    let bytes = fixtures::invite();
    for _ in 0..times {
        let message = Message::parse(black_box(bytes.clone()));
        assert!(black_box(message).is_ok(), "the INVITE is well-formed");
    }
}

/// A PCMU packet through both legs of a bridge, with the tick of time that follows it.
fn pass_through(times: u32) {
    let mut path = MediaPath::new(CodecId::Pcmu, CodecId::Pcmu, None);
    let mut wire = rtp_packet(0, 0, 160, &[0x55; 160]);
    for n in 0..times {
        let sequence = n as u16;
        wire[2..4].copy_from_slice(&sequence.to_be_bytes());
        wire[4..8].copy_from_slice(&n.wrapping_mul(160).to_be_bytes());
        let sent = path.frame(black_box(&mut wire));
        assert!(sent >= 1, "packet {n} was relayed");
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
