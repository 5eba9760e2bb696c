use std::sync::Arc;
use std::time::Duration;

use tandem_model::{Endpoint, Timestamp, limits};

use super::nat::is_behind_nat;
use super::request::{AskedContact, read_path};
use super::{Binding, BindingChange, BindingKey, Overflow, Policy, Refused};
use crate::message::{Message, Uri};

/// The bindings of one address-of-record as they will be, and the changes that lead there.
pub(super) struct View {
    now: Timestamp,
    aor: String,
    bindings: Vec<Arc<Binding>>,
    changes: Vec<BindingChange>,
}

/// The REGISTER and where it came from.
pub(super) struct Origin<'a> {
    pub request: &'a Message,
    pub source: Endpoint,
}

impl View {
    pub fn new(now: Timestamp, aor: &str) -> Self {
        View { now, aor: aor.to_owned(), bindings: Vec::new(), changes: Vec::new() }
    }

    /// What is committed. Expired bindings no longer count.
    pub fn load(&mut self, bindings: &[Arc<Binding>]) {
        self.bindings.extend(bindings.iter().filter(|b| b.is_live(self.now)).cloned());
    }

    /// What is prepared already, and on its way.
    pub fn apply_all(&mut self, changes: &[BindingChange]) {
        changes.iter().for_each(|change| self.apply(change));
    }

    pub fn contact_values(&self) -> Vec<String> {
        self.bindings.iter().map(|b| b.contact_value(self.now)).collect()
    }

    pub fn into_changes(self) -> Vec<BindingChange> {
        self.changes
    }

    /// `Contact: *` (RFC 3261 section 10.3, step 6).
    pub fn remove_all(&mut self, origin: &Origin<'_>) -> Result<(), Refused> {
        for binding in self.bindings.clone() {
            check_order(&binding, origin)?;
            self.change(BindingChange::Remove(binding.key.clone()));
        }
        Ok(())
    }

    /// One contact of the request (RFC 3261 section 10.3, step 7).
    pub fn bind(&mut self, asked: &AskedContact<'_>, origin: &Origin<'_>) -> Result<(), Refused> {
        let flow = asked.flow();
        // A flow is known by its client and its number, whatever the contact URI (RFC 5626 section 6).
        let existing = self
            .bindings
            .iter()
            .find(|b| b.key.flow == flow && (!flow.is_empty() || same_uri(&b.key.contact, asked.uri)));
        // One named twice in a request counts once, as last named.
        let twice = existing.is_some_and(|e| self.is_changed(&e.key));
        if let Some(existing) = existing.filter(|_| !twice) {
            check_order(existing, origin)?;
        }
        let key = match existing {
            Some(existing) if flow.is_empty() || asked.expires_secs == 0 => existing.key.clone(),
            _ => BindingKey { aor: self.aor.clone(), contact: asked.uri.to_owned(), flow },
        };
        let mut gone: Vec<BindingKey> = existing.map(|e| e.key.clone()).into_iter().collect();
        for other in self.bindings.iter().filter(|b| takes_place_of(asked, origin, b)) {
            let same_contact = same_uri(&other.key.contact, asked.uri);
            // What is removed is the contact that is named; what takes a place takes it from any contact.
            if gone.contains(&other.key) || self.is_changed(&other.key) || (asked.expires_secs == 0 && !same_contact) {
                continue;
            }
            if same_contact {
                check_order(other, origin)?;
            }
            gone.push(other.key.clone());
        }
        let removes = asked.expires_secs == 0;
        gone.into_iter().filter(|old| removes || *old != key).for_each(|old| self.change(BindingChange::Remove(old)));
        if removes {
            return Ok(());
        }
        let binding = self.binding(key, asked, origin)?;
        self.change(BindingChange::Put(Arc::new(binding)));
        Ok(())
    }

