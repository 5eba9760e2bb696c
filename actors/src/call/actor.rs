//! The actor of one call: hands its machine what happens; what the machine wants is carried out in `effects/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::prelude::*;
use tandem_call::call::{Call, CallInput, RunId};
use tandem_call::leg::Leg;
use tandem_laml::instruction::ListenId;
use tandem_model::{CallSid, LegId, Sid, limits};
use tandem_sip::transaction::ServerKey;

use super::effects::{Hearing, Taped};
use super::leg::LegActor;
use super::message::{CallDied, CallFinished, CallMailbox, Fault, FaultAt, FromLegActor, LegAdded, LegDied, ToCall};
use super::records::Records;
use super::services::{Floor, Services};
use crate::carrier::Channel;
use crate::media::MediaThread;
use crate::queues::Seat;
use crate::signalling::LegMailbox;
use crate::store::CallRecord;
use crate::stream::StreamHandle;
use crate::supervision::{Alarm, DeathWatch, Mailbox, Overflow};
use crate::webhook::Session;

/// Where calls report to.
pub(super) struct CallReports {
    pub finished: Recipient<CallFinished>,
    pub added: Recipient<LegAdded>,
    pub records: Records,
    pub leg_died: Recipient<LegDied>,
    pub call_died: Recipient<CallDied>,
}

/// The leg that rang us, with its INVITE's transaction and the channel of the carrier that brings it.
pub(super) type Arriving = (Box<Leg>, ServerKey, Option<Channel>);

/// A leg of this call.
pub(super) struct LegAddress {
    pub actor: Addr<LegActor>,
    pub mailbox: LegMailbox,
}

pub struct CallActor {
    pub(super) number: u64,
    pub(super) call: Box<Call>,
    pub(super) services: Arc<Services>,
    pub(super) floor: Arc<Floor>,
    pub(super) media: MediaThread,
    pub(super) reports: Arc<CallReports>,
    pub(super) legs: BTreeMap<LegId, LegAddress>,
    /// Itself, for its legs, once it runs.
    own: Option<Arc<CallMailbox>>,
    /// The leg that rang us, until its actor runs.
    arriving: Option<Arriving>,
    /// Channels seized for legs that are being made, by their tickets.
    pub(super) seized: BTreeMap<u64, Channel>,
    /// Listenings that run.
    pub(super) listening: BTreeMap<(RunId, ListenId), Hearing>,
    /// Taps of speech so far: each has its own number.
    pub(super) ears: u64,
    /// Legs that are listened to for who answered.
    pub(super) detecting: BTreeMap<LegId, SpawnHandle>,
    /// Remarks of the speech engine that the call's log has.
    pub(super) remarks: BTreeSet<String>,
    /// Recordings that run.
    pub(super) taped: BTreeMap<Sid, Taped>,
    pub(super) streams: BTreeMap<Sid, StreamHandle>,
    alarm: Alarm,
    /// Documents being fetched.
    pub(super) fetches: BTreeMap<RunId, SpawnHandle>,
    /// The call's place in a queue.
    pub(super) seat: Option<Seat>,
    /// What its webhooks share.
    pub(super) session: Session,
    watch: DeathWatch<CallDied>,
    pub(super) span: Arc<tracing::Span>,
}

impl CallActor {
    pub(super) fn new(
        number: u64,
        sid: CallSid,
        call: Box<Call>,
        services: Arc<Services>,
        floor: Arc<Floor>,
        reports: Arc<CallReports>,
        arriving: Option<Arriving>,
    ) -> Self {
        let died = reports.clone();
        let watch = DeathWatch::new(CallDied { number, legs: vec![], records: vec![] }, move |record| {
            died.call_died.offer(record, Overflow::Warn);
        });
        let media = services.media.thread_for(number);
        CallActor {
            number,
            call,
            services,
            floor,
            media,
            reports,
            legs: BTreeMap::new(),
            own: None,
            arriving,
            seized: BTreeMap::new(),
            listening: BTreeMap::new(),
            ears: 0,
            detecting: BTreeMap::new(),
            remarks: BTreeSet::new(),
            taped: BTreeMap::new(),
            streams: BTreeMap::new(),
            alarm: Alarm::default(),
            fetches: BTreeMap::new(),
            seat: None,
            session: Session::default(),
            watch,
            span: Arc::new(tracing::info_span!("call", call = number, sid = %sid)),
        }
    }

