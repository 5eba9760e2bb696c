//! Who may send now: requests in flight are bounded for each host and in all, and hosts take turns.
//!
//! A host's share shrinks as the common room fills (a half of what is free at most), so that however many slow hosts there are, one
//! that comes new finds room.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Bounds requests in flight, so that a slow customer's server holds only its own share.
pub(super) struct InFlight {
    /// By [`Class`]: a backlog of the one must not hold up the other.
    tables: [Shared; 3],
}

/// Callbacks, documents and media have room of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Document,
    Callback,
    Media,
}

/// One request's place; dropping it frees the place.
pub(super) struct Slot {
    table: Shared,
    host: String,
}

/// No room, and too many who wait for it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crowded;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub per_host_max: usize,
    pub all_max: usize,
    /// Who may wait, for each host and in all.
    pub waiting_per_host_max: usize,
    pub waiting_max: usize,
}

/// Locked for a look-up or a turn, and never across a wait.
type Shared = Arc<Mutex<Table>>;

struct Table {
    bounds: Bounds,
    running: usize,
    waiting: usize,
    /// Only hosts with requests running or waiting.
    hosts: HashMap<String, Host>,
    /// Hosts that wait and are below their bound, in the order of their turns.
    turns: VecDeque<String>,
}

#[derive(Default)]
struct Host {
    running: usize,
    /// In their order, with those who have left since.
    queue: VecDeque<oneshot::Sender<()>>,
    /// Who has not left.
    waiting: usize,
    has_turn: bool,
}

impl InFlight {
    pub fn new(bounds: Bounds) -> Self {
        let table = || {
            let bounds = Bounds { per_host_max: bounds.per_host_max.max(1), all_max: bounds.all_max.max(1), ..bounds };
            let (hosts, turns) = (HashMap::new(), VecDeque::new());
            Arc::new(Mutex::new(Table { bounds, running: 0, waiting: 0, hosts, turns }))
        };
        InFlight { tables: [table(), table(), table()] }
    }

    /// Waits for a place.
    pub async fn acquire(&self, class: Class, authority: &str) -> Result<Slot, Crowded> {
        let shared = &self.tables[class as usize];
        let granted = {
            let mut table = lock(shared);
            if table.waits_for_nobody(authority) {
                table.start(authority);
                return Ok(Slot { table: Arc::clone(shared), host: authority.to_owned() });
            }
            table.enqueue(authority)?
        };
        let mut waiting = Waiting { table: Arc::clone(shared), host: authority.to_owned(), granted };
        // The sender is dropped only with the table, which this holds.
        (&mut waiting.granted).await.map_err(|_| Crowded)?;
        Ok(Slot { table: Arc::clone(&waiting.table), host: authority.to_owned() })
    }
}

/// Somebody in the queue; one who leaves gives back what was granted meanwhile.
struct Waiting {
    table: Shared,
    host: String,
    granted: oneshot::Receiver<()>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.granted.is_terminated() {
            return;
        }
        self.granted.close();
        let mut table = lock(&self.table);
        match self.granted.try_recv() {
            Ok(()) => table.end(&self.host),
            Err(_) => table.leave(&self.host),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.table).end(&self.host);
    }
}

impl Table {
    fn room_for(&self, host: usize) -> bool {
        let free = self.bounds.all_max.saturating_sub(self.running);
        free > 0 && host < self.bounds.per_host_max.min(free.div_ceil(2))
    }

    fn waits_for_nobody(&self, host: &str) -> bool {
        let known = self.hosts.get(host);
        let (running, waiting) = known.map_or((0, 0), |h| (h.running, h.waiting));
        waiting == 0 && self.room_for(running)
    }

    fn start(&mut self, host: &str) {
        self.running += 1;
        match self.hosts.get_mut(host) {
            Some(known) => known.running += 1,
            None => {
                self.hosts.insert(host.to_owned(), Host { running: 1, ..Host::default() });
            }
        }
    }

    fn enqueue(&mut self, host: &str) -> Result<oneshot::Receiver<()>, Crowded> {
        if self.waiting >= self.bounds.waiting_max {
            return Err(Crowded);
        }
        let known = self.hosts.entry(host.to_owned()).or_default();
        if known.waiting >= self.bounds.waiting_per_host_max {
            return Err(Crowded);
        }
        if known.queue.len() > 2 * known.waiting + 16 {
            known.queue.retain(|w| !w.is_closed());
        }
        let (go, granted) = oneshot::channel();
        known.queue.push_back(go);
        known.waiting += 1;
        self.waiting += 1;
        self.queue(host);
        Ok(granted)
    }

    /// One who waited has given up.
    fn leave(&mut self, host: &str) {
        self.waiting -= 1;
        if let Some(known) = self.hosts.get_mut(host) {
            known.waiting -= 1;
        }
    }

    /// A request of `host` is over.
    fn end(&mut self, host: &str) {
        self.running -= 1;
        if let Some(known) = self.hosts.get_mut(host) {
            known.running -= 1;
            if known.running == 0 && known.waiting == 0 {
                self.hosts.remove(host);
            }
        }
        self.queue(host);
        self.grant();
    }

