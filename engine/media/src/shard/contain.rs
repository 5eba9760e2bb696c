use std::panic::{AssertUnwindSafe, catch_unwind};

use tandem_model::Timestamp;
use tandem_model::limits::RESTART_WINDOW;

use super::{Batch, Link, Shard, Slot};
use crate::control::Event;
use crate::leg::{Leg, Turn};

/// Panics of one leg within [`RESTART_WINDOW`] that it is rebuilt after; the next one ends it.
const REBUILDS_MAX: u8 = 2;

/// How often a leg panicked lately.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    count: u8,
    since: Timestamp,
}

impl Failures {
    /// Counts one; true while the leg may be rebuilt.
    fn may_rebuild(&mut self, now: Timestamp) -> bool {
        if self.count == 0 || now.since(self.since) > RESTART_WINDOW {
            *self = Failures { count: 0, since: now };
        }
        self.count = self.count.saturating_add(1);
        self.count <= REBUILDS_MAX
    }
}

impl Shard {
    /// The leg boundary (I4): runs one step of one leg. A panic in it ends here; the leg is rebuilt from its spec and RTP
    /// cursor, or closed with [`Event::Failed`] when it keeps panicking, and its neighbours notice nothing.
    pub(super) fn contained<R>(
        &mut self,
        slot: Slot,
        now: Timestamp,
        batch: &mut Batch,
        step: impl FnOnce(&mut Leg, &mut Turn<'_>) -> R,
    ) -> Option<R> {
        let clock = self.clock();
        self.wake(slot);
        let place = self.places.get_mut(slot.0)?.as_mut()?;
        let mut turn = Turn {
            now,
            slot,
            clock,
            batch,
            events: &mut self.events,
            drops: &mut self.drops,
            scratch: &mut self.scratch,
        };
        let leg = &mut place.leg;
        // Unwind safe: on panic everything the step may have left half-done is thrown away by `rebuild`, and the turn's queues
        // are only ever appended to.
        match catch_unwind(AssertUnwindSafe(|| step(leg, &mut turn))) {
            Ok(value) => Some(value),
            Err(_) => {
                self.recover(slot, now, batch);
                None
            }
        }
    }

    fn recover(&mut self, slot: Slot, now: Timestamp, batch: &mut Batch) {
        let Some(place) = self.place_mut(slot) else { return };
        if place.failures.may_rebuild(now) {
            let leg = &mut place.leg;
            if let Ok(ended) = catch_unwind(AssertUnwindSafe(|| leg.rebuild())) {
                self.rebuilt += 1;
                if let Some(event) = ended {
                    self.events.push(event);
                }
                return;
            }
        }
        self.fail(slot, now, batch);
    }

    fn fail(&mut self, slot: Slot, now: Timestamp, batch: &mut Batch) {
        let link = self.link(slot);
        let Some(place) = self.remove(slot) else { return };
        let leg = place.leg.id();
        let stats = catch_unwind(AssertUnwindSafe(|| place.leg.stats())).unwrap_or_default();
        self.events.push(Event::Failed { leg, stats: Box::new(stats) });
        match link {
            Link::Partner(partner) if partner != slot => {
                self.set_link(partner, Link::Alone);
                self.wire(partner, now, batch);
            }
            Link::Mix(at) => self.leave(slot, at, now, batch),
            Link::Alone | Link::Partner(_) => {}
        }
    }
}
