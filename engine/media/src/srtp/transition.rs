use std::time::Duration;

use tandem_model::Timestamp;

use super::ring::KeyRing;

/// How long packets under an old key are taken while the peer has not used the new one: its answer, or our ACK, may have
/// been lost and repeated a few times (RFC 3261 section 17.1.1.2).
const UNTIL_NEW_KEY: Duration = Duration::from_secs(10);
/// And after it did: what the network may hold back.
const AFTER_NEW_KEY: Duration = Duration::from_secs(1);
/// Packets that open under neither key, after which the old one is given up: a forger can make us look twice this often and
/// no more.
const VAIN_TRIES_MAX: u32 = 500;

/// The keys from before a re-keying, for packets that were on their way.
pub(super) struct Transition {
    pub before: KeyRing,
    until: Timestamp,
    heard: Heard,
    tries_left: u32,
}

enum Heard {
    NotYet,
    /// Since the last [`Transition::is_over`], which knows the time.
    Just,
    Before,
}

impl Transition {
    pub fn new(now: Timestamp, before: KeyRing) -> Self {
        Transition { before, until: now + UNTIL_NEW_KEY, heard: Heard::NotYet, tries_left: VAIN_TRIES_MAX }
    }

    pub fn new_key_heard(&mut self) {
        if matches!(self.heard, Heard::NotYet) {
            self.heard = Heard::Just;
        }
    }

    pub fn is_over(&mut self, now: Timestamp) -> bool {
        if matches!(self.heard, Heard::Just) {
            self.heard = Heard::Before;
            self.until = self.until.min(now + AFTER_NEW_KEY);
        }
        now >= self.until
    }

    /// Takes one try; false when they are used up.
    pub fn may_try(&mut self) -> bool {
        let may = self.tries_left > 0;
        self.tries_left = self.tries_left.saturating_sub(1);
        may
    }

    pub fn try_was_good(&mut self) {
        self.tries_left += 1;
    }
}
