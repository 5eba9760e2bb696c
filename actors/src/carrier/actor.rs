//! The actor of all carriers: hands their machines what happens, carries out what they say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tandem_call::carrier::{
    Health, HealthEffect, ProbeResult, Registration, RegistrationEffect, RegistrationSpec, RegistrationState,
    RequestOutcome, SharedNaming, options,
};
use tandem_call::directory::Directory;
use tandem_model::{Endpoint, Sid, Timestamp, limits};
use tandem_sip::message::Message as SipMessage;
use tokio::sync::{oneshot, watch};

use super::line::{Line, Registering};
use super::probe::{Round, result_of};
use super::trunks::{CallNews, Trunks, verify};
use crate::signalling::{ClientOutcome, ClientRequest, ClientResult, PeerLost, Resolver, Shards};
use crate::supervision::{Alarm, Mailbox, Overflow};
use crate::world::{Clock, SystemEntropy};

/// Addresses of one carrier that a probe asks.
const PROBED_MAX: usize = 4;
/// How long taking registrations back may hold up the end of the process.
const LEAVING_MAX: Duration = Duration::from_secs(3);

pub struct CarrierConfig {
    pub clock: Clock,
    pub directory: watch::Receiver<Arc<Directory>>,
    pub shards: Shards,
    pub resolver: Resolver,
    pub naming: SharedNaming,
    pub trunks: Trunks,
}

