use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use url::Url;

use super::client::{WebhookClient, new_token};
use super::request::{NotifyOutcome, WebhookRequest};

/// Delivers status callbacks in the background. Those of one call to one URL go out one after the other, in the order
/// they were pushed, so a receiver sees their SequenceNumber rise; all others go side by side.
///
/// It lives in memory: what is queued when the process dies is lost.
#[derive(Clone)]
pub struct StatusQueue {
    inbox: mpsc::Sender<Message>,
    slots: Arc<Semaphore>,
    counters: Arc<Counters>,
}

#[derive(Clone, Debug)]
pub struct StatusJob {
    /// The call it tells of: the unit of order.
    pub call: String,
    pub request: WebhookRequest,
}

#[derive(Clone, Copy, Debug)]
pub struct StatusQueueLimits {
    /// Callbacks waiting or under way, in all. The newest is dropped above it.
    pub queued_max: usize,
    /// Of these, for one host.
    pub queued_per_host_max: usize,
}

/// Why a callback was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusDrop {
    Full,
    Closed,
}

/// Counts since the start, but for `queued`, which is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusQueueStats {
    pub queued: u64,
    pub delivered: u64,
    /// Tries beyond the first.
    pub retried: u64,
    /// Given up after every try.
    pub failed: u64,
    /// Never tried: the queue, or the host's share of it, was full.
    pub dropped: u64,
}

impl Default for StatusQueueLimits {
    fn default() -> Self {
        StatusQueueLimits { queued_max: 16_384, queued_per_host_max: 4_096 }
    }
}

impl StatusQueue {
    /// Starts its task on the current runtime. The task ends, with nothing left undelivered, after the last clone is gone.
    pub fn start(client: WebhookClient, limits: StatusQueueLimits) -> Self {
        let queued_max = limits.queued_max.clamp(1, Semaphore::MAX_PERMITS - 1);
        // A job needs a slot before it enters, so the inbox is never full of jobs; the rest is for drains.
        let (sender, inbox) = mpsc::channel(queued_max + DRAINS_MAX);
        let counters = Arc::new(Counters::default());
        let queue =
            StatusQueue { inbox: sender, slots: Arc::new(Semaphore::new(queued_max)), counters: Arc::clone(&counters) };
        let dispatcher = Dispatcher {
            client,
            counters,
            queued_per_host_max: limits.queued_per_host_max.max(1),
            lanes: HashMap::new(),
            per_host: HashMap::new(),
            running: JoinSet::new(),
            lane_of: HashMap::new(),
            drains: Vec::new(),
        };
        tokio::spawn(dispatcher.run(inbox));
        queue
    }

    /// Never waits. A callback that is not taken has been counted and logged.
    pub fn push(&self, job: StatusJob) -> Result<(), StatusDrop> {
        let taken = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| StatusDrop::Full).and_then(|slot| {
            let queued = Queued { job, token: new_token(), _slot: slot };
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

    /// Waits until all that was pushed before has been delivered or given up. False when `within` is over first.
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
            delivered: read(&self.counters.delivered),
            retried: read(&self.counters.retried),
            failed: read(&self.counters.failed),
            dropped: read(&self.counters.dropped),
        }
    }
}

const DRAINS_MAX: usize = 16;

#[derive(Default)]
struct Counters {
    queued: AtomicU64,
    delivered: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

enum Message {
    Job(Box<Queued>),
    Drain(oneshot::Sender<()>),
}

struct Queued {
    job: StatusJob,
    token: String,
    _slot: OwnedSemaphorePermit,
}

/// The order of one call's callbacks to one URL.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LaneKey {
    call: String,
    url: String,
}

/// A lane exists while one of its callbacks is under way.
struct Lane {
    host: String,
    waiting: VecDeque<Box<Queued>>,
}

struct Dispatcher {
    client: WebhookClient,
    counters: Arc<Counters>,
    queued_per_host_max: usize,
    lanes: HashMap<LaneKey, Lane>,
    per_host: HashMap<String, usize>,
    running: JoinSet<()>,
    /// By task, so that a lane goes on even if its delivery panicked.
    lane_of: HashMap<Id, LaneKey>,
    drains: Vec<oneshot::Sender<()>>,
}

impl Dispatcher {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut open = true;
        while open || !self.lanes.is_empty() {
            tokio::select! {
                message = inbox.recv(), if open => match message {
                    Some(Message::Job(queued)) => self.take(queued),
                    Some(Message::Drain(done)) => self.drains.push(done),
                    None => open = false,
                },
                Some(ended) = self.running.join_next_with_id() => {
                    let id = match &ended {
                        Ok((id, ())) => *id,
                        Err(error) => error.id(),
                    };
                    if ended.is_err() {
                        tracing::error!("a status callback's delivery panicked");
                        self.counters.failed.fetch_add(1, Ordering::Relaxed);
                    }
                    self.next_of_lane(id);
                }
            }
            if self.lanes.is_empty() {
                for done in self.drains.drain(..) {
                    let _ = done.send(());
                }
            }
        }
    }

    fn take(&mut self, queued: Box<Queued>) {
        let host = host_of(&queued.job.request.url);
        let count = self.per_host.entry(host.clone()).or_default();
        if *count >= self.queued_per_host_max {
            self.counters.queued.fetch_sub(1, Ordering::Relaxed);
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%host, "status callback dropped: too many wait for this host");
            return;
        }
        *count += 1;
        let key = LaneKey { call: queued.job.call.clone(), url: queued.job.request.url.clone() };
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.waiting.push_back(queued);
            return;
        }
        self.lanes.insert(key.clone(), Lane { host, waiting: VecDeque::new() });
        self.deliver(key, queued);
    }

    fn deliver(&mut self, key: LaneKey, queued: Box<Queued>) {
        let task = self.running.spawn(deliver(self.client.clone(), Arc::clone(&self.counters), queued));
        self.lane_of.insert(task.id(), key);
    }

    fn next_of_lane(&mut self, ended: Id) {
        self.counters.queued.fetch_sub(1, Ordering::Relaxed);
        let Some(key) = self.lane_of.remove(&ended) else { return };
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        if let Some(count) = self.per_host.get_mut(&lane.host) {
            *count -= 1;
            if *count == 0 {
                self.per_host.remove(&lane.host);
            }
        }
        match lane.waiting.pop_front() {
            Some(next) => self.deliver(key, next),
            None => {
                self.lanes.remove(&key);
            }
        }
    }
}

async fn deliver(client: WebhookClient, counters: Arc<Counters>, queued: Box<Queued>) {
    let outcome = client.notify_with_token(&queued.job.request, &queued.token).await;
    let (NotifyOutcome::Delivered { tries } | NotifyOutcome::Failed { tries, .. }) = &outcome;
    counters.retried.fetch_add(u64::from(tries - 1), Ordering::Relaxed);
    match outcome {
        NotifyOutcome::Delivered { .. } => counters.delivered.fetch_add(1, Ordering::Relaxed),
        NotifyOutcome::Failed { tries, failure } => {
            tracing::warn!(call = %queued.job.call, tries, code = failure.code, reason = %failure.message,
                "status callback given up");
            counters.failed.fetch_add(1, Ordering::Relaxed)
        }
    };
}

fn host_of(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
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
