use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tandem_model::Sid;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::job::{Kept, Queued};
use super::{Counters, StatusQueueLimits};
use crate::store::{CallEvent, EventLevel, Store};
use crate::webhook::client::WebhookClient;
use crate::webhook::request::NotifyOutcome;
use crate::world::wall_now;

pub(super) enum Message {
    Job(Box<Queued>),
    Drain(oneshot::Sender<()>),
}

/// The task of the queue: which notification may go out now.
pub(super) struct Dispatcher {
    client: WebhookClient,
    counters: Arc<Counters>,
    limits: StatusQueueLimits,
    store: Option<Store>,
    lanes: HashMap<LaneKey, Lane>,
    hosts: HashMap<String, Host>,
    running: JoinSet<(Box<Queued>, NotifyOutcome)>,
    /// By task, so that a lane goes on even if its delivery panicked.
    lane_of: HashMap<Id, LaneKey>,
    /// When lanes wake; the number keeps those of one moment apart.
    asleep: BTreeMap<(Instant, u64), LaneKey>,
    slept: u64,
    drains: Vec<oneshot::Sender<()>>,
}

/// The order of one call's notifications to one URL.
#[derive(Clone, PartialEq, Eq, Hash)]
struct LaneKey {
    /// Numbers of calls begin anew with each process; those of the last one's are other calls.
    restored: bool,
    call: String,
    url: String,
}

/// A lane exists while one of its notifications is under way or waits.
struct Lane {
    host: String,
    waiting: VecDeque<Box<Queued>>,
    /// Sleeps in a row.
    sleeps: u32,
    is_asleep: bool,
}

/// A host has its own bound, so that one whose server is slow holds up no other's.
#[derive(Default)]
struct Host {
    /// In all its lanes.
    queued: usize,
    running: usize,
    /// Lanes that wait for one of the host's to end its turn.
    ready: VecDeque<LaneKey>,
}

/// Deliveries of one host at a time, with those that pause between two quick tries.
const RUNNING_PER_HOST_MAX: usize = 512;

impl Dispatcher {
    pub fn new(
        client: WebhookClient,
        counters: Arc<Counters>,
        limits: StatusQueueLimits,
        store: Option<Store>,
    ) -> Self {
        Dispatcher {
            client,
            counters,
            limits,
            store,
            lanes: HashMap::new(),
            hosts: HashMap::new(),
            running: JoinSet::new(),
            lane_of: HashMap::new(),
            asleep: BTreeMap::new(),
            slept: 0,
            drains: Vec::new(),
        }
    }

    pub async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut open = true;
        // Without a disk, those asleep are waited for; with one, they are safe there.
        while open || !self.running.is_empty() || (self.store.is_none() && !self.asleep.is_empty()) {
            let wake = self.asleep.first_key_value().map(|((at, _), _)| *at);
            tokio::select! {
                message = inbox.recv(), if open => match message {
                    Some(Message::Job(queued)) => self.take(queued, false),
                    Some(Message::Drain(done)) => self.drains.push(done),
                    None => open = false,
                },
                Some(ended) = self.running.join_next_with_id() => match ended {
                    Ok((id, (queued, outcome))) => self.ended(id, queued, outcome),
                    Err(error) => self.panicked(error.id()),
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.wake(),
            }
            if self.running.is_empty() {
                for done in self.drains.drain(..) {
                    let _ = done.send(());
                }
            }
        }
    }

    pub fn take_restored(&mut self, queued: Queued) {
        self.take(Box::new(queued), true);
    }

    fn take(&mut self, queued: Box<Queued>, restored: bool) {
        let Some(kept) = Kept::read(&queued.text) else {
            tracing::warn!(id = queued.id, "a stored notification does not read and is left out");
            return self.drop_job(&queued);
        };
        let name = kept.host();
        let host = self.hosts.entry(name.clone()).or_default();
        if host.queued >= self.limits.queued_per_host_max && !restored {
            tracing::warn!(host = name, "status callback dropped: too many wait for this host");
            return self.drop_job(&queued);
        }
        host.queued += 1;
        let key = LaneKey { restored, call: kept.call, url: kept.url };
        match self.lanes.get_mut(&key) {
            Some(lane) => {
                self.counters.asleep.fetch_add(u64::from(lane.is_asleep), Ordering::Relaxed);
                lane.waiting.push_back(queued);
            }
            None => {
                let waiting = VecDeque::from([queued]);
                self.lanes.insert(key.clone(), Lane { host: name, waiting, sleeps: 0, is_asleep: false });
                self.go_on(key);
            }
        }
    }

    fn drop_job(&self, queued: &Queued) {
        self.counters.queued.fetch_sub(1, Ordering::Relaxed);
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        self.forget(queued.id);
    }

    fn forget(&self, id: i64) {
        if let Some(store) = &self.store {
            store.remove_status_job(id);
        }
    }

    /// The next of a lane that has none under way: at once, or when the host has room.
    fn go_on(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let Some(host) = self.hosts.get_mut(&lane.host) else { return };
        if host.running >= RUNNING_PER_HOST_MAX {
            host.ready.push_back(key);
            return;
        }
        let Some(next) = lane.waiting.pop_front() else {
            self.lanes.remove(&key);
            return;
        };
        host.running += 1;
        let task = self.running.spawn(deliver(self.client.clone(), next));
        self.lane_of.insert(task.id(), key);
    }

