//! Whether a carrier takes calls: what OPTIONS and calls tell, with hysteresis.
//!
//! ```text
//!            down_after failures in a row, or 503 to a probe
//!      Up ───────────────────────────────────────────────► Down ──┐ Retry-After is waited for
//!       ▲        up_after answers in a row                  │ ▲ ◄──┘
//!       └───────────────────────────────────────────────────┘ │
//!       └─ without probes: after TRIAL_AFTER, on trial ────────┘ one more failure
//! ```
//!
//! Beside that, a 503 to an INVITE that says for how long is kept to: nothing is sent there meanwhile, neither calls nor
//! probes (RFC 3261 section 21.5.4), whatever else is heard.

use std::collections::VecDeque;
use std::time::Duration;

use tandem_model::{Entropy, Timestamp};

/// A probe without a final response for so long has failed: eight transmissions over UDP (RFC 3261 section 17.1.2.1)
/// would take 32 s, and calls are lost meanwhile.
const PROBE_WAIT: Duration = Duration::from_secs(4);
/// Without probes, a carrier that is down gets the next call after this.
const TRIAL_AFTER: Duration = Duration::from_secs(30);
/// The first probes of all carriers are spread over this.
const FIRST_WITHIN_MS: u64 = 1_000;

/// Bounds of the Retry-After of a call's 503: longer, and one answer could cut a carrier off for an afternoon.
const LEFT_ALONE_MIN: Duration = Duration::from_secs(1);
const LEFT_ALONE_MAX: Duration = Duration::from_secs(600);

/// How a carrier is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthPolicy {
    /// Between two OPTIONS; None: only calls tell.
    pub options_every: Option<Duration>,
    /// Failures in a row, of probes and calls, that take the carrier out of service.
    pub down_after: u8,
    /// Answers in a row that put it back.
    pub up_after: u8,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        HealthPolicy { options_every: None, down_after: 3, up_after: 2 }
    }
}

/// What came of an OPTIONS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// Any final response but 503: a 404 or 405 says that somebody is there.
    Answered,
    /// 503, with its Retry-After (RFC 3261 section 21.5.4).
    Overloaded { retry_after: Option<Duration> },
    /// No final response, or nothing could be sent.
    Silent,
}

/// What came of an INVITE, as far as it says something of the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    Answered,
    /// 503 that says for how long (RFC 3261 section 21.5.4).
    Overloaded {
        retry_after: Duration,
    },
    /// 503 that does not, timeout, or no transport.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthEffect {
    /// Send an OPTIONS and hand in what came of it, by this number.
    Probe {
        id: u64,
    },
    Changed {
        up: bool,
    },
}

/// One carrier's health. Poll [`Health::poll`] until None after every input; then wait for [`Health::deadline`].
pub struct Health {
    policy: HealthPolicy,
    up: bool,
    since: Timestamp,
    failures: u8,
    successes: u8,
    left_alone_until: Option<Timestamp>,
    /// The probe under way, and when it has failed.
    probing: Option<(u64, Timestamp)>,
    probes: u64,
    /// Of the next probe, or of the trial of a carrier that is down and not probed.
    next: Option<Timestamp>,
    effects: VecDeque<HealthEffect>,
}

impl Health {
    /// Up until something tells otherwise.
    pub fn new(now: Timestamp, policy: HealthPolicy, entropy: &mut dyn Entropy) -> Self {
        let first = now + Duration::from_millis(entropy.next_u64() % FIRST_WITHIN_MS);
        Health {
            policy,
            up: true,
            since: now,
            failures: 0,
            successes: 0,
            left_alone_until: None,
            probing: None,
            probes: 0,
            next: policy.options_every.map(|_| first),
            effects: VecDeque::new(),
        }
    }

    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Since when it is up or down.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether the last thing heard was a failure: then answers of calls are worth telling.
    pub fn is_suspect(&self) -> bool {
        !self.up || self.failures > 0
    }

    /// Until when it gets no calls, because it said so. In the past or None: it may be called.
    pub fn left_alone_until(&self) -> Option<Timestamp> {
        self.left_alone_until
    }

    pub fn handle_probe(&mut self, now: Timestamp, id: u64, result: ProbeResult, entropy: &mut dyn Entropy) {
        if self.probing.is_none_or(|(probing, _)| probing != id) {
            return;
        }
        self.probing = None;
        let mut wait = self.interval(entropy);
        match result {
            ProbeResult::Answered => self.succeeded(now),
            ProbeResult::Silent => self.failed(now),
            ProbeResult::Overloaded { retry_after } => {
                // It asks to be left alone: one such answer is enough.
                self.failures = self.policy.down_after;
                self.set(now, false);
                wait = wait.max(retry_after.unwrap_or_default());
            }
        }
        self.next = Some((now + wait).max(self.left_alone_until.unwrap_or_default()));
    }

