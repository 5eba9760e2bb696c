//! By which addresses and names this switch is reached: what it says of itself in SIP and SDP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use tandem_call::SentBy;
use tandem_model::{Endpoint, HostAddress, Transport};

/// How this switch names itself in Via and Contact: as `advertise` says, else by its listeners. An address is advertised to its
/// own family alone, where something listens on that.
pub(crate) fn sent_by(advertise: Option<&str>, listening: &[Endpoint]) -> SentBy {
    let family = advertise.and_then(advertised_ip).map(|ip| ip.is_ipv4());
    let family = family.filter(|ipv4| listening.iter().any(|l| l.addr.is_ipv4() == *ipv4));
    let host_of = |listen: &Endpoint| -> String {
        match advertise.filter(|_| family.is_none_or(|ipv4| ipv4 == listen.addr.is_ipv4())) {
            // With a port, that is the port of UDP and TCP; all others have the listener's.
            Some(host) if host.parse::<SocketAddr>().is_ok() || has_port(host) => match listen.transport {
                Transport::Udp | Transport::Tcp => host.to_owned(),
                Transport::Tls | Transport::Ws | Transport::Wss => {
                    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
                    format!("{name}:{}", listen.addr.port())
                }
            },
            Some(host) if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]:{}", listen.addr.port()),
            Some(host) => format!("{host}:{}", listen.addr.port()),
            None => {
                let ip = reachable(listen.addr.ip()).unwrap_or(listen.addr.ip());
                SocketAddr::new(ip, listen.addr.port()).to_string()
            }
        }
    };
    SentBy::new(listening.iter().map(|listen| (*listen, host_of(listen))))
}

/// Where this switch is reached beside the addresses it names itself by.
pub(crate) fn own_names(names: &[String], listening: &[Endpoint]) -> Vec<String> {
    let loopback = |listen: &Endpoint| match listen.addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddr::V6(ip) if ip.is_unspecified() => Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        _ => None,
    };
    let local =
        listening.iter().map(|l| SocketAddr::new(loopback(l).unwrap_or(l.addr.ip()), l.addr.port()).to_string());
    names.iter().cloned().chain(local).collect()
}

/// What SDP names where RTP is bound to `address`: of both families for `::`, whose sockets speak both.
pub(crate) fn media_address(address: IpAddr, advertise: Option<IpAddr>) -> HostAddress {
    let both = address == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let own = reachable(address).unwrap_or(address);
    let ipv4 = both.then(|| reachable(Ipv4Addr::UNSPECIFIED.into())).flatten();
    match advertise {
        Some(said) if said.is_ipv4() => HostAddress::new(said, both.then_some(own)),
        Some(said) => HostAddress::new(said, ipv4),
        None => HostAddress::new(own, ipv4),
    }
}

/// The address to name when listening on all of them: the one a packet to the outside would leave from. None when the
/// address is a real one already.
pub(crate) fn reachable(ip: IpAddr) -> Option<IpAddr> {
    if !ip.is_unspecified() {
        return None;
    }
    // Connecting a UDP socket sends nothing; it only picks a route. The targets are of documentation alone (RFC 5737, RFC 3849).
    let (target, loopback): (IpAddr, IpAddr) = match ip {
        IpAddr::V4(_) => (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(), Ipv6Addr::LOCALHOST.into()),
    };
    let socket = UdpSocket::bind((ip, 0)).ok();
    let routed = socket.and_then(|s| s.connect((target, 9)).and_then(|()| s.local_addr()).ok());
    Some(routed.map_or(loopback, |local| local.ip()))
}

fn advertised_ip(host: &str) -> Option<IpAddr> {
    host.parse().ok().or_else(|| host.parse::<SocketAddr>().ok().map(|a| a.ip()))
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(h, p)| !h.contains(':') && p.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_names_itself_to_each_family_by_what_that_family_reaches() {
        let at = |transport, addr: &str| Endpoint::new(transport, addr.parse().unwrap());
        let both = [
            at(Transport::Udp, "192.0.2.1:5060"),
            at(Transport::Udp, "[2001:db8::1]:5060"),
            at(Transport::Tls, "192.0.2.1:5061"),
        ];
        let (v4, v6) = (at(Transport::Udp, "198.51.100.7:5060"), at(Transport::Udp, "[2001:db8::7]:5060"));
        let tls = at(Transport::Tls, "198.51.100.7:5061");
        for (advertise, to_v4, to_v6, by_tls) in [
            (None, "192.0.2.1:5060", "[2001:db8::1]:5060", "192.0.2.1:5061"),
            (Some("203.0.113.1"), "203.0.113.1:5060", "[2001:db8::1]:5060", "203.0.113.1:5061"),
            (Some("203.0.113.1:7000"), "203.0.113.1:7000", "[2001:db8::1]:5060", "203.0.113.1:5061"),
            (Some("2001:db8::99"), "192.0.2.1:5060", "[2001:db8::99]:5060", "192.0.2.1:5061"),
            // A name leads to both.
            (Some("sip.example.com"), "sip.example.com:5060", "sip.example.com:5060", "sip.example.com:5061"),
        ] {
            let names = sent_by(advertise, &both);
            let said = [v4, v6, tls].map(|hop| names.towards(hop));
            assert_eq!(said, [to_v4, to_v6, by_tls], "{advertise:?}");
        }
        // What translates between families has an address of the one that nothing here listens on.
        assert_eq!(sent_by(Some("2001:db8::99"), &both[..1]).towards(v6), "[2001:db8::99]:5060");
    }

    #[test]
    fn media_is_told_of_in_both_families_where_it_has_both() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (peer4, peer6) = (ip("198.51.100.7"), ip("2001:db8::7"));
        let told = |address, advertise: Option<&str>| {
            let address = media_address(ip(address), advertise.map(ip));
            [address.towards(peer4), address.towards(peer6)]
        };
        assert_eq!(told("192.0.2.1", None), [ip("192.0.2.1"); 2]);
        assert_eq!(told("192.0.2.1", Some("203.0.113.1")), [ip("203.0.113.1"); 2]);
        assert_eq!(told("2001:db8::1", None), [ip("2001:db8::1"); 2]);
        let [four, six] = told("::", None);
        assert!(four.is_ipv4() && six.is_ipv6() && !four.is_unspecified() && !six.is_unspecified());
        assert_eq!(told("::", Some("203.0.113.1")), [ip("203.0.113.1"), six]);
        assert_eq!(told("::", Some("2001:db8::99")), [four, ip("2001:db8::99")]);
        let [four, six] = told("0.0.0.0", None);
        assert!(four.is_ipv4() && four == six && !four.is_unspecified());
    }
}
