use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tandem_model::{Entropy, Timestamp, limits};

use super::BindingKey;

/// When to ask the contacts behind a NAT whether they are there: often enough that the NAT keeps their flow
/// (RFC 4787 REQ-5 and REQ-6: what the client answers refreshes it for sure), spread out, and one that stopped answering
/// is found out.
///
/// Polling order: [`poll`](Self::poll) until None, whenever [`deadline`](Self::deadline) has come.
pub struct KeepAlive {
    every: Duration,
    watched: BTreeMap<BindingKey, Watched>,
    due: BTreeSet<(Timestamp, BindingKey)>,
}

struct Watched {
    next: Timestamp,
    /// Asked, and no answer yet.
    waiting: bool,
    misses: u8,
    /// Some never answer. Those are kept alive as well, and never called dead.
    answers: bool,
}

/// To ask now.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    pub key: BindingKey,
    /// It answered before, and was silent [`limits::KEEPALIVE_MISSES_MAX`] times now: take it for dead.
    pub is_dead: bool,
}

impl KeepAlive {
    /// `every`: between two questions to one contact.
    pub fn new(every: Duration) -> Self {
        KeepAlive { every, watched: BTreeMap::new(), due: BTreeSet::new() }
    }

    /// Begins with a contact, some time within the next interval. Nothing changes for one that is watched already.
    pub fn watch(&mut self, now: Timestamp, key: &BindingKey, entropy: &mut dyn Entropy) {
        if self.watched.contains_key(key) {
            return;
        }
        let nanos = u64::try_from(self.every.as_nanos()).unwrap_or(u64::MAX).max(1);
        let next = now + Duration::from_nanos(entropy.next_u64() % nanos);
        self.watched.insert(key.clone(), Watched { next, waiting: false, misses: 0, answers: false });
        self.due.insert((next, key.clone()));
    }

    pub fn forget(&mut self, key: &BindingKey) {
        if let Some(watched) = self.watched.remove(key) {
            self.due.remove(&(watched.next, key.clone()));
        }
    }

    /// The contact answered, whatever it said.
    pub fn answered(&mut self, key: &BindingKey) {
        if let Some(watched) = self.watched.get_mut(key) {
            watched.waiting = false;
            watched.misses = 0;
            watched.answers = true;
        }
    }

    pub fn poll(&mut self, now: Timestamp) -> Option<Ask> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (at, key) = self.due.pop_first()?;
        let watched = self.watched.get_mut(&key)?;
        if watched.waiting {
            watched.misses = watched.misses.saturating_add(1);
        }
        watched.waiting = true;
        // After a long standstill the rhythm begins anew instead of catching up.
        watched.next = (at + self.every).max(now);
        self.due.insert((watched.next, key.clone()));
        let is_dead = watched.answers && watched.misses == limits::KEEPALIVE_MISSES_MAX;
        Some(Ask { key, is_dead })
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Contacts watched.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use tandem_model::SeedEntropy;

    use super::*;

    const T: Timestamp = Timestamp::from_secs(50);
    const EVERY: Duration = Duration::from_secs(30);

    fn key(n: u32) -> BindingKey {
        BindingKey { aor: format!("u{n}"), contact: "sip:a@10.0.0.1".into(), flow: String::new() }
    }

    fn asked(keep: &mut KeepAlive, now: Timestamp) -> Vec<Ask> {
        std::iter::from_fn(|| keep.poll(now)).collect()
    }

    #[test]
    fn each_contact_is_asked_once_in_each_interval_and_not_all_at_once() {
        let mut keep = KeepAlive::new(EVERY);
        let mut entropy = SeedEntropy::new(1);
        (0..3_000).for_each(|n| keep.watch(T, &key(n), &mut entropy));
        let mut counts = BTreeMap::new();
        for second in 0..60 {
            let now = T + Duration::from_secs(second) + Duration::from_millis(999);
            let batch = asked(&mut keep, now);
            assert!((50..150).contains(&batch.len()), "{} in second {second}", batch.len());
            for ask in batch {
                *counts.entry(ask.key).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.len(), 3_000);
        assert!(counts.values().all(|n| *n == 2));
    }

    #[test]
    fn who_answered_once_and_is_silent_three_times_is_dead_until_it_answers() {
        let mut keep = KeepAlive::new(EVERY);
        keep.watch(T, &key(1), &mut SeedEntropy::new(1));
        let mut now = T + EVERY;
        let mut step = |keep: &mut KeepAlive| {
            let batch = asked(keep, now);
            now = now + EVERY;
            assert_eq!(batch.len(), 1);
            batch[0].is_dead
        };
        assert!((0..10).all(|_| !step(&mut keep)), "it may be one that never answers");
        keep.answered(&key(1));
        let course: Vec<bool> = (0..6).map(|_| step(&mut keep)).collect();
        assert_eq!(course, [false, false, false, true, false, false], "said once");
        keep.answered(&key(1));
        assert!(!step(&mut keep));
        keep.answered(&key(1));
        assert!((0..3).all(|_| !step(&mut keep)) && step(&mut keep));
    }

    #[test]
    fn a_contact_that_is_forgotten_is_not_asked() {
        let mut keep = KeepAlive::new(EVERY);
        let mut entropy = SeedEntropy::new(1);
        keep.watch(T, &key(1), &mut entropy);
        keep.watch(T, &key(1), &mut entropy);
        assert_eq!((keep.len(), keep.due.len()), (1, 1));
        keep.forget(&key(1));
        assert!(keep.is_empty() && keep.deadline().is_none() && asked(&mut keep, T + EVERY).is_empty());
    }

    #[test]
    fn a_standstill_is_not_made_up_for() {
        let mut keep = KeepAlive::new(EVERY);
        keep.watch(T, &key(1), &mut SeedEntropy::new(1));
        let late = T + 100 * EVERY;
        assert_eq!(keep.poll(late).map(|a| a.key), Some(key(1)));
        assert_eq!(keep.deadline(), Some(late));
        assert!(keep.poll(late).is_some());
        assert_eq!(keep.deadline(), Some(late + EVERY), "one question too many at most");
    }
}