    pub fn handle_call(&mut self, now: Timestamp, result: CallResult) {
        match result {
            CallResult::Answered => self.succeeded(now),
            CallResult::Overloaded { retry_after } => {
                self.failed(now);
                self.leave_alone(now + retry_after.clamp(LEFT_ALONE_MIN, LEFT_ALONE_MAX));
            }
            CallResult::Failed => self.failed(now),
        }
    }

    pub fn poll(&mut self) -> Option<HealthEffect> {
        self.effects.pop_front()
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        [self.next, self.probing.map(|(_, until)| until)].into_iter().flatten().min()
    }

    pub fn expire(&mut self, now: Timestamp, entropy: &mut dyn Entropy) {
        if let Some((id, _)) = self.probing.filter(|(_, until)| *until <= now) {
            self.handle_probe(now, id, ProbeResult::Silent, entropy);
        }
        if self.next.is_none_or(|at| at > now) {
            return;
        }
        self.next = None;
        match self.policy.options_every {
            Some(every) => {
                self.probes += 1;
                self.probing = Some((self.probes, now + PROBE_WAIT.min(every)));
                self.effects.push_back(HealthEffect::Probe { id: self.probes });
            }
            None => {
                // On trial: the next failure takes it down again.
                self.set(now, true);
                self.failures = self.policy.down_after.saturating_sub(1);
            }
        }
    }

    /// With a tenth of jitter either way, so that many carriers are not probed in step.
    fn interval(&self, entropy: &mut dyn Entropy) -> Duration {
        let every = self.policy.options_every.unwrap_or(TRIAL_AFTER);
        let tenth = u64::try_from(every.as_millis() / 10).unwrap_or(u64::MAX).max(1);
        every - Duration::from_millis(tenth) + Duration::from_millis(entropy.next_u64() % (2 * tenth))
    }

    /// Calls that were under way together may each be refused: the latest end counts. The next probe, or trial, waits
    /// for it as well.
    fn leave_alone(&mut self, until: Timestamp) {
        let until = self.left_alone_until.map_or(until, |known| known.max(until));
        self.left_alone_until = Some(until);
        self.next = self.next.map(|at| at.max(until));
    }

    fn succeeded(&mut self, now: Timestamp) {
        self.failures = 0;
        if !self.up {
            self.successes = self.successes.saturating_add(1);
            if self.successes >= self.policy.up_after {
                self.set(now, true);
            }
        }
    }

    fn failed(&mut self, now: Timestamp) {
        self.successes = 0;
        self.failures = self.failures.saturating_add(1);
        if self.up && self.failures >= self.policy.down_after {
            self.set(now, false);
        }
    }

