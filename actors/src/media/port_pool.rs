use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use tandem_model::Timestamp;

/// How long a freed pair rests: packets of the old call that are still on their way must not enter a new one.
const QUARANTINE: Duration = Duration::from_secs(2);

/// One thread's share of the RTP ports. It hands out even ports, each meaning a pair with the odd one above, and
/// never one that is out.
#[derive(Debug)]
pub(super) struct PortPool {
    free: VecDeque<u16>,
    /// Those of the free whose sockets are open still: they go first.
    open: VecDeque<u16>,
    resting: VecDeque<Resting>,
    size: usize,
    /// Given back by legs that ended on other threads.
    returned: Arc<ArrayQueue<u16>>,
}

#[derive(Clone, Copy, Debug)]
struct Resting {
    since: Timestamp,
    port: u16,
    is_open: bool,
}

/// A port that is out.
#[derive(Debug)]
pub(super) struct Port {
    pub number: u16,
    /// Where it goes back to, when that is another thread's pool.
    lent: Option<Lent>,
}

#[derive(Debug)]
struct Lent {
    number: u16,
    /// None once it came home.
    to: Option<Arc<ArrayQueue<u16>>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(to) = &self.to {
            // As many as the pool has at most: there is room.
            let _ = to.push(self.number);
        }
    }
}

impl Port {
    pub fn own(number: u16) -> Self {
        Port { number, lent: None }
    }

    /// It is of the pool of the thread it is on.
    pub fn is_own(&self) -> bool {
        self.lent.is_none()
    }

    /// Its leg leaves the thread of this pool, which may have it lent itself.
    pub fn lend(&mut self, pool: &PortPool) {
        let number = self.number;
        self.lent.get_or_insert_with(|| Lent { number, to: Some(Arc::clone(&pool.returned)) });
    }

    /// Its leg came to the thread of this pool, which may be its own.
    pub fn come_home(&mut self, pool: &PortPool) {
        let is_own = |lent: &mut Lent| lent.to.as_ref().is_some_and(|to| Arc::ptr_eq(to, &pool.returned));
        if let Some(mut lent) = self.lent.take_if(is_own) {
            lent.to = None;
        }
    }
}

impl PortPool {
    /// Pair number `index`, `index + of`, `index + 2 of`, … of the range.
    pub fn share(ports: &RangeInclusive<u16>, index: usize, of: usize) -> Self {
        let free: VecDeque<u16> = pairs(ports).skip(index).step_by(of.max(1)).collect();
        let size = free.len();
        PortPool {
            free,
            open: VecDeque::new(),
            resting: VecDeque::new(),
            size,
            returned: Arc::new(ArrayQueue::new(size.max(1))),
        }
    }

    /// Of the ports whose sockets are open, or else of all, the one not used for the longest time. None when all are out or resting.
    pub fn take(&mut self, now: Timestamp) -> Option<u16> {
        while let Some(port) = self.returned.pop() {
            self.release(now, port);
        }
        while let Some(&Resting { since, port, is_open }) = self.resting.front() {
            if now.since(since) < QUARANTINE {
                break;
            }
            self.resting.pop_front();
            let rested = if is_open { &mut self.open } else { &mut self.free };
            rested.push_back(port);
        }
        self.open.pop_front().or_else(|| self.free.pop_front())
    }

    /// Gives back what [`PortPool::take`] gave.
    pub fn release(&mut self, now: Timestamp, port: u16) {
        self.rest(now, port, false);
    }

    /// Gives back what [`PortPool::take`] gave, its sockets open.
    pub fn release_open(&mut self, now: Timestamp, port: u16) {
        self.rest(now, port, true);
    }

    fn rest(&mut self, since: Timestamp, port: u16, is_open: bool) {
        debug_assert!(!self.free.contains(&port) && !self.open.contains(&port));
        debug_assert!(!self.resting.iter().any(|resting| resting.port == port));
        self.resting.push_back(Resting { since, port, is_open });
    }

    /// Gives back what a leg had, to whichever pool it is of.
    pub fn give_back(&mut self, now: Timestamp, port: Port) {
        match port.lent {
            Some(lent) => drop(lent),
            None => self.release(now, port.number),
        }
    }

    /// Free or resting.
    pub fn available(&self) -> usize {
        self.free.len() + self.open.len() + self.resting.len() + self.returned.len()
    }

