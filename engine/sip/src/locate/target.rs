use std::net::{IpAddr, SocketAddr};

use tandem_model::Transport;

use super::LocateError;
use crate::message::{Scheme, Uri};

/// What of a URI says where it leads (RFC 3263 section 4, "TARGET").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host, or the `maddr` in its place; a literal address without brackets.
    pub host: String,
    /// The URI's own host: what a TLS peer has to prove (RFC 5922 section 4), whatever DNS or `maddr` say of the way.
    pub domain: String,
    pub port: Option<u16>,
    /// What the URI asks for; TLS is what `sips:` makes of TCP.
    pub transport: Option<Transport>,
    /// Of `sips:`: nothing but TLS will do.
    pub secure: bool,
}

/// One place to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    pub transport: Transport,
    pub addr: SocketAddr,
}

impl Target {
    /// # Errors
    /// What is no SIP URI, or asks for a transport that there is not.
    pub fn of(uri: &Uri<'_>) -> Result<Target, LocateError> {
        let secure = match uri.scheme() {
            Scheme::Sip => false,
            Scheme::Sips => true,
            _ => return Err(LocateError::Scheme),
        };
        let transport = match (uri.param("transport"), uri.transport()) {
            (None, _) => None,
            (Some(_), Some(asked)) => Some(if secure { secured(asked)? } else { asked }),
            (Some(_), None) => return Err(LocateError::Transport),
        };
        let host = uri.param("maddr").unwrap_or(uri.host());
        Ok(Target {
            host: bare(host).to_ascii_lowercase(),
            domain: bare(uri.host()).trim_end_matches('.').to_ascii_lowercase(),
            port: uri.port(),
            transport,
            secure,
        })
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Without a word of the URI or of DNS (RFC 3263 section 4.1).
    pub(super) fn default_transport(&self) -> Transport {
        self.transport.unwrap_or(if self.secure { Transport::Tls } else { Transport::Udp })
    }
}

/// A SIPS URI over this transport (RFC 3261 section 26.2.2): UDP cannot be secured.
fn secured(asked: Transport) -> Result<Transport, LocateError> {
    match asked {
        Transport::Udp => Err(LocateError::Transport),
        Transport::Tcp | Transport::Tls => Ok(Transport::Tls),
        Transport::Ws | Transport::Wss => Ok(Transport::Wss),
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host)
}
