use std::net::SocketAddr;

use tandem_model::{Endpoint, Transport};
use tandem_sip::message::{Scheme, Uri};

/// Where a SIP URI leads: a literal address, or the first A/AAAA record of its host (RFC 3263 sections 4.1 and 4.2
/// without NAPTR and SRV).
///
/// # Errors
/// Why it leads nowhere, for the call's record.
pub async fn resolve(uri: &str) -> Result<Vec<Endpoint>, String> {
    let parsed = Uri::parse(uri).map_err(|_| format!("{uri:?} is no URI"))?;
    if parsed.scheme() != Scheme::Sip && parsed.scheme() != Scheme::Sips {
        return Err("URI scheme is not sip".into());
    }
    let default = if parsed.scheme() == Scheme::Sips { Transport::Tls } else { Transport::Udp };
    let transport = match parsed.param("transport") {
        None => default,
        Some(_) => parsed.transport().ok_or("unknown transport")?,
    };
    if !matches!(transport, Transport::Udp | Transport::Tcp) {
        return Err(format!("transport {transport} is not available"));
    }
    let port = parsed.port().unwrap_or(transport.default_port());
    let host = parsed.param("maddr").unwrap_or(parsed.host());
    if let Ok(ip) = host.parse() {
        return Ok(vec![Endpoint::new(transport, SocketAddr::new(ip, port))]);
    }
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| format!("host {host:?} does not resolve"))?;
    let hops: Vec<_> = found.map(|addr| Endpoint::new(transport, addr)).collect();
    if hops.is_empty() { Err(format!("host {host:?} has no address")) } else { Ok(hops) }
}
