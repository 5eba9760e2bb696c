//! Row 1, below the messages of a WebSocket: frames that no client may send.

use std::io::Write;
use std::time::Duration;

use crate::size::count;
use crate::stranger::source;
use crate::stream::{options_over, websocket};
use crate::target::Target;
use crate::websocket::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, frame, head, unmasked};

#[test]
fn spoilt_websocket_frames_cost_their_connection_at_most() {
    let (mut target, listeners) = Target::start_listening_everywhere();
    let server = target.tandem.sip;
    let mut said = 0;
    // What clients may do, so that the rest is closed for what it is.
    let mut allowed = websocket(source(0x0106), &listeners);
    let text = options_over("WS", allowed.local, server, "");
    let (first, rest) = text.as_bytes().split_at(50);
    let parts = [frame(TEXT, first), frame(FIN | PING, &[b'x'; 125]).repeat(20), frame(FIN | CONTINUATION, rest)];
    let sent = allowed.stream.tcp.write_all(&parts.concat());
    let answer = allowed.message(Duration::from_secs(5)).map(|m| m.status());
    assert!(sent.is_ok() && answer == Some(200), "{sent:?}, {answer:?}");
    for _ in 0..count(2, 500) {
        for (what, bytes) in spoilt(&options_over("WS", listeners.ws, server, "")) {
            let mut connection = websocket(source(0x0106), &listeners);
            // It may be closed before all of it was said.
            let _ = connection.stream.tcp.write_all(&bytes);
            let (closed, heard) = connection.closed(Duration::from_secs(10));
            assert!(closed, "{what}: the connection goes on");
            assert!(heard.is_empty(), "{what}: {heard:?}");
            said += 1;
            if said % 20 == 0 {
                target.serves_again(Duration::from_secs(5));
                assert!(
                    websocket(source(0x0107), &listeners).in_step("WS", server, Duration::from_secs(5)),
                    "another's connection, after {what}"
                );
            }
            if said % 1_000 == 0 {
                target.probe(&format!("after {said} spoilt frames, the last {what}"));
            }
        }
    }
    println!("{said} connections with spoilt frames");
    target.unharmed("after spoilt WebSocket frames");
}

/// Ways to spoil the frames around a message.
fn spoilt(message: &str) -> Vec<(String, Vec<u8>)> {
    let message = message.as_bytes();
    let good = frame(FIN | TEXT, message);
    let mut out: Vec<(String, Vec<u8>)> = Vec::new();
    let mut put = |what: &str, bytes: Vec<u8>| out.push((what.to_owned(), bytes));
    for bits in 1..8 {
        put(&format!("reserved bits {bits:03b}"), frame(FIN | bits << 4 | TEXT, message));
    }
    for kind in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        put(&format!("opcode {kind}"), frame(FIN | kind, message));
    }
    put("no mask", unmasked(FIN | TEXT, message));
    put("a ping without a mask", unmasked(FIN | PING, b"x"));
    for len in [65_536, 4_000_000_000, i64::MAX as u64, 1 << 63, u64::MAX] {
        let claim = |first| [head(first, len), message.to_vec()].concat();
        put(&format!("a length of {len}"), claim(FIN | BINARY));
        put(&format!("a length of {len} in the second frame"), [frame(TEXT, message), claim(FIN)].concat());
        put(&format!("a ping of {len}"), claim(FIN | PING));
    }
    put("fragments of 70,000 bytes", [frame(TEXT, &[b'x'; 35_000]), frame(FIN, &[b'x'; 35_000])].concat());
    put(
        "ten thousand empty fragments",
        [frame(TEXT, b""), frame(CONTINUATION, b"").repeat(10_000), good.clone()].concat(),
    );
    put("ten thousand fragments", [frame(TEXT, b""), frame(CONTINUATION, b"x").repeat(10_000), good.clone()].concat());
    put("a continuation without a beginning", frame(FIN | CONTINUATION, message));
    put("a beginning within a message", [frame(TEXT, message), good.clone()].concat());
    put("text that is none", frame(FIN | TEXT, &[message, b"\xff\xc0\xaf"].concat()));
    put("text cut within a character", frame(FIN | TEXT, &[message, b"\xe2\x82"].concat()));
    for (name, kind) in [("close", CLOSE), ("ping", PING), ("pong", PONG)] {
        put(&format!("a {name} in fragments"), [frame(kind, b""), frame(FIN, b"")].concat());
        put(&format!("a {name} of 126 bytes"), frame(FIN | kind, &[b'x'; 126]));
        put(&format!("a {name} of 65,000 bytes"), frame(FIN | kind, &[b'x'; 65_000]));
    }
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        let close = frame(FIN | CLOSE, &code.to_be_bytes());
        put(&format!("a close with code {code}, and a message"), [close, good.clone()].concat());
    }
    put("a close with half a code", frame(FIN | CLOSE, b"\x03"));
    put("a close with a reason that is no text", frame(FIN | CLOSE, b"\x03\xe8\xff\xc0\xaf"));
    put("a thousand closes", frame(FIN | CLOSE, b"\x03\xe8").repeat(1_000));
    put("ten thousand pings", frame(FIN | PING, &[b'x'; 125]).repeat(10_000));
    put("ten thousand pongs", frame(FIN | PONG, &[b'x'; 125]).repeat(10_000));
    put("ten thousand empty messages", frame(FIN | TEXT, b"").repeat(10_000));
    put("ten thousand empty lines", frame(FIN | TEXT, b"\r\n\r\n").repeat(10_000));
    put("bytes that are no frames", message.to_vec());
    out
}
