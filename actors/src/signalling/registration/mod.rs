//! The registrar's actor: a change is durable before it is answered, and concurrent ones share a commit.

mod keepalive;
mod rows;
mod view;

pub use view::{RegistrationControl, RegistrationView};

use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use tandem_call::SentBy;
use tandem_call::call::RegisteredContact;
use tandem_call::directory::{ContactLimits, Directory};
use tandem_model::{Endpoint, WallTime, limits};
use tandem_sip::message::Message as SipMessage;
use tandem_sip::registrar::{Binding, BindingChange, BindingKey, Outcome, Policy, Prepared, Refused, Registrar};
use tokio::sync::watch;

use super::Shards;
use crate::api::Metrics;
use crate::store::{self, Store};
use crate::world::Clock;
use keepalive::Pinger;
use rows::{binding_of, change_of, removal_of};

/// What is looked at without being asked: registrations that are over.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// The same in the store, which nobody reads before the next start.
const STORE_SWEEP_EVERY: Duration = Duration::from_secs(300);
/// Past their end, in case the civil clock is wrong.
const STORE_KEEPS: Duration = Duration::from_secs(3_600);
const KEEPALIVE_ROUND: Duration = Duration::from_millis(250);

/// How registrations are dealt with.
#[derive(Clone)]
pub struct RegistrarConfig {
    /// For endpoints that do not say otherwise.
    pub policy: Policy,
    /// Between two questions to a contact behind a NAT; None asks none.
    pub nat_keepalive: Option<Duration>,
    /// Send the questions.
    pub shards: Shards,
    /// Names this server in their Via.
    pub sent_by: SentBy,
    pub user_agent: String,
}

/// Owns who is registered where.
pub struct RegistrarActor {
    registrar: Registrar,
    store: Store,
    clock: Clock,
    metrics: Metrics,
    view: RegistrationView,
    config: RegistrarConfig,
    directory: watch::Receiver<std::sync::Arc<Directory>>,
    pinger: Pinger,
}

/// An authenticated REGISTER.
#[derive(Message)]
#[rtype(result = "Registered")]
pub struct Register {
    pub aor: String,
    pub message: SipMessage,
    pub source: Endpoint,
    pub limits: ContactLimits,
}

/// What to answer.
#[derive(Debug)]
pub enum Registered {
    /// 200 with these Contact values.
    Ok {
        contacts: Vec<String>,
        /// A flow that the client keeps was bound (RFC 5626 section 6).
        outbound: bool,
    },
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

/// A connection is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FlowClosed {
    pub peer: Endpoint,
}

/// An operator takes a contact away. False: there was none.
#[derive(Message)]
#[rtype(result = "Result<bool, String>")]
pub struct RemoveBinding {
    pub key: BindingKey,
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
        config: RegistrarConfig,
    ) -> Result<Self, store::StoreError> {
        let pinger = Pinger::new(&config, clock);
        let directory = store.directory();
        let mut actor =
            RegistrarActor { registrar: Registrar::new(), store, clock, metrics, view, config, directory, pinger };
        let (now, wall) = (clock.now(), clock.wall());
        let mut aors = Vec::new();
        for row in actor.store.bindings(wall).await? {
            if let Some(binding) = binding_of(&row, now, wall) {
                aors.push(binding.key.aor.clone());
                actor.pinger.watch(&binding);
                actor.registrar.restore(binding);
            }
        }
        for aor in aors {
            actor.publish(&aor);
        }
        Ok(actor)
    }

    fn publish(&self, aor: &str) {
        self.metrics.registrations(self.registrar.len());
        self.view.put(aor, self.registrar.bindings(self.clock.now(), aor).into_iter().cloned().collect());
    }

    fn settle(&mut self, prepared: Prepared, durable: bool) -> Registered {
        if !durable {
            self.metrics.registration("not_durable");
            self.registrar.abort(prepared);
            return Registered::NotDurable;
        }
        let (aor, contacts, outbound) = (prepared.aor.clone(), prepared.contacts.clone(), prepared.outbound);
        for change in &prepared.changes {
            match change {
                BindingChange::Put(binding) => {
                    let known = self.registrar.binding(&binding.key).is_some();
                    self.metrics.registration(if known { "refreshed" } else { "registered" });
                    self.pinger.watch(binding);
                }
                BindingChange::Remove(key) => {
                    self.metrics.registration("removed");
                    self.pinger.forget(key);
                }
            }
        }
        self.registrar.commit(prepared);
        self.publish(&aor);
        Registered::Ok { contacts, outbound }
    }

    fn policy(&self, own: ContactLimits) -> Policy {
        let policy = self.config.policy;
        Policy {
            contacts_max: own.contacts_max.unwrap_or(policy.contacts_max),
            overflow: own.overflow.unwrap_or(policy.overflow),
            ..policy
        }
    }

    /// Forgets what has expired, and whose endpoint is gone.
    fn sweep(&mut self) {
        let mut gone = self.registrar.expire(self.clock.now());
        self.metrics.registrations_expired(gone.len());
        if self.directory.has_changed().unwrap_or(false) {
            let directory = self.directory.borrow_and_update().clone();
            gone.extend(self.registrar.retain(|aor| directory.endpoint(aor).is_some()));
        }
        for key in gone {
            tracing::debug!(aor = key.aor, "registration over");
            self.pinger.forget(&key);
            self.publish(&key.aor);
        }
    }

    /// Tells the store what it need not keep. Nobody waits for it: what stays is passed over at the next start.
    fn tidy(&self, changes: Vec<store::BindingChange>, ctx: &mut Context<Self>) {
        if changes.is_empty() {
            return;
        }
        let store = self.store.clone();
        let mut told = Box::pin(async move {
            if let Err(error) = store.put_bindings(changes).await {
                tracing::warn!(%error, "registrations that are over stay in the store for now");
            }
        });
        // In the store's queue before this actor does anything else: a contact that comes back must come after.
        if (&mut told).now_or_never().is_none() {
            ctx.spawn(told.into_actor(self));
        }
    }
}

