use std::sync::Arc;

use tandem_model::Transport;
use tandem_sip::message::Uri;

/// How this switch names itself in requests that belong to no call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naming {
    /// `host:port` in Via and Contact, for each transport that listens.
    pub sent_by: Vec<(Transport, String)>,
    pub user_agent: String,
}

pub type SharedNaming = Arc<Naming>;

impl Naming {
    pub(super) fn sent_by(&self, transport: Transport) -> &str {
        let listed = self.sent_by.iter().find(|(t, _)| *t == transport).or(self.sent_by.first());
        listed.map_or("invalid.invalid", |(_, host)| host)
    }

    pub(super) fn contact(&self, user: &str, transport: Transport) -> String {
        let host = self.sent_by(transport);
        match transport {
            Transport::Udp => format!("<sip:{user}@{host}>"),
            Transport::Tcp => format!("<sip:{user}@{host};transport=tcp>"),
            Transport::Tls => format!("<sips:{user}@{host}>"),
            Transport::Ws | Transport::Wss => format!("<sip:{user}@{host};transport=ws>"),
        }
    }

    /// What stands behind the `@` of our Call-IDs: a host without port.
    pub(super) fn host(&self) -> &str {
        let first = self.sent_by.first().map_or("invalid.invalid", |(_, host)| host);
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
