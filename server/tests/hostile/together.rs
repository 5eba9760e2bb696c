//! Several strangers at once share the inputs of a class. They meet after each thousand, and the server is probed.

use std::fmt::{Display, Formatter};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::size::seed;
use crate::target::Target;

/// Inputs between two probes.
const ROUND: usize = 1_000;

/// One of several, with a source of its own.
pub trait Member: Send {
    /// Named by its `Display` when something fails.
    type Input: Display + Send + Sync;

    /// Inputs in [`Self::Input`], where one is several.
    const INPUTS: usize = 1;

    /// The least time for a thousand inputs, where the server would else hold more transactions of the last 32 s than it
    /// may, and refuse inputs unread.
    const PACE: Duration = Duration::ZERO;

    /// Memory is counted from then on. Transactions are kept for 32 s (RFC 3261 section 17): where inputs make them, memory
    /// grows with the rate until then, and has to stay where it is afterwards.
    const SETTLED: Duration = Duration::MAX;

    /// Says one input. An error fails the test.
    fn say(&mut self, input: &Self::Input) -> Result<(), String>;

    /// Returns when the server has read all that was said.
    fn settle(&mut self) -> Result<(), String>;
}

/// An input that is made of its seed.
pub struct Seed(pub u64);

impl Seed {
    /// So many, from the one on that a run begins with.
    pub fn first(n: usize) -> impl Iterator<Item = Seed> {
        (0..n as u64).map(|at| Seed(seed().wrapping_add(at)))
    }
}

impl Display for Seed {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed {}", self.0)
    }
}

/// Says all inputs, and returns how many there were. `what` names them.
#[track_caller]
pub fn together<M: Member>(
    target: &mut Target,
    what: &str,
    members: &mut [M],
    inputs: impl IntoIterator<Item = M::Input>,
) -> usize {
    let mut inputs = inputs.into_iter();
    let mut said = 0;
    let began = Instant::now();
    let mut counts_since_start = true;
    loop {
        let round_began = Instant::now();
        let round: Vec<M::Input> = inputs.by_ref().take(ROUND / M::INPUTS).collect();
        let share = round.len().div_ceil(members.len()).max(1);
        let shares: Vec<&[M::Input]> = round.chunks(share).collect();
        let at: Vec<AtomicUsize> = shares.iter().map(|_| AtomicUsize::new(0)).collect();
        // What each had said, and what it was saying, when something failed.
        let in_hand = || {
            let each = shares.iter().zip(&at).map(|(share, at)| {
                let at = at.load(Ordering::Relaxed).min(share.len() - 1);
                let before: Vec<String> = share[..at].iter().map(ToString::to_string).collect();
                format!("saying {}, after {}", share[at], before.join(" | "))
            });
            each.collect::<Vec<_>>().join("\n")
        };
        let failed: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = members
                .iter_mut()
                .zip(shares.iter().zip(&at))
                .map(|(member, (share, at))| scope.spawn(move || say_all(member, share, at)))
                .collect();
            threads
                .into_iter()
                .filter_map(|t| t.join().unwrap_or_else(|_| Err("a panic, above".into())).err())
                .collect()
        });
        assert!(failed.is_empty(), "{}\nafter {said} {what}. The strangers were\n{}", failed.join("\n"), in_hand());
        said += round.len();
        if round.len() < ROUND / M::INPUTS {
            return said;
        }
        let probed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            assert!(target.bob.stays_quiet(Duration::from_millis(1)), "a phone rings");
            target.probe(&format!("after {said} {what}"));
        }));
        assert!(probed.is_ok(), "the probe after {said} {what} failed. The strangers were\n{}", in_hand());
        target.app.forget();
        if counts_since_start && began.elapsed() > M::SETTLED {
            counts_since_start = false;
            target.counts_memory_from_now();
        }
        std::thread::sleep(M::PACE.saturating_sub(round_began.elapsed()));
    }
}

fn say_all<M: Member>(member: &mut M, share: &[M::Input], at: &AtomicUsize) -> Result<(), String> {
    for (n, input) in share.iter().enumerate() {
        at.store(n, Ordering::Relaxed);
        member.say(input).map_err(|e| format!("{input}: {e}"))?;
    }
    member.settle()
}
