//! The clock and the random source: the two things machines are told and actors read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::RngCore;
use tandem_model::{Entropy, Timestamp, WallTime};

/// Monotonic time since the process took its origin, and civil time beside it. Copies share the origin.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    #[expect(clippy::new_without_default, reason = "an origin is taken once, on purpose")]
    pub fn new() -> Self {
        // One second in, so that "a moment ago" exists at the start too.
        Clock { origin: Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now) }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_nanos(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    pub fn wall(&self) -> WallTime {
        wall_now()
    }

    /// How long until `at`; zero when it has passed.
    pub fn until(&self, at: Timestamp) -> Duration {
        at.since(self.now())
    }
}

/// Civil time, for records.
pub(crate) fn wall_now() -> WallTime {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    WallTime::from_unix_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// The thread's cryptographic generator: seeded by the operating system, and anew from time to time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl SystemEntropy {
    pub fn new() -> Self {
        SystemEntropy
    }

    pub fn boxed() -> Box<dyn Entropy + Send> {
        Box::new(SystemEntropy)
    }
}

impl Entropy for SystemEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        // ChaCha with 12 rounds; one a thread, so that a call which begins asks the kernel for nothing.
        rand::rng().fill_bytes(out);
    }
}