    /// A delivery of this lane's host is over; another lane of the host may have waited for that.
    fn turn_over(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get(key) else { return };
        let Some(host) = self.hosts.get_mut(&lane.host) else { return };
        host.running -= 1;
        if let Some(next) = host.ready.pop_front() {
            self.go_on(next);
        }
    }

    fn ended(&mut self, task: Id, mut queued: Box<Queued>, outcome: NotifyOutcome) {
        let Some(key) = self.lane_of.remove(&task) else { return };
        self.turn_over(&key);
        let (NotifyOutcome::Delivered { tries } | NotifyOutcome::Failed { tries, .. }) = &outcome;
        let again = if queued.tries == 0 { tries - 1 } else { *tries };
        self.counters.retried.fetch_add(u64::from(again), Ordering::Relaxed);
        let first_round = queued.tries == 0;
        queued.tries = queued.tries.saturating_add(*tries);
        match outcome {
            NotifyOutcome::Delivered { .. } => {
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                self.forget(queued.id);
                self.next_of_lane(key);
            }
            NotifyOutcome::Failed { failure, outage, .. } => {
                let pause = self.pause(&key);
                let goes_on = outage && Instant::now() + pause < queued.until;
                if first_round || !goes_on {
                    let level = if goes_on { EventLevel::Warning } else { EventLevel::Error };
                    self.tell(&key, &queued, level, failure.code, &failure.message);
                }
                if goes_on {
                    self.sleep(key, queued, pause);
                } else {
                    self.counters.failed.fetch_add(1, Ordering::Relaxed);
                    self.forget(queued.id);
                    self.next_of_lane(key);
                }
            }
        }
    }

    /// The job is gone; its row stays for the next start.
    fn panicked(&mut self, task: Id) {
        tracing::error!("a status callback's delivery panicked");
        self.counters.failed.fetch_add(1, Ordering::Relaxed);
        if let Some(key) = self.lane_of.remove(&task) {
            self.turn_over(&key);
            self.next_of_lane(key);
        }
    }

    /// In the program's log and in the call's.
    fn tell(&self, key: &LaneKey, queued: &Queued, level: EventLevel, code: u32, why: &str) {
        let what = if level == EventLevel::Error { "given up" } else { "not delivered yet" };
        tracing::warn!(call = key.call, tries = queued.tries, code, why, "status callback {what}");
        let sid: Option<Sid> = Kept::read(&queued.text).and_then(|kept| kept.call_sid());
        if let (Some(store), Some(call_sid)) = (&self.store, sid) {
            let message = format!("status callback {what} after {} tries: {why}", queued.tries);
            // A log that is full has been counted.
            store.log_event(CallEvent { call_sid, at: wall_now(), level, code, message, line: None });
        }
    }

    fn next_of_lane(&mut self, key: LaneKey) {
        self.counters.queued.fetch_sub(1, Ordering::Relaxed);
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        lane.sleeps = 0;
        if let Some(host) = self.hosts.get_mut(&lane.host) {
            host.queued -= 1;
            if host.queued == 0 {
                self.hosts.remove(&lane.host);
            }
        }
        if lane.waiting.is_empty() {
            self.lanes.remove(&key);
        } else {
            self.go_on(key);
        }
    }

    /// Twice as long each time, and a fifth of it by chance, so that a host that comes back is not met by all at once.
    fn pause(&self, key: &LaneKey) -> Duration {
        let sleeps = self.lanes.get(key).map_or(0, |lane| lane.sleeps);
        let pause = self.limits.pause_min.saturating_mul(1 << sleeps.min(16)).min(self.limits.pause_max);
        pause.mul_f64(0.8 + rand::random::<f64>() * 0.2)
    }

    fn sleep(&mut self, key: LaneKey, queued: Box<Queued>, pause: Duration) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        lane.sleeps = lane.sleeps.saturating_add(1);
        lane.is_asleep = true;
        lane.waiting.push_front(queued);
        self.counters.asleep.fetch_add(lane.waiting.len() as u64, Ordering::Relaxed);
        self.slept += 1;
        self.asleep.insert((Instant::now() + pause, self.slept), key);
    }

    /// Those whose time has come.
    fn wake(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.asleep.first_entry()
            && first.key().0 <= now
        {
            let key = first.remove();
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            lane.is_asleep = false;
            self.counters.asleep.fetch_sub(lane.waiting.len() as u64, Ordering::Relaxed);
            self.go_on(key);
        }
    }
}

async fn deliver(client: WebhookClient, queued: Box<Queued>) -> (Box<Queued>, NotifyOutcome) {
    let Some(kept) = Kept::read(&queued.text) else {
        // It was read when it was taken.
        return (queued, NotifyOutcome::Delivered { tries: 1 });
    };
    let (token, before) = (kept.token.clone(), queued.tries);
    let outcome = client.notify_with_token(&kept.request(), &token, before).await;
    (queued, outcome)
}
