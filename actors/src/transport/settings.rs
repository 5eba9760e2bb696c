use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tandem_call::directory::IpRange;
use tandem_model::limits;

/// Where transports listen, and what they demand.
#[derive(Clone, Debug, Default)]
pub struct TransportSettings {
    pub udp: Vec<SocketAddr>,
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    pub ws: Vec<SocketAddr>,
    pub wss: Vec<SocketAddr>,
    /// Needed by `tls` and `wss`; shown to TLS peers we connect to as well, if they ask.
    pub certificate: Option<CertificateFiles>,
    /// What is demanded of peers at `tls`. Browsers at `wss` have none to show.
    pub client_certificates: ClientCertificates,
    /// PEM file of the authorities that client certificates are proved by.
    pub client_ca: Option<PathBuf>,
    /// PEM file of the authorities of peers we connect to; the system's when None.
    pub ca: Option<PathBuf>,
    /// Origins that web pages may connect from, as `https://app.example.com`; `*` is any. Empty: the same host.
    pub origins: Vec<String>,
    pub connections: ConnectionLimits,
    /// Our own proxies: each brings many clients, and is not held to the limit of one.
    pub proxies: Vec<IpRange>,
    pub timing: Timing,
}

/// PEM files of a certificate chain, the server's own first, and of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub chain: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    #[default]
    Off,
    /// Checked where shown.
    Optional,
    Required,
}

/// Stream connections at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    pub all: usize,
    /// From one IPv4 address or one IPv6 /64.
    pub per_source: usize,
}

/// How long stream peers may take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    pub connect: Duration,
    /// TLS and WebSocket handshake, each.
    pub handshake: Duration,
    /// From accept to the first message that can be read (promises row 2).
    pub first_message: Duration,
    /// From the first byte of a message to its last.
    pub whole_message: Duration,
    /// Silence after that. As long as a registration, which a peer without keep-alives may leave its connection silent for.
    pub idle: Duration,
    /// Until one message was taken by the peer.
    pub write: Duration,
    /// For what is still to be answered after the peer sent its last.
    pub half_close: Duration,
    /// For what is queued when we close.
    pub flush: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        ConnectionLimits { all: 8_192, per_source: 1_024 }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(5),
            handshake: Duration::from_secs(10),
            first_message: Duration::from_secs(20),
            whole_message: Duration::from_secs(20),
            idle: Duration::from_secs(limits::REGISTER_EXPIRES_SECS_MAX as u64 + 60),
            write: Duration::from_secs(10),
            half_close: Duration::from_secs(5),
            flush: Duration::from_secs(2),
        }
    }
}
