use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use tandem_call::directory::IpRange;

use super::super::settings::ConnectionLimits;

/// Who may connect: a bound for all and one a source. When it is reached, whoever has said nothing yet for longest makes
/// room, so silent connections do not keep out a phone that speaks.
pub(super) struct Crowd {
    limits: ConnectionLimits,
    /// Each brings many clients, and is held to the bound of all alone.
    proxies: Vec<IpRange>,
    all: usize,
    of_source: HashMap<Source, usize>,
    silent: BTreeSet<u64>,
    silent_of: BTreeSet<(Source, u64)>,
}

/// An IPv4 address, or an IPv6 /64: what one subscriber is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Source {
    net: u128,
    is_proxy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Yes,
    /// Once this one is closed.
    InPlaceOf(u64),
    No,
}

impl Crowd {
    pub fn new(limits: ConnectionLimits, proxies: Vec<IpRange>) -> Crowd {
        Crowd {
            limits,
            proxies,
            all: 0,
            of_source: HashMap::new(),
            silent: BTreeSet::new(),
            silent_of: BTreeSet::new(),
        }
    }

    pub fn source(&self, ip: IpAddr) -> Source {
        let ip = ip.to_canonical();
        let net = match ip {
            IpAddr::V4(ip) => ip.to_bits().into(),
            IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
        };
        Source { net, is_proxy: self.proxies.iter().any(|proxy| proxy.contains(ip)) }
    }

    /// Whether one more may come; `source` is None for a connection of our own.
    pub fn admission(&self, source: Option<Source>) -> Admission {
        let of_source = source.and_then(|s| self.of_source.get(&s)).copied().unwrap_or(0);
        let in_place = match source {
            Some(source) if !source.is_proxy && of_source >= self.limits.per_source => {
                let oldest = self.silent_of.range((source, 0)..=(source, u64::MAX)).next();
                oldest.map(|(_, id)| *id)
            }
            _ if self.all < self.limits.all => return Admission::Yes,
            _ => self.silent.first().copied(),
        };
        in_place.map_or(Admission::No, Admission::InPlaceOf)
    }

    /// Connections are numbered upwards as they come.
    pub fn enter(&mut self, id: u64, source: Option<Source>) {
        self.all += 1;
        if let Some(source) = source {
            *self.of_source.entry(source).or_default() += 1;
            self.silent.insert(id);
            self.silent_of.insert((source, id));
        }
    }

    /// It has said something of sense, and gives its place to nobody any more.
    pub fn proven(&mut self, id: u64, source: Option<Source>) {
        if let Some(source) = source {
            self.silent.remove(&id);
            self.silent_of.remove(&(source, id));
        }
    }

    pub fn leave(&mut self, id: u64, source: Option<Source>) {
        self.proven(id, source);
        self.all = self.all.saturating_sub(1);
        let Some(source) = source else { return };
        if let Some(count) = self.of_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(all: usize, per_source: usize) -> Crowd {
        Crowd::new(ConnectionLimits { all, per_source }, vec!["192.0.2.9".parse().unwrap()])
    }

    fn source(text: &str) -> Option<Source> {
        Some(crowd(1, 1).source(text.parse().unwrap()))
    }

    #[test]
    fn the_one_silent_for_longest_makes_room_for_another_of_its_source() {
        let mut crowd = crowd(10, 2);
        let (a, b) = (source("192.0.2.1"), source("192.0.2.2"));
        crowd.enter(1, b);
        crowd.enter(2, a);
        crowd.enter(3, a);
        assert_eq!(crowd.admission(a), Admission::InPlaceOf(2));
        crowd.proven(2, a);
        assert_eq!(crowd.admission(a), Admission::InPlaceOf(3));
        crowd.proven(3, a);
        assert_eq!(crowd.admission(a), Admission::No, "nobody who speaks is sent away");
        assert_eq!(crowd.admission(b), Admission::Yes);
        crowd.leave(2, a);
        assert_eq!(crowd.admission(a), Admission::Yes);
    }

    #[test]
    fn the_bound_of_all_holds_for_our_own_connections_too() {
        let mut crowd = crowd(2, 2);
        crowd.enter(1, source("192.0.2.1"));
        crowd.enter(2, None);
        assert_eq!(crowd.admission(None), Admission::InPlaceOf(1));
        crowd.leave(1, source("192.0.2.1"));
        crowd.enter(3, None);
        assert_eq!(crowd.admission(source("192.0.2.3")), Admission::No);
        assert!(crowd.of_source.is_empty() && crowd.silent.is_empty() && crowd.silent_of.is_empty());
    }

    #[test]
    fn a_proxy_brings_as_many_as_there_may_be_of_all() {
        let mut crowd = crowd(5, 2);
        let (proxy, phone) = (source("192.0.2.9"), source("192.0.2.1"));
        for id in 1..=4 {
            assert_eq!(crowd.admission(proxy), Admission::Yes);
            crowd.enter(id, proxy);
            crowd.proven(id, proxy);
        }
        assert_eq!(crowd.admission(source("::ffff:192.0.2.9")), Admission::Yes, "the same, by another name");
        crowd.enter(5, phone);
        assert_eq!(crowd.admission(proxy), Admission::InPlaceOf(5));
        crowd.proven(5, phone);
        assert_eq!(crowd.admission(proxy), Admission::No);
        crowd.leave(5, phone);
        crowd.enter(6, proxy);
        assert_eq!(crowd.admission(proxy), Admission::InPlaceOf(6), "one of its own that says nothing");
    }

    #[test]
    fn a_subscribers_whole_ipv6_network_is_one_source() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
