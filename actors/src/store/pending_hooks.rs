use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tandem_model::{Sid, limits};

use super::{StatusJobRow, WebhookEntry, WebhookLogBounds};

/// Notifications and log entries on their way to disk. A notification that was delivered before the disk took it never gets there.
#[derive(Default)]
pub(super) struct PendingHooks {
    waiting: Mutex<Waiting>,
    /// Rows of notifications on disk now.
    stored: AtomicI64,
    lost: AtomicU64,
    entries_max: AtomicUsize,
    per_call_max: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    jobs: BTreeMap<i64, Change>,
    entries: VecDeque<WebhookEntry>,
}

enum Change {
    Put(StatusJobRow),
    Remove,
}

/// What one commit takes.
#[derive(Default)]
pub(super) struct Hooks {
    pub put: Vec<StatusJobRow>,
    pub removed: Vec<i64>,
    pub entries: Vec<WebhookEntry>,
}

impl PendingHooks {
    pub fn set_bounds(&self, bounds: WebhookLogBounds) {
        self.entries_max.store(bounds.entries_max, Ordering::Relaxed);
        self.per_call_max.store(bounds.per_call_max, Ordering::Relaxed);
    }

    pub fn bounds(&self) -> WebhookLogBounds {
        WebhookLogBounds {
            entries_max: self.entries_max.load(Ordering::Relaxed),
            per_call_max: self.per_call_max.load(Ordering::Relaxed),
        }
    }

    /// The queue they come from is bounded, and so is this.
    pub fn put_job(&self, row: StatusJobRow) {
        self.lock().jobs.insert(row.id, Change::Put(row));
    }

    /// Whether there is anything to write for it.
    pub fn remove_job(&self, id: i64) -> bool {
        let mut w = self.lock();
        if let Some(Change::Put(_)) = w.jobs.get(&id) {
            w.jobs.remove(&id);
            return false;
        }
        w.jobs.insert(id, Change::Remove);
        true
    }

    pub fn put_entry(&self, entry: WebhookEntry) -> bool {
        if self.entries_max.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut w = self.lock();
        if w.entries.len() >= limits::WEBHOOK_LOG_WAITING_MAX {
            drop(w);
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        w.entries.push_back(entry);
        true
    }

    pub fn forget_call(&self, sid: Sid) {
        self.lock().entries.retain(|e| e.call_sid != Some(sid));
    }

    /// Up to `limit` of each. End it with [`PendingHooks::written`] or [`PendingHooks::give_back`].
    pub fn take(&self, limit: usize) -> Hooks {
        let mut w = self.lock();
        let mut hooks = Hooks::default();
        for _ in 0..limit {
            match w.jobs.pop_first() {
                Some((_, Change::Put(row))) => hooks.put.push(row),
                Some((id, Change::Remove)) => hooks.removed.push(id),
                None => break,
            }
        }
        let count = w.entries.len().min(limit);
        hooks.entries.extend(w.entries.drain(..count));
        hooks
    }

    pub fn written(&self, hooks: &Hooks) {
        let change = signed(hooks.put.len()) - signed(hooks.removed.len());
        self.stored.fetch_add(change, Ordering::Relaxed);
    }

    pub fn give_back(&self, hooks: Hooks) {
        let mut w = self.lock();
        for row in hooks.put {
            match w.jobs.get(&row.id) {
                // Delivered in the meantime: the disk never knew it.
                Some(Change::Remove) => {
                    w.jobs.remove(&row.id);
                }
                Some(Change::Put(_)) => {}
                None => {
                    w.jobs.insert(row.id, Change::Put(row));
                }
            }
        }
        for id in hooks.removed {
            w.jobs.entry(id).or_insert(Change::Remove);
        }
        for entry in hooks.entries.into_iter().rev() {
            w.entries.push_front(entry);
        }
    }

    pub fn found(&self, rows: usize) {
        self.stored.store(signed(rows), Ordering::Relaxed);
    }

    pub fn stored(&self) -> u64 {
        u64::try_from(self.stored.load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub fn is_empty(&self) -> bool {
        let w = self.lock();
        w.jobs.is_empty() && w.entries.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code panics while it holds this lock; the data would be whole even so.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hooks {
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty() && self.entries.is_empty()
    }

    /// Whether as much was taken as may be at once.
    pub fn fill(&self, limit: usize) -> bool {
        self.put.len() + self.removed.len() >= limit || self.entries.len() >= limit
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::WallTime;

    fn row(id: i64) -> StatusJobRow {
        StatusJobRow { id, created: WallTime(0), request: String::new() }
    }

    #[test]
    fn what_was_delivered_before_the_disk_took_it_is_not_written() {
        let pending = PendingHooks::default();
        pending.put_job(row(1));
        pending.put_job(row(2));
        assert!(!pending.remove_job(1));
        let hooks = pending.take(10);
        assert_eq!((hooks.put, hooks.removed), (vec![row(2)], vec![]));
        assert!(pending.remove_job(2), "the disk has it");
        assert_eq!(pending.take(10).removed, [2]);
    }

    #[test]
    fn a_failed_commit_loses_nothing_and_brings_back_nothing_that_was_delivered() {
        let pending = PendingHooks::default();
        (1..=2).for_each(|id| pending.put_job(row(id)));
        let hooks = pending.take(10);
        pending.remove_job(1);
        pending.give_back(hooks);
        let hooks = pending.take(10);
        assert_eq!((&hooks.put, &hooks.removed), (&vec![row(2)], &vec![]));
        pending.written(&hooks);
        assert_eq!(pending.stored(), 1);
        pending.remove_job(2);
        let hooks = pending.take(10);
        pending.give_back(hooks);
        let hooks = pending.take(10);
        assert_eq!(hooks.removed, [2]);
        pending.written(&hooks);
        assert_eq!(pending.stored(), 0);
    }

    #[test]
    fn log_entries_are_bounded_and_counted_when_lost() {
        let pending = PendingHooks::default();
        assert!(!pending.put_entry(WebhookEntry::default()), "nothing is kept until it is said how much");
        pending.set_bounds(WebhookLogBounds::default());
        for _ in 0..limits::WEBHOOK_LOG_WAITING_MAX {
            assert!(pending.put_entry(WebhookEntry::default()));
        }
        assert!(!pending.put_entry(WebhookEntry::default()));
        assert_eq!(pending.lost(), 1);
        assert!(pending.take(10).fill(10));
    }
}