impl Actor for RegistrarActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::REGISTRAR_MAILBOX);
        ctx.run_interval(SWEEP_EVERY, |actor, _| actor.sweep());
        ctx.run_interval(STORE_SWEEP_EVERY, |actor, ctx| {
            let before = WallTime(actor.clock.wall().0 - STORE_KEEPS.as_millis() as i64);
            actor.tidy(vec![store::BindingChange::RemoveExpired { before }], ctx);
        });
        if self.config.nat_keepalive.is_some() {
            ctx.run_interval(KEEPALIVE_ROUND, Self::keep_alive);
        }
    }
}

impl Handler<Register> for RegistrarActor {
    type Result = ResponseActFuture<Self, Registered>;

    fn handle(&mut self, msg: Register, _: &mut Self::Context) -> Self::Result {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let policy = self.policy(msg.limits);
        match self.registrar.register(now, &msg.aor, &msg.message, msg.source, &policy) {
            Outcome::Query { contacts } => {
                self.metrics.registration("queried");
                Box::pin(actix::fut::ready(Registered::Ok { contacts, outbound: false }))
            }
            Outcome::Refused(refused) => {
                self.metrics.registration(refusal_label(refused.status));
                Box::pin(actix::fut::ready(Registered::Refused(refused)))
            }
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

/// The label of the counter.
fn refusal_label(status: u16) -> &'static str {
    match status {
        400 => "malformed",
        403 => "too_many_contacts",
        423 => "too_brief",
        439 => "first_hop_lacks_outbound",
        _ => "out_of_order",
    }
}

impl Handler<RemoveBinding> for RegistrarActor {
    type Result = ResponseActFuture<Self, Result<bool, String>>;

    fn handle(&mut self, msg: RemoveBinding, _: &mut Self::Context) -> Self::Result {
        let Some(prepared) = self.registrar.remove_one(&msg.key) else {
            return Box::pin(actix::fut::ready(Ok(false)));
        };
        let store = self.store.clone();
        let durable = async move { store.put_bindings(vec![removal_of(&msg.key)]).await };
        Box::pin(durable.into_actor(self).map(move |result, actor, _| {
            actor.settle(prepared, result.is_ok());
            result.map(|()| true).map_err(|e| e.to_string())
        }))
    }
}

impl Handler<FlowClosed> for RegistrarActor {
    type Result = ();

    fn handle(&mut self, msg: FlowClosed, ctx: &mut Self::Context) {
        let closed = self.registrar.flow_closed(msg.peer);
        for key in closed.removed.iter().chain(&closed.unreachable) {
            self.metrics.registration("flow_lost");
            self.publish(&key.aor);
        }
        self.tidy(closed.removed.iter().map(removal_of).collect(), ctx);
    }
}

impl Handler<Lookup> for RegistrarActor {
    type Result = Contacts;

    fn handle(&mut self, msg: Lookup, _: &mut Self::Context) -> Contacts {
        let now = self.clock.now();
        let found = self.registrar.lookup(now, &msg.aor);
        let contacts = found.into_iter().map(|b| RegisteredContact {
            other_flows: self.registrar.other_flows(now, b).into_iter().map(|other| contact_of(other)).collect(),
            ..contact_of(b)
        });
        Contacts(contacts.collect())
    }
}

fn contact_of(binding: &Binding) -> RegisteredContact {
    RegisteredContact {
        uri: binding.key.contact.clone(),
        source: binding.source,
        path: binding.path.clone(),
        over_flow: binding.is_over_flow(),
        other_flows: Vec::new(),
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
