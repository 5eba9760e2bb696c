use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Which addresses a customer's URL may lead to: the public Internet, and what the operator listed (promises row 18).
#[derive(Clone, Debug, Default)]
pub struct Guard {
    allow: Vec<IpNet>,
}

/// An address that must not be reached, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub address: IpAddr,
    pub rule: Rule,
}

/// The reason for a [`Refused`]; the registries are IANA's special-purpose ones (RFC 6890).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// 0.0.0.0/8, ::
    ThisNetwork,
    /// 127.0.0.0/8, ::1
    Loopback,
    /// RFC 1918
    Private,
    /// 100.64.0.0/10 (RFC 6598)
    SharedCarrier,
    /// 169.254.0.0/16, fe80::/10; cloud metadata lives here.
    LinkLocal,
    /// fc00::/7 and the older fec0::/10
    UniqueLocal,
    Multicast,
    /// Set aside for protocols, documentation, benchmarks or the future.
    Reserved,
    /// An IPv6 form that carries an IPv4 address in a way we do not follow (Teredo, IPv4-compatible).
    Tunnel,
}

impl Guard {
    pub fn new(allow: Vec<IpNet>) -> Self {
        Guard { allow }
    }

    /// Whether the operator listed the address, whatever it is.
    pub fn is_listed(&self, address: IpAddr) -> bool {
        let plain = unwrapped(address);
        self.allow.iter().any(|net| net.contains(&plain) || net.contains(&address))
    }

    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let plain = unwrapped(address);
        if self.is_listed(address) {
            return Ok(());
        }
        let rule = match plain {
            IpAddr::V4(v4) => rule_v4(v4),
            IpAddr::V6(v6) => rule_v6(v6),
        };
        rule.map_or(Ok(()), |rule| Err(Refused { address, rule }))
    }
}

/// The IPv4 address inside an IPv6 one, where packets to the one end at the other: IPv4-mapped (RFC 4291 section
/// 2.5.5.2), NAT64 (RFC 6052) and 6to4 (RFC 3056).
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let low = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match segments {
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => low(a, b),
        _ => address,
    }
}

