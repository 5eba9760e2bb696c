use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tandem_model::limits::LAML_DOCUMENT_BYTES_MAX;

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
    pub limits: Limits,
    /// What this server serves itself.
    pub own: Option<Arc<dyn OwnDocuments>>,
}

/// Times and sizes of one client; the defaults are those of laml.md 2.7.
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
    /// Requests in flight to one host: a slow customer holds no more than this share of `in_flight_max`.
    pub in_flight_per_host_max: usize,
    pub in_flight_max: usize,
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
            document_bytes_max: LAML_DOCUMENT_BYTES_MAX,
            in_flight_per_host_max: 64,
            in_flight_max: 2_048,
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
            .field("limits", &self.limits)
            .finish()
    }
}
