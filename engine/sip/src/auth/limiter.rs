use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use tandem_model::{Entropy, Timestamp, limits};

use super::source::{Keyer, SourceKey};

/// A [`LoginLimiter`] for logins that know no nonce: a source is whoever the connection is from.
pub struct LoginGuard {
    keyer: Keyer,
    limiter: LoginLimiter,
}

impl LoginGuard {
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        LoginGuard { keyer: Keyer::new(entropy), limiter: LoginLimiter::new() }
    }

    /// Whether an attempt may be judged at all.
    pub fn allows(&self, now: Timestamp, source: IpAddr, name: &str) -> bool {
        self.limiter.allows(now, self.keyer.source(source), self.keyer.name(name))
    }

    /// What came of one that was.
    pub fn judged(&mut self, now: Timestamp, source: IpAddr, name: &str, right: bool) {
        let (source, name) = (self.keyer.source(source), self.keyer.name(name));
        match right {
            true => self.limiter.succeeded(now, source, name),
            false => self.limiter.failed(now, source, name),
        }
    }
}

/// A user's name at one source.
type Pair = (SourceKey, u64);

/// Slows down who guesses passwords, and nobody else.
///
/// A wrong password costs its source, and that user's name at that source, a token each; a refused attempt costs
/// nothing. Who has none left is refused before anything is compared. So a guesser elsewhere never blocks the owner,
/// and a right password from a clean source always works. At a source that many share (a NAT, a proxy in front) those
/// who proved their password there go on while the source as a whole is refused.
///
/// Memory is bounded: what is forgotten first at the bound is what would be forgiven first.
pub struct LoginLimiter {
    sources: Buckets<SourceKey>,
    pairs: Buckets<Pair>,
    proven: Proven,
}

impl LoginLimiter {
    pub fn new() -> Self {
        LoginLimiter {
            sources: Buckets::new(limits::LOGIN_FAILURES_PER_SOURCE, limits::LOGIN_FORGIVEN_SOURCE_EVERY),
            pairs: Buckets::new(limits::LOGIN_FAILURES_PER_USER, limits::LOGIN_FORGIVEN_USER_EVERY),
            proven: Proven::default(),
        }
    }

    /// Whether an attempt may be judged at all.
    pub(super) fn allows(&self, now: Timestamp, source: SourceKey, name: u64) -> bool {
        let pair = (source, name);
        self.pairs.allow(now, pair) && (self.sources.allow(now, source) || self.proven.holds(now, pair))
    }

    pub(super) fn failed(&mut self, now: Timestamp, source: SourceKey, name: u64) {
        self.sources.charge(now, source);
        self.pairs.charge(now, (source, name));
    }

    pub(super) fn succeeded(&mut self, now: Timestamp, source: SourceKey, name: u64) {
        self.pairs.forgive((source, name));
        self.proven.remember(now, (source, name));
    }

