//! The registrar's actor: a change is durable before it is answered, and concurrent ones share a commit.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use actix::prelude::*;
use tandem_call::call::RegisteredContact;
use tandem_model::{Endpoint, Timestamp, Transport, WallTime, limits};
use tandem_sip::message::Message as SipMessage;
use tandem_sip::registrar::{Binding, BindingChange, BindingKey, Outcome, Prepared, Refused, Registrar};

use crate::api::{ContactView, Metrics, Registrations};
use crate::store::{self, BindingRow, Store};
use crate::world::Clock;

/// Owns who is registered where.
pub struct RegistrarActor {
    registrar: Registrar,
    store: Store,
    clock: Clock,
    metrics: Metrics,
    view: RegistrationView,
}

/// An authenticated REGISTER.
#[derive(Message)]
#[rtype(result = "Registered")]
pub struct Register {
    pub aor: String,
    pub message: SipMessage,
    pub source: Endpoint,
}

/// What to answer.
#[derive(Debug)]
pub enum Registered {
    /// 200 with these Contact values.
    Ok(Vec<String>),
    Refused(Refused),
    /// Nothing changed: 500 with Retry-After.
    NotDurable,
}

/// Where an endpoint is reached now.
#[derive(Message)]
#[rtype(result = "Contacts")]
pub struct Lookup {
    /// Lower-case username.
    pub aor: String,
}

#[derive(MessageResponse)]
pub struct Contacts(pub Vec<RegisteredContact>);

/// What REST sees of registrations: a copy that the registrar alone writes.
#[derive(Clone)]
pub struct RegistrationView {
    contacts: Arc<RwLock<ContactsByAor>>,
    clock: Clock,
}

/// Each contact with the moment its registration ends.
type ContactsByAor = HashMap<String, Vec<(ContactView, Timestamp)>>;

impl RegistrationView {
    pub fn new(clock: Clock) -> Self {
        RegistrationView { contacts: Arc::default(), clock }
    }
}

impl Registrations for RegistrationView {
    fn contacts(&self, username: &str) -> Vec<ContactView> {
        let now = self.clock.now();
        let Ok(all) = self.contacts.read() else { return Vec::new() };
        let live = all.get(username).into_iter().flatten().filter(|(_, expires)| *expires > now);
        live.map(|(view, expires)| ContactView { expires_secs: expires.since(now).as_secs(), ..view.clone() }).collect()
    }
}

impl RegistrarActor {
    /// Takes over what the store kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn restored(
        store: Store,
        clock: Clock,
        metrics: Metrics,
        view: RegistrationView,
    ) -> Result<Self, store::StoreError> {
        let mut actor = RegistrarActor { registrar: Registrar::new(), store, clock, metrics, view };
        let (now, wall) = (clock.now(), clock.wall());
        let mut aors = Vec::new();
        for row in actor.store.bindings(wall).await? {
            if let Some(binding) = binding_of(&row, now, wall) {
                aors.push(binding.key.aor.clone());
                actor.registrar.restore(binding);
            }
        }
        for aor in aors {
            actor.publish(&aor);
        }
        Ok(actor)
    }

    fn publish(&self, aor: &str) {
        let contacts: Vec<_> = self
            .registrar
            .lookup(self.clock.now(), aor)
            .into_iter()
            .map(|b| {
                let view = ContactView {
                    uri: b.key.contact.clone(),
                    transport: b.source.transport.to_string(),
                    source: b.source.addr.to_string(),
                    user_agent: b.user_agent.clone(),
                    expires_secs: 0,
                };
                (view, b.expires_at)
            })
            .collect();
        self.metrics.registrations(self.registrar.len());
        if let Ok(mut all) = self.view.contacts.write() {
            if contacts.is_empty() {
                all.remove(aor);
            } else {
                all.insert(aor.to_owned(), contacts);
            }
        }
    }

    fn settle(&mut self, prepared: Prepared, durable: bool) -> Registered {
        let (aor, contacts) = (prepared.aor.clone(), prepared.contacts.clone());
        if !durable {
            self.registrar.abort(prepared);
            return Registered::NotDurable;
        }
        self.registrar.commit(prepared);
        self.publish(&aor);
        Registered::Ok(contacts)
    }
}

