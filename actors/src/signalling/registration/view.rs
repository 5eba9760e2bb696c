use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use actix::Addr;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use tandem_model::{Sid, Timestamp, WallTime};
use tandem_sip::registrar::{Binding, BindingKey};

use super::{RegistrarActor, RemoveBinding};
use crate::api::{ContactView, Registrations};
use crate::world::Clock;

/// What others see of registrations without asking: a copy that the registrar alone writes.
#[derive(Clone)]
pub struct RegistrationView {
    by_aor: Arc<RwLock<ByAor>>,
    clock: Clock,
}

type ByAor = BTreeMap<String, Vec<Arc<Binding>>>;

impl RegistrationView {
    pub fn new(clock: Clock) -> Self {
        RegistrationView { by_aor: Arc::default(), clock }
    }

    pub(super) fn put(&self, aor: &str, bindings: Vec<Arc<Binding>>) {
        let Ok(mut all) = self.by_aor.write() else { return };
        if bindings.is_empty() {
            all.remove(aor);
        } else if let Some(old) = all.get_mut(aor) {
            *old = bindings;
        } else {
            all.insert(aor.to_owned(), bindings);
        }
    }

    fn contacts(&self, aor: &str) -> Vec<ContactView> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let Ok(all) = self.by_aor.read() else { return Vec::new() };
        all.get(aor).into_iter().flatten().filter(|b| b.is_live(now)).map(|b| shown(b, now, wall)).collect()
    }

    fn all(&self) -> Vec<Arc<Binding>> {
        let now = self.clock.now();
        let Ok(all) = self.by_aor.read() else { return Vec::new() };
        all.values().flatten().filter(|b| b.is_live(now)).cloned().collect()
    }
}

/// REST's hand on registrations.
pub struct RegistrationControl {
    view: RegistrationView,
    registrar: Addr<RegistrarActor>,
}

impl RegistrationControl {
    pub fn new(view: RegistrationView, registrar: Addr<RegistrarActor>) -> Self {
        RegistrationControl { view, registrar }
    }
}

impl Registrations for RegistrationControl {
    fn contacts(&self, username: &str) -> Vec<ContactView> {
        self.view.contacts(username)
    }

    fn all(&self) -> Vec<ContactView> {
        let (now, wall) = (self.view.clock.now(), self.view.clock.wall());
        self.view.all().iter().map(|b| shown(b, now, wall)).collect()
    }

    fn remove(&self, id: Sid) -> BoxFuture<'_, Result<bool, String>> {
        let key = self.view.all().iter().find(|b| id_of(&b.key) == id).map(|b| b.key.clone());
        async move {
            let Some(key) = key else { return Ok(false) };
            self.registrar.send(RemoveBinding { key }).await.unwrap_or_else(|e| Err(e.to_string()))
        }
        .boxed()
    }
}

fn shown(b: &Binding, now: Timestamp, wall: WallTime) -> ContactView {
    ContactView {
        id: id_of(&b.key),
        username: b.key.aor.clone(),
        uri: b.key.contact.clone(),
        transport: b.source.transport.to_string(),
        source: b.source.addr.to_string(),
        user_agent: b.user_agent.clone(),
        instance: b.instance.clone(),
        reg_id: b.reg_id,
        path: b.path.clone(),
        q_thousandths: b.q_thousandths,
        behind_nat: b.behind_nat,
        reachable: b.reachable,
        refreshed: WallTime(wall.0 - now.since(b.updated_at).as_millis() as i64),
        expires_secs: b.expires_at.since(now).as_secs(),
    }
}

/// Made of the key, so that it needs no place to be kept; shaped like the other ids.
fn id_of(key: &BindingKey) -> Sid {
    let mut hasher = Sha256::new();
    for part in [&key.aor, &key.contact, &key.flow] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    Sid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_bindings_alone() {
        let key = |aor: &str, contact: &str, flow: &str| {
            id_of(&BindingKey { aor: aor.into(), contact: contact.into(), flow: flow.into() })
        };
        assert_eq!(key("a", "sip:a@h", ""), key("a", "sip:a@h", ""));
        assert_ne!(key("a", "sip:a@h", ""), key("a", "sip:a@h", "1;x"));
        assert_ne!(key("ab", "c", ""), key("a", "bc", ""));
    }
}