/// Owns every registration with a carrier, and what is known of their health.
pub struct CarrierActor {
    config: CarrierConfig,
    entropy: SystemEntropy,
    lines: BTreeMap<Sid, Line>,
    registrations: BTreeMap<u64, Registering>,
    /// Requests under way, by the number the shard has for them.
    asked: BTreeMap<u64, Purpose>,
    numbers: u64,
    alarm: Alarm,
    /// Nothing is registered any more.
    is_leaving: bool,
    /// Who waits for the last registration to be taken back.
    left: Vec<oneshot::Sender<()>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Purpose {
    Register { registration: u64, request: u64 },
    Probe { carrier: Sid, round: u64 },
}

/// The directory is another.
#[derive(Message)]
#[rtype(result = "()")]
struct Reconcile;

/// Takes every registration back; answered when that is done, or has taken too long.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave;

impl CarrierActor {
    pub fn new(config: CarrierConfig) -> Self {
        CarrierActor {
            config,
            entropy: SystemEntropy::new(),
            lines: BTreeMap::new(),
            registrations: BTreeMap::new(),
            asked: BTreeMap::new(),
            numbers: 0,
            alarm: Alarm::default(),
            is_leaving: false,
            left: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// Follows the directory. A machine goes on when what it depends on has not changed.
    fn reconcile(&mut self, ctx: &mut Context<Self>) {
        if self.is_leaving {
            return;
        }
        let now = self.now();
        let directory = self.config.directory.borrow_and_update().clone();
        let gone: Vec<Sid> =
            self.lines.keys().filter(|id| !directory.carriers.iter().any(|c| c.id == **id)).copied().collect();
        for id in gone {
            if let Some(number) = self.lines.remove(&id).and_then(|line| line.registration) {
                self.stop(number);
            }
            self.config.trunks.forget(id);
        }
        for carrier in &directory.carriers {
            let known = self.lines.get(&carrier.id);
            if known.is_some_and(|line| Arc::ptr_eq(&line.carrier, carrier) || line.carrier == *carrier) {
                continue;
            }
            let unchanged =
                known.is_some_and(|line| line.carrier.health == carrier.health && line.carrier.uri == carrier.uri);
            let registration = self.register(known.and_then(|l| l.registration), carrier);
            match self.lines.get_mut(&carrier.id) {
                Some(line) if unchanged => {
                    line.carrier = carrier.clone();
                    line.registration = registration;
                }
                _ => {
                    let health = Health::new(now, carrier.health, &mut self.entropy);
                    let line = Line { carrier: carrier.clone(), health, round: None, registration };
                    self.lines.insert(carrier.id, line);
                    self.look_up(carrier, ctx);
                }
            }
            self.publish(carrier.id);
        }
    }

    /// Where its URI leads: nobody may register a contact there.
    fn look_up(&self, carrier: &tandem_call::directory::Carrier, ctx: &mut Context<Self>) {
        let (id, uri, verify) = (carrier.id, carrier.uri.clone(), verify(carrier));
        let resolver = self.config.resolver.clone();
        let asked = uri.clone();
        let look_up = async move { resolver.resolve(&uri, verify).await }.into_actor(self);
        ctx.spawn(look_up.map(move |hops, actor, _| actor.found(id, &asked, &hops.unwrap_or_default())));
    }

    /// The carrier may be gone or elsewhere by now.
    fn found(&self, id: Sid, uri: &str, hops: &[Endpoint]) {
        if self.lines.get(&id).is_some_and(|line| line.carrier.uri == uri) {
            self.config.trunks.found(id, hops);
        }
    }

    /// The registration that this carrier is to have, given the one it has.
    fn register(&mut self, has: Option<u64>, carrier: &tandem_call::directory::Carrier) -> Option<u64> {
        let now = self.now();
        let wanted = RegistrationSpec::of(carrier);
        if let Some(number) = has {
            let known = self.registrations.get(&number).map(|r| r.machine.spec());
            if known == wanted.as_ref() {
                if let Some(r) = self.registrations.get_mut(&number) {
                    r.verify = verify(carrier);
                }
                return has;
            }
            let same_binding =
                known.zip(wanted.as_ref()).is_some_and(|(a, b)| a.registrar == b.registrar && a.aor == b.aor);
            if same_binding {
                // The new machine binds the same contact: taking it back might cross that.
                self.registrations.remove(&number);
            } else {
                self.stop(number);
            }
        }
        let number = self.number();
        let machine = Registration::new(now, wanted?, self.config.naming.clone(), &mut self.entropy);
        let name = carrier.name.clone();
        self.registrations.insert(number, Registering { carrier: carrier.id, name, verify: verify(carrier), machine });
        Some(number)
    }

    fn stop(&mut self, number: u64) {
        let now = self.now();
        if let Some(r) = self.registrations.get_mut(&number) {
            r.machine.stop(now, &mut self.entropy);
        }
    }

    /// Does what machines want until they want nothing more.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        while let Some((id, effect)) = self.lines.iter_mut().find_map(|(id, l)| l.health.poll().map(|e| (*id, e))) {
            self.health_effect(id, effect, ctx);
        }
        while let Some((number, effect)) =
            self.registrations.iter_mut().find_map(|(n, r)| r.machine.poll().map(|e| (*n, e)))
        {
            self.registration_effect(number, effect, ctx);
        }
        self.registrations.retain(|_, r| !r.machine.is_over());
        if self.registrations.is_empty() {
            for left in self.left.drain(..) {
                let _ = left.send(());
            }
        }
        self.arm(ctx);
    }

    fn health_effect(&mut self, id: Sid, effect: HealthEffect, ctx: &mut Context<Self>) {
        let Some(line) = self.lines.get(&id) else { return };
        match effect {
            HealthEffect::Changed { up } => {
                let (carrier, number) = (&line.carrier.name, line.registration);
                if up {
                    tracing::info!(carrier, "carrier is up");
                } else {
                    tracing::warn!(carrier, "carrier is down: others get its calls");
                }
                let now = self.now();
                // It may have lost what it knew of us.
                if let Some(r) = number.filter(|_| up).and_then(|n| self.registrations.get_mut(&n)) {
                    r.machine.renew(now);
                }
                self.publish(id);
            }
            HealthEffect::Probe { id: round } => {
                let (uri, verify) = (line.carrier.uri.clone(), verify(&line.carrier));
                let resolver = self.config.resolver.clone();
                let asked = uri.clone();
                let look_up = async move { resolver.resolve(&uri, verify).await }.into_actor(self);
                ctx.spawn(look_up.map(move |hops, actor, ctx| {
                    actor.found(id, &asked, hops.as_deref().unwrap_or_default());
                    actor.probe(id, round, hops.unwrap_or_default(), ctx);
                    actor.settle(ctx);
                }));
            }
        }
    }

