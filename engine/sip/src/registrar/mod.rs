//! The location service of one domain (RFC 3261 section 10.3): which contacts an address-of-record is reached at.
//! Not here: authentication, durability (the owner stores what is prepared, then commits) and wall-clock time.
//! Start at [`Registrar`].

mod binding;
#[cfg(test)]
mod device_tests;
#[cfg(test)]
mod flow_tests;
mod keepalive;
mod nat;
mod outcome;
mod policy;
mod request;
#[cfg(test)]
mod tests;
mod view;

pub use binding::{Binding, BindingChange, BindingKey};
pub use keepalive::{Ask, KeepAlive};
pub use outcome::{Outcome, Prepared, Refused};
pub use policy::{Overflow, Policy};

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use tandem_model::{Endpoint, Timestamp, Transport};

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
    /// Bindings that stand on a connection, by its far end.
    streams: BTreeMap<(Transport, SocketAddr), BTreeSet<BindingKey>>,
    next_ticket: u64,
}

/// What stood on a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FlowClosed {
    /// Bindings that are no more.
    pub removed: Vec<BindingKey>,
    /// Bindings that are kept, and not reached meanwhile.
    pub unreachable: Vec<BindingKey>,
}

/// One address-of-record.
#[derive(Default)]
struct Record {
    bindings: Vec<Arc<Binding>>,
    /// Prepared, and neither committed nor aborted yet; oldest first.
    pending: VecDeque<(u64, Vec<BindingChange>)>,
}

