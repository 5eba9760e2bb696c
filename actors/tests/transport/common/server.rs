use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tandem_actors::transport::{CertificateFiles, ConnectionLimits, Inbound, Timing, TransportSettings, Transports};
use tandem_model::{Endpoint, Transport};
use tandem_sip::message::Message;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Authority, PATIENCE};

/// What came up.
#[derive(Debug)]
pub enum Seen {
    /// With its source, where it came, and since when its connection has been behind.
    Message(Message, Endpoint, Endpoint, Option<Instant>),
    Unreachable(Endpoint),
}

/// Transports with everything listening on loopback, and what they bring.
pub struct Server {
    pub transports: Transports,
    pub authority: Authority,
    pub files: CertificateFiles,
    seen: mpsc::Receiver<Seen>,
    above: Arc<Above>,
}

struct Above {
    seen: mpsc::Sender<Seen>,
    /// Answers requests with 200 by itself.
    answers: AtomicBool,
    /// Takes nothing.
    full: AtomicBool,
    refused: AtomicUsize,
    transports: OnceLock<Transports>,
}

impl Inbound for Above {
    fn message(&self, message: Message, source: Endpoint, local: Endpoint, behind_since: Option<Instant>) -> bool {
        if self.full.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return false;
        }
        if message.is_request() && self.answers.load(Ordering::SeqCst) {
            let reply = Message::response(&message, source.addr, 200, None).to_tag("s").build();
            if let Some(transports) = self.transports.get() {
                transports.send(source, Some(local), reply.bytes().clone());
            }
        }
        // Floods are counted elsewhere: what finds no room here is of no interest.
        let _ = self.seen.try_send(Seen::Message(message, source, local, behind_since));
        true
    }

    fn unreachable(&self, peer: Endpoint) {
        let _ = self.seen.try_send(Seen::Unreachable(peer));
    }
}

/// As patient as a test: nothing ends by itself.
pub fn patient() -> Timing {
    Timing {
        connect: PATIENCE,
        handshake: PATIENCE,
        first_message: PATIENCE * 10,
        whole_message: PATIENCE * 10,
        idle: PATIENCE * 10,
        write: PATIENCE * 10,
        half_close: PATIENCE,
        flush: PATIENCE,
    }
}

/// `first_message` and what belongs to it are over soon.
pub fn hasty() -> Timing {
    let soon = Duration::from_millis(400);
    Timing { handshake: soon, first_message: soon, whole_message: soon, ..patient() }
}

impl Server {
    pub fn start() -> Server {
        Server::with(patient(), ConnectionLimits::default(), |_| {})
    }

    pub fn hasty() -> Server {
        Server::with(hasty(), ConnectionLimits::default(), |_| {})
    }

    pub fn with(timing: Timing, connections: ConnectionLimits, change: impl FnOnce(&mut TransportSettings)) -> Server {
        let authority = Authority::new();
        let files = authority.files(&["server.test", "127.0.0.1"]);
        let any = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let mut settings = TransportSettings {
            udp: any.clone(),
            tcp: any.clone(),
            tls: any.clone(),
            ws: any.clone(),
            wss: any,
            certificate: Some(files.clone()),
            ca: Some(authority.file()),
            connections,
            timing,
            ..TransportSettings::default()
        };
        change(&mut settings);
        let (sender, seen) = mpsc::channel(100_000);
        let above = Arc::new(Above {
            seen: sender,
            answers: AtomicBool::new(true),
            full: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            transports: OnceLock::new(),
        });
        let transports = Transports::listen(&settings, above.clone()).expect("to listen on loopback");
        let _ = above.transports.set(transports.clone());
        Server { transports, authority, files, seen, above }
    }

    pub fn address(&self, transport: Transport) -> SocketAddr {
        let listening = self.transports.listening().iter().find(|l| l.transport == transport);
        listening.expect("it listens on all").addr
    }

    pub fn answer(&self, answers: bool) {
        self.above.answers.store(answers, Ordering::SeqCst);
    }

    pub fn take_nothing(&self, full: bool) {
        self.above.full.store(full, Ordering::SeqCst);
    }

    /// How often it was offered something while it took nothing.
    pub fn refused(&self) -> usize {
        self.above.refused.load(Ordering::SeqCst)
    }

    #[track_caller]
    pub fn seen(&mut self) -> impl Future<Output = Seen> {
        let here = std::panic::Location::caller();
        let seen = &mut self.seen;
        async move { timeout(PATIENCE, seen.recv()).await.unwrap_or_else(|_| panic!("nothing came: {here}")).unwrap() }
    }

    /// The next message, and where it came from.
    pub async fn message(&mut self) -> (Message, Endpoint) {
        loop {
            if let Seen::Message(message, source, ..) = self.seen().await {
                return (message, source);
            }
        }
    }

    /// The peer that is next said to be unreachable.
    pub async fn unreachable(&mut self) -> Endpoint {
        loop {
            if let Seen::Unreachable(peer) = self.seen().await {
                return peer;
            }
        }
    }
}
