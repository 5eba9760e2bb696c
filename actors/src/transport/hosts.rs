use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tandem_model::HostId;
use tandem_model::limits::HOST_NAMES_MAX;

/// Low bits of a [`HostId`]: the place, from 1. The rest counts how often the place was given away.
const PLACE_BITS: u32 = 12;

/// Whether a TLS peer has to prove its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verify {
    #[default]
    Yes,
    /// Any certificate will do: what an operator says of one carrier.
    No,
}

/// The name behind a [`HostId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Host {
    pub name: Arc<str>,
    pub verify: Verify,
}

/// The names of TLS peers, numbered. [`HOST_NAMES_MAX`] at most: the one not used for longest makes room, and its number
/// then leads nowhere.
#[derive(Default)]
pub(super) struct Hosts(Mutex<Names>);

#[derive(Default)]
struct Names {
    numbers: HashMap<Host, usize>,
    places: Vec<Place>,
    exempt: HashSet<String>,
    uses: u64,
}

struct Place {
    host: Host,
    generation: u32,
    used: u64,
}

impl Hosts {
    pub fn number(&self, name: &str, verify: Verify) -> HostId {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let mut names = self.names();
        let verify = if names.exempt.contains(&name) { Verify::No } else { verify };
        let host = Host { name: name.into(), verify };
        names.uses += 1;
        let used = names.uses;
        let at = match names.numbers.get(&host) {
            Some(at) => *at,
            None => names.add(host),
        };
        let Some(place) = names.places.get_mut(at) else { return HostId::NONE };
        place.used = used;
        HostId(place.generation << PLACE_BITS | (at as u32 + 1))
    }

    /// None for [`HostId::NONE`] and for a number that was given away.
    pub fn get(&self, id: HostId) -> Option<Host> {
        let names = self.names();
        let at = (id.0 & ((1 << PLACE_BITS) - 1)).checked_sub(1)?;
        let place = names.places.get(at as usize)?;
        (place.generation == id.0 >> PLACE_BITS).then(|| place.host.clone())
    }

    /// From now on these names need no proof, and all others do.
    pub fn exempt(&self, names: impl IntoIterator<Item = String>) {
        let exempt = names.into_iter().take(HOST_NAMES_MAX);
        self.names().exempt = exempt.map(|n| n.trim_end_matches('.').to_ascii_lowercase()).collect();
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Names {
    fn add(&mut self, host: Host) -> usize {
        let used = self.uses;
        if self.places.len() < HOST_NAMES_MAX {
            self.places.push(Place { host: host.clone(), generation: 0, used });
            self.numbers.insert(host, self.places.len() - 1);
            return self.places.len() - 1;
        }
        let oldest = self.places.iter().enumerate().min_by_key(|(_, p)| p.used).map_or(0, |(at, _)| at);
        if let Some(place) = self.places.get_mut(oldest) {
            self.numbers.remove(&place.host);
            place.host = host.clone();
            place.generation = (place.generation + 1) & (u32::MAX >> PLACE_BITS);
            self.numbers.insert(host, oldest);
        }
        oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_none_shares_it() {
        let hosts = Hosts::default();
        let a = hosts.number("a.example", Verify::Yes);
        assert_eq!(hosts.number("A.example.", Verify::Yes), a);
        let others = [hosts.number("b.example", Verify::Yes), hosts.number("a.example", Verify::No), HostId::NONE];
        assert!(!others.contains(&a) && others[0] != others[1]);
        assert_eq!(hosts.get(a).map(|h| (h.name.to_string(), h.verify)), Some(("a.example".into(), Verify::Yes)));
        assert_eq!(hosts.get(others[1]).map(|h| h.verify), Some(Verify::No));
        assert_eq!(hosts.get(HostId::NONE), None);
    }

    #[test]
    fn a_number_that_was_given_away_leads_nowhere() {
        let hosts = Hosts::default();
        let (first, second) = (hosts.number("first", Verify::Yes), hosts.number("second", Verify::Yes));
        for n in 0..HOST_NAMES_MAX - 1 {
            // One in use all the time is not the one that makes room.
            hosts.number("second", Verify::Yes);
            hosts.number(&format!("h{n}"), Verify::Yes);
        }
        assert_eq!(hosts.get(first), None);
        assert!(hosts.get(second).is_some());
        assert_eq!(hosts.names().places.len(), HOST_NAMES_MAX);
    }

    #[test]
    fn an_exempt_name_needs_no_proof_whoever_asks() {
        let hosts = Hosts::default();
        hosts.exempt(["Old.Carrier.example".to_owned()]);
        assert_eq!(hosts.get(hosts.number("old.carrier.example", Verify::Yes)).map(|h| h.verify), Some(Verify::No));
        hosts.exempt([]);
        assert_eq!(hosts.get(hosts.number("old.carrier.example", Verify::Yes)).map(|h| h.verify), Some(Verify::Yes));
    }
}
