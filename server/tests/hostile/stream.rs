//! Connections to the server: whole messages in, any bytes out. Generic over the stream, so that what is said over TCP
//! is said over TLS and WebSocket too.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::common::Message;
use crate::common::link::Secure;
use crate::common::listeners::Listeners;
use crate::websocket::WebSocket;

/// A byte stream whose reads give up after a while.
pub trait Stream: Read + Write {
    fn set_patience(&self, patience: Duration);
}

impl Stream for TcpStream {
    fn set_patience(&self, patience: Duration) {
        let _ = self.set_read_timeout(Some(patience));
    }
}

impl Stream for Secure {
    fn set_patience(&self, patience: Duration) {
        self.sock.set_patience(patience);
    }
}

pub struct Connection<S: Stream> {
    pub stream: S,
    pub local: SocketAddr,
    buffer: Vec<u8>,
}

/// What a read brought.
#[derive(Debug)]
pub enum Heard {
    Message(Message),
    /// The answer to a keep-alive.
    Pong,
    Closed,
    Nothing,
}

/// From a source of choice.
pub fn tcp(from: IpAddr, to: SocketAddr) -> Connection<TcpStream> {
    try_tcp(from, to).unwrap_or_else(|e| panic!("no connection from {from} to {to}: {e}"))
}

pub fn try_tcp(from: IpAddr, to: SocketAddr) -> std::io::Result<Connection<TcpStream>> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), Duration::from_secs(5))?;
    let stream: TcpStream = socket.into();
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let local = stream.local_addr()?;
    Ok(Connection { stream, local, buffer: Vec::new() })
}

pub fn tls(from: IpAddr, to: &Listeners) -> Connection<Secure> {
    tcp(from, to.tls).over(|stream| to.secure(stream))
}

pub fn websocket(from: IpAddr, to: &Listeners) -> Connection<WebSocket> {
    tcp(from, to.ws).over(WebSocket::upgraded)
}

impl Connection<TcpStream> {
    /// With another stream over it, after its handshake.
    fn over<S: Stream>(self, handshake: impl FnOnce(TcpStream) -> S) -> Connection<S> {
        self.stream.set_patience(Duration::from_secs(10));
        Connection { stream: handshake(self.stream), local: self.local, buffer: self.buffer }
    }
}

impl<S: Stream> Connection<S> {
    /// False when the server has closed it.
    pub fn say(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_ok()
    }

    pub fn hear(&mut self, patience: Duration) -> Heard {
        let end = Instant::now() + patience;
        loop {
            if let Some(heard) = self.framed() {
                return heard;
            }
            let Some(left) = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero()) else {
                return Heard::Nothing;
            };
            self.stream.set_patience(left);
            let mut chunk = [0; 16_384];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Heard::Closed,
                Ok(n) => self.buffer.extend(&chunk[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Heard::Nothing,
                Err(_) => return Heard::Closed,
            }
        }
    }

    /// The next message, keep-alives aside; None when it is closed or nothing comes.
    pub fn message(&mut self, patience: Duration) -> Option<Message> {
        loop {
            match self.hear(patience) {
                Heard::Message(message) => return Some(message),
                Heard::Pong => {}
                Heard::Closed | Heard::Nothing => return None,
            }
        }
    }

    /// Whether the server closes it within this time; what it says before is returned.
    pub fn closed(&mut self, patience: Duration) -> (bool, Vec<Message>) {
        let end = Instant::now() + patience;
        let mut said = Vec::new();
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.hear(left) {
                Heard::Message(message) => said.push(message),
                Heard::Closed => return (true, said),
                Heard::Pong | Heard::Nothing => {}
            }
        }
        (false, said)
    }

    /// Whether server and client still agree where messages begin.
    pub fn in_step(&mut self, transport: &str, server: SocketAddr, patience: Duration) -> bool {
        let ping = options_over(transport, self.local, server, "");
        let id = ping.lines().find(|l| l.starts_with("Call-ID")).unwrap_or_default().to_owned();
        if !self.say(ping.as_bytes()) {
            return false;
        }
        loop {
            match self.hear(patience) {
                Heard::Message(m) if id.ends_with(m.call_id()) => return true,
                Heard::Message(_) | Heard::Pong => {}
                Heard::Closed | Heard::Nothing => return false,
            }
        }
    }

    fn framed(&mut self) -> Option<Heard> {
        if self.buffer.starts_with(b"\r\n") {
            self.buffer.drain(..2);
            return Some(Heard::Pong);
        }
        let head = self.buffer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&self.buffer[..head]).into_owned();
        let length = Message::parse(&text)?.header("Content-Length").parse().unwrap_or(0);
        if self.buffer.len() < head + length {
            return None;
        }
        let whole: Vec<u8> = self.buffer.drain(..head + length).collect();
        Message::parse(&String::from_utf8_lossy(&whole)).map(Heard::Message)
    }
}

/// An OPTIONS over TCP from `local`, with this body.
pub fn options(local: SocketAddr, server: SocketAddr, body: &str) -> String {
    options_over("TCP", local, server, body)
}

pub fn options_over(transport: &str, local: SocketAddr, server: SocketAddr, body: &str) -> String {
    use crate::common::phone::unique;
    format!(
        "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};rport;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n\
         From: <sip:stranger@{local}>;tag={}\r\nTo: <sip:{server}>\r\nCall-ID: {}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        unique("o"),
        unique("t"),
        unique("options"),
        body.len()
    )
}
