//! Notifications, delivered in the background and kept until they are.
//!
//! ```text
//!  push ─► disk (with the next commit) ─┐
//!     └──► lane of its call and URL ─► quick tries ─► delivered, or of no use ─► off the disk
//!                     ▲                    └─ far side down ─► asleep, longer each time, a day at most ─┐
//!                     └─────────────────────────────────────────────────────────────────────────────────┘
//! ```

mod dispatcher;
mod job;

pub use job::StatusJob;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use super::client::{WebhookClient, new_token};
use crate::store::{StatusJobRow, Store, StoreError};
use crate::world::wall_now;
use dispatcher::{Dispatcher, Message};
use job::{Kept, Queued};

/// Delivers notifications. Those of one call to one URL go out one after the other, in the order they were pushed, so a receiver
/// sees their SequenceNumber rise; all others go side by side. Clones are the same queue.
///
/// With a store, what was pushed survives a crash from the next commit on, which is a tenth of a second away; what is delivered
/// before that costs no disk.
#[derive(Clone)]
pub struct StatusQueue {
    inbox: mpsc::Sender<Message>,
    slots: Arc<Semaphore>,
    counters: Arc<Counters>,
    store: Option<Store>,
    retry_for: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct StatusQueueLimits {
    /// Notifications waiting or under way, in all, in memory as on disk. The newest is dropped above it.
    pub queued_max: usize,
    /// Of these, for one host.
    pub queued_per_host_max: usize,
    /// How long one is tried again while the far side is down; zero: no longer than the first tries take.
    pub retry_for: Duration,
    /// The first pause after the quick tries; each is twice as long as the one before, up to the last.
    pub pause_min: Duration,
    pub pause_max: Duration,
}

/// Why a notification was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusDrop {
    Full,
    Closed,
}

/// Counts since the start, but for `queued`, `asleep` and `stored`, which are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusQueueStats {
    pub queued: u64,
    /// Of these, those whose call and URL wait for a far side that is down.
    pub asleep: u64,
    /// On disk.
    pub stored: u64,
    pub delivered: u64,
    /// Tries beyond the first.
    pub retried: u64,
    /// Given up.
    pub failed: u64,
    /// Never tried: the queue, or the host's share of it, was full.
    pub dropped: u64,
}

impl Default for StatusQueueLimits {
    fn default() -> Self {
        StatusQueueLimits {
            queued_max: 50_000,
            queued_per_host_max: 50_000,
            retry_for: Duration::from_secs(24 * 3_600),
            pause_min: Duration::from_secs(15),
            pause_max: Duration::from_secs(600),
        }
    }
}

const DRAINS_MAX: usize = 16;

#[derive(Default)]
struct Counters {
    next_id: AtomicI64,
    queued: AtomicU64,
    asleep: AtomicU64,
    delivered: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl StatusQueue {
    /// Starts its task on the current runtime, without a disk. The task ends, with nothing left undelivered, after the last clone
    /// is gone.
    pub fn start(client: WebhookClient, limits: StatusQueueLimits) -> Self {
        Self::run(client, limits, None, Vec::new())
    }

    /// Starts it with what the last process did not deliver.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn restored(client: WebhookClient, limits: StatusQueueLimits, store: Store) -> Result<Self, StoreError> {
        let rows = store.status_jobs().await?;
        if !rows.is_empty() {
            tracing::info!(count = rows.len(), "notifications of before the restart are delivered now");
        }
        Ok(Self::run(client, limits, Some(store), rows))
    }

    fn run(client: WebhookClient, limits: StatusQueueLimits, store: Option<Store>, rows: Vec<StatusJobRow>) -> Self {
        // What was accepted is kept, even where fewer may be now.
        let queued_max = limits.queued_max.max(rows.len()).clamp(1, Semaphore::MAX_PERMITS - 1);
        // A job needs a slot before it enters, so the inbox is never full of jobs; the rest is for drains.
        let (sender, inbox) = mpsc::channel(queued_max + DRAINS_MAX);
        let counters = Arc::new(Counters::default());
        counters.next_id.store(rows.last().map_or(1, |row| row.id + 1), Ordering::Relaxed);
        let queue = StatusQueue {
            inbox: sender,
            slots: Arc::new(Semaphore::new(queued_max)),
            counters: Arc::clone(&counters),
            store: store.clone(),
            retry_for: limits.retry_for,
        };
        let mut dispatcher = Dispatcher::new(client, counters, limits, store);
        for row in rows {
            // There are as many slots as rows.
            if let Ok(slot) = Arc::clone(&queue.slots).try_acquire_owned() {
                let age = u64::try_from(wall_now().0.saturating_sub(row.created.0)).unwrap_or(0);
                let left = limits.retry_for.saturating_sub(Duration::from_millis(age));
                queue.counters.queued.fetch_add(1, Ordering::Relaxed);
                let queued =
                    Queued { id: row.id, text: row.request, tries: 0, until: Instant::now() + left, _slot: slot };
                dispatcher.take_restored(queued);
            }
        }
        tokio::spawn(dispatcher.run(inbox));
        queue
    }

    /// Never waits. A notification that is not taken has been counted and logged.
    pub fn push(&self, job: StatusJob) -> Result<(), StatusDrop> {
        let taken = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| StatusDrop::Full).and_then(|slot| {
            let id = self.counters.next_id.fetch_add(1, Ordering::Relaxed);
            let text = Kept::new(job, new_token()).text();
            if let Some(store) = &self.store {
                store.put_status_job(StatusJobRow { id, created: wall_now(), request: text.clone() });
            }
            let queued = Queued { id, text, tries: 0, until: Instant::now() + self.retry_for, _slot: slot };
            self.counters.queued.fetch_add(1, Ordering::Relaxed);
            self.inbox.try_send(Message::Job(Box::new(queued))).map_err(|error| {
                self.counters.queued.fetch_sub(1, Ordering::Relaxed);
                match error {
                    mpsc::error::TrySendError::Full(_) => StatusDrop::Full,
                    mpsc::error::TrySendError::Closed(_) => StatusDrop::Closed,
                }
            })
        });
        if let Err(reason) = taken {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%reason, "status callback dropped");
        }
        taken
    }

    /// Waits until all that was pushed before has been delivered or given up, or sleeps because the far side is down. False when
    /// `within` is over first.
    pub async fn drain(&self, within: Duration) -> bool {
        let drained = async {
            let (done, wait) = oneshot::channel();
            self.inbox.send(Message::Drain(done)).await.is_ok() && wait.await.is_ok()
        };
        tokio::time::timeout(within, drained).await.unwrap_or(false)
    }

    pub fn stats(&self) -> StatusQueueStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatusQueueStats {
            queued: read(&self.counters.queued),
            asleep: read(&self.counters.asleep),
            stored: self.store.as_ref().map_or(0, Store::status_jobs_stored),
            delivered: read(&self.counters.delivered),
            retried: read(&self.counters.retried),
            failed: read(&self.counters.failed),
            dropped: read(&self.counters.dropped),
        }
    }
}

impl fmt::Display for StatusDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StatusDrop::Full => "the queue is full",
            StatusDrop::Closed => "the queue has ended",
        })
    }
}

impl std::error::Error for StatusDrop {}