impl Actor for RegistrarActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::REGISTRAR_MAILBOX);
        ctx.run_interval(Duration::from_secs(5), |actor, _| {
            let mut aors: Vec<String> = Vec::new();
            for BindingKey { aor, .. } in actor.registrar.expire(actor.clock.now()) {
                tracing::debug!(aor, "registration expired");
                aors.push(aor);
            }
            for aor in aors {
                actor.publish(&aor);
            }
        });
    }
}

impl Handler<Register> for RegistrarActor {
    type Result = ResponseActFuture<Self, Registered>;

    fn handle(&mut self, msg: Register, _: &mut Self::Context) -> Self::Result {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        match self.registrar.register(now, &msg.aor, &msg.message, msg.source) {
            Outcome::Query { contacts } => Box::pin(actix::fut::ready(Registered::Ok(contacts))),
            Outcome::Refused(refused) => Box::pin(actix::fut::ready(Registered::Refused(refused))),
            Outcome::Updated(prepared) => {
                let changes = prepared.changes.iter().map(|c| change_of(c, now, wall)).collect();
                let store = self.store.clone();
                let durable = async move { store.put_bindings(changes).await };
                Box::pin(durable.into_actor(self).map(move |result, actor, _| {
                    if let Err(error) = &result {
                        tracing::error!(%error, "registration not stored");
                    }
                    actor.settle(prepared, result.is_ok())
                }))
            }
        }
    }
}

impl Handler<Lookup> for RegistrarActor {
    type Result = Contacts;

    fn handle(&mut self, msg: Lookup, _: &mut Self::Context) -> Contacts {
        let found = self.registrar.lookup(self.clock.now(), &msg.aor);
        Contacts(
            found.into_iter().map(|b| RegisteredContact { uri: b.key.contact.clone(), source: b.source }).collect(),
        )
    }
}

impl<A, M> actix::dev::MessageResponse<A, M> for Registered
where
    A: Actor,
    M: Message<Result = Registered>,
{
    fn handle(self, _: &mut A::Context, tx: Option<actix::dev::OneshotSender<Self>>) {
        if let Some(tx) = tx {
            let _ = tx.send(self);
        }
    }
}

fn change_of(change: &BindingChange, now: Timestamp, wall: WallTime) -> store::BindingChange {
    match change {
        BindingChange::Put(b) => store::BindingChange::Put(BindingRow {
            aor: b.key.aor.clone(),
            contact: b.key.contact.clone(),
            expires_at: WallTime(wall.0 + b.expires_at.since(now).as_millis() as i64),
            call_id: b.call_id.clone(),
            cseq: b.cseq,
            q_milli: b.q_thousandths,
            source: format!("{}/{}", b.source.transport, b.source.addr),
            local: String::new(),
            path: b.path.clone(),
            user_agent: b.user_agent.clone(),
            instance: b.instance.clone(),
            reg_id: None,
            registered_at: wall,
        }),
        BindingChange::Remove(key) => {
            store::BindingChange::Remove { aor: key.aor.clone(), contact: key.contact.clone() }
        }
    }
}

/// None when a row cannot be read: it is left to expire in the store.
fn binding_of(row: &BindingRow, now: Timestamp, wall: WallTime) -> Option<Binding> {
    let (transport, addr) = row.source.split_once('/')?;
    let left_ms = u64::try_from(row.expires_at.0 - wall.0).ok()?;
    Some(Binding {
        key: BindingKey { aor: row.aor.clone(), contact: row.contact.clone() },
        source: Endpoint::new(transport.parse::<Transport>().ok()?, addr.parse().ok()?),
        call_id: row.call_id.clone(),
        cseq: row.cseq,
        expires_at: now + Duration::from_millis(left_ms),
        updated_at: now,
        q_thousandths: row.q_milli,
        user_agent: row.user_agent.clone(),
        instance: row.instance.clone(),
        path: row.path.clone(),
    })
}
