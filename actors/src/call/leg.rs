//! The actor of one leg: hands its machine what happens, carries out what it says.

use std::sync::Arc;

use actix::prelude::*;
use tandem_call::leg::{EndedBy, Leg, LegEffect, LegInput, LegRecord, LegReport, RecordStage, RequestId};
use tandem_model::{Endpoint, LegId, limits};
use tandem_sip::transaction::ServerKey;

use super::actor::CallReports;
use super::message::{CallMailbox, Fault, FromLegActor, LegDied};
use super::services::{Floor, Services, call_number};
use crate::carrier::Channel;
use crate::media::MediaThread;
use crate::signalling::{FromLeg, LegMailbox, ShardMailbox, ToLeg};
use crate::supervision::{Alarm, DeathWatch, Mailbox, Overflow};
use crate::transport::Verify;

pub struct LegActor {
    leg: Box<Leg>,
    id: LegId,
    services: Arc<Services>,
    media: MediaThread,
    /// Itself, as others reach it.
    own: LegMailbox,
    floor: Arc<Floor>,
    shard: ShardMailbox,
    call: Arc<CallMailbox>,
    /// The server transaction of the INVITE that made an incoming leg.
    invite: Option<ServerKey>,
    /// Of the carrier it goes through, or came by; free again when this actor is gone, however that comes.
    channel: Option<Channel>,
    local_tag: Option<String>,
    alarm: Alarm,
    watch: DeathWatch<LegDied>,
    span: Arc<tracing::Span>,
}

impl LegActor {
    #[expect(clippy::too_many_arguments, reason = "an actor's addresses, each named")]
    pub(super) fn new(
        leg: Box<Leg>,
        own: LegMailbox,
        services: Arc<Services>,
        floor: Arc<Floor>,
        shard: ShardMailbox,
        call: Arc<CallMailbox>,
        reports: Arc<CallReports>,
        invite: Option<ServerKey>,
        channel: Option<Channel>,
        parent: &Arc<tracing::Span>,
    ) -> Self {
        let id = leg.id();
        let media = services.media.thread_for(call_number(id));
        let died = LegDied {
            record: LegRecord { leg: id, sid: leg.sid(), stage: RecordStage::Over },
            shard: shard.clone(),
            call: call.clone(),
        };
        // Its call's is what the usual log shows: to write another for each leg costs more than what it tells.
        let span = Arc::new(tracing::debug_span!(parent: &**parent, "leg", leg = %id, sid = %leg.sid()));
        let span = if span.is_disabled() { parent.clone() } else { span };
        let watch = DeathWatch::new(died, move |died| {
            reports.leg_died.offer(died, Overflow::Warn);
        });
        LegActor {
            leg,
            id,
            own,
            services,
            media,
            floor,
            shard,
            call,
            invite,
            channel,
            local_tag: None,
            alarm: Alarm::default(),
            watch,
            span,
        }
    }

    fn step(&mut self, input: LegInput, ctx: &mut Context<Self>) {
        let span = self.span.clone();
        let _in = span.enter();
        let now = self.services.clock.now();
        match &input {
            LegInput::Request { source, .. } if self.is_listed(*source) => self.leg.handle_listed(now, input),
            _ => self.leg.handle(now, input),
        }
        self.settle(ctx);
    }

    /// Whether the operator wrote this address down for the far end, which has not spoken from there: its carrier's, or that of
    /// another proxy of ours than the one that it came through.
    fn is_listed(&self, source: Endpoint) -> bool {
        if self.leg.is_known_source(source) {
            return false;
        }
        let (ip, trunks) = (source.addr.ip().to_canonical(), &self.services.trunks);
        let of_carrier = |channel: &Channel| channel.is_its(&self.services.directory.borrow(), ip);
        self.channel.as_ref().is_some_and(of_carrier)
            || trunks.is_proxy(ip) && self.leg.knows_any(|known| trunks.is_proxy(known))
    }

    fn settle(&mut self, ctx: &mut Context<Self>) {
        while let Some(effect) = self.leg.poll() {
            self.carry_out(effect, ctx);
        }
        self.arm(ctx);
    }

