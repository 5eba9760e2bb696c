use std::net::{IpAddr, UdpSocket};

use tandem_call::SentBy;
use tandem_model::{Endpoint, Transport};
use tandem_sip::message::Uri;

/// Where this server is: what a host and port in a URI may name it by, beside its domains.
pub(super) struct OwnPlaces {
    listening: Vec<Endpoint>,
    /// What it calls itself: host and port.
    named: Vec<(String, u16)>,
}

impl OwnPlaces {
    pub fn new(listening: &[Endpoint], sent_by: &SentBy) -> Self {
        let named = sent_by.hosts().filter_map(|name| {
            let uri = format!("sip:{name}");
            let uri = Uri::parse(&uri).ok()?;
            Some((uri.host().to_owned(), port_of(uri.port())))
        });
        OwnPlaces { listening: listening.to_vec(), named: named.collect() }
    }

    pub fn holds(&self, host: &str, port: Option<u16>) -> bool {
        let port = port_of(port);
        if self.named.iter().any(|(name, at)| *at == port && name.eq_ignore_ascii_case(host)) {
            return true;
        }
        let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() else { return false };
        let ip = ip.to_canonical();
        let mut here = self.listening.iter().filter(|l| l.addr.port() == port).map(|l| l.addr.ip().to_canonical());
        here.any(|own| own == ip || own.is_unspecified() && is_of_this_machine(ip))
    }
}

fn port_of(port: Option<u16>) -> u16 {
    port.unwrap_or(Transport::Udp.default_port())
}

/// Asked each time, for addresses come and go (those of a pair of machines, say). A system that lets programs bind what is
/// not theirs calls every address its own.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_ours_where_we_listen_or_as_we_name_it() {
        let udp = |addr: &str| Endpoint::new(Transport::Udp, addr.parse().unwrap());
        let named = [
            (Transport::Udp, "sw.example.com:5060"),
            (Transport::Tcp, "203.0.113.10:5060"),
            (Transport::Ws, "[2001:db8::10]:8088"),
        ];
        let named =
            SentBy::new(named.map(|(t, name)| (Endpoint::new(t, ([192, 0, 2, 1], 5060).into()), name.to_owned())));
        for (listening, host, port, own) in [
            (udp("192.0.2.1:5060"), "192.0.2.1", None, true),
            (udp("192.0.2.1:5060"), "192.0.2.1", Some(5060), true),
            (udp("192.0.2.1:5060"), "192.0.2.1", Some(5070), false),
            (udp("192.0.2.1:5060"), "192.0.2.2", None, false),
            (udp("192.0.2.1:5060"), "127.0.0.1", None, false),
            (udp("[2001:db8::1]:5060"), "2001:db8::1", None, true),
            (udp("[2001:db8::1]:5060"), "[2001:db8::1]", None, true),
            // Listening everywhere is not being everywhere.
            (udp("0.0.0.0:5060"), "198.51.100.250", None, false),
            (udp("0.0.0.0:5060"), "2001:db8::250", None, false),
            (udp("0.0.0.0:5060"), "127.0.0.1", None, true),
            (udp("0.0.0.0:5060"), "127.0.0.77", None, true),
            (udp("0.0.0.0:5060"), "127.0.0.1", Some(5070), false),
            (udp("0.0.0.0:5060"), "::ffff:127.0.0.1", None, true),
            (udp("0.0.0.0:5060"), "SW.example.com", None, true),
            (udp("0.0.0.0:5060"), "sw.example.com", Some(5070), false),
            (udp("0.0.0.0:5060"), "other.example.com", None, false),
            (udp("0.0.0.0:5060"), "203.0.113.10", None, true),
            (udp("0.0.0.0:5060"), "2001:db8::10", Some(8088), true),
        ] {
            assert_eq!(OwnPlaces::new(&[listening], &named).holds(host, port), own, "{host} {port:?} at {listening}");
        }
    }
}