    /// Gives `host` a turn if it waits and has none.
    fn queue(&mut self, host: &str) {
        let bound = self.bounds.per_host_max;
        if let Some(known) = self.hosts.get_mut(host)
            && !known.has_turn
            && known.waiting > 0
            && known.running < bound
        {
            known.has_turn = true;
            self.turns.push_back(host.to_owned());
        }
    }

    /// Hands free places to those who wait, a host after the other.
    fn grant(&mut self) {
        // Each host at most once in vain.
        let mut passed = 0;
        while passed < self.turns.len() && self.running < self.bounds.all_max {
            let Some(host) = self.turns.pop_front() else { return };
            let running = self.hosts.get(&host).map_or(0, |h| h.running);
            if !self.room_for(running) {
                self.turns.push_back(host);
                passed += 1;
                continue;
            }
            passed = 0;
            let Some(known) = self.hosts.get_mut(&host) else { continue };
            known.has_turn = false;
            while let Some(go) = known.queue.pop_front() {
                if go.send(()).is_ok() {
                    known.waiting -= 1;
                    self.waiting -= 1;
                    known.running += 1;
                    self.running += 1;
                    break;
                }
            }
            if known.running == 0 && known.waiting == 0 {
                self.hosts.remove(&host);
            }
            self.queue(&host);
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    // Nothing panics while it holds this lock.
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn in_flight(per_host_max: usize, all_max: usize, waiting: usize) -> InFlight {
        InFlight::new(Bounds { per_host_max, all_max, waiting_per_host_max: waiting, waiting_max: 2 * waiting })
    }

    fn now(in_flight: &InFlight, host: &str) -> Option<Slot> {
        in_flight.acquire(Class::Document, host).now_or_never().map(|slot| slot.expect("room to wait"))
    }

    #[tokio::test]
    async fn a_full_host_waits_while_another_and_another_class_go_on() {
        let in_flight = in_flight(1, 10, 9);
        let held = now(&in_flight, "slow:80").unwrap();
        assert!(now(&in_flight, "slow:80").is_none());
        assert!(in_flight.acquire(Class::Callback, "slow:80").now_or_never().is_some());
        assert!(now(&in_flight, "fast:80").is_some());
        drop(held);
        assert!(now(&in_flight, "slow:80").is_some());
    }

    #[tokio::test]
    async fn hosts_without_requests_are_forgotten() {
        let in_flight = in_flight(1, 10, 9);
        for n in 0..10_000 {
            drop(now(&in_flight, &format!("h{n}:80")).unwrap());
        }
        let held = now(&in_flight, "slow:80").unwrap();
        // One who gave up waiting leaves nothing behind once the place is free.
        assert!(now(&in_flight, "slow:80").is_none());
        drop(held);
        let table = lock(&in_flight.tables[0]);
        assert_eq!((table.hosts.len(), table.turns.len(), table.running, table.waiting), (0, 0, 0, 0));
    }

    #[tokio::test]
    async fn however_many_hosts_are_slow_a_new_one_finds_room() {
        let in_flight = in_flight(8, 64, 100);
        let mut held = Vec::new();
        for host in 0..200 {
            for _ in 0..8 {
                held.extend(now(&in_flight, &format!("slow{host}:80")));
            }
        }
        assert!(held.len() >= 60, "{}", held.len());
        held.truncate(63);
        // Of the last free place nobody has more than one.
        assert!(now(&in_flight, "new:80").is_some());
    }

    #[tokio::test]
    async fn hosts_take_turns_whatever_their_queues() {
        let in_flight = in_flight(2, 2, 100);
        let first = now(&in_flight, "a:80").unwrap();
        let mut greedy: Vec<_> = (0..50).map(|_| Box::pin(in_flight.acquire(Class::Document, "a:80"))).collect();
        assert!(greedy.iter_mut().all(|w| w.now_or_never().is_none()));
        let other = now(&in_flight, "b:80").unwrap();
        let mut modest = Box::pin(in_flight.acquire(Class::Document, "b:80"));
        assert!((&mut modest).now_or_never().is_none());
        drop(other);
        drop(first);
        assert!((&mut modest).now_or_never().is_some(), "it waited behind fifty of another host");
    }

    #[tokio::test]
    async fn those_who_wait_are_bounded_and_those_who_left_do_not_count() {
        let in_flight = in_flight(1, 10, 3);
        let held = now(&in_flight, "slow:80").unwrap();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(in_flight.acquire(Class::Document, "slow:80"))).collect();
        assert!(waiting.iter_mut().all(|w| w.now_or_never().is_none()));
        assert_eq!(in_flight.acquire(Class::Document, "slow:80").now_or_never().unwrap().err(), Some(Crowded));
        waiting.pop();
        assert!(in_flight.acquire(Class::Document, "slow:80").now_or_never().is_none());
        drop(held);
        assert!((&mut waiting[0]).now_or_never().unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_place_granted_to_one_who_leaves_goes_to_the_next() {
        let in_flight = in_flight(1, 10, 9);
        let held = now(&in_flight, "slow:80").unwrap();
        let mut one = Box::pin(in_flight.acquire(Class::Document, "slow:80"));
        let mut two = Box::pin(in_flight.acquire(Class::Document, "slow:80"));
        assert!((&mut one).now_or_never().is_none() && (&mut two).now_or_never().is_none());
        drop(held);
        drop(one);
        assert!((&mut two).now_or_never().unwrap().is_ok());
    }
}