    fn probe(&mut self, id: Sid, round: u64, mut hops: Vec<Endpoint>, ctx: &mut Context<Self>) {
        hops.truncate(PROBED_MAX);
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.round = Some(Round::new(round, hops.len().max(1)));
        let uri = line.carrier.uri.clone();
        self.asked.retain(|_, p| !matches!(p, Purpose::Probe { carrier, .. } if *carrier == id));
        if hops.is_empty() {
            return self.probed(id, round, ProbeResult::Silent);
        }
        for hop in hops {
            let message = options(&uri, &self.config.naming, hop, &mut self.entropy);
            if !self.send(message, hop, Purpose::Probe { carrier: id, round }, ctx) {
                self.probed(id, round, ProbeResult::Silent);
            }
        }
    }

    fn probed(&mut self, id: Sid, round: u64, result: ProbeResult) {
        let now = self.now();
        let Some(line) = self.lines.get_mut(&id) else { return };
        let Some(over) = line.round.as_mut().filter(|r| r.id == round).and_then(|r| r.heard(result)) else { return };
        line.round = None;
        line.health.handle_probe(now, round, over, &mut self.entropy);
        self.publish(id);
    }

    fn registration_effect(&mut self, number: u64, effect: RegistrationEffect, ctx: &mut Context<Self>) {
        match effect {
            RegistrationEffect::Resolve { id, uri } => {
                let resolver = self.config.resolver.clone();
                let verify = self.registrations.get(&number).map(|r| r.verify).unwrap_or_default();
                let look_up = async move { resolver.resolve(&uri, verify).await }.into_actor(self);
                ctx.spawn(look_up.map(move |hops, actor, ctx| {
                    let now = actor.now();
                    if let Some(r) = actor.registrations.get_mut(&number) {
                        r.machine.handle_resolved(now, id, hops, &mut actor.entropy);
                    }
                    actor.settle(ctx);
                }));
            }
            RegistrationEffect::Send { id, message, destination } => {
                self.asked
                    .retain(|_, p| !matches!(p, Purpose::Register { registration, .. } if *registration == number));
                let purpose = Purpose::Register { registration: number, request: id };
                if !self.send(*message, destination, purpose, ctx) {
                    self.registered(number, id, RequestOutcome::TransportFailed);
                }
            }
            RegistrationEffect::Changed => {
                let Some(r) = self.registrations.get(&number) else { return };
                let carrier = &r.name;
                match r.machine.state() {
                    RegistrationState::Registered { .. } => tracing::info!(carrier, "registered with the carrier"),
                    RegistrationState::Failed { why, .. } => {
                        tracing::warn!(carrier, %why, "not registered with the carrier");
                    }
                    RegistrationState::Trying => tracing::info!(carrier, "registration with the carrier is gone"),
                    RegistrationState::Over => tracing::info!(carrier, "registration with the carrier taken back"),
                }
                let id = r.carrier;
                self.publish(id);
            }
        }
    }

    fn registered(&mut self, number: u64, request: u64, outcome: RequestOutcome) {
        let now = self.now();
        if let Some(r) = self.registrations.get_mut(&number) {
            r.machine.handle_outcome(now, request, outcome, &mut self.entropy);
        }
    }

    /// False: the shard did not take it.
    fn send(&mut self, message: SipMessage, destination: Endpoint, purpose: Purpose, ctx: &mut Context<Self>) -> bool {
        let id = self.number();
        let shard = self.config.shards.for_call_id(message.call_id()).cloned();
        let request = ClientRequest { id, message, destination, owner: ctx.address().recipient() };
        let sent = shard.is_some_and(|shard| shard.offer(request, Overflow::Warn));
        if sent {
            self.asked.insert(id, purpose);
        }
        sent
    }

