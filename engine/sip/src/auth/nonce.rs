use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tandem_model::{Entropy, Timestamp, hex, limits};

use super::algorithm::{Algorithm, unhex};
use super::source::SourceKey;

/// Nonces whose counts are remembered. Each belongs to a user who proved a password, so strangers cannot fill it.
/// Two for each endpoint of a large installation; the oldest goes first, and its user is asked again (`stale=true`).
pub const NONCES_IN_USE_MAX: usize = 65_536;

/// Microseconds at issue (6), random (3), algorithm (1), source (4), and 10 bytes of MAC. Short, because an answer to a
/// stranger must not be much longer than the question.
const BODY_BYTES: usize = 14;
const NONCE_BYTES: usize = 24;
/// Nonce counts may arrive this far out of order.
const WINDOW: u32 = 64;

/// What tells nonces apart: when it was issued, and a random part. Ordered by age.
pub(super) type NonceId = (Timestamp, u32);

/// What a nonce of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NonceFacts {
    pub id: NonceId,
    pub algorithm: Algorithm,
    /// Who was given it, and so answers for what is tried with it.
    pub source: SourceKey,
}

/// Makes nonces that need no memory until somebody proves a password with one (RFC 7616 section 5.4).
pub(super) struct NonceMint {
    mac: Hmac<Sha256>,
}