    /// Makes room at the limit as the policy says. A flow with Path is a proxy's, and shared.
    pub fn check_room(&mut self, origin: &Origin<'_>, policy: &Policy) -> Result<(), Refused> {
        while self.bindings.len() > policy.contacts_max {
            let oldest = |of_this_flow: bool| {
                self.bindings
                    .iter()
                    .filter(|b| !of_this_flow || (b.source == origin.source && b.path.is_empty()))
                    .filter(|b| !self.is_changed(&b.key))
                    .min_by_key(|b| b.updated_at)
                    .map(|b| b.key.clone())
            };
            let stale = oldest(true).or_else(|| match policy.overflow {
                Overflow::Refuse => None,
                Overflow::ReplaceOldest => oldest(false),
            });
            self.change(BindingChange::Remove(stale.ok_or_else(Refused::too_many)?));
        }
        Ok(())
    }

    fn binding(&self, key: BindingKey, asked: &AskedContact<'_>, origin: &Origin<'_>) -> Result<Binding, Refused> {
        let request = origin.request;
        let path = read_path(request)?;
        let uri = Uri::parse(asked.uri).map_err(|_| Refused::bad_request("Malformed Contact"))?;
        Ok(Binding {
            behind_nat: path.is_empty() && is_behind_nat(&uri, request, origin.source),
            key,
            source: origin.source,
            call_id: request.call_id().to_owned(),
            cseq: request.cseq().number,
            expires_at: self.now + Duration::from_secs(u64::from(asked.expires_secs)),
            updated_at: self.now,
            q_thousandths: asked.q_thousandths,
            user_agent: request.header("User-Agent").map(|agent| shortened(agent, limits::USER_AGENT_BYTES_MAX)),
            instance: asked.instance.map(str::to_owned),
            reg_id: asked.reg_id,
            path,
            reachable: true,
        })
    }

    fn is_changed(&self, key: &BindingKey) -> bool {
        self.changes.iter().any(|c| matches!(c, BindingChange::Put(b) if b.key == *key))
    }

    fn change(&mut self, change: BindingChange) {
        self.apply(&change);
        self.changes.push(change);
    }

    fn apply(&mut self, change: &BindingChange) {
        let key = match change {
            BindingChange::Put(binding) => &binding.key,
            BindingChange::Remove(key) => key,
        };
        self.bindings.retain(|b| b.key != *key);
        if let BindingChange::Put(binding) = change {
            self.bindings.push(binding.clone());
        }
    }
}

/// Whether this contact is what `other` was: the same device, that comes with a new URI, begins to number its flows or
/// ceases to. RFC 5626 section 6 keeps a flow by instance and reg-id, and RFC 3261 section 10.3 (step 7) keeps what has
/// neither by its URI, so that the two ways alone would never meet, and the device would ring twice.
fn takes_place_of(asked: &AskedContact<'_>, origin: &Origin<'_>, other: &Binding) -> bool {
    match (asked.instance, other.instance.as_deref()) {
        // Flows of one device stand side by side: that is what they are for.
        _ if asked.reg_id.is_some() && other.reg_id.is_some() => false,
        (Some(instance), Some(others)) => instance == others,
        _ if asked.reg_id.is_none() && other.reg_id.is_none() => false,
        // Many clients name an instance only where they keep flows. The URI alone does not tell which device it is: two
        // homes may number theirs alike. The port is not compared, for each connection has another.
        _ => {
            let path = origin.request.token_list("Path");
            same_uri(&other.key.contact, asked.uri)
                && origin.source.transport == other.source.transport
                && origin.source.addr.ip() == other.source.addr.ip()
                && path.eq(other.path.iter().map(String::as_str))
        }
    }
}

/// Within one Call-ID only a higher CSeq may change a binding.
fn check_order(existing: &Binding, origin: &Origin<'_>) -> Result<(), Refused> {
    let same_call = existing.call_id == origin.request.call_id();
    if same_call && origin.request.cseq().number <= existing.cseq { Err(Refused::out_of_order()) } else { Ok(()) }
}

fn shortened(text: &str, bytes_max: usize) -> String {
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

/// RFC 3261 section 19.1.4. What does not read as a URI (it was stored by another version) is compared as text.
fn same_uri(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    match (Uri::parse(a), Uri::parse(b)) {
        (Ok(a), Ok(b)) => a.sip_equal(&b),
        _ => a == b,
    }
}
