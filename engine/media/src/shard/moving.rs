//! The legs of one call on their way from one shard to another. All that the far ends can notice goes along: SSRC, sequence,
//! roll-over counters, what plays, what was buffered, taps. Both shards must read the same clock.

use std::fmt;

use tandem_model::{LegId, Timestamp};

use super::clockwork::Due;
use super::contain::Failures;
use super::mixing::Mix;
use super::{Batch, Link, Place, Shard, Slot};
use crate::leg::Leg;

/// What [`Shard::take_out`] gives and [`Shard::put_in`] takes.
pub struct Departed {
    legs: Vec<Going>,
    /// Mixes that nobody else sat in; the slots of their members are places in `legs`.
    mixes: Vec<Mix>,
}

struct Going {
    leg: Box<Leg>,
    failures: Failures,
    /// As in [`Place`], with places in `legs` for slots and in `mixes` for mixes.
    link: Link,
    /// When its next tick was to be.
    tick_at: Timestamp,
}

impl Departed {
    /// In the order in which [`Shard::put_in`] names their slots.
    pub fn leg_ids(&self) -> impl Iterator<Item = LegId> + '_ {
        self.legs.iter().map(|going| going.leg.id())
    }
}

impl fmt::Debug for Departed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Departed({} legs, {} mixes)", self.legs.len(), self.mixes.len())
    }
}

impl Shard {
    /// The legs of a call, for another shard, with what links them to each other; links to legs of other calls end. Their slots
    /// are released.
    pub fn take_out(&mut self, now: Timestamp, call: u64, batch: &mut Batch) -> Departed {
        let of_call: Vec<Slot> =
            self.by_id.iter().filter(|(leg, _)| leg.call_number() == call).map(|(_, &slot)| slot).collect();
        for &slot in &of_call {
            if !self.goes_along(slot, &of_call) {
                self.unlink(slot, now, batch);
            }
        }
        let place_of = |slot: Slot| of_call.iter().position(|&s| s == slot);
        let mut departed = Departed { legs: Vec::with_capacity(of_call.len()), mixes: Vec::new() };
        let mut moved_mixes: Vec<usize> = Vec::new();
        for &slot in &of_call {
            let tick_at = self.clockwork.due_at(Due::Leg(slot)).unwrap_or(now);
            let Some(place) = self.remove(slot) else { continue };
            let link = match place.link {
                Link::Alone => Link::Alone,
                Link::Partner(partner) => place_of(partner).map_or(Link::Alone, |n| Link::Partner(Slot(n))),
                Link::Mix(at) => Link::Mix(moved_mixes.iter().position(|&m| m == at).unwrap_or_else(|| {
                    moved_mixes.push(at);
                    moved_mixes.len() - 1
                })),
            };
            departed.legs.push(Going { leg: place.leg, failures: place.failures, link, tick_at });
        }
        for at in moved_mixes {
            self.clockwork.remove(Due::Mix(at));
            self.sending = self.sending.filter(|&sending| sending != at);
            if let Some(mut mix) = self.mixes[at].take() {
                mix.rename_members(place_of);
                departed.mixes.push(mix);
            }
        }
        departed
    }

    /// Takes the legs of another shard, and gives their slots. With `anyhow` it takes more legs than it may: for those that have
    /// nowhere else to be.
    ///
    /// # Errors
    /// The legs, when there is no room or one of them is here.
    pub fn put_in(
        &mut self,
        now: Timestamp,
        departed: Departed,
        anyhow: bool,
        batch: &mut Batch,
    ) -> Result<Vec<Slot>, Departed> {
        let room = self.by_id.len() + departed.legs.len() <= self.config.legs_max;
        if !(room || anyhow) || departed.leg_ids().any(|leg| self.by_id.contains_key(&leg)) {
            return Err(departed);
        }
        let mut slots = Vec::with_capacity(departed.legs.len());
        let mut links = Vec::with_capacity(departed.legs.len());
        for going in departed.legs {
            let slot = self.free_slot();
            self.by_id.insert(going.leg.id(), slot);
            self.clockwork.add_near(now, Due::Leg(slot), going.tick_at);
            self.places[slot.0] = Some(Place { leg: going.leg, link: Link::Alone, failures: going.failures });
            slots.push(slot);
            links.push(going.link);
        }
        let mut mixes = Vec::with_capacity(departed.mixes.len());
        for mut mix in departed.mixes {
            mix.rename_members(|member| slots.get(member.0).map(|slot| slot.0));
            mixes.push(self.take_in_mix(now, mix));
        }
        for (&slot, link) in slots.iter().zip(links) {
            let link = match link {
                Link::Alone => Link::Alone,
                Link::Partner(partner) => slots.get(partner.0).map_or(Link::Alone, |&slot| Link::Partner(slot)),
                Link::Mix(at) => mixes.get(at).map_or(Link::Alone, |&at| Link::Mix(at)),
            };
            self.set_link(slot, link);
        }
        slots.iter().for_each(|&slot| self.wire(slot, now, batch));
        Ok(slots)
    }

    /// What the leg is linked to is of the same call.
    fn goes_along(&self, slot: Slot, of_call: &[Slot]) -> bool {
        match self.link(slot) {
            Link::Alone => true,
            Link::Partner(partner) => of_call.contains(&partner),
            Link::Mix(at) => self.mix_members(at).all(|member| of_call.contains(&member)),
        }
    }
}
