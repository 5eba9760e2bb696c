//! SIP transports: bytes in and out, whole messages up. No SIP semantics beyond framing and the reply to what cannot
//! be parsed. One folder a transport; the list is [`Transports::listen`]. Start at [`Transports`].

mod tcp;
mod udp;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tandem_model::{Endpoint, Transport};
use tandem_sip::message::Message;

/// Takes what transports receive. Must not block.
pub trait Inbound: Send + Sync + 'static {
    /// A whole message. False when it was not taken: the datagram is lost, and the sender will repeat it.
    fn message(&self, message: Message, source: Endpoint, local: Endpoint) -> bool;

    /// Nothing can be sent to this peer any more.
    fn unreachable(&self, peer: Endpoint);
}

/// Counters of one process's transports.
#[derive(Debug, Default)]
pub struct TransportCounters {
    pub received: AtomicU64,
    pub sent: AtomicU64,
    pub malformed: AtomicU64,
    /// Not taken by signalling: overload.
    pub refused: AtomicU64,
    pub send_failed: AtomicU64,
    pub connections: AtomicU64,
    /// How long the last datagram read had waited in its socket, in microseconds: what overload shows first.
    pub lag_us: AtomicU64,
}

/// All listening transports; cheap to clone.
#[derive(Clone)]
pub struct Transports {
    udp: Arc<[udp::UdpSender]>,
    tcp: Option<tcp::TcpSender>,
    listening: Arc<[Endpoint]>,
    counters: Arc<TransportCounters>,
}

impl Transports {
    /// Binds every address and starts to receive. To be called on a tokio runtime.
    ///
    /// # Errors
    /// The address that cannot be bound, and why.
    pub async fn listen(
        udp: &[SocketAddr],
        tcp: &[SocketAddr],
        inbound: Arc<dyn Inbound>,
    ) -> Result<Transports, (SocketAddr, std::io::Error)> {
        let counters = Arc::new(TransportCounters::default());
        let mut listening = Vec::new();
        let mut senders = Vec::new();
        for addr in udp {
            let sender = udp::listen(*addr, inbound.clone(), counters.clone()).map_err(|e| (*addr, e))?;
            listening.push(Endpoint::new(Transport::Udp, sender.local()));
            senders.push(sender);
        }
        let mut streams = None;
        if !tcp.is_empty() {
            let (sender, locals) = tcp::listen(tcp, inbound, counters.clone()).await?;
            listening.extend(locals.into_iter().map(|a| Endpoint::new(Transport::Tcp, a)));
            streams = Some(sender);
        }
        Ok(Transports { udp: senders.into(), tcp: streams, listening: listening.into(), counters })
    }

    pub fn listening(&self) -> &[Endpoint] {
        &self.listening
    }

    pub fn counters(&self) -> &TransportCounters {
        &self.counters
    }

    /// How far signalling is behind the network.
    pub fn lag(&self) -> Duration {
        Duration::from_micros(self.counters.lag_us.load(Ordering::Relaxed))
    }

    /// Queues or sends at once; never waits. False when nothing can be sent there.
    pub fn send(&self, to: Endpoint, local: Option<Endpoint>, bytes: Bytes) -> bool {
        let sent = match to.transport {
            Transport::Udp => self.udp_for(to, local).is_some_and(|socket| socket.send(to.addr, &bytes)),
            Transport::Tcp => self.tcp.as_ref().is_some_and(|tcp| tcp.send(to.addr, bytes)),
            // Listening on these is not offered, so nothing leads here but a peer's wish.
            Transport::Tls | Transport::Ws | Transport::Wss => false,
        };
        let counter = if sent { &self.counters.sent } else { &self.counters.send_failed };
        counter.fetch_add(1, Ordering::Relaxed);
        sent
    }

    fn udp_for(&self, to: Endpoint, local: Option<Endpoint>) -> Option<&udp::UdpSender> {
        let same = local.and_then(|l| self.udp.iter().find(|s| s.local() == l.addr));
        same.or_else(|| self.udp.iter().find(|s| s.local().is_ipv4() == to.addr.is_ipv4()))
    }
}