impl NonceMint {
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        // HMAC takes a key of any length, so this cannot fail.
        NonceMint { mac: Hmac::new_from_slice(&key).expect("HMAC keys have no fixed length") }
    }

    pub fn issue(&self, now: Timestamp, algorithm: Algorithm, source: SourceKey, entropy: &mut dyn Entropy) -> String {
        let mut nonce = [0; NONCE_BYTES];
        nonce[..6].copy_from_slice(&(now.as_nanos() / 1_000).to_be_bytes()[2..]);
        entropy.fill(&mut nonce[6..9]);
        nonce[9] = algorithm as u8;
        nonce[10..BODY_BYTES].copy_from_slice(&source.0.to_be_bytes());
        let mac = self.mac(&nonce[..BODY_BYTES]);
        nonce[BODY_BYTES..].copy_from_slice(&mac[..NONCE_BYTES - BODY_BYTES]);
        hex(&nonce)
    }

    /// What a nonce says that this mint made and that has not run out.
    pub fn read(&self, now: Timestamp, nonce: &str) -> Option<NonceFacts> {
        let raw: [u8; NONCE_BYTES] = unhex(nonce)?.try_into().ok()?;
        let mac = self.mac(&raw[..BODY_BYTES]);
        if !bool::from(raw[BODY_BYTES..].ct_eq(&mac[..NONCE_BYTES - BODY_BYTES])) {
            return None;
        }
        let issued = Timestamp::from_nanos(be(&raw[..6]).saturating_mul(1_000));
        if issued > now || now.since(issued) >= limits::NONCE_LIFETIME {
            return None;
        }
        let algorithm = Algorithm::ALL.into_iter().find(|a| *a as u8 == raw[9])?;
        let source = SourceKey(be(&raw[10..BODY_BYTES]) as u32);
        Some(NonceFacts { id: (issued, be(&raw[6..9]) as u32), algorithm, source })
    }

    fn mac(&self, body: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

/// A big-endian number of at most eight bytes.
fn be(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// The nonce counts seen of each nonce in use.
pub(super) struct NonceLedger {
    windows: BTreeMap<NonceId, Window>,
    capacity: usize,
    /// Nothing this old is accepted unless it is in `windows`: its counts may have been forgotten.
    forgotten: Option<NonceId>,
}

struct Window {
    username: String,
    highest: u32,
    /// Bit i: count `highest - i` was used.
    used: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spend {
    Fresh,
    Replayed,
    /// Another user proved a password with this nonce before.
    Foreign,
    /// Its counts were forgotten.
    Forgotten,
}

impl NonceLedger {
    pub fn new(capacity: usize) -> Self {
        NonceLedger { windows: BTreeMap::new(), capacity, forgotten: None }
    }

    /// Whether counts of this nonce can still be judged.
    pub fn remembers(&self, id: NonceId) -> bool {
        self.forgotten.is_none_or(|f| id > f) || self.windows.contains_key(&id)
    }

    /// Takes one count of a nonce. Call it only once the digest has proved right: nothing else may move the window.
    pub fn spend(&mut self, now: Timestamp, id: NonceId, username: &str, count: u32) -> Spend {
        if let Some(window) = self.windows.get_mut(&id) {
            return if window.username == username { window.spend(count) } else { Spend::Foreign };
        }
        if !self.remembers(id) {
            return Spend::Forgotten;
        }
        self.windows.insert(id, Window { username: username.to_owned(), highest: count, used: 1 });
        self.make_room(now);
        Spend::Fresh
    }

    fn make_room(&mut self, now: Timestamp) {
        while let Some(oldest) = self.windows.first_entry() {
            let id = *oldest.key();
            let expired = now.since(id.0) >= limits::NONCE_LIFETIME;
            if !expired && self.windows.len() <= self.capacity {
                return;
            }
            if !expired {
                self.forgotten = self.forgotten.max(Some(id));
            }
            self.windows.remove(&id);
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.windows.len()
    }
}

impl Window {
    fn spend(&mut self, count: u32) -> Spend {
        if count > self.highest {
            let ahead = count - self.highest;
            self.used = self.used.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return Spend::Fresh;
        }
        let back = self.highest - count;
        if back >= WINDOW || self.used >> back & 1 == 1 {
            return Spend::Replayed;
        }
        self.used |= 1 << back;
        Spend::Fresh
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tandem_model::SeedEntropy;

    use super::*;

    const T: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn a_nonce_reads_back_until_it_runs_out_and_only_at_its_own_mint() {
        let mut entropy = SeedEntropy::new(1);
        let (ours, other) = (NonceMint::new(&mut entropy), NonceMint::new(&mut entropy));
        let nonce = ours.issue(T, Algorithm::Sha256, SourceKey(77), &mut entropy);
        let facts = ours.read(T, &nonce).unwrap();
        assert_eq!((facts.id.0, facts.algorithm, facts.source), (T, Algorithm::Sha256, SourceKey(77)));
        assert!(ours.read(T + limits::NONCE_LIFETIME - Duration::from_nanos(1), &nonce).is_some());
        assert!(ours.read(T + limits::NONCE_LIFETIME, &nonce).is_none());
        assert!(ours.read(T - Duration::from_secs(1), &nonce).is_none(), "issued in the future");
        assert!(other.read(T, &nonce).is_none());
    }

    #[test]
    fn no_digit_of_a_nonce_can_be_changed() {
        let mut entropy = SeedEntropy::new(2);
        let mint = NonceMint::new(&mut entropy);
        let nonce = mint.issue(T, Algorithm::Md5, SourceKey(1), &mut entropy);
        for i in 0..nonce.len() {
            let mut forged = nonce.clone().into_bytes();
            forged[i] = if forged[i] == b'0' { b'1' } else { b'0' };
            assert!(mint.read(T, std::str::from_utf8(&forged).unwrap()).is_none(), "digit {i}");
        }
        for bad in ["", "0", &nonce[2..], &format!("{nonce}00"), "zz"] {
            assert!(mint.read(T, bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn counts_are_taken_once_in_any_order_within_the_window() {
        let mut ledger = NonceLedger::new(10);
        let id = (T, 1);
        for (count, expected) in [
            (3, Spend::Fresh),
            (3, Spend::Replayed),
            (1, Spend::Fresh),
            (2, Spend::Fresh),
            (2, Spend::Replayed),
            (66, Spend::Fresh),
            (3, Spend::Replayed),
            (2, Spend::Replayed),
            (4, Spend::Fresh),
            (u32::MAX, Spend::Fresh),
            (66, Spend::Replayed),
            (u32::MAX - 63, Spend::Fresh),
            (u32::MAX - 64, Spend::Replayed),
        ] {
            assert_eq!(ledger.spend(T, id, "alice", count), expected, "{count}");
        }
        assert_eq!(ledger.spend(T, id, "bob", 100), Spend::Foreign);
    }

    #[test]
    fn the_oldest_nonce_is_forgotten_first_and_never_good_again() {
        let mut ledger = NonceLedger::new(2);
        for n in 1..=3 {
            assert_eq!(ledger.spend(T, (T, n), "alice", 1), Spend::Fresh);
        }
        assert_eq!(ledger.len(), 2);
        assert_eq!(ledger.spend(T, (T, 1), "alice", 1), Spend::Forgotten, "a replay must not pass by eviction");
        assert_eq!(ledger.spend(T, (T, 2), "alice", 1), Spend::Replayed);
        assert_eq!(ledger.spend(T, (T, 2), "alice", 2), Spend::Fresh);
    }

    #[test]
    fn expired_nonces_leave_the_ledger() {
        let mut ledger = NonceLedger::new(10);
        ledger.spend(T, (T, 1), "alice", 1);
        let later = T + limits::NONCE_LIFETIME;
        ledger.spend(later, (later, 2), "alice", 1);
        assert_eq!(ledger.len(), 1);
    }
}
