use std::net::{IpAddr, SocketAddr};

use tandem_model::{Endpoint, Transport};
use tandem_sip::message::{Scheme, Uri};

/// Where a request of a dialog goes, given its next hop URI and the flow the dialog was made over.
///
/// A literal address is followed, unless it is private and the flow's is not (a phone behind a NAT), or the flow is a
/// stream to the same host: its connection is used again (RFC 5923 in spirit; RFC 3261 section 18). A name falls
/// back to the flow, which is where the peer or its proxy was last heard.
pub fn next_hop(uri: &str, flow: Endpoint) -> Endpoint {
    let Ok(uri) = Uri::parse(uri) else { return flow };
    let host = uri.param("maddr").and_then(|m| m.parse().ok()).or_else(|| uri.host_ip());
    let Some(ip) = host else { return flow };
    let default = if uri.scheme() == Scheme::Sips { Transport::Tls } else { Transport::Udp };
    let transport = uri.transport().unwrap_or(default);
    if flow.transport.is_reliable() && (transport == flow.transport || ip == flow.addr.ip()) {
        return flow;
    }
    if ip != flow.addr.ip() && is_private(ip) && !is_private(flow.addr.ip()) {
        return flow;
    }
    Endpoint::new(transport, SocketAddr::new(ip, uri.port().unwrap_or(transport.default_port())))
}

fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_followed_and_a_name_or_a_nat_falls_back_to_the_flow() {
        let udp = |a: &str| Endpoint::new(Transport::Udp, a.parse().unwrap());
        let tcp = |a: &str| Endpoint::new(Transport::Tcp, a.parse().unwrap());
        for (uri, flow, want) in [
            ("sip:a@192.0.2.7:5070", udp("192.0.2.7:5060"), udp("192.0.2.7:5070")),
            ("sip:a@192.0.2.8", udp("192.0.2.7:5060"), udp("192.0.2.8:5060")),
            ("sip:a@10.0.0.4:5070", udp("192.0.2.7:40000"), udp("192.0.2.7:40000")),
            ("sip:a@phone.invalid", udp("192.0.2.7:5060"), udp("192.0.2.7:5060")),
            ("sip:a@192.0.2.7:5080;transport=tcp", tcp("192.0.2.7:41000"), tcp("192.0.2.7:41000")),
            ("sip:a@192.0.2.9:5080;transport=tcp", udp("192.0.2.7:5060"), tcp("192.0.2.9:5080")),
            ("not a uri", udp("192.0.2.7:5060"), udp("192.0.2.7:5060")),
        ] {
            assert_eq!(next_hop(uri, flow), want, "{uri}");
        }
    }
}
