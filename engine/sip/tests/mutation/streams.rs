//! Changed messages in a byte stream.

use tandem_model::limits::{SIP_MESSAGE_BYTES_MAX, SIP_STREAM_BUFFER_BYTES_MAX};
use tandem_sip::message::{Framed, Message, StreamFramer};

use crate::change::{Change, changed, fields, name};
use crate::memory::peak;
use crate::messages;

/// What comes of `parts`, pushed one after the other. The framer may hold its buffer and no more.
fn framed<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Vec<Framed> {
    let mut framer = StreamFramer::new();
    let mut got = Vec::new();
    for part in parts {
        framer.push(part);
        got.extend(std::iter::from_fn(|| framer.next()));
        assert!(framer.buffered() <= SIP_STREAM_BUFFER_BYTES_MAX);
    }
    got
}

fn whole(bytes: &[u8]) -> Vec<Framed> {
    framed(bytes.chunks(SIP_MESSAGE_BYTES_MAX))
}

/// Streams need a Content-Length (RFC 3261 section 18.3); the others are for datagrams.
fn for_streams() -> Vec<Vec<u8>> {
    let mut all = messages::all();
    all.retain(|message| matches!(whole(message).as_slice(), [Framed::Message(bytes)] if bytes == message));
    assert!(all.len() > 30, "{}", all.len());
    all
}

#[test]
fn every_split_of_every_message_gives_the_same_frames() {
    let messages = for_streams();
    for (n, first) in messages.iter().enumerate() {
        // Two and the start of a third in one segment, a keep-alive between.
        let second = &messages[(n + 1) % messages.len()];
        let stream = [first, b"\r\n\r\n".as_slice(), second, &second[..second.len() / 2]].concat();
        let expected = [Framed::Message(first.clone().into()), Framed::Ping, Framed::Message(second.clone().into())];
        assert_eq!(whole(&stream), expected);
        for at in 0..stream.len() {
            assert_eq!(framed([&stream[..at], &stream[at..]].into_iter()), expected, "split at {at}");
        }
        assert_eq!(framed(stream.chunks(1)), expected, "byte by byte");
    }
}

#[test]
fn a_changed_message_is_framed_alike_however_it_arrives() {
    for original in for_streams() {
        for field in fields(&original) {
            for change in Change::ALL {
                let bytes = changed(&original, &field, change);
                let what =
                    || format!("{change:?} {} in {}", name(&original, &field), String::from_utf8_lossy(&original));
                let (held, expected) = peak(|| whole(&bytes));
                assert!(held <= 4 * SIP_STREAM_BUFFER_BYTES_MAX, "{held} bytes for {}", what());
                for size in [7, 64, 1_460] {
                    assert_eq!(framed(bytes.chunks(size)), expected, "{}", what());
                }
                for frame in expected {
                    match frame {
                        Framed::Message(bytes) => drop(Message::parse(bytes)),
                        Framed::Ping => {}
                        Framed::Error(error) => {
                            assert!(matches!(error.status, 400 | 513), "{} for {}", error.status, what());
                            let _ = error.reply("192.0.2.1:5060".parse().expect("an address"));
                        }
                    }
                }
            }
        }
    }
}

/// Any claim is settled when the header ends: nothing waits for a body that is too long to come.
#[test]
fn any_content_length_is_waited_for_refused_or_cut() {
    let head = |claim: &str| {
        format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n\
             Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: {claim}\r\n\r\n"
        )
    };
    for (claim, status) in [
        ("-1", 400),
        ("", 400),
        ("+1", 400),
        ("1.5", 400),
        ("0x10", 400),
        ("1 2", 400),
        ("1,2", 400),
        ("\u{661}", 400),
        ("65536", 513),
        ("2147483648", 513),
        ("4000000000", 513),
        ("4294967296", 513),
        ("18446744073709551616", 513),
        ("340282366920938463463374607431768211456", 513),
    ] {
        let frames = whole(head(claim).as_bytes());
        let [Framed::Error(error)] = frames.as_slice() else { panic!("{claim}: {frames:?}") };
        assert_eq!(error.status, status, "{claim}");
        let reply = error.reply("192.0.2.1:5060".parse().expect("an address")).expect("a request is answered");
        assert!(reply.starts_with(format!("SIP/2.0 {status} ").as_bytes()), "{claim}");
    }
    for body_len in [0, 1, 2, 3, 1_000, 60_000] {
        let stream = head(&body_len.to_string()) + &"x".repeat(body_len) + &head("0");
        assert_eq!(whole(stream.as_bytes()).len(), 2, "{body_len}");
        let short = head(&body_len.to_string()) + &"x".repeat(body_len.saturating_sub(1));
        assert_eq!(whole(short.as_bytes()).len(), usize::from(body_len == 0), "{body_len}");
    }
}