    fn set(&mut self, now: Timestamp, up: bool) {
        self.successes = 0;
        if up == self.up {
            return;
        }
        self.up = up;
        self.since = now;
        if up {
            self.failures = 0;
        } else if self.policy.options_every.is_none() {
            self.next = Some(now + TRIAL_AFTER);
        }
        self.effects.push_back(HealthEffect::Changed { up });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::SeedEntropy;

    struct Rig {
        health: Health,
        now: Timestamp,
        entropy: SeedEntropy,
    }

    impl Rig {
        fn new(every: Option<u64>, down_after: u8, up_after: u8) -> Rig {
            let policy = HealthPolicy { options_every: every.map(Duration::from_secs), down_after, up_after };
            let (now, mut entropy) = (Timestamp::from_secs(100), SeedEntropy::new(7));
            Rig { health: Health::new(now, policy, &mut entropy), now, entropy }
        }

        /// Waits for what comes next by itself.
        fn next(&mut self) -> Option<HealthEffect> {
            for _ in 0..3 {
                if let Some(effect) = self.health.poll() {
                    return Some(effect);
                }
                self.now = self.health.deadline()?;
                self.health.expire(self.now, &mut self.entropy);
            }
            None
        }

        fn probe(&mut self, result: ProbeResult) -> bool {
            let Some(HealthEffect::Probe { id }) = self.next() else { panic!("no probe") };
            self.health.handle_probe(self.now, id, result, &mut self.entropy);
            while let Some(effect) = self.health.poll() {
                assert_eq!(effect, HealthEffect::Changed { up: self.health.is_up() });
            }
            self.health.is_up()
        }
    }

    #[test]
    fn one_lost_probe_changes_nothing_and_as_many_as_told_do() {
        use ProbeResult::{Answered, Silent};
        let mut r = Rig::new(Some(10), 3, 2);
        let up: Vec<bool> =
            [Silent, Silent, Answered, Silent, Silent, Silent, Answered, Silent, Answered, Answered, Answered]
                .map(|result| r.probe(result))
                .into();
        assert_eq!(up, [true, true, true, true, true, false, false, false, false, true, true]);
    }

    #[test]
    fn an_overloaded_carrier_is_down_at_once_and_left_alone_as_long_as_it_asks() {
        let mut r = Rig::new(Some(10), 3, 1);
        let retry_after = Some(Duration::from_secs(120));
        assert!(!r.probe(ProbeResult::Overloaded { retry_after }));
        let asked = r.now;
        assert!(r.probe(ProbeResult::Answered), "one answer was to be enough");
        assert!(r.now.since(asked) >= Duration::from_secs(120), "{:?}", r.now.since(asked));
    }

    #[test]
    fn a_probe_that_is_never_answered_fails_by_itself_and_its_late_answer_counts_for_nothing() {
        let mut r = Rig::new(Some(10), 1, 1);
        let Some(HealthEffect::Probe { id }) = r.next() else { panic!("no probe") };
        let sent = r.now;
        assert_eq!(r.next(), Some(HealthEffect::Changed { up: false }));
        assert_eq!(r.now.since(sent), PROBE_WAIT);
        r.health.handle_probe(r.now, id, ProbeResult::Answered, &mut r.entropy);
        assert!(!r.health.is_up());
    }

    #[test]
    fn probes_are_an_interval_apart_give_or_take_a_tenth() {
        let mut r = Rig::new(Some(30), 3, 2);
        r.probe(ProbeResult::Answered);
        for _ in 0..50 {
            let last = r.now;
            r.probe(ProbeResult::Answered);
            let gap = r.now.since(last);
            assert!((27_000..33_000).contains(&gap.as_millis()), "{gap:?}");
        }
    }

    #[test]
    fn calls_take_a_carrier_down_that_is_not_probed_and_it_comes_back_on_trial() {
        let mut r = Rig::new(None, 2, 2);
        assert_eq!(r.health.deadline(), None, "nothing is asked");
        r.health.handle_call(r.now, CallResult::Failed);
        assert!(r.health.is_up() && r.health.is_suspect());
        r.health.handle_call(r.now, CallResult::Answered);
        r.health.handle_call(r.now, CallResult::Failed);
        r.health.handle_call(r.now, CallResult::Failed);
        assert_eq!(r.health.poll(), Some(HealthEffect::Changed { up: false }));
        let down = r.now;
        assert_eq!(r.next(), Some(HealthEffect::Changed { up: true }));
        assert_eq!(r.now.since(down), TRIAL_AFTER);
        r.health.handle_call(r.now, CallResult::Failed);
        assert_eq!(r.health.poll(), Some(HealthEffect::Changed { up: false }), "one failure on trial is enough");
    }

    #[test]
    fn calls_that_were_tried_all_the_same_put_a_carrier_back() {
        let mut r = Rig::new(None, 1, 2);
        r.health.handle_call(r.now, CallResult::Failed);
        r.health.handle_call(r.now, CallResult::Answered);
        assert!(!r.health.is_up());
        r.health.handle_call(r.now, CallResult::Answered);
        assert!(r.health.is_up() && !r.health.is_suspect());
    }

    #[test]
    fn a_call_that_is_told_for_how_long_leaves_the_carrier_alone_within_bounds() {
        for (asked_secs, kept_secs) in [(0, 1), (1, 1), (60, 60), (600, 600), (601, 600), (3_600, 600)] {
            let mut r = Rig::new(None, 3, 2);
            assert_eq!(r.health.left_alone_until(), None);
            let retry_after = Duration::from_secs(asked_secs);
            r.health.handle_call(r.now, CallResult::Overloaded { retry_after });
            assert_eq!(r.health.left_alone_until(), Some(r.now + Duration::from_secs(kept_secs)), "{asked_secs}");
            assert!(r.health.is_up() && r.health.is_suspect(), "one failure, as any other");
            // What was under way before, and what says less, changes nothing.
            r.health.handle_call(r.now, CallResult::Answered);
            r.health.handle_call(r.now, CallResult::Overloaded { retry_after: Duration::ZERO });
            assert_eq!(r.health.left_alone_until(), Some(r.now + Duration::from_secs(kept_secs)), "{asked_secs}");
        }
    }

    #[test]
    fn probes_and_trials_wait_for_a_carrier_that_is_left_alone() {
        let retry_after = Duration::from_secs(120);
        let mut r = Rig::new(Some(10), 3, 2);
        r.probe(ProbeResult::Answered);
        r.health.handle_call(r.now, CallResult::Overloaded { retry_after });
        let told = r.now;
        assert!(matches!(r.next(), Some(HealthEffect::Probe { .. })));
        assert_eq!(r.now, told + retry_after);

        // The answer to one that was on its way brings no other forward.
        let mut r = Rig::new(Some(10), 3, 2);
        let Some(HealthEffect::Probe { id }) = r.next() else { panic!("no probe") };
        r.health.handle_call(r.now, CallResult::Overloaded { retry_after });
        let told = r.now;
        r.health.handle_probe(r.now, id, ProbeResult::Answered, &mut r.entropy);
        assert!(matches!(r.next(), Some(HealthEffect::Probe { .. })));
        assert_eq!(r.now, told + retry_after);

        let mut r = Rig::new(None, 1, 1);
        r.health.handle_call(r.now, CallResult::Overloaded { retry_after });
        let told = r.now;
        assert_eq!(r.next(), Some(HealthEffect::Changed { up: false }));
        assert_eq!(r.next(), Some(HealthEffect::Changed { up: true }));
        assert_eq!(r.now, told + retry_after);
    }
}
