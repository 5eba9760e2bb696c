//! The location service of one domain (RFC 3261 section 10.3): which contacts an address-of-record is reached at.
//! Not here: authentication, durability (the owner stores what is prepared, then commits) and wall-clock time.
//! Start at [`Registrar`].

use tandem_model::{Endpoint, Timestamp};

use crate::message::Message;

fn soon<T>() -> T {
    unreachable!("filled in by the next commit")
}

/// What a binding is stored under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BindingKey {
    /// Lower-case username.
    pub aor: String,
    /// The contact URI as first registered.
    pub contact: String,
}

/// One contact of one address-of-record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub key: BindingKey,
    /// Where the REGISTER came from: the flow that reaches a client behind NAT.
    pub source: Endpoint,
    pub call_id: String,
    pub cseq: u32,
    pub expires_at: Timestamp,
    /// When last refreshed.
    pub updated_at: Timestamp,
    /// q in thousandths, 0-1000; 1000 where none was given.
    pub q_thousandths: u16,
    pub user_agent: Option<String>,
    /// `+sip.instance` as sent.
    pub instance: Option<String>,
    /// Path values in order (RFC 3327).
    pub path: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    Put(Binding),
    Remove(BindingKey),
}

/// A change to make durable, then to `commit` (or `abort`).
#[derive(Debug, PartialEq, Eq)]
pub struct Prepared {
    pub aor: String,
    pub changes: Vec<BindingChange>,
    /// Contact header values of the 200, one field each, with the seconds left in `expires`.
    pub contacts: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to store: answer 200 with these Contact values.
    Query {
        contacts: Vec<String>,
    },
    Updated(Prepared),
    Refused(Refused),
}

/// The response that refuses a REGISTER. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub reason: &'static str,
    /// Header fields the response must carry (Min-Expires).
    pub headers: Vec<(&'static str, String)>,
}

pub struct Registrar {}

impl Registrar {
    pub fn new() -> Self {
        soon()
    }
    /// Judges a REGISTER that is already authenticated and authorised for `aor`.
    pub fn register(&mut self, _now: Timestamp, _aor: &str, _request: &Message, _source: Endpoint) -> Outcome {
        soon()
    }
    /// The change is durable: it takes effect.
    pub fn commit(&mut self, _prepared: Prepared) {
        soon()
    }
    /// The change could not be stored: answer 500 or 503.
    pub fn abort(&mut self, _prepared: Prepared) {
        soon()
    }
    /// A stored binding, at start.
    pub fn restore(&mut self, _binding: Binding) {
        soon()
    }
    /// Live contacts, highest q first, then the most recently refreshed.
    pub fn lookup(&self, _now: Timestamp, _aor: &str) -> Vec<&Binding> {
        soon()
    }
    /// Forgets what has expired, and says what.
    pub fn expire(&mut self, _now: Timestamp) -> Vec<BindingKey> {
        soon()
    }
    pub fn deadline(&self) -> Option<Timestamp> {
        soon()
    }
    /// Bindings held.
    pub fn len(&self) -> usize {
        soon()
    }
    pub fn is_empty(&self) -> bool {
        soon()
    }
}

impl Default for Registrar {
    fn default() -> Self {
        Self::new()
    }
}
