//! Who is behind a proxy that is believed to say so: for counting, never for granting.

use std::net::{IpAddr, SocketAddr};

use tandem_model::Transport;

use crate::message::{Message, Via};

/// Proxies in a row that are looked behind.
const PROXIES_MAX: usize = 4;

/// Where a request came from that one of our proxies sent on: what it wrote into the Via below its own (RFC 3261 section
/// 18.2.1, RFC 3581 section 4). None: it says nothing of the kind, as for a request that it made itself.
///
/// `is_proxy` knows the proxies; the caller has seen that the message itself comes from one. Each is believed about its
/// neighbour alone, so nothing that a client writes is taken for an address, but where the proxy agrees.
pub fn client_behind(request: &Message, is_proxy: impl Fn(IpAddr) -> bool) -> Option<SocketAddr> {
    // One that does not read is not skipped: what is below it is the client's own.
    let below = request.token_list("Via").skip(1).take(PROXIES_MAX);
    let mut clients = below.map(|via| stated(&Via::parse(via).ok()?));
    clients.find(|client| client.is_none_or(|at| !is_proxy(at.ip()))).flatten()
}

/// `received` where there is one; else sent-by is right, or the proxy would have added it. A proxy that adds without
/// looking leaves what the client wrote before its own: the last one is the proxy's.
fn stated(via: &Via<'_>) -> Option<SocketAddr> {
    let last = |wanted: &str| via.params().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).last();
    let host = last("received").map_or(via.host(), |(_, value)| value);
    let ip: IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
    let port = last("rport").and_then(|(_, value)| value.parse().ok()).or(via.port());
    let default = via.transport().unwrap_or(Transport::Udp).default_port();
    Some(SocketAddr::new(ip.to_canonical(), port.unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(below: &str) -> Option<String> {
        let text = format!(
            "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKp{below}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\r\n"
        );
        let proxies = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        let message = Message::parse(text.into()).ok()?;
        client_behind(&message, |ip| proxies.contains(&ip)).map(|at| at.to_string())
    }

    #[test]
    fn the_client_is_where_the_proxy_says() {
        for (below, want) in [
            ("", None),
            ("\r\nVia: SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bKc", Some("198.51.100.7:5070")),
            (", SIP/2.0/TCP 198.51.100.7;branch=z9hG4bKc", Some("198.51.100.7:5060")),
            ("\r\nv: SIP/2.0/TLS 198.51.100.7;branch=z9hG4bKc", Some("198.51.100.7:5061")),
            (
                "\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;rport=40000;received=198.51.100.7;branch=z9hG4bKc",
                Some("198.51.100.7:40000"),
            ),
            ("\r\nVia: SIP/2.0/UDP phone.example;received=198.51.100.7;branch=z9hG4bKc", Some("198.51.100.7:5060")),
            ("\r\nVia: SIP/2.0/UDP [2001:db8::9]:5070;branch=z9hG4bKc", Some("[2001:db8::9]:5070")),
            ("\r\nVia: SIP/2.0/UDP x;received=2001:db8::9;branch=z9hG4bKc", Some("[2001:db8::9]:5060")),
            ("\r\nVia: SIP/2.0/UDP x;received=[2001:db8::9];branch=z9hG4bKc", Some("[2001:db8::9]:5060")),
            // Nothing that could be counted by.
            ("\r\nVia: SIP/2.0/UDP phone.example;branch=z9hG4bKc", None),
            ("\r\nVia: SIP/2.0/UDP 198.51.100.7;received=x;branch=z9hG4bKc", None),
            ("\r\nVia: SIP/2.0/UDP 198.51.100.7;received;branch=z9hG4bKc", None),
        ] {
            assert_eq!(behind(below).as_deref(), want, "{below}");
        }
    }

    #[test]
    fn what_a_client_writes_itself_counts_for_nothing() {
        for below in [
            // A received of its own, before the proxy's.
            "\r\nVia: SIP/2.0/UDP 10.0.0.9;received=203.0.113.1;branch=z9hG4bKc;received=198.51.100.7",
            // Vias below its own.
            "\r\nVia: SIP/2.0/UDP x;received=198.51.100.7;branch=z9hG4bKc\r\n\
             Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKd",
            // The name of a proxy.
            "\r\nVia: SIP/2.0/UDP 192.0.2.2;received=198.51.100.7;branch=z9hG4bKc\r\n\
             Via: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKd",
        ] {
            assert_eq!(behind(below).as_deref(), Some("198.51.100.7:5060"), "{below}");
        }
    }

    #[test]
    fn nothing_is_taken_from_below_a_via_that_does_not_read() {
        for odd in ["nonsense", "SIP/2.0/UDP", "SIP/2.0/UDP x;received=198.51.100.7;=;\"", "SIP/2.0/UDP 1:2:3;a"] {
            let below = format!("\r\nVia: {odd}\r\nVia: SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKd");
            assert_eq!(behind(&below), None, "{odd}");
        }
    }

    #[test]
    fn a_row_of_proxies_is_looked_behind_within_bounds() {
        let second = "\r\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKq";
        assert_eq!(
            behind(&format!("{second}\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKc")).as_deref(),
            Some("198.51.100.7:5060")
        );
        assert_eq!(behind(second), None, "a proxy's own request");
        let many = second.repeat(100) + "\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKc";
        assert_eq!(behind(&many), None);
    }
}
