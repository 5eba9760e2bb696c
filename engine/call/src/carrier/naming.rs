use std::sync::Arc;

use tandem_model::{Endpoint, Transport};
use tandem_sip::message::Uri;

use crate::SentBy;

/// How this switch names itself in requests that belong to no call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    pub sent_by: SentBy,
    pub user_agent: String,
}

pub type SharedNaming = Arc<Naming>;

impl Naming {
    /// Where the peer at the other end of `flow` reaches this switch.
    pub(super) fn contact(&self, user: &str, flow: Endpoint) -> String {
        let host = self.sent_by.towards(flow);
        match flow.transport {
            Transport::Udp => format!("<sip:{user}@{host}>"),
            Transport::Tcp => format!("<sip:{user}@{host};transport=tcp>"),
            Transport::Tls => format!("<sips:{user}@{host}>"),
            Transport::Ws | Transport::Wss => format!("<sip:{user}@{host};transport=ws>"),
        }
    }

    /// What stands behind the `@` of our Call-IDs: a host without port.
    pub(super) fn host(&self) -> &str {
        let first = self.sent_by.first();
        match first.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => first,
        }
    }
}

/// `host[:port]` of a URI, an IPv6 address in brackets.
pub(crate) fn host_port(uri: &Uri<'_>) -> String {
    let host = if uri.host().contains(':') { format!("[{}]", uri.host()) } else { uri.host().to_owned() };
    match uri.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}