impl Registrar {
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges a REGISTER that is already authenticated and authorised for `aor` (any case). All of it is done or none
    /// (RFC 3261 section 10.3, step 7).
    pub fn register(
        &mut self,
        now: Timestamp,
        aor: &str,
        request: &Message,
        source: Endpoint,
        policy: &Policy,
    ) -> Outcome {
        let aor = aor.to_ascii_lowercase();
        let mut view = View::new(now, &aor);
        if let Some(record) = self.records.get(&aor) {
            view.load(&record.bindings);
            record.pending.iter().for_each(|(_, changes)| view.apply_all(changes));
        }
        let origin = Origin { request, source };
        let judged = match Asked::read(request, policy) {
            Ok(Asked::Query) => return Outcome::Query { contacts: view.contact_values() },
            Ok(Asked::RemoveAll) => view.remove_all(&origin),
            Ok(Asked::Contacts(contacts)) => contacts.iter().try_for_each(|c| view.bind(c, &origin)),
            Err(refused) => Err(refused),
        };
        if let Err(refused) = judged.and_then(|()| view.check_room(&origin, policy)) {
            return Outcome::Refused(refused);
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let contacts = view.contact_values();
        let changes = view.into_changes();
        let outbound = changes.iter().any(|c| matches!(c, BindingChange::Put(b) if b.reg_id.is_some()));
        self.records.entry(aor.clone()).or_default().pending.push_back((ticket, changes.clone()));
        Outcome::Updated(Prepared { aor, changes, contacts, outbound, ticket })
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
        self.put(Arc::new(binding));
    }

    /// Takes one binding away, as an operator does: `commit` or `abort` it as any other change. None: there is no such
    /// binding.
    pub fn remove_one(&mut self, key: &BindingKey) -> Option<Prepared> {
        let record = self.records.get_mut(&key.aor)?;
        record.bindings.iter().find(|b| b.key == *key)?;
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let changes = vec![BindingChange::Remove(key.clone())];
        record.pending.push_back((ticket, changes.clone()));
        Some(Prepared { aor: key.aor.clone(), changes, contacts: Vec::new(), outbound: false, ticket })
    }

    /// A connection is gone. A flow that its client keeps is gone with it (RFC 5626 section 7); who is behind a NAT is
    /// not reached before it comes again. Answers the keys of both kinds.
    pub fn flow_closed(&mut self, peer: Endpoint) -> FlowClosed {
        let mut closed = FlowClosed::default();
        for key in self.streams.remove(&(peer.transport, peer.addr)).unwrap_or_default() {
            let Some(binding) = self.binding_mut(&key) else { continue };
            if binding.reg_id.is_some() && binding.path.is_empty() {
                self.remove(&key);
                self.drop_if_empty(&key.aor);
                closed.removed.push(key);
            } else if binding.is_over_flow() {
                binding.reachable = false;
                closed.unreachable.push(key);
            }
        }
        closed
    }

    /// Whether something was heard of a contact when asked. False: nothing changed.
    pub fn set_reachable(&mut self, key: &BindingKey, reachable: bool) -> bool {
        self.binding_mut(key).is_some_and(|b| std::mem::replace(&mut b.reachable, reachable) != reachable)
    }

    pub fn binding(&self, key: &BindingKey) -> Option<&Arc<Binding>> {
        self.records.get(&key.aor)?.bindings.iter().find(|b| b.key == *key)
    }

    fn binding_mut(&mut self, key: &BindingKey) -> Option<&mut Binding> {
        let bindings = &mut self.records.get_mut(&key.aor)?.bindings;
        bindings.iter_mut().find(|b| b.key == *key).map(Arc::make_mut)
    }

    /// All live bindings of an address-of-record (any case), highest q first, then the most recently refreshed.
    pub fn bindings(&self, now: Timestamp, aor: &str) -> Vec<&Arc<Binding>> {
        let record = self.records.get(&aor.to_ascii_lowercase());
        let bindings = record.into_iter().flat_map(|r| &r.bindings);
        let mut live: Vec<&Arc<Binding>> = bindings.filter(|b| b.is_live(now)).collect();
        live.sort_by_key(|b| Reverse((b.q_thousandths, b.updated_at)));
        live
    }

    /// Where to try now, in the order of [`bindings`](Self::bindings): those that are reachable, or all if none is. Of the
    /// contacts of one device only one, or it would ring twice (RFC 5626 section 7).
    pub fn lookup(&self, now: Timestamp, aor: &str) -> Vec<&Arc<Binding>> {
        let mut live = self.bindings(now, aor);
        if live.iter().any(|b| b.reachable) {
            live.retain(|b| b.reachable);
        }
        let mut devices: Vec<&str> = Vec::new();
        live.retain(|b| match b.instance.as_deref() {
            Some(instance) if devices.contains(&instance) => false,
            Some(instance) => {
                devices.push(instance);
                true
            }
            None => true,
        });
        live
    }

    /// The other ways to the same device, in the order of [`bindings`](Self::bindings), to be tried when this one fails
    /// (RFC 5626 section 7). None that is known to be broken.
    pub fn other_flows(&self, now: Timestamp, flow: &Binding) -> Vec<&Arc<Binding>> {
        if flow.instance.is_none() {
            return Vec::new();
        }
        let mut others = self.bindings(now, &flow.key.aor);
        others.retain(|b| b.reachable && b.instance == flow.instance && b.key != flow.key);
        others
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

    /// Forgets every address-of-record that `keep` refuses, and says what that was: its endpoint is gone.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) -> Vec<BindingKey> {
        let gone = self.records.iter().filter(|(aor, _)| !keep(aor));
        let keys: Vec<BindingKey> = gone.flat_map(|(_, r)| r.bindings.iter().map(|b| b.key.clone())).collect();
        for key in &keys {
            self.remove(key);
            self.drop_if_empty(&key.aor);
        }
        keys
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

    fn put(&mut self, binding: Arc<Binding>) {
        self.remove(&binding.key);
        self.expiries.insert((binding.expires_at, binding.key.clone()));
        if binding.source.transport.is_reliable() {
            let peer = (binding.source.transport, binding.source.addr);
            self.streams.entry(peer).or_default().insert(binding.key.clone());
        }
        self.records.entry(binding.key.aor.clone()).or_default().bindings.push(binding);
    }

    fn remove(&mut self, key: &BindingKey) {
        let Some(record) = self.records.get_mut(&key.aor) else { return };
        let Some(at) = record.bindings.iter().position(|b| b.key == *key) else { return };
        let binding = record.bindings.remove(at);
        let peer = (binding.source.transport, binding.source.addr);
        if let Some(keys) = self.streams.get_mut(&peer) {
            keys.remove(&binding.key);
            if keys.is_empty() {
                self.streams.remove(&peer);
            }
        }
        self.expiries.remove(&(binding.expires_at, binding.key.clone()));
    }

    fn drop_if_empty(&mut self, aor: &str) {
        if self.records.get(aor).is_some_and(|r| r.bindings.is_empty() && r.pending.is_empty()) {
            self.records.remove(aor);
        }
    }
}
