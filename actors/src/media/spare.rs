//! Sockets of ports that no leg has, and which leg has which port.
//!
//! To open, set up, watch and close four sockets was a tenth of what a short call costs, and nearly all of that the kernel's. A port
//! keeps its sockets instead, watched as before: what comes while it rests is read and thrown away, so that nothing of one call is
//! there for the next.

use std::collections::HashMap;

use nix::sys::resource::{Resource, getrlimit};
use tandem_media::shard::Slot;

use super::socket::LegSockets;

/// A thread keeps no more than this many pairs: what a thousand calls of two legs a second leave behind while they rest, and as much again.
const PAIRS_MAX: usize = 8_192;
/// Of the descriptors that the process may have, all threads together keep one in so many. A leg that finds none for its sockets has
/// these to take ([`SpareSockets::shed`]); connections have the other half.
const SHARE_OF_DESCRIPTORS: u64 = 2;

/// Open sockets, and how many datagrams the kernel had thrown away at them before.
#[derive(Debug)]
pub(super) struct Spare {
    pub sockets: LegSockets,
    pub drops: u64,
}

/// By port.
#[derive(Debug)]
pub(super) struct SpareSockets {
    pairs: HashMap<u16, Spare>,
    max: usize,
}

impl SpareSockets {
    /// For one of `threads` threads.
    pub fn new(threads: usize) -> Self {
        let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft) / SHARE_OF_DESCRIPTORS / 2;
        let max = usize::try_from(descriptors).unwrap_or(usize::MAX) / threads.max(1);
        SpareSockets { pairs: HashMap::new(), max: max.min(PAIRS_MAX) }
    }

    /// False when there are enough: the sockets are closed then.
    pub fn keep(&mut self, port: u16, spare: Spare) -> bool {
        if self.pairs.len() >= self.max {
            return false;
        }
        self.pairs.insert(port, spare);
        true
    }

    /// Closes half of them, and says whether there were any: the process has no descriptor left.
    pub fn shed(&mut self) -> bool {
        let half: Vec<u16> = self.pairs.keys().copied().take(self.pairs.len().div_ceil(2)).collect();
        for port in &half {
            self.pairs.remove(port);
        }
        !half.is_empty()
    }

    pub fn take(&mut self, port: u16) -> Option<Spare> {
        self.pairs.remove(&port)
    }

    pub fn get(&self, port: u16) -> Option<&LegSockets> {
        self.pairs.get(&port).map(|spare| &spare.sockets)
    }
}

/// Whose a port is: asked for each packet, so a place for every pair there can be.
#[derive(Debug)]
pub(super) struct Seats(Box<[Option<Seat>]>);

/// One more than the slot, so that the table is half as large.
type Seat = std::num::NonZeroU32;

impl Seats {
    pub fn new() -> Self {
        Seats(vec![None; usize::from(u16::MAX) / 2 + 1].into())
    }

    pub fn take(&mut self, port: u16, slot: Slot) {
        self.0[usize::from(port / 2)] = u32::try_from(slot.0 + 1).ok().and_then(Seat::new);
    }

    pub fn leave(&mut self, port: u16) {
        self.0[usize::from(port / 2)] = None;
    }

    pub fn slot(&self, port: u16) -> Option<Slot> {
        self.0[usize::from(port / 2)].map(|seat| Slot(seat.get() as usize - 1))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    fn half_of_the_spare_sockets_go_at_a_time_until_there_are_none() {
        let mut spares = SpareSockets { pairs: HashMap::new(), max: 5 };
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let bound = (20_001..60_000).step_by(2).filter_map(|port| {
            let sockets = LegSockets::bind(localhost, port, &crate::media::SocketOptions::default()).ok()?;
            Some((port, Spare { sockets, drops: 0 }))
        });
        let kept = bound.take(6).filter_map(|(port, spare)| spares.keep(port, spare).then_some(port)).count();
        assert_eq!(kept, 5);
        let left = std::iter::from_fn(|| spares.shed().then_some(spares.pairs.len()));
        assert_eq!(left.collect::<Vec<_>>(), [2, 1, 0]);
    }

    #[test]
    fn every_pair_of_ports_has_a_seat() {
        let mut seats = Seats::new();
        for (port, slot) in [(0, 3), (65_534, 0), (20_000, 32_767)] {
            assert_eq!(seats.slot(port), None);
            seats.take(port, Slot(slot));
            assert_eq!(seats.slot(port), Some(Slot(slot)));
        }
        seats.leave(20_000);
        assert_eq!((seats.slot(20_000), seats.slot(0)), (None, Some(Slot(3))));
    }
}
