//! A WebSocket client that can also say what none may: SIP messages as frames, and frames of any shape.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::stream::Stream;

/// The last frame of a message.
pub const FIN: u8 = 0x80;
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// What is written at once is one message; what is read is what the server's messages hold. Its control frames are
/// passed over: it is closed when its TCP connection is.
pub struct WebSocket {
    /// For bytes that are no frames.
    pub tcp: TcpStream,
    frames: Vec<u8>,
    payload: Vec<u8>,
    binary: bool,
}

impl WebSocket {
    /// The handshake (RFC 6455 section 4.1), with the subprotocol of SIP.
    pub fn upgraded(mut tcp: TcpStream) -> WebSocket {
        let request = "GET / HTTP/1.1\r\nHost: server.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Protocol: sip\r\n\r\n";
        tcp.write_all(request.as_bytes()).expect("to ask for an upgrade");
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            tcp.read_exact(&mut byte).expect("an answer to the upgrade");
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        WebSocket { tcp, frames: Vec::new(), payload: Vec::new(), binary: false }
    }

    /// The payload of the server's next frame goes to what can be read. False: it is not whole yet.
    fn next_frame(&mut self) -> bool {
        let [first, second, rest @ ..] = &self.frames[..] else { return false };
        let (more, len) = match (second & 0x7f, rest) {
            (126, [a, b, ..]) => (2, usize::from(u16::from_be_bytes([*a, *b]))),
            (126, _) => return false,
            (127, _) => panic!("more than 64 KiB from the server"),
            (len, _) => (0, usize::from(len)),
        };
        let (start, end) = (2 + more, 2 + more + len);
        if self.frames.len() < end {
            return false;
        }
        if first & 0x0f <= BINARY {
            self.payload.extend_from_slice(&self.frames[start..end]);
        }
        self.frames.drain(..end);
        true
    }
}

impl Read for WebSocket {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.payload.is_empty() {
            if self.next_frame() {
                continue;
            }
            let mut chunk = [0; 16_384];
            match self.tcp.read(&mut chunk)? {
                0 => return Ok(0),
                n => self.frames.extend_from_slice(&chunk[..n]),
            }
        }
        let n = self.payload.len().min(into.len());
        into[..n].copy_from_slice(&self.payload[..n]);
        self.payload.drain(..n);
        Ok(n)
    }
}

impl Write for WebSocket {
    /// By turns as text, where it is text, and as bytes.
    fn write(&mut self, message: &[u8]) -> std::io::Result<usize> {
        self.binary = !self.binary;
        let kind = if self.binary || std::str::from_utf8(message).is_err() { BINARY } else { TEXT };
        self.tcp.write_all(&frame(FIN | kind, message))?;
        Ok(message.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.tcp.flush()
    }
}

impl Stream for WebSocket {
    fn set_patience(&self, patience: Duration) {
        self.tcp.set_patience(patience);
    }
}

/// A client's frame (RFC 6455 section 5.2): masked, its length as short as it can be written.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(b, m)| b ^ m));
    bytes
}

/// One without a mask, which only servers send.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64);
    bytes[1] &= 0x7f;
    bytes.truncate(bytes.len() - MASK.len());
    bytes.extend(payload);
    bytes
}

/// What comes before the payload, of a length that may be a lie.
pub fn head(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..126), _) => bytes.push(0x80 | len),
        (_, Ok(len)) => {
            bytes.push(0x80 | 126);
            bytes.extend(len.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes
}
