use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds requests in flight, for each host and in all, so that a slow customer's server holds only its own share.
pub(super) struct InFlight {
    per_host_max: usize,
    all: Arc<Semaphore>,
    /// The mutex is held for one look-up and never across a wait; only hosts with requests are in the map.
    hosts: Mutex<HashMap<(Class, String), Weak<Semaphore>>>,
}

/// Callbacks and documents have shares of their own: a backlog of the one must not hold up the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    Document,
    Callback,
    Media,
}

/// One request's place; dropping it frees the place.
pub(super) struct Slot {
    _host_permit: OwnedSemaphorePermit,
    _permit: OwnedSemaphorePermit,
}

impl InFlight {
    pub fn new(per_host_max: usize, all_max: usize) -> Self {
        InFlight {
            per_host_max: per_host_max.max(1),
            all: Arc::new(Semaphore::new(all_max.clamp(1, Semaphore::MAX_PERMITS))),
            hosts: Mutex::default(),
        }
    }

    /// Waits for a place. The host's comes first, so that those who wait for a slow host hold nothing of the common share.
    pub async fn acquire(&self, class: Class, authority: &str) -> Slot {
        const NEVER_CLOSED: &str = "these semaphores are never closed";
        let host = self.host(class, authority);
        let host_permit = host.acquire_owned().await.expect(NEVER_CLOSED);
        let permit = Arc::clone(&self.all).acquire_owned().await.expect(NEVER_CLOSED);
        Slot { _host_permit: host_permit, _permit: permit }
    }

    fn host(&self, class: Class, authority: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (class, authority.to_owned());
        if let Some(host) = hosts.get(&key).and_then(Weak::upgrade) {
            return host;
        }
        if hosts.len() == hosts.capacity() {
            hosts.retain(|_, host| host.strong_count() > 0);
        }
        let host = Arc::new(Semaphore::new(self.per_host_max.min(Semaphore::MAX_PERMITS)));
        hosts.insert(key, Arc::downgrade(&host));
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_full_host_waits_while_another_and_another_class_go_on() {
        let in_flight = InFlight::new(1, 10);
        let held = in_flight.acquire(Class::Document, "slow:80").await;
        assert!(in_flight.acquire(Class::Document, "slow:80").now_or_never().is_none());
        assert!(in_flight.acquire(Class::Callback, "slow:80").now_or_never().is_some());
        assert!(in_flight.acquire(Class::Document, "fast:80").now_or_never().is_some());
        drop(held);
        assert!(in_flight.acquire(Class::Document, "slow:80").now_or_never().is_some());
    }

    #[tokio::test]
    async fn hosts_without_requests_are_forgotten() {
        let in_flight = InFlight::new(1, 10);
        for n in 0..10_000 {
            drop(in_flight.acquire(Class::Document, &format!("h{n}:80")).await);
        }
        assert!(in_flight.hosts.lock().unwrap().len() < 100);
    }
}
