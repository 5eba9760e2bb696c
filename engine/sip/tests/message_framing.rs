//! A stream in pieces.

use tandem_model::limits::SIP_MESSAGE_BYTES_MAX;
use tandem_sip::message::{Framed, Message, StreamFramer};

fn request(fields: &str, body: &str) -> String {
    let head = format!(
        "OPTIONS sip:bob@example.com SIP/2.0\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1\n\
         From: <sip:a@b>;tag=1\nTo: <sip:b@c>\nCall-ID: c1\nCSeq: 1 OPTIONS\n{fields}\n"
    );
    head.replace('\n', "\r\n") + body
}

fn frames(framer: &mut StreamFramer) -> Vec<Framed> {
    std::iter::from_fn(|| framer.next()).collect()
}

fn whole(bytes: &[u8]) -> Vec<Framed> {
    let mut framer = StreamFramer::new();
    framer.push(bytes);
    frames(&mut framer)
}

fn error_status(stream: &str) -> u16 {
    match whole(stream.as_bytes()).pop() {
        Some(Framed::Error(error)) => error.status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_split_gives_the_same_frames() {
    let folded = request("Content-Length\t:\n 3\n", "abc");
    let compact = request("l: 10\n", "\r\n\r\n\r\n\r\nxx");
    let stream = format!("\r\n{folded}{compact}\r\n\r\n{}\r\n", request("L: 0\nContent-Length: 0\n", ""));
    let expected = whole(stream.as_bytes());
    assert_eq!(expected.len(), 4);
    assert_eq!(expected[2], Framed::Ping);
    let Framed::Message(bytes) = &expected[0] else { panic!("no message") };
    assert_eq!(Message::parse(bytes.clone()).unwrap().body(), b"abc");

    for at in 0..=stream.len() {
        let mut framer = StreamFramer::new();
        let mut got = Vec::new();
        for part in [&stream[..at], &stream[at..]] {
            framer.push(part.as_bytes());
            got.extend(frames(&mut framer));
        }
        assert_eq!(got, expected, "split at {at}");
    }
    let mut framer = StreamFramer::new();
    let mut got = Vec::new();
    for byte in stream.as_bytes() {
        framer.push(&[*byte]);
        got.extend(frames(&mut framer));
    }
    assert_eq!(got, expected);
}

#[test]
fn a_claim_too_large_is_refused_before_any_body_comes() {
    assert_eq!(error_status(&request("Content-Length: 4000000000\n", "")), 513);
    assert_eq!(error_status(&request("Content-Length: 99999999999999999999999999\n", "")), 513);
    assert_eq!(error_status(&request(&format!("l: {SIP_MESSAGE_BYTES_MAX}\n"), "")), 513);
}

#[test]
fn no_length_or_a_senseless_one_ends_the_stream() {
    for fields in ["", "Content-Length: -1\n", "Content-Length: x\n", "Content-Length:\n", "l: 1\nContent-Length: 2\n"]
    {
        assert_eq!(error_status(&request(fields, "abc")), 400, "{fields}");
    }
    let mut framer = StreamFramer::new();
    framer.push(request("", "").as_bytes());
    assert!(matches!(framer.next(), Some(Framed::Error(_))));
    framer.push(request("l: 0\n", "").as_bytes());
    assert_eq!(framer.next(), None);
    assert_eq!(framer.buffered(), 0);
}

#[test]
fn a_frame_error_has_an_answer_for_a_request_only() {
    let source = "192.0.2.7:1".parse().unwrap();
    let answer = |stream: &str| match whole(stream.as_bytes()).pop() {
        Some(Framed::Error(error)) => error.reply(source),
        other => panic!("{other:?}"),
    };
    let start = |stream: &str, expected: &str| {
        let bytes = answer(stream).unwrap();
        assert!(bytes.starts_with(expected.as_bytes()), "{bytes:?}");
    };
    start(&request("", ""), "SIP/2.0 400 Missing Content-Length\r\n");
    start(&request("l: x\n", ""), "SIP/2.0 400 Malformed Content-Length\r\n");
    start(&request("l: 999999\n", ""), "SIP/2.0 513 Message Too Large\r\n");
    assert_eq!(answer(&request("", "").replace("OPTIONS sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK")), None);
    assert_eq!(answer(&request("", "").replace("OPTIONS", "ACK")), None);
}

#[test]
fn a_header_without_end_is_bounded() {
    let mut framer = StreamFramer::new();
    let mut pushed = 0;
    loop {
        framer.push(&[b'a'; 1_000]);
        pushed += 1_000;
        match framer.next() {
            Some(Framed::Error(error)) => {
                assert_eq!(error.status, 513);
                break;
            }
            None => assert!(framer.buffered() <= SIP_MESSAGE_BYTES_MAX),
            other => panic!("{other:?}"),
        }
    }
    assert!(pushed <= SIP_MESSAGE_BYTES_MAX + 1_000);
}

#[test]
fn the_largest_reads_fit() {
    let body = "x".repeat(60_000);
    let message = request("l: 60000\n", &body);
    let stream = message.repeat(4);
    let mut framer = StreamFramer::new();
    let mut count = 0;
    for part in stream.as_bytes().chunks(SIP_MESSAGE_BYTES_MAX) {
        framer.push(part);
        for frame in frames(&mut framer) {
            assert_eq!(frame, Framed::Message(message.clone().into()));
            count += 1;
        }
    }
    assert_eq!(count, 4);
}

#[test]
fn pings_are_answered_and_single_line_ends_skipped() {
    assert_eq!(whole(b"\r\n\r\n\r\n\r\n"), [Framed::Ping, Framed::Ping]);
    assert_eq!(whole(b"\r\n"), []);
    let message = request("l: 0\n", "");
    assert_eq!(whole(format!("\r\n{message}").as_bytes()), [Framed::Message(message.into())]);
}