    /// Sources and users with failures that are not forgiven yet.
    pub fn len(&self) -> usize {
        self.sources.empty_at.len() + self.pairs.empty_at.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for LoginLimiter {
    fn default() -> Self {
        Self::new()
    }
}

/// Leaky buckets, each kept as the moment when it will have run empty.
struct Buckets<K> {
    empty_at: BTreeMap<K, Timestamp>,
    order: BTreeSet<(Timestamp, K)>,
    size: u32,
    leaks_every: Duration,
}

impl<K: Ord + Copy> Buckets<K> {
    fn new(size: u32, leaks_every: Duration) -> Self {
        Buckets { empty_at: BTreeMap::new(), order: BTreeSet::new(), size, leaks_every }
    }

    /// Whether one more fits.
    fn allow(&self, now: Timestamp, key: K) -> bool {
        let room_for_one = self.leaks_every * self.size.saturating_sub(1);
        self.empty_at.get(&key).is_none_or(|at| at.since(now) <= room_for_one)
    }

    fn charge(&mut self, now: Timestamp, key: K) {
        let full = now + self.leaks_every * self.size;
        let old = self.empty_at.get(&key).copied();
        let at = (old.map_or(now, |at| at.max(now)) + self.leaks_every).min(full);
        self.forgive(key);
        self.empty_at.insert(key, at);
        self.order.insert((at, key));
        self.make_room(now);
    }

    fn forgive(&mut self, key: K) {
        if let Some(at) = self.empty_at.remove(&key) {
            self.order.remove(&(at, key));
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.order.first().copied() {
            if at > now && self.order.len() <= limits::LOGIN_FAILURES_REMEMBERED {
                return;
            }
            self.forgive(key);
        }
    }
}

/// Who proved a password where. Only a right password comes in, so strangers cannot fill it.
#[derive(Default)]
struct Proven {
    since: BTreeMap<Pair, Timestamp>,
    order: BTreeSet<(Timestamp, Pair)>,
}

impl Proven {
    fn holds(&self, now: Timestamp, pair: Pair) -> bool {
        self.since.get(&pair).is_some_and(|at| now.since(*at) < limits::LOGIN_PROVEN_FOR)
    }

    fn remember(&mut self, now: Timestamp, pair: Pair) {
        let old = self.since.get(&pair).copied();
        // A phone that refreshes every minute does not move its mark each time.
        if old.is_some_and(|at| now.since(at) < limits::LOGIN_PROVEN_FOR / 8) {
            return;
        }
        if let Some(at) = old {
            self.order.remove(&(at, pair));
        }
        self.since.insert(pair, now);
        self.order.insert((now, pair));
        while self.order.len() > limits::LOGINS_PROVEN_MAX {
            if let Some((_, oldest)) = self.order.pop_first() {
                self.since.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_000);
    const HERE: SourceKey = SourceKey(1);
    const ELSEWHERE: SourceKey = SourceKey(2);
    const ALICE: u64 = 7;

    fn guess(limiter: &mut LoginLimiter, now: Timestamp, source: SourceKey, name: u64) -> bool {
        let judged = limiter.allows(now, source, name);
        if judged {
            limiter.failed(now, source, name);
        }
        judged
    }

    #[test]
    fn guesses_at_one_user_stop_after_a_few_and_the_owner_elsewhere_goes_on() {
        let mut limiter = LoginLimiter::new();
        let judged = (0..1_000).filter(|_| guess(&mut limiter, T, ELSEWHERE, ALICE)).count();
        assert_eq!(judged, limits::LOGIN_FAILURES_PER_USER as usize);
        assert!(limiter.allows(T, HERE, ALICE), "a clean source is judged");
        assert!(limiter.allows(T, ELSEWHERE, ALICE + 1), "and so is another user at the same one");
    }

    #[test]
    fn refused_attempts_do_not_prolong_the_wait() {
        let mut limiter = LoginLimiter::new();
        for _ in 0..limits::LOGIN_FAILURES_PER_USER {
            guess(&mut limiter, T, HERE, ALICE);
        }
        let step = limits::LOGIN_FORGIVEN_USER_EVERY / 10;
        let judged = (1..=100).filter(|i| guess(&mut limiter, T + step * *i, HERE, ALICE)).count();
        assert_eq!(judged, 10, "one for each interval that passed, however often it was tried");
    }

    #[test]
    fn a_source_that_tries_many_users_is_refused_but_for_those_who_proved_themselves_there() {
        let mut limiter = LoginLimiter::new();
        limiter.succeeded(T, HERE, ALICE);
        let judged = (100..10_100).filter(|name| guess(&mut limiter, T, HERE, *name)).count();
        assert_eq!(judged, limits::LOGIN_FAILURES_PER_SOURCE as usize);
        assert!(!limiter.allows(T, HERE, 99), "anybody new waits");
        assert!(limiter.allows(T, HERE, ALICE), "who was right here before does not");
        assert!(limiter.allows(T, ELSEWHERE, 99), "and other sources have nothing to do with it");
        let later = T + limits::LOGIN_PROVEN_FOR;
        (0..1_000).for_each(|_| limiter.failed(later, HERE, 12_345));
        assert!(!limiter.allows(later, HERE, ALICE), "a proof does not last for ever");
    }

    #[test]
    fn a_right_password_wipes_the_slate_of_its_user_alone() {
        let mut limiter = LoginLimiter::new();
        for _ in 1..limits::LOGIN_FAILURES_PER_USER {
            guess(&mut limiter, T, HERE, ALICE);
        }
        limiter.succeeded(T, HERE, ALICE);
        let judged = (0..100).filter(|_| guess(&mut limiter, T, HERE, ALICE)).count();
        assert_eq!(judged, limits::LOGIN_FAILURES_PER_USER as usize);
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let mut limiter = LoginLimiter::new();
        for i in 0..200_000_u32 {
            guess(&mut limiter, T + Duration::from_micros(i.into()), SourceKey(i % 50_000), u64::from(i));
            assert!(limiter.len() <= 2 * limits::LOGIN_FAILURES_REMEMBERED);
        }
        for i in 0..(2 * limits::LOGINS_PROVEN_MAX) {
            limiter.succeeded(T, HERE, i as u64);
        }
        assert_eq!(limiter.proven.since.len(), limits::LOGINS_PROVEN_MAX);
        assert_eq!(limiter.proven.order.len(), limits::LOGINS_PROVEN_MAX);
    }

    #[test]
    fn what_is_forgiven_is_forgotten() {
        let mut limiter = LoginLimiter::new();
        (0..50).for_each(|name| limiter.failed(T, HERE, name));
        let later = T + limits::LOGIN_FORGIVEN_USER_EVERY * limits::LOGIN_FAILURES_PER_USER;
        limiter.failed(later, ELSEWHERE, ALICE);
        assert_eq!(limiter.len(), 2);
    }

    /// Against a list of failures that nothing is ever taken from.
    #[test]
    fn as_many_failures_are_judged_as_a_plain_count_allows() {
        let every = limits::LOGIN_FORGIVEN_USER_EVERY;
        let size = limits::LOGIN_FAILURES_PER_USER;
        let mut limiter = LoginLimiter::new();
        let (mut level, mut last) = (0.0_f64, T);
        let mut seed = 12345_u64;
        let mut now = T;
        for _ in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            now = now + every / 8 * ((seed >> 60) as u32 % 4);
            level = (level - now.since(last).as_secs_f64() / every.as_secs_f64()).max(0.0);
            last = now;
            let expected = level <= f64::from(size) - 1.0 + 1e-9;
            assert_eq!(guess(&mut limiter, now, HERE, ALICE), expected, "level {level}");
            if expected {
                level += 1.0;
            }
            // The source as a whole is another matter.
            limiter.sources.forgive(HERE);
        }
    }
}
