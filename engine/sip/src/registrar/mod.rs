//! The location service of one domain (RFC 3261 section 10.3): which contacts an address-of-record is reached at.
//! Not here: authentication, durability (the owner stores what is prepared, then commits) and wall-clock time.
//! Start at [`Registrar`].

mod binding;
mod outcome;
mod request;
#[cfg(test)]
mod tests;
mod view;

pub use binding::{Binding, BindingChange, BindingKey};
pub use outcome::{Outcome, Prepared, Refused};

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tandem_model::{Endpoint, Timestamp};

use crate::message::Message;
use request::Asked;
use view::{Origin, View};

/// All bindings of one domain.
///
/// A change has two phases: [`register`](Self::register) prepares it, the owner makes it durable, and
/// [`commit`](Self::commit) lets it take effect. Every `Prepared` must be committed or aborted.
#[derive(Default)]
pub struct Registrar {
    records: BTreeMap<String, Record>,
    expiries: BTreeSet<(Timestamp, BindingKey)>,
    next_ticket: u64,
}

/// One address-of-record.
#[derive(Default)]
struct Record {
    bindings: Vec<Binding>,
    /// Prepared, and neither committed nor aborted yet; oldest first.
    pending: VecDeque<(u64, Vec<BindingChange>)>,
}

impl Registrar {
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges a REGISTER that is already authenticated and authorised for `aor` (any case). All of it is done or none
    /// (RFC 3261 section 10.3, step 7).
    pub fn register(&mut self, now: Timestamp, aor: &str, request: &Message, source: Endpoint) -> Outcome {
        let aor = aor.to_ascii_lowercase();
        let mut view = View::new(now, &aor);
        if let Some(record) = self.records.get(&aor) {
            view.load(&record.bindings);
            record.pending.iter().for_each(|(_, changes)| view.apply_all(changes));
        }
        let origin = Origin { request, source };
        let judged = match Asked::read(request) {
            Ok(Asked::Query) => return Outcome::Query { contacts: view.contact_values() },
            Ok(Asked::RemoveAll) => view.remove_all(&origin),
            Ok(Asked::Contacts(contacts)) => contacts.iter().try_for_each(|c| view.bind(c, &origin)),
            Err(refused) => Err(refused),
        };
        if let Err(refused) = judged.and_then(|()| view.check_room(&origin)) {
            return Outcome::Refused(refused);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let contacts = view.contact_values();
        let changes = view.into_changes();
        self.records.entry(aor.clone()).or_default().pending.push_back((ticket, changes.clone()));
        Outcome::Updated(Prepared { aor, changes, contacts, ticket })
    }

    /// The change is durable: it takes effect. Commit in the order of preparation.
    pub fn commit(&mut self, prepared: Prepared) {
        let Some(changes) = self.settle(&prepared) else { return };
        for change in changes {
            match change {
                BindingChange::Put(binding) => self.put(binding),
                BindingChange::Remove(key) => self.remove(&key),
            }
        }
        self.drop_if_empty(&prepared.aor);
    }

    /// The change could not be stored, and never happened. Answer 500.
    pub fn abort(&mut self, prepared: Prepared) {
        self.settle(&prepared);
        self.drop_if_empty(&prepared.aor);
    }

    /// A stored binding, at start. The owner has turned its wall-clock expiry into `expires_at`.
    pub fn restore(&mut self, binding: Binding) {
        self.put(binding);
    }

    /// Live contacts, highest q first, then the most recently refreshed.
    pub fn lookup(&self, now: Timestamp, aor: &str) -> Vec<&Binding> {
        let record = self.records.get(&aor.to_ascii_lowercase());
        let mut live: Vec<&Binding> = record.into_iter().flat_map(|r| &r.bindings).filter(|b| b.is_live(now)).collect();
        live.sort_by_key(|b| Reverse((b.q_thousandths, b.updated_at)));
        live
    }

    /// Forgets what has expired, and says what, so that the owner may tidy its store: earliest first.
    pub fn expire(&mut self, now: Timestamp) -> Vec<BindingKey> {
        let mut gone = Vec::new();
        while let Some((at, key)) = self.expiries.first().cloned() {
            if at > now {
                break;
            }
            self.remove(&key);
            self.drop_if_empty(&key.aor);
            gone.push(key);
        }
        gone
    }

    /// When the next binding expires.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Bindings held.
    pub fn len(&self) -> usize {
        self.expiries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.expiries.is_empty()
    }

    fn settle(&mut self, prepared: &Prepared) -> Option<Vec<BindingChange>> {
        let pending = &mut self.records.get_mut(&prepared.aor)?.pending;
        let at = pending.iter().position(|(ticket, _)| *ticket == prepared.ticket)?;
        pending.remove(at).map(|(_, changes)| changes)
    }

    fn put(&mut self, binding: Binding) {
        self.remove(&binding.key);
        self.expiries.insert((binding.expires_at, binding.key.clone()));
        self.records.entry(binding.key.aor.clone()).or_default().bindings.push(binding);
    }

    fn remove(&mut self, key: &BindingKey) {
        let Some(record) = self.records.get_mut(&key.aor) else { return };
        let Some(at) = record.bindings.iter().position(|b| b.key == *key) else { return };
        let binding = record.bindings.remove(at);
        self.expiries.remove(&(binding.expires_at, binding.key));
    }

    fn drop_if_empty(&mut self, aor: &str) {
        if self.records.get(aor).is_some_and(|r| r.bindings.is_empty() && r.pending.is_empty()) {
            self.records.remove(aor);
        }
    }
}