    /// All of the share, out or not.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// The even ports whose odd neighbour is in the range too.
pub(super) fn pairs(ports: &RangeInclusive<u16>) -> impl Iterator<Item = u16> {
    let (start, end) = (u32::from(*ports.start()).next_multiple_of(2), u32::from(*ports.end()));
    (start.max(2)..end).step_by(2).map(|port| port as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gives_only_whole_pairs() {
        for (range, expected) in [
            (10_000..=10_005, vec![10_000, 10_002, 10_004]),
            (10_001..=10_005, vec![10_002, 10_004]),
            (10_001..=10_004, vec![10_002]),
            (10_000..=10_000, vec![]),
            (65_534..=65_535, vec![65_534]),
            (65_535..=65_535, vec![]),
            (0..=3, vec![2]),
        ] {
            assert_eq!(pairs(&range).collect::<Vec<_>>(), expected, "{range:?}");
        }
    }

    #[test]
    fn shares_of_the_range_are_disjoint_and_whole() {
        let mut all = Vec::new();
        for index in 0..3 {
            let mut pool = PortPool::share(&(20_000..=20_099), index, 3);
            all.extend(std::iter::from_fn(|| pool.take(Timestamp::ZERO)));
        }
        all.sort_unstable();
        assert_eq!(all, pairs(&(20_000..=20_099)).collect::<Vec<_>>());
    }

    #[test]
    fn a_freed_port_rests_and_comes_last() {
        let mut pool = PortPool::share(&(20_000..=20_005), 0, 1);
        let first = pool.take(Timestamp::ZERO).unwrap();
        pool.release(Timestamp::from_secs(1), first);
        let rest: Vec<_> = std::iter::from_fn(|| pool.take(Timestamp::from_millis(2_900))).collect();
        assert_eq!(rest, [20_002, 20_004]);
        assert_eq!(pool.available(), 1);
        assert_eq!(pool.take(Timestamp::from_secs(3)), Some(first));
        assert_eq!(pool.take(Timestamp::from_secs(9)), None);
    }

    #[test]
    fn ports_with_open_sockets_go_first_once_they_rested() {
        let mut pool = PortPool::share(&(20_000..=20_007), 0, 1);
        let [first, second] = [0; 2].map(|_| pool.take(Timestamp::ZERO).unwrap());
        pool.release_open(Timestamp::from_secs(1), second);
        pool.release(Timestamp::from_secs(1), first);
        assert_eq!(pool.available(), 4);
        assert_eq!(pool.take(Timestamp::from_secs(2)), Some(20_004));
        let rest: Vec<_> = std::iter::from_fn(|| pool.take(Timestamp::from_secs(3))).collect();
        assert_eq!(rest, [second, 20_006, first]);
    }

    #[test]
    fn a_port_whose_leg_ended_on_another_thread_comes_back_and_rests() {
        let [mut home, mut other] = [0, 1].map(|n| PortPool::share(&(20_000..=20_003), n, 2));
        let mut port = Port::own(home.take(Timestamp::ZERO).unwrap());
        port.lend(&home);
        port.come_home(&other);
        // And on to a third, which it is not of either.
        port.lend(&other);
        other.give_back(Timestamp::ZERO, port);
        assert_eq!((home.available(), other.available()), (1, 1));
        assert_eq!(home.take(Timestamp::from_secs(1)), None);
        assert_eq!(home.take(Timestamp::from_secs(4)), Some(20_000));
    }

    #[test]
    fn a_port_that_comes_home_with_its_leg_stays_out() {
        let mut home = PortPool::share(&(20_000..=20_001), 0, 1);
        let mut port = Port::own(home.take(Timestamp::ZERO).unwrap());
        port.lend(&home);
        port.come_home(&home);
        assert_eq!((home.available(), home.size()), (0, 1));
        home.give_back(Timestamp::ZERO, port);
        assert_eq!(home.available(), 1);
    }

    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Take,
        /// Which of those that are out.
        Release(usize),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Take),
            3 => (0..64usize).prop_map(Step::Release),
            2 => (0..3_000u64).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 0..400)
    }

    proptest! {
        /// Against the plainest book-keeping there is, with so few ports that they are always nearly out.
        #[test]
        fn no_port_is_given_out_twice_or_before_it_rested(steps in steps(), pairs_of in 1u16..6) {
            let mut pool = PortPool::share(&(20_000..=20_000 + pairs_of * 2 - 1), 0, 1);
            let mut now = Timestamp::ZERO;
            let mut out: Vec<u16> = Vec::new();
            let mut freed: std::collections::BTreeMap<u16, Timestamp> = std::collections::BTreeMap::new();
            for step in steps {
                match step {
                    Step::Take => match pool.take(now) {
                        Some(port) => {
                            prop_assert!(!out.contains(&port), "{port} is out");
                            if let Some(&at) = freed.get(&port) {
                                prop_assert!(now.since(at) >= QUARANTINE, "{port} rests");
                            }
                            out.push(port);
                        }
                        None => {
                            let rested = (0..pairs_of).map(|n| 20_000 + n * 2).filter(|port| {
                                !out.contains(port) && freed.get(port).is_none_or(|&at| now.since(at) >= QUARANTINE)
                            });
                            prop_assert_eq!(rested.count(), 0, "none was given though some rested");
                        }
                    },
                    Step::Release(which) if !out.is_empty() => {
                        let port = out.swap_remove(which % out.len());
                        freed.insert(port, now);
                        if which % 2 == 0 { pool.release(now, port) } else { pool.release_open(now, port) }
                    }
                    Step::Release(_) => {}
                    Step::Wait(ms) => now = now + Duration::from_millis(ms),
                }
                prop_assert_eq!(pool.available() + out.len(), usize::from(pairs_of));
            }
        }
    }
}
