//! What a phone talks over: UDP, TLS or WebSocket, by published client libraries.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

pub trait Link: Send {
    /// To `server`, where a link has not one server alone.
    fn send(&mut self, text: &str, server: SocketAddr);

    /// The next message, for at most as long.
    fn receive(&mut self, patience: Duration) -> Option<String>;
}

pub struct Udp {
    pub socket: UdpSocket,
}

impl Link for Udp {
    fn send(&mut self, text: &str, server: SocketAddr) {
        self.socket.send_to(text.as_bytes(), server).expect("to send on loopback");
    }

    fn receive(&mut self, patience: Duration) -> Option<String> {
        let mut buffer = vec![0; 65_536];
        let _ = self.socket.set_read_timeout(Some(patience));
        let (n, _) = self.socket.recv_from(&mut buffer).ok()?;
        std::str::from_utf8(&buffer[..n]).ok().map(str::to_owned)
    }
}

/// A stream with TLS, whose peer proved `name` by the authority in `ca`.
pub type Secure = StreamOwned<ClientConnection, TcpStream>;

pub fn secure(stream: TcpStream, name: &str, ca: &Path) -> Secure {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).expect("the authority")).expect("an authority");
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
    let mut stream = StreamOwned::new(connection, stream);
    stream.conn.complete_io(&mut stream.sock).expect("a TLS handshake");
    stream
}

pub struct Tls {
    stream: Secure,
    read: Vec<u8>,
}

impl Tls {
    pub fn new(stream: Secure) -> Tls {
        Tls { stream, read: Vec::new() }
    }

    /// A whole message, by its Content-Length.
    fn whole(&mut self) -> Option<String> {
        let head = self.read.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&self.read[..head]).expect("UTF-8");
        let length = text.lines().find_map(|l| l.strip_prefix("Content-Length:")).expect("a length");
        let end = head + length.trim().parse::<usize>().expect("a number");
        (self.read.len() >= end).then(|| String::from_utf8(self.read.drain(..end).collect()).expect("UTF-8"))
    }
}

impl Link for Tls {
    fn send(&mut self, text: &str, _: SocketAddr) {
        self.stream.write_all(text.as_bytes()).expect("to send over TLS");
        self.stream.flush().expect("to send over TLS");
    }

    fn receive(&mut self, patience: Duration) -> Option<String> {
        let _ = self.stream.sock.set_read_timeout(Some(patience));
        loop {
            if let Some(message) = self.whole() {
                return Some(message);
            }
            let mut buffer = [0; 8_192];
            match self.stream.read(&mut buffer) {
                Ok(n @ 1..) => self.read.extend_from_slice(&buffer[..n]),
                Ok(_) | Err(_) => return None,
            }
        }
    }
}

/// Says how long a read of the stream below may take.
type SetTimeout<S> = Box<dyn Fn(&S, Duration) + Send>;

/// A browser's phone, but for the browser.
pub struct Web<S: Read + Write> {
    socket: WebSocket<S>,
    timeout: SetTimeout<S>,
}

impl<S: Read + Write> Web<S> {
    pub fn new(stream: S, origin: &str, timeout: impl Fn(&S, Duration) + Send + 'static) -> Web<S> {
        let mut request = "ws://server.test/".into_client_request().expect("a request");
        request.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
        request.headers_mut().insert("Origin", HeaderValue::from_str(origin).expect("an origin"));
        let (socket, _) = client(request, stream).unwrap_or_else(|e| panic!("no WebSocket: {e}"));
        Web { socket, timeout: Box::new(timeout) }
    }
}

impl<S: Read + Write + Send> Link for Web<S> {
    fn send(&mut self, text: &str, _: SocketAddr) {
        self.socket.send(Message::text(text)).expect("to send over WebSocket");
    }

    fn receive(&mut self, patience: Duration) -> Option<String> {
        (self.timeout)(self.socket.get_ref(), patience);
        match self.socket.read() {
            Ok(Message::Text(text)) => Some(text.to_string()),
            Ok(_) => None,
            Err(Error::Io(e)) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => None,
            Err(e) => panic!("the WebSocket broke: {e}"),
        }
    }
}
