use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tandem_model::{Sid, WallTime};
use tokio::sync::Notify;

use super::pending_hooks::PendingHooks;
use super::{BinUse, CallEvent, CallRecord, RecordingRecord};

/// Calls whose records wait for the disk at most: several minutes of a full machine's traffic.
pub(super) const CALLS_WAITING_MAX: usize = 100_000;
pub(super) const EVENTS_WAITING_MAX: usize = 100_000;
pub(super) const RECORDINGS_WAITING_MAX: usize = 100_000;

/// Call records and events on their way to disk. Bounded; the newest record of a call replaces an older one that
/// still waits, so a call in progress takes one place however often it reports. What a failed commit did not write
/// comes back here.
#[derive(Default)]
pub(super) struct Pending {
    waiting: Mutex<Waiting>,
    pub arrived: Notify,
    pub hooks: PendingHooks,
    lost: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    calls: BTreeMap<Sid, Arc<CallRecord>>,
    events: VecDeque<CallEvent>,
    recordings: BTreeMap<Sid, Arc<RecordingRecord>>,
    /// Uses that are not counted on disk yet: at most one entry a bin.
    bins: BTreeMap<Sid, BinUse>,
    /// Being written now: still the truth for readers.
    writing: BTreeMap<Sid, Arc<CallRecord>>,
    recordings_writing: BTreeMap<Sid, Arc<RecordingRecord>>,
    bins_writing: BTreeMap<Sid, BinUse>,
}

/// What the writer took to write.
#[derive(Default)]
pub(super) struct Taken {
    pub calls: Vec<Arc<CallRecord>>,
    pub events: Vec<CallEvent>,
    pub recordings: Vec<Arc<RecordingRecord>>,
    pub bins: Vec<(Sid, BinUse)>,
}

impl Taken {
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.events.is_empty() && self.recordings.is_empty() && self.bins.is_empty()
    }

    /// Of each kind fewer than `limit`: nothing was left behind.
    pub fn is_all(&self, limit: usize) -> bool {
        self.calls.len() < limit && self.events.len() < limit && self.recordings.len() < limit
    }
}

impl Pending {
    pub fn put_call(&self, record: Arc<CallRecord>) -> bool {
        let mut w = self.lock();
        if w.calls.len() >= CALLS_WAITING_MAX && !w.calls.contains_key(&record.sid) {
            drop(w);
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(call = %record.sid, lost, "no room for a call record: the store does not keep up");
            return false;
        }
        w.calls.insert(record.sid, record);
        drop(w);
        self.arrived.notify_one();
        true
    }

    pub fn put_event(&self, event: CallEvent) -> bool {
        let mut w = self.lock();
        if w.events.len() >= EVENTS_WAITING_MAX {
            drop(w);
            self.lost.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        w.events.push_back(event);
        drop(w);
        self.arrived.notify_one();
        true
    }

    pub fn put_recording(&self, record: Arc<RecordingRecord>) -> bool {
        let mut w = self.lock();
        if w.recordings.len() >= RECORDINGS_WAITING_MAX && !w.recordings.contains_key(&record.sid) {
            drop(w);
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::error!(recording = %record.sid, lost, "no room for a recording's record: the store does not keep up");
            return false;
        }
        w.recordings.insert(record.sid, record);
        drop(w);
        self.arrived.notify_one();
        true
    }

    /// A bin was asked for. The caller knows that it exists.
    pub fn count_bin(&self, bin: Sid, now: WallTime) {
        let mut w = self.lock();
        let sum = w.bins.entry(bin).or_default();
        *sum = sum.and(BinUse { requests: 1, last: Some(now) });
        drop(w);
        self.arrived.notify_one();
    }

    /// Up to `limit` of each, now being written. End it with [`Pending::written`] or [`Pending::give_back`].
    pub fn take(&self, limit: usize) -> Taken {
        let mut w = self.lock();
        let calls = take_first(&mut w.calls, limit);
        w.writing = calls.iter().map(|c| (c.sid, c.clone())).collect();
        let recordings = take_first(&mut w.recordings, limit);
        w.recordings_writing = recordings.iter().map(|r| (r.sid, r.clone())).collect();
        let count = w.events.len().min(limit);
        let events = w.events.drain(..count).collect();
        let bins = std::mem::take(&mut w.bins);
        w.bins_writing.clone_from(&bins);
        Taken { calls, events, recordings, bins: bins.into_iter().collect() }
    }

    pub fn written(&self) {
        let mut w = self.lock();
        w.writing.clear();
        w.recordings_writing.clear();
        w.bins_writing.clear();
    }

    pub fn give_back(&self, events: Vec<CallEvent>) {
        let mut w = self.lock();
        let records = std::mem::take(&mut w.writing);
        for (sid, record) in records {
            w.calls.entry(sid).or_insert(record);
        }
        let recordings = std::mem::take(&mut w.recordings_writing);
        for (sid, record) in recordings {
            w.recordings.entry(sid).or_insert(record);
        }
        let bins = std::mem::take(&mut w.bins_writing);
        for (sid, used) in bins {
            let sum = w.bins.entry(sid).or_default();
            *sum = sum.and(used);
        }
        for event in events.into_iter().rev() {
            w.events.push_front(event);
        }
    }

    pub fn call(&self, sid: Sid) -> Option<Arc<CallRecord>> {
        let w = self.lock();
        w.calls.get(&sid).or_else(|| w.writing.get(&sid)).cloned()
    }

    pub fn recording(&self, sid: Sid) -> Option<Arc<RecordingRecord>> {
        let w = self.lock();
        w.recordings.get(&sid).or_else(|| w.recordings_writing.get(&sid)).cloned()
    }

    pub fn forget_recording(&self, sid: Sid) {
        self.lock().recordings.remove(&sid);
    }

    pub fn forget_call(&self, sid: Sid) {
        let mut w = self.lock();
        w.calls.remove(&sid);
        w.events.retain(|e| e.call_sid != sid);
    }

    pub fn len(&self) -> usize {
        let w = self.lock();
        w.calls.len()
            + w.events.len()
            + w.recordings.len()
            + w.bins.len()
            + w.writing.len()
            + w.recordings_writing.len()
            + w.bins_writing.len()
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code panics while it holds this lock; the data would be whole even so.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_first<T>(all: &mut BTreeMap<Sid, Arc<T>>, limit: usize) -> Vec<Arc<T>> {
    let sids: Vec<Sid> = all.keys().take(limit).copied().collect();
    sids.iter().filter_map(|sid| all.remove(sid)).collect()
}