fn rule_v4(ip: Ipv4Addr) -> Option<Rule> {
    let rule = match ip.octets() {
        [0, ..] => Rule::ThisNetwork,
        [127, ..] => Rule::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Rule::Private,
        [100, 64..=127, ..] => Rule::SharedCarrier,
        [169, 254, ..] => Rule::LinkLocal,
        [224..=239, ..] => Rule::Multicast,
        [192, 0, 0, _]
        | [192, 0, 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => Rule::Reserved,
        _ => return None,
    };
    Some(rule)
}

/// Only 2000::/3 is global unicast today (RFC 4291 section 2.4), so everything else is refused, by name where it has one.
fn rule_v6(ip: Ipv6Addr) -> Option<Rule> {
    let rule = match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Rule::ThisNetwork,
        [0, 0, 0, 0, 0, 0, 0, 1] => Rule::Loopback,
        [0, 0, 0, 0, 0, 0, ..] => Rule::Tunnel,
        [0x2001, 0, ..] => Rule::Tunnel,
        [0x2001, 0x0db8, ..] | [0x2001, 0x0001..=0x01ff, ..] | [0x3fff, 0..=0x0fff, ..] => Rule::Reserved,
        [0xfe80..=0xfebf, ..] => Rule::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Rule::UniqueLocal,
        [0xff00..=0xffff, ..] => Rule::Multicast,
        [0x2000..=0x3fff, ..] => return None,
        _ => Rule::Reserved,
    };
    Some(rule)
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::ThisNetwork => "this-network address",
            Rule::Loopback => "loopback address",
            Rule::Private => "private address",
            Rule::SharedCarrier => "carrier-grade NAT address",
            Rule::LinkLocal => "link-local address",
            Rule::UniqueLocal => "unique-local address",
            Rule::Multicast => "multicast address",
            Rule::Reserved => "reserved address",
            Rule::Tunnel => "tunnel address",
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is a {}, which webhooks may not reach unless the operator lists it", self.address, self.rule)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(address: &str) -> Option<Rule> {
        Guard::default().check(address.parse().unwrap()).err().map(|r| r.rule)
    }

    #[test]
    fn every_special_range_is_refused_at_both_ends_and_its_neighbours_are_not() {
        for (address, expected) in [
            ("0.0.0.0", Some(Rule::ThisNetwork)),
            ("0.255.255.255", Some(Rule::ThisNetwork)),
            ("1.0.0.0", None),
            ("9.255.255.255", None),
            ("10.0.0.0", Some(Rule::Private)),
            ("10.255.255.255", Some(Rule::Private)),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.0", Some(Rule::SharedCarrier)),
            ("100.127.255.255", Some(Rule::SharedCarrier)),
            ("100.128.0.0", None),
            ("126.255.255.255", None),
            ("127.0.0.0", Some(Rule::Loopback)),
            ("127.255.255.255", Some(Rule::Loopback)),
            ("128.0.0.0", None),
            ("169.253.255.255", None),
            ("169.254.169.254", Some(Rule::LinkLocal)),
            ("169.255.0.0", None),
            ("172.15.255.255", None),
            ("172.16.0.0", Some(Rule::Private)),
            ("172.31.255.255", Some(Rule::Private)),
            ("172.32.0.0", None),
            ("192.168.0.0", Some(Rule::Private)),
            ("192.169.0.0", None),
            ("198.17.255.255", None),
            ("198.19.255.255", Some(Rule::Reserved)),
            ("223.255.255.255", None),
            ("224.0.0.1", Some(Rule::Multicast)),
            ("239.255.255.255", Some(Rule::Multicast)),
            ("240.0.0.0", Some(Rule::Reserved)),
            ("255.255.255.255", Some(Rule::Reserved)),
            ("::", Some(Rule::ThisNetwork)),
            ("::1", Some(Rule::Loopback)),
            ("::7f00:1", Some(Rule::Tunnel)),
            ("::ffff:127.0.0.1", Some(Rule::Loopback)),
            ("::ffff:10.1.2.3", Some(Rule::Private)),
            ("::ffff:8.8.8.8", None),
            ("64:ff9b::a9fe:a9fe", Some(Rule::LinkLocal)),
            ("64:ff9b::808:808", None),
            ("64:ff9b:1::1", Some(Rule::Reserved)),
            ("2002:7f00:1::", Some(Rule::Loopback)),
            ("2002:808:808::", None),
            ("2001:0:53aa:64c::1", Some(Rule::Tunnel)),
            ("2001:db8::1", Some(Rule::Reserved)),
            ("2606:4700::1111", None),
            ("fc00::1", Some(Rule::UniqueLocal)),
            ("fd00::1", Some(Rule::UniqueLocal)),
            ("fe80::1", Some(Rule::LinkLocal)),
            ("fec0::1", Some(Rule::UniqueLocal)),
            ("ff02::1", Some(Rule::Multicast)),
            ("5f00::1", Some(Rule::Reserved)),
        ] {
            assert_eq!(rule(address), expected, "{address}");
        }
    }

    #[test]
    fn a_listed_network_is_allowed_in_every_notation_and_nothing_beside_it() {
        let guard = Guard::new(vec!["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()]);
        for ok in ["10.1.255.1", "::ffff:10.1.0.1", "64:ff9b::a01:1", "fd00:1::9", "8.8.8.8"] {
            assert_eq!(guard.check(ok.parse().unwrap()), Ok(()), "{ok}");
        }
        for no in ["10.2.0.1", "::ffff:10.2.0.1", "fd00:2::9", "127.0.0.1"] {
            assert!(guard.check(no.parse().unwrap()).is_err(), "{no}");
        }
    }
}
