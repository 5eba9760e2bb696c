use std::net::IpAddr;

use tandem_model::{Endpoint, Transport};

/// What this switch names itself by: the sent-by of Via and the host of Contact (RFC 3261 sections 18.1.1 and 8.1.1.8), one for
/// each transport and address family that it listens on, for a peer of one family cannot come back to an address of the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentBy {
    listeners: Vec<Listener>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Listener {
    transport: Transport,
    ipv6: bool,
    /// `host:port`.
    host: String,
}

impl SentBy {
    /// Listeners in the order of preference, each with its `host:port`. Only the first of a transport and family counts.
    pub fn new(listeners: impl IntoIterator<Item = (Endpoint, String)>) -> SentBy {
        let mut sent_by = SentBy::default();
        for (listening, host) in listeners {
            let (transport, ipv6) = (listening.transport, is_ipv6(listening.addr.ip()));
            if !sent_by.listeners.iter().any(|l| (l.transport, l.ipv6) == (transport, ipv6)) {
                sent_by.listeners.push(Listener { transport, ipv6, host });
            }
        }
        sent_by
    }

    /// The `host:port` for a message to `hop`. Where nothing listens on its transport, that of another transport, which
    /// the hop can at least reach; where nothing listens on its family, whatever the transport has.
    pub fn towards(&self, hop: Endpoint) -> &str {
        let ipv6 = is_ipv6(hop.addr.ip());
        let rank = |l: &&Listener| (l.transport != hop.transport, l.ipv6 != ipv6);
        self.listeners.iter().min_by_key(rank).map_or("invalid.invalid", |l| &l.host)
    }

    /// The one that stands for the server where no peer is known.
    pub fn first(&self) -> &str {
        self.hosts().next().unwrap_or("invalid.invalid")
    }

    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.listeners.iter().map(|l| l.host.as_str())
    }

    pub fn listens(&self, transport: Transport) -> bool {
        self.listeners.iter().any(|l| l.transport == transport)
    }
}

/// An IPv4 address in IPv6's clothes is IPv4 (RFC 4291 section 2.5.5.2).
fn is_ipv6(ip: IpAddr) -> bool {
    ip.to_canonical().is_ipv6()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(transport: Transport, addr: &str) -> Endpoint {
        Endpoint::new(transport, addr.parse().unwrap())
    }

    #[test]
    fn a_peer_is_told_an_address_of_its_own_family() {
        use Transport::{Tcp, Tls, Udp};
        let both = SentBy::new(
            [
                at(Udp, "192.0.2.1:5060"),
                at(Udp, "192.0.2.9:5062"),
                at(Udp, "[2001:db8::1]:5060"),
                at(Tcp, "192.0.2.1:5070"),
                at(Tls, "[2001:db8::1]:5061"),
            ]
            .map(|l| (l, l.addr.to_string())),
        );
        for (hop, sent_by) in [
            (at(Udp, "198.51.100.7:5060"), "192.0.2.1:5060"),
            (at(Udp, "[2001:db8::7]:5060"), "[2001:db8::1]:5060"),
            (at(Udp, "[::ffff:198.51.100.7]:5060"), "192.0.2.1:5060"),
            // The transport comes first: what listens on another would not take the peer's requests.
            (at(Tcp, "[2001:db8::7]:5060"), "192.0.2.1:5070"),
            (at(Tls, "198.51.100.7:5061"), "[2001:db8::1]:5061"),
            // Nothing listens on it: by one of the family, the first.
            (at(Transport::Ws, "[2001:db8::7]:80"), "[2001:db8::1]:5060"),
            (at(Transport::Ws, "198.51.100.7:80"), "192.0.2.1:5060"),
        ] {
            assert_eq!(both.towards(hop), sent_by, "{hop}");
        }
        assert_eq!(both.first(), "192.0.2.1:5060");
        assert_eq!(both.hosts().count(), 4);
        assert!(both.listens(Tls) && !both.listens(Transport::Ws));
        assert_eq!(SentBy::default().towards(at(Udp, "192.0.2.7:5060")), "invalid.invalid");
    }
}
