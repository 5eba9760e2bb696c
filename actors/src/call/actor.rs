//! The actor of one call: hands its machine what happens; what the machine wants is carried out in `effects/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix::prelude::*;
use tandem_call::call::{Call, CallInput, LegRow, RunId};
use tandem_call::leg::Leg;
use tandem_laml::instruction::ListenId;
use tandem_model::{CallSid, LegId, Sid, limits};
use tandem_sip::transaction::ServerKey;

use super::effects::{Hearing, Taped};
use super::leg::LegActor;
use super::message::{CallDied, CallFinished, Fault, FaultAt, FromLegActor, LegDied, RowChanged, ToCall};
use super::services::{Floor, Services};
use crate::carrier::Channel;
use crate::media::MediaThread;
use crate::queues::Seat;
use crate::stream::StreamHandle;
use crate::supervision::{Alarm, DeathWatch, Mailbox, Overflow};
use crate::webhook::Session;

/// Where a call reports to.
#[derive(Clone)]
pub(super) struct CallReports {
    pub finished: Recipient<CallFinished>,
    pub rows: Recipient<RowChanged>,
    pub leg_died: Recipient<LegDied>,
    pub call_died: Recipient<CallDied>,
}

/// The leg that rang us, with its INVITE's transaction and the channel of the carrier that brings it.
pub(super) type Arriving = (Leg, ServerKey, Option<Channel>);

pub struct CallActor {
    pub(super) number: u64,
    pub(super) call: Call,
    pub(super) services: Services,
    pub(super) floor: Floor,
    pub(super) media: MediaThread,
    pub(super) reports: CallReports,
    pub(super) legs: BTreeMap<LegId, Addr<LegActor>>,
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
    pub(super) span: tracing::Span,
}

impl CallActor {
    pub(super) fn new(
        number: u64,
        sid: CallSid,
        call: Call,
        services: Services,
        floor: Floor,
        reports: CallReports,
        arriving: Option<Arriving>,
    ) -> Self {
        let died = reports.call_died.clone();
        let watch = DeathWatch::new(CallDied { number, legs: vec![], rows: vec![] }, move |record| {
            died.offer(record, Overflow::Warn);
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
            span: tracing::info_span!("call", call = number, sid = %sid),
        }
    }

    pub(super) fn step(&mut self, input: CallInput, ctx: &mut Context<Self>) {
        let _in = self.span.clone().entered();
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
        leg: Leg,
        invite: Option<ServerKey>,
        channel: Option<Channel>,
        ctx: &mut Context<Self>,
    ) {
        let id = leg.id();
        // Calls begin only after the shards run.
        let Some(shard) = self.services.shards.for_call_id(&leg.facts().call_id).cloned() else { return };
        let actor = LegActor::new(
            leg,
            self.services.clone(),
            self.floor.inbox.clone(),
            shard,
            ctx.address().recipient(),
            ctx.address().recipient(),
            self.reports.leg_died.clone(),
            invite,
            channel,
            &self.span,
        );
        let addr = actor.start();
        if let Some(died) = self.watch.get_mut() {
            died.legs.push((id, addr.clone().recipient()));
        }
        self.legs.insert(id, addr);
    }

    /// Keeps what the switchboard would need to close this call's rows.
    pub(super) fn keep_row(&mut self, row: &Arc<LegRow>) {
        if let Some(died) = self.watch.get_mut() {
            match died.rows.iter_mut().find(|r| r.sid == row.sid) {
                Some(kept) => *kept = row.clone(),
                None => died.rows.push(row.clone()),
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
                let _in = actor.span.clone().entered();
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
        let _in = self.span.clone().entered();
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
                    leg.offer(msg, Overflow::Warn);
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