    pub(super) fn step(&mut self, input: CallInput, ctx: &mut Context<Self>) {
        let span = self.span.clone();
        let _in = span.enter();
        let clock = self.services.clock;
        self.call.handle(clock.now(), clock.wall(), input);
        self.settle(ctx);
    }

    pub(super) fn settle(&mut self, ctx: &mut Context<Self>) {
        while let Some(effect) = self.call.poll() {
            self.carry_out(effect, ctx);
        }
        self.arm(ctx);
    }

    /// Starts a leg's actor beside this one.
    pub(super) fn run_leg(
        &mut self,
        leg: Box<Leg>,
        invite: Option<ServerKey>,
        channel: Option<Channel>,
        ctx: &mut Context<Self>,
    ) {
        let id = leg.id();
        // Calls begin only after the shards run.
        let Some(shard) = self.services.shards.of_legs(&leg.facts().call_id).cloned() else { return };
        let call = self.own.get_or_insert_with(|| {
            let (reports, inputs) = (ctx.address().recipient(), ctx.address().recipient());
            Arc::new(CallMailbox { reports, inputs })
        });
        let mut mailbox = None;
        let actor = LegActor::create(|ctx| {
            let own: LegMailbox = Arc::new(ctx.address().recipient());
            mailbox = Some(own.clone());
            LegActor::new(
                leg,
                own,
                self.services.clone(),
                self.floor.clone(),
                shard,
                call.clone(),
                self.reports.clone(),
                invite,
                channel,
                &self.span,
            )
        });
        let Some(mailbox) = mailbox else { return };
        if let Some(died) = self.watch.get_mut() {
            died.legs.push((id, mailbox.clone()));
        }
        self.legs.insert(id, LegAddress { actor, mailbox });
    }

    /// Keeps what the switchboard would need to close this call's records, and tells it of a new leg.
    pub(super) fn keep_record(&mut self, record: Arc<CallRecord>) {
        let Some(died) = self.watch.get_mut() else { return };
        match died.records.iter_mut().find(|r| r.sid == record.sid) {
            Some(kept) => *kept = record,
            None => {
                self.reports.added.offer(LegAdded { number: self.number, sid: record.sid }, Overflow::Warn);
                died.records.push(record);
            }
        }
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let clock = self.services.clock;
        self.alarm.set(
            ctx,
            self.call.deadline(),
            |at| clock.until(at),
            move |actor: &mut Self, ctx| {
                actor.alarm.rang();
                let span = actor.span.clone();
                let _in = span.enter();
                actor.call.expire(clock.now(), clock.wall());
                actor.settle(ctx);
            },
        );
    }
}

impl Actor for CallActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::CALL_MAILBOX);
        if let Some((leg, key, channel)) = self.arriving.take() {
            self.run_leg(leg, Some(key), channel, ctx);
        }
        let span = self.span.clone();
        let _in = span.enter();
        let clock = self.services.clock;
        self.call.start(clock.now(), clock.wall());
        self.settle(ctx);
    }
}

impl Handler<FromLegActor> for CallActor {
    type Result = ();

    fn handle(&mut self, msg: FromLegActor, ctx: &mut Self::Context) {
        self.step(CallInput::Leg { leg: msg.leg, report: msg.report }, ctx);
    }
}

impl Handler<ToCall> for CallActor {
    type Result = ();

    fn handle(&mut self, msg: ToCall, ctx: &mut Self::Context) {
        self.step(msg.0, ctx);
    }
}

impl Handler<Fault> for CallActor {
    type Result = ();

    #[expect(clippy::panic, reason = "a fail-point: the containment of exactly this is under test")]
    fn handle(&mut self, msg: Fault, _: &mut Self::Context) {
        match msg.at {
            FaultAt::Call => panic!("injected into call {}", self.number),
            FaultAt::Leg => {
                if let Some(leg) = self.legs.get(&msg.leg) {
                    leg.actor.offer(msg, Overflow::Warn);
                }
            }
            FaultAt::Media => {
                let command = tandem_media::control::Command::InjectPanic { leg: msg.leg };
                if self.media.send(command).is_err() {
                    tracing::warn!("fault not injected");
                }
            }
        }
    }
}
