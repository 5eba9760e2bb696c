//! Stream transports: TCP, TLS, WS and WSS. One task a connection, and one that owns the table of all.
//!
//! ```text
//!   listener ──Accepted──►            ──spawns──► connection ──► Inbound
//!   Transports::send ──Send──► Table  ──outbox──►     │
//!                                ▲──Proven, Alias, HalfClosed, its end──┘
//! ```
//!
//! The table waits for nobody. Connections and listeners wait for the table; who sends does not.

mod connection;
mod crowd;
mod framed;
mod listener;
mod outbox;
mod run;
mod table;

pub(super) use connection::{Receive, Received, Transmit};

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tandem_model::{Endpoint, HostId, Transport, limits};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::hosts::Hosts;
use super::settings::{Timing, TransportSettings};
use super::tls::Tls;
use super::ws::Origins;
use super::{Inbound, ListenError, TransportCounters};

/// What the table is asked and told.
pub(super) enum Ask {
    Send {
        to: Endpoint,
        bytes: Bytes,
    },
    Accepted {
        stream: TcpStream,
        peer: Endpoint,
        local: Endpoint,
    },
    /// It brought a message that could be read.
    Proven {
        id: u64,
    },
    /// It proved to be `host`; requests to that name at its address and this port may use it.
    Alias {
        id: u64,
        host: HostId,
        port: u16,
    },
    HalfClosed {
        id: u64,
    },
    /// Ends every connection once what is queued for it is written.
    Close {
        done: oneshot::Sender<()>,
    },
}

/// What every connection is given.
#[derive(Clone)]
pub(super) struct Shared {
    pub inbound: Arc<dyn Inbound>,
    pub counters: Arc<TransportCounters>,
    pub ask: mpsc::Sender<Ask>,
    pub timing: Timing,
    pub hosts: Arc<Hosts>,
    pub tls: Arc<Tls>,
    pub origins: Arc<Origins>,
}

#[derive(Clone)]
pub(super) struct Streams {
    ask: mpsc::Sender<Ask>,
}

impl Streams {
    pub fn listen(
        settings: &TransportSettings,
        tls: Tls,
        hosts: Arc<Hosts>,
        inbound: Arc<dyn Inbound>,
        counters: Arc<TransportCounters>,
    ) -> Result<(Streams, Vec<Endpoint>), ListenError> {
        let (ask, asked) = mpsc::channel(limits::TRANSPORT_QUEUE);
        let shared = Shared {
            inbound,
            counters,
            ask: ask.clone(),
            timing: settings.timing,
            hosts,
            tls: Arc::new(tls),
            origins: Arc::new(Origins::new(&settings.origins)),
        };
        let all: [(Transport, &[SocketAddr]); 4] = [
            (Transport::Tcp, &settings.tcp),
            (Transport::Tls, &settings.tls),
            (Transport::Ws, &settings.ws),
            (Transport::Wss, &settings.wss),
        ];
        let (mut locals, mut listeners) = (Vec::new(), Vec::new());
        for (transport, addrs) in all {
            for addr in addrs {
                let bound = listener::bind(*addr).and_then(|l| Ok((l.local_addr()?, l)));
                let (local, listener) = bound.map_err(|e| ListenError::Address(*addr, e))?;
                let local = Endpoint::new(transport, local);
                locals.push(local);
                listeners.push(tokio::spawn(listener::accept(listener, local, ask.clone())).abort_handle());
            }
        }
        let crowd = crowd::Crowd::new(settings.connections, settings.proxies.clone());
        tokio::spawn(table::Table::new(shared, crowd, listeners).run(asked));
        Ok((Streams { ask }, locals))
    }

    pub fn send(&self, to: Endpoint, bytes: Bytes) -> bool {
        self.ask.try_send(Ask::Send { to, bytes }).is_ok()
    }

    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.ask.send(Ask::Close { done }).await.is_ok() {
            let _ = closed.await;
        }
    }
}
