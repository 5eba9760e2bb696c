//! The actor of one leg: hands its machine what happens, carries out what it says.

use actix::prelude::*;
use tandem_call::leg::{Leg, LegEffect, LegInput, LegRecord, LegReport, RecordStage};
use tandem_model::{LegId, limits};
use tandem_sip::transaction::ServerKey;

use super::inbox::{MediaEvents, MediaInbox};
use super::message::{Fault, FromLegActor, LegDied, ToCall};
use super::services::{Services, call_number};
use crate::carrier::Channel;
use crate::media::MediaThread;
use crate::signalling::{FromLeg, SipShard, ToLeg};
use crate::supervision::{Alarm, DeathWatch, Mailbox, Overflow};
use crate::transport::Verify;

pub struct LegActor {
    leg: Leg,
    id: LegId,
    services: Services,
    media: MediaThread,
    inbox: Addr<MediaInbox>,
    shard: Addr<SipShard>,
    call: Recipient<FromLegActor>,
    /// The server transaction of the INVITE that made an incoming leg.
    invite: Option<ServerKey>,
    /// Of the carrier it goes through, or came by; free again when this actor is gone, however that comes.
    channel: Option<Channel>,
    local_tag: Option<String>,
    alarm: Alarm,
    watch: DeathWatch<LegDied>,
    span: tracing::Span,
}

impl LegActor {
    #[expect(clippy::too_many_arguments, reason = "an actor's addresses, each named")]
    pub fn new(
        leg: Leg,
        services: Services,
        inbox: Addr<MediaInbox>,
        shard: Addr<SipShard>,
        call: Recipient<FromLegActor>,
        crash_to_call: Recipient<ToCall>,
        caretaker: Recipient<LegDied>,
        invite: Option<ServerKey>,
        channel: Option<Channel>,
        parent: &tracing::Span,
    ) -> Self {
        let id = leg.id();
        let media = services.media.thread_for(call_number(id));
        let died = LegDied {
            record: LegRecord { leg: id, sid: leg.sid(), stage: RecordStage::Over },
            shard: shard.clone().recipient(),
            call: crash_to_call,
        };
        let span = tracing::info_span!(parent: parent, "leg", leg = %id, sid = %leg.sid());
        let watch = DeathWatch::new(died, move |died| {
            caretaker.offer(died, Overflow::Warn);
        });
        LegActor {
            leg,
            id,
            services,
            media,
            inbox,
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
        let _in = self.span.clone().entered();
        self.leg.handle(self.services.clock.now(), input);
        self.settle(ctx);
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
                let owner = Some(ctx.address().recipient());
                FromLeg::Request { leg: self.id, id, message, destination, owner }
            }
            LegEffect::Cancel { id, reason } => FromLeg::Cancel { leg: self.id, id, reason },
            LegEffect::SendAck { message, destination } => FromLeg::SendAck { message, destination },
            LegEffect::Respond { key, message } => FromLeg::Respond { key, message },
            LegEffect::Bind { local_tag } => {
                self.local_tag = Some(local_tag.clone());
                let owner = ctx.address().recipient();
                FromLeg::Bind { leg: self.id, local_tag, invite: self.invite, owner }
            }
            LegEffect::Resolve { id, uri } => {
                let resolver = self.services.resolver.clone();
                let verify = self.channel.as_ref().map_or(Verify::Yes, Channel::verify);
                let look_up = async move { resolver.resolve(&uri, verify).await }.into_actor(self);
                ctx.spawn(look_up.map(move |hops, actor, ctx| actor.step(LegInput::Resolved { id, hops }, ctx)));
                return;
            }
            LegEffect::Media(command) => {
                // Downward: a full queue means a media thread that does not keep up, which ends the leg, not the thread.
                if self.media.send(command).is_err() {
                    tracing::warn!("media thread takes no commands");
                    let reason = tandem_media::control::OpenFailed::Overloaded;
                    let event = tandem_media::control::Event::OpenFailed { leg: self.id, reason };
                    ctx.address().offer(ToLeg(LegInput::Media(event)), Overflow::Warn);
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
                trace_report(&report);
                if let Some(channel) = &mut self.channel {
                    channel.note(&report);
                }
                self.call.offer(FromLegActor { leg: self.id, report }, Overflow::Warn);
                return;
            }
            LegEffect::Stop => {
                self.inbox.offer(MediaEvents::Unbind { leg: self.id }, Overflow::Warn);
                ctx.stop();
                match self.local_tag.take() {
                    Some(local_tag) => FromLeg::Unbind { local_tag },
                    None => return,
                }
            }
        };
        self.shard.offer(to_shard, Overflow::Warn);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let clock = self.services.clock;
        self.alarm.set(
            ctx,
            self.leg.deadline(),
            |at| clock.until(at),
            move |actor: &mut Self, ctx| {
                actor.alarm.rang();
                let _in = actor.span.clone().entered();
                actor.leg.expire(clock.now());
                actor.settle(ctx);
            },
        );
    }
}

fn trace_report(report: &LegReport) {
    match report {
        LegReport::Progress { status, .. } => tracing::debug!(status, "leg progresses"),
        LegReport::Answered { codec, encrypted, .. } => tracing::debug!(?codec, encrypted, "leg answered"),
        LegReport::Ended(end) => {
            tracing::info!(status = end.status, reason = end.reason, cause = end.cause, by = ?end.by, "leg ended")
        }
        LegReport::Held(held) => tracing::info!(?held, "leg on hold"),
        LegReport::Refer(refer) => tracing::info!(attended = refer.replaces.is_some(), "transfer asked for"),
        LegReport::Redirected { targets } => tracing::info!(targets = targets.len(), "leg redirected"),
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
        self.inbox.offer(MediaEvents::Bind { leg: self.id, owner: ctx.address().recipient() }, Overflow::Warn);
        let _in = self.span.clone().entered();
        self.settle(ctx);
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