    fn publish(&self, id: Sid) {
        if let Some(line) = self.lines.get(&id) {
            let registration = line.registration.and_then(|n| self.registrations.get(&n)).map(|r| &r.machine);
            self.config.trunks.publish(id, line.standing(registration));
        }
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let clock = self.config.clock;
        let lines = self.lines.values().filter_map(|l| l.health.deadline());
        let next = lines.chain(self.registrations.values().filter_map(|r| r.machine.deadline())).min();
        let ring = move |actor: &mut Self, ctx: &mut Context<Self>| {
            actor.alarm.rang();
            actor.expire(clock.now());
            actor.settle(ctx);
        };
        self.alarm.set(ctx, next, |at| clock.until(at), ring);
    }

    fn expire(&mut self, now: Timestamp) {
        for line in self.lines.values_mut().filter(|l| l.health.deadline().is_some_and(|at| at <= now)) {
            line.health.expire(now, &mut self.entropy);
        }
        for r in self.registrations.values_mut().filter(|r| r.machine.deadline().is_some_and(|at| at <= now)) {
            r.machine.expire(now, &mut self.entropy);
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Actor for CarrierActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::CARRIER_MAILBOX);
        self.config.trunks.connect(ctx.address().recipient());
        self.reconcile(ctx);
        self.settle(ctx);
        let (own, mut directory) = (ctx.address(), self.config.directory.clone());
        // Waits for room in the mailbox: a change must not be missed.
        actix::spawn(async move { while directory.changed().await.is_ok() && own.send(Reconcile).await.is_ok() {} });
    }
}

impl Handler<Reconcile> for CarrierActor {
    type Result = ();

    fn handle(&mut self, _: Reconcile, ctx: &mut Self::Context) {
        self.reconcile(ctx);
        self.settle(ctx);
    }
}

impl Handler<ClientOutcome> for CarrierActor {
    type Result = ();

    fn handle(&mut self, msg: ClientOutcome, ctx: &mut Self::Context) {
        let Some(purpose) = self.asked.remove(&msg.id) else { return };
        match purpose {
            Purpose::Register { registration, request } => {
                let outcome = match msg.result {
                    ClientResult::Response { message, source } => RequestOutcome::Response { message, source },
                    ClientResult::Timeout => RequestOutcome::Timeout,
                    ClientResult::TransportFailed => RequestOutcome::TransportFailed,
                };
                self.registered(registration, request, outcome);
            }
            Purpose::Probe { carrier, round } => {
                let result = match &msg.result {
                    ClientResult::Response { message, .. } => result_of(message),
                    ClientResult::Timeout | ClientResult::TransportFailed => ProbeResult::Silent,
                };
                self.probed(carrier, round, result);
            }
        }
        self.settle(ctx);
    }
}

impl Handler<CallNews> for CarrierActor {
    type Result = ();

    fn handle(&mut self, news: CallNews, ctx: &mut Self::Context) {
        let now = self.now();
        if let Some(line) = self.lines.get_mut(&news.carrier) {
            line.health.handle_call(now, news.result);
        }
        self.publish(news.carrier);
        self.settle(ctx);
    }
}

impl Handler<PeerLost> for CarrierActor {
    type Result = ();

    fn handle(&mut self, lost: PeerLost, ctx: &mut Self::Context) {
        let now = self.now();
        for r in self.registrations.values_mut() {
            r.machine.handle_flow_lost(now, lost.peer, &mut self.entropy);
        }
        self.settle(ctx);
    }
}

impl Handler<Leave> for CarrierActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Leave, ctx: &mut Self::Context) -> Self::Result {
        let (left, done) = oneshot::channel();
        self.is_leaving = true;
        self.left.push(left);
        let numbers: Vec<_> = self.registrations.keys().copied().collect();
        for number in numbers {
            self.stop(number);
        }
        self.settle(ctx);
        Box::pin(async move {
            if tokio::time::timeout(LEAVING_MAX, done).await.is_err() {
                tracing::warn!("some registrations with carriers were not taken back in time");
            }
        })
    }
}