    fn carry_out(&mut self, effect: LegEffect, ctx: &mut Context<Self>) {
        let to_shard = match effect {
            LegEffect::Request { id, message, destination } => {
                let owner = Some(self.own.clone());
                FromLeg::Request { leg: self.id, id, message, destination, owner }
            }
            LegEffect::Cancel { id, reason } => FromLeg::Cancel { leg: self.id, id, reason },
            LegEffect::SendAck { message, destination } => FromLeg::SendAck { message, destination },
            LegEffect::Respond { key, message } => FromLeg::Respond { key, message },
            LegEffect::Bind { local_tag } => {
                self.local_tag = Some(local_tag.clone());
                let owner = self.own.clone();
                FromLeg::Bind { leg: self.id, local_tag, invite: self.invite, owner }
            }
            LegEffect::Resolve { id, uri } => return self.look_up(id, uri, true, ctx),
            LegEffect::LookUp { id, uri } => return self.look_up(id, uri, false, ctx),
            LegEffect::Media(command) => {
                // Downward: a full queue means a media thread that does not keep up, which ends the leg, not the thread.
                if self.media.send(command).is_err() {
                    tracing::warn!(leg = %self.id, "media thread takes no commands");
                    let reason = tandem_media::control::OpenFailed::Overloaded;
                    let event = tandem_media::control::Event::OpenFailed { leg: self.id, reason };
                    self.own.offer(ToLeg(LegInput::Media(event)), Overflow::Warn);
                }
                return;
            }
            LegEffect::Record(record) => {
                if let Some(died) = self.watch.get_mut() {
                    died.record = *record;
                }
                return;
            }
            LegEffect::Report(report) => {
                trace_report(self.id, &report);
                if let Some(channel) = &mut self.channel {
                    channel.note(&report);
                }
                self.call.reports.offer(FromLegActor { leg: self.id, report }, Overflow::Warn);
                return;
            }
            LegEffect::Stop => {
                ctx.stop();
                match self.local_tag.take() {
                    Some(local_tag) => FromLeg::Unbind { local_tag },
                    None => return,
                }
            }
        };
        self.shard.offer(to_shard, Overflow::Warn);
    }

    /// Where a URI leads; `calls` when a carrier's call goes there, which makes its addresses the carrier's.
    fn look_up(&mut self, id: RequestId, uri: String, calls: bool, ctx: &mut Context<Self>) {
        let resolver = self.services.resolver.clone();
        let verify = self.channel.as_ref().map_or(Verify::Yes, Channel::verify);
        let look_up = async move { resolver.resolve(&uri, verify).await }.into_actor(self);
        ctx.spawn(look_up.map(move |hops, actor, ctx| {
            if let (true, Some(channel), Ok(hops)) = (calls, &actor.channel, &hops) {
                channel.leads_to(hops);
            }
            actor.step(LegInput::Resolved { id, hops }, ctx);
        }));
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let clock = self.services.clock;
        self.alarm.set(
            ctx,
            self.leg.deadline(),
            |at| clock.until(at),
            move |actor: &mut Self, ctx| {
                actor.alarm.rang();
                let span = actor.span.clone();
                let _in = span.enter();
                actor.leg.expire(clock.now());
                actor.settle(ctx);
            },
        );
    }
}

fn trace_report(leg: LegId, report: &LegReport) {
    match report {
        LegReport::Progress { status, .. } => tracing::debug!(%leg, status, "leg progresses"),
        LegReport::Answered { codec, encrypted, .. } => tracing::debug!(%leg, ?codec, encrypted, "leg answered"),
        // What ends as calls do is in its record; the log has what does not.
        LegReport::Ended(end) if end.status < 300 && matches!(end.by, EndedBy::Remote | EndedBy::Local) => {
            tracing::debug!(%leg, status = end.status, reason = end.reason, cause = end.cause, by = ?end.by, "leg ended");
        }
        LegReport::Ended(end) => {
            tracing::info!(%leg, status = end.status, reason = end.reason, cause = end.cause, by = ?end.by, "leg ended");
        }
        LegReport::Held(held) => tracing::info!(%leg, ?held, "leg on hold"),
        LegReport::Refer(refer) => tracing::info!(%leg, attended = refer.replaces.is_some(), "transfer asked for"),
        LegReport::Redirected { targets } => tracing::info!(%leg, targets = targets.len(), "leg redirected"),
        LegReport::Renegotiated { .. }
        | LegReport::Dialog(_)
        | LegReport::ReferEnded(_)
        | LegReport::Digit(_)
        | LegReport::DigitEnded { .. }
        | LegReport::PlayDone { .. }
        | LegReport::Marked { .. }
        | LegReport::Closed(_) => {}
    }
}

impl Actor for LegActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::LEG_MAILBOX);
        self.floor.hearers.enter(self.id, self.own.clone());
        let span = self.span.clone();
        let _in = span.enter();
        self.settle(ctx);
    }
}

impl Drop for LegActor {
    fn drop(&mut self) {
        self.floor.hearers.leave(self.id);
    }
}

impl Handler<ToLeg> for LegActor {
    type Result = ();

    fn handle(&mut self, msg: ToLeg, ctx: &mut Self::Context) {
        self.step(msg.0, ctx);
    }
}

impl Handler<Fault> for LegActor {
    type Result = ();

    #[expect(clippy::panic, reason = "a fail-point: the containment of exactly this is under test")]
    fn handle(&mut self, _: Fault, _: &mut Self::Context) {
        panic!("injected into leg {}", self.id);
    }
}
