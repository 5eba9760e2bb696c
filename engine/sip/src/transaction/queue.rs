use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tandem_model::Timestamp;

use super::timer::Timer;

/// One running timer of one transaction.
pub(super) type Entry = (Timestamp, u64, Timer);

/// All timers of a layer by time. Stopped ones stay until they come up or the heap is mostly such.
#[derive(Default)]
pub(super) struct TimerQueue(BinaryHeap<Reverse<Entry>>);

/// Entries a transaction accounts for before the heap is swept: at most three run, the rest have been stopped.
const ENTRIES_PER_TRANSACTION: usize = 6;

impl TimerQueue {
    pub fn push(&mut self, entry: Entry) {
        self.0.push(Reverse(entry));
    }

    pub fn first(&self) -> Option<Entry> {
        self.0.peek().map(|Reverse(entry)| *entry)
    }

    /// The first entry, if it is due.
    pub fn pop_due(&mut self, now: Timestamp) -> Option<Entry> {
        if self.first()?.0 > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }

    /// Drops stopped timers from the front, so that `first` is a real deadline, and all of them when they pile up.
    pub fn prune(&mut self, transactions: usize, is_set: impl Fn(&Entry) -> bool) {
        if self.0.len() > 64 + transactions * ENTRIES_PER_TRANSACTION {
            self.0.retain(|Reverse(entry)| is_set(entry));
        }
        while self.first().is_some_and(|entry| !is_set(&entry)) {
            self.0.pop();
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
