use std::io;
use std::net::SocketAddr;

use rustls::pki_types::ServerName;
use tandem_model::Transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{PATIENCE, Server};

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The other side of a stream transport, byte by byte: it can say what no library would.
pub struct Peer {
    pub transport: Transport,
    /// Its own address.
    pub address: SocketAddr,
    pub stream: Box<dyn Stream>,
    read: Vec<u8>,
}

/// What a WebSocket frame is.
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

impl Peer {
    /// Connected, with all handshakes done.
    pub async fn connect(server: &Server, transport: Transport) -> Peer {
        let mut peer = Peer::raw(server, transport).await;
        if matches!(transport, Transport::Ws | Transport::Wss) {
            let reply = peer.upgrade("Sec-WebSocket-Protocol: sip\r\n").await;
            assert!(reply.starts_with("HTTP/1.1 101"), "{reply}");
        }
        peer
    }

    /// Without the WebSocket handshake.
    pub async fn raw(server: &Server, transport: Transport) -> Peer {
        let stream = TcpStream::connect(server.address(transport)).await.expect("to connect on loopback");
        stream.set_nodelay(true).expect("no delay");
        let address = stream.local_addr().expect("an address");
        let stream: Box<dyn Stream> = match transport {
            Transport::Tls | Transport::Wss => {
                let connector = TlsConnector::from(server.authority.client());
                let name = ServerName::try_from("server.test").expect("a name");
                Box::new(connector.connect(name, stream).await.expect("a TLS handshake"))
            }
            _ => Box::new(stream),
        };
        Peer { transport, address, stream, read: Vec::new() }
    }

    pub fn of(transport: Transport, address: SocketAddr, stream: impl Stream + 'static) -> Peer {
        Peer { transport, address, stream: Box::new(stream), read: Vec::new() }
    }

    /// Asks for a WebSocket with these headers more; the head of the answer.
    pub async fn upgrade(&mut self, headers: &str) -> String {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: server.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
        );
        self.write(request.as_bytes()).await.expect("to write");
        self.head().await.expect("an answer to the upgrade")
    }

    pub fn is_web(&self) -> bool {
        matches!(self.transport, Transport::Ws | Transport::Wss)
    }

    /// As it goes over the wire: in a frame, where the transport has frames.
    pub fn encoded(&self, message: &[u8]) -> Vec<u8> {
        if self.is_web() { frame(TEXT, true, message) } else { message.to_vec() }
    }

    pub async fn send(&mut self, message: &[u8]) {
        let bytes = self.encoded(message);
        self.write(&bytes).await.expect("to write");
    }

    pub async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next SIP message, or a lone pair of line ends; None at the end of the connection.
    pub async fn receive(&mut self) -> Option<String> {
        loop {
            if self.is_web() {
                let (kind, payload) = self.frame().await?;
                match kind {
                    TEXT | BINARY => return Some(String::from_utf8(payload).expect("UTF-8")),
                    CLOSE => return None,
                    _ => continue,
                }
            }
            if self.read.starts_with(b"\r\n") {
                self.read.drain(..2);
                return Some("\r\n".into());
            }
            let head = self.head().await?;
            let length =
                head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
            let body = self.exactly(length).await?;
            return Some(head + &String::from_utf8(body).expect("UTF-8"));
        }
    }

    /// Whether the next message answers `id` with `status`.
    #[track_caller]
    pub fn answered(&mut self, id: &str, status: u16) -> impl Future<Output = ()> {
        let here = std::panic::Location::caller();
        async move {
            let reply = self.receive().await.unwrap_or_else(|| panic!("closed instead of {status}: {here}"));
            assert!(reply.starts_with(&format!("SIP/2.0 {status} ")), "{here}: {reply}");
            assert!(reply.contains(&format!("Call-ID: {id}\r\n")), "{here}: {reply}");
        }
    }

    /// Whatever comes until the server ends the connection.
    pub async fn closed(&mut self) {
        while self.more().await {
            self.read.clear();
        }
    }

    /// The next WebSocket frame of the server's; None at the end.
    pub async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let head = self.exactly(2).await?;
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] & 0x7f {
            126 => self.exactly(2).await?.iter().fold(0, |n, b| n << 8 | usize::from(*b)),
            127 => self.exactly(8).await?.iter().fold(0, |n, b| n << 8 | usize::from(*b)),
            n => usize::from(n),
        };
        Some((head[0] & 0x0f, self.exactly(length).await?))
    }

    /// Up to and with an empty line.
    async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = self.read.drain(..end + 4).collect();
                return Some(String::from_utf8(head).expect("UTF-8"));
            }
            if self.read.starts_with(b"\r\n") {
                self.read.drain(..2);
                return Some("\r\n".into());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.read.len() < len {
            if !self.more().await {
                return None;
            }
        }
        Some(self.read.drain(..len).collect())
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4_096];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("neither bytes nor an end");
        let len = read.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..len]);
        len > 0
    }
}

/// A client's frame (RFC 6455 section 5.2); the mask is 0, which masks nothing.
pub fn frame(kind: u8, last: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame_head(kind, last, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

pub fn frame_head(kind: u8, last: bool, len: u64) -> Vec<u8> {
    let mut bytes = vec![kind | if last { 0x80 } else { 0 }];
    match len {
        0..126 => bytes.push(0x80 | len as u8),
        126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes
}
