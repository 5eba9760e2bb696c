use std::sync::atomic::{AtomicU64, Ordering};

use tandem_model::Transport;

/// Counters of one process's transports.
#[derive(Debug, Default)]
pub struct TransportCounters {
    pub received: AtomicU64,
    pub sent: AtomicU64,
    pub malformed: AtomicU64,
    /// Not taken by signalling: overload.
    pub refused: AtomicU64,
    pub send_failed: AtomicU64,
    /// How long the last datagram read had waited in its socket, in microseconds: what overload shows first.
    pub lag_us: AtomicU64,
    /// TLS and WebSocket handshakes, of either side, that came to nothing.
    pub handshakes_failed: AtomicU64,
    /// At accept, or later to make room: too many.
    pub connections_refused: AtomicU64,
    /// Peers that did not take what they asked for.
    pub slow_peers: AtomicU64,
    pub stun_answered: AtomicU64,
    open: [AtomicU64; 4],
}

impl TransportCounters {
    /// Connections open over one stream transport; 0 for UDP.
    pub fn connections(&self, transport: Transport) -> u64 {
        place(transport).map_or(0, |at| self.open[at].load(Ordering::Relaxed))
    }

    pub(super) fn opened(&self, transport: Transport) {
        if let Some(at) = place(transport) {
            self.open[at].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn closed(&self, transport: Transport) {
        if let Some(at) = place(transport) {
            self.open[at].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn place(transport: Transport) -> Option<usize> {
    match transport {
        Transport::Udp => None,
        Transport::Tcp => Some(0),
        Transport::Tls => Some(1),
        Transport::Ws => Some(2),
        Transport::Wss => Some(3),
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
