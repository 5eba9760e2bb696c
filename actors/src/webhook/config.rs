use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tandem_model::limits;

use super::dialect::DialectSource;
use super::trace::LogSink;

use super::own::OwnDocuments;

/// How a [`WebhookClient`](super::WebhookClient) works.
#[derive(Clone)]
pub struct WebhookConfig {
    /// Networks that may be reached although they are private, loopback or otherwise refused. Empty by default.
    pub allow: Vec<IpNet>,
    /// The project's signing key (laml.md 2.6). Requests go unsigned while it is empty.
    pub signing_key: String,
    /// PEM certificates trusted beside the platform's own.
    pub extra_roots_pem: Vec<Vec<u8>>,
    pub user_agent: String,
    /// DNS servers to ask; those of the system when there are none.
    pub dns_servers: Vec<SocketAddr>,
    pub dialect: DialectSource,
    /// Where each request is told of.
    pub log: Option<LogSink>,
    pub limits: Limits,
    /// What this server serves itself.
    pub own: Option<Arc<dyn OwnDocuments>>,
}

/// Times and sizes of one client; the defaults are those of laml.md 2.7 in the SignalWire dialect. The times of the Twilio dialect
/// are fixed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// DNS, TCP and TLS together, for each connection; `#ot` or `#ct` override it.
    pub connect: Duration,
    /// Silence of the server that ends a request; `#rt` overrides it.
    pub read: Duration,
    /// The whole request with its redirects; `#tt` overrides it.
    pub total: Duration,
    pub redirects_max: u32,
    /// Instruction documents above this size fail with 11750.
    pub document_bytes_max: usize,
    /// Requests in flight to one host, for instructions, notifications and media each: a slow customer holds no more than this
    /// share of `in_flight_max`.
    pub in_flight_per_host_max: usize,
    pub in_flight_max: usize,
    /// Requests that wait for a place, for one host and in all; more fail at once.
    pub waiting_per_host_max: usize,
    pub waiting_max: usize,
    /// Pauses before the second, third… try of a status callback; their number bounds the tries.
    pub retry_pauses: Vec<Duration>,
}

impl Default for WebhookConfig {
    fn default() -> Self {
        WebhookConfig {
            allow: Vec::new(),
            signing_key: String::new(),
            extra_roots_pem: Vec::new(),
            user_agent: concat!("Tandem/", env!("CARGO_PKG_VERSION")).to_owned(),
            dns_servers: Vec::new(),
            dialect: DialectSource::default(),
            log: None,
            limits: Limits::default(),
            own: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connect: Duration::from_secs(2),
            read: Duration::from_secs(5),
            total: Duration::from_secs(15),
            redirects_max: 3,
            document_bytes_max: limits::LAML_DOCUMENT_BYTES_MAX,
            in_flight_per_host_max: limits::WEBHOOKS_PER_HOST_MAX,
            in_flight_max: limits::WEBHOOKS_IN_FLIGHT_MAX,
            waiting_per_host_max: limits::WEBHOOKS_WAITING_PER_HOST_MAX,
            waiting_max: limits::WEBHOOKS_WAITING_MAX,
            retry_pauses: vec![Duration::from_secs(1), Duration::from_secs(4)],
        }
    }
}

/// Written by hand so that no log ever shows the key.
impl std::fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookConfig")
            .field("allow", &self.allow)
            .field("signing", &!self.signing_key.is_empty())
            .field("extra_roots", &self.extra_roots_pem.len())
            .field("user_agent", &self.user_agent)
            .field("dns_servers", &self.dns_servers)
            .field("dialect", &self.dialect)
            .field("log", &self.log.is_some())
            .field("limits", &self.limits)
            .finish()
    }
}
