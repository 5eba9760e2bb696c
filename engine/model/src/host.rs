use std::fmt;
use std::net::IpAddr;

/// What a host with one or both families of addresses is reached at: one address of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostAddress {
    first: IpAddr,
    /// Of the other family.
    other: Option<IpAddr>,
}

impl HostAddress {
    /// `other` counts only where it is of the other family.
    pub fn new(first: IpAddr, other: Option<IpAddr>) -> Self {
        HostAddress { first, other: other.filter(|ip| ip.is_ipv4() != first.is_ipv4()) }
    }

    /// The one that stands for the host where no peer is known.
    pub fn first(self) -> IpAddr {
        self.first
    }

    /// The one that `peer` can reach: of its family where there is one.
    pub fn towards(self, peer: IpAddr) -> IpAddr {
        self.other.filter(|ip| ip.is_ipv4() == peer.to_canonical().is_ipv4()).unwrap_or(self.first)
    }
}

impl From<IpAddr> for HostAddress {
    fn from(only: IpAddr) -> Self {
        HostAddress::new(only, None)
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_reaches_an_address_of_its_own_family() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let (v4, v6) = (ip("192.0.2.1"), ip("2001:db8::1"));
        let both = HostAddress::new(v6, Some(v4));
        assert_eq!(both.towards(ip("198.51.100.7")), v4);
        assert_eq!(both.towards(ip("::ffff:198.51.100.7")), v4);
        assert_eq!(both.towards(ip("2001:db8::7")), v6);
        assert_eq!(HostAddress::new(v4, Some(ip("192.0.2.2"))), HostAddress::from(v4));
        assert_eq!(HostAddress::from(v4).towards(ip("2001:db8::7")), v4);
    }
}
