//! SIP transports: bytes in and out, whole messages up. No SIP semantics beyond framing and the reply to what cannot
//! be parsed. One folder a transport; the list is [`Transports::listen`]. Start at [`Transports`].

mod counters;
mod hosts;
mod settings;
mod stream;
mod stun;
mod tls;
mod udp;
mod ws;

pub use counters::TransportCounters;
pub use hosts::Verify;
pub use settings::{CertificateFiles, ClientCertificates, ConnectionLimits, Timing, TransportSettings};

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tandem_model::{Endpoint, HostId, Transport};
use tandem_sip::message::Message;

/// Takes what transports receive. Must not block.
pub trait Inbound: Send + Sync + 'static {
    /// A whole message. False when it was not taken: the datagram is lost, and the sender will repeat it. Of a stream, with
    /// when its peer began to send faster than was taken; how long datagrams wait, [`Transports::lag`] tells.
    fn message(&self, message: Message, source: Endpoint, local: Endpoint, behind_since: Option<Instant>) -> bool;

    /// Nothing can be sent to this peer any more.
    fn unreachable(&self, peer: Endpoint);
}

/// How long [`Transports::close`] waits for peers to take what is queued for them.
const CLOSE: Duration = Duration::from_secs(3);

/// Why transports cannot listen.
#[derive(Debug)]
pub enum ListenError {
    Address(SocketAddr, std::io::Error),
    /// Certificates, keys or authorities.
    Tls(String),
}

/// All listening transports; cheap to clone.
#[derive(Clone)]
pub struct Transports {
    udp: Arc<[udp::UdpSender]>,
    streams: stream::Streams,
    hosts: Arc<hosts::Hosts>,
    listening: Arc<[Endpoint]>,
    counters: Arc<TransportCounters>,
}

impl Transports {
    /// Binds every address and starts to receive. To be called on an actix system, which UDP stays on.
    ///
    /// # Errors
    /// The address that cannot be bound or the file that cannot be used, and why.
    pub fn listen(settings: &TransportSettings, inbound: Arc<dyn Inbound>) -> Result<Transports, ListenError> {
        let counters = Arc::new(TransportCounters::default());
        let mut listening = Vec::new();
        let mut udp = Vec::new();
        for addr in &settings.udp {
            let sender =
                udp::listen(*addr, inbound.clone(), counters.clone()).map_err(|e| ListenError::Address(*addr, e))?;
            listening.push(Endpoint::new(Transport::Udp, sender.local()));
            udp.push(sender);
        }
        let hosts = Arc::new(hosts::Hosts::default());
        let tls = tls::Tls::new(settings).map_err(ListenError::Tls)?;
        let (streams, locals) = stream::Streams::listen(settings, tls, hosts.clone(), inbound, counters.clone())?;
        listening.extend(locals);
        Ok(Transports { udp: udp.into(), streams, hosts, listening: listening.into(), counters })
    }

    pub fn listening(&self) -> &[Endpoint] {
        &self.listening
    }

    pub fn counters(&self) -> &TransportCounters {
        &self.counters
    }

    /// How far signalling is behind what comes as datagrams.
    pub fn lag(&self) -> Duration {
        Duration::from_micros(self.counters.lag_us.load(Ordering::Relaxed))
    }

    /// Queues or sends at once; never waits. False when nothing can be sent there.
    pub fn send(&self, to: Endpoint, local: Option<Endpoint>, bytes: Bytes) -> bool {
        let sent = match to.transport {
            Transport::Udp => self.udp_for(to, local).is_some_and(|socket| socket.send(to.addr, &bytes)),
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => self.streams.send(to, bytes),
        };
        counters::count(if sent { &self.counters.sent } else { &self.counters.send_failed });
        sent
    }

    /// The number of a name that a TLS peer has to prove, for [`Endpoint::host`].
    pub fn host(&self, name: &str, verify: Verify) -> HostId {
        self.hosts.number(name, verify)
    }

    /// The names whose TLS peers need no proof, as their carriers say; all others do, whatever was said before.
    pub fn exempt(&self, names: impl IntoIterator<Item = String>) {
        self.hosts.exempt(names);
    }

    /// Takes no more connections, and ends those there are once what is queued for them is written, within seconds.
    pub async fn close(&self) {
        let _ = tokio::time::timeout(CLOSE, self.streams.close()).await;
    }

    fn udp_for(&self, to: Endpoint, local: Option<Endpoint>) -> Option<&udp::UdpSender> {
        let same = local.and_then(|l| self.udp.iter().find(|s| s.local() == l.addr));
        same.or_else(|| self.udp.iter().find(|s| s.local().is_ipv4() == to.addr.is_ipv4()))
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::Address(addr, error) => write!(f, "cannot listen on {addr}: {error}"),
            ListenError::Tls(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for ListenError {}
