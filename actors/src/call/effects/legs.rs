use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::leg::{InviteSpec, Leg, LegCommand, LegInput};
use tandem_media::control::{Command, Event, MoveFailed};
use tandem_model::{CallSid, LegId};

use super::super::actor::CallActor;
use super::super::message::{ToCall, command};
use crate::signalling::ToLeg;
use crate::supervision::{Mailbox, Overflow};
use crate::world::SystemEntropy;

impl CallActor {
    pub(super) fn command_leg(&mut self, leg: LegId, what: LegCommand) {
        if let Some(actor) = self.legs.get(&leg) {
            actor.mailbox.offer(command(what), Overflow::Warn);
        }
    }

    pub(super) fn create_leg(&mut self, leg: LegId, sid: CallSid, spec: InviteSpec, ctx: &mut Context<Self>) {
        let channel = spec.channel.and_then(|ticket| self.seized.remove(&ticket));
        let leg = Leg::new_outgoing(leg, sid, self.services.env.clone(), spec, SystemEntropy::boxed());
        self.run_leg(Box::new(leg), None, channel, ctx);
    }

    pub(super) fn command_media(&mut self, what: Command) {
        if self.media.send(what).is_err() {
            tracing::warn!("media thread takes no commands");
        }
    }
    /// Commands of this call and its legs wait until they are there ([`crate::media::MediaHandle::move_call`]).
    pub(super) fn move_media(&mut self, beside: LegId, ctx: &mut Context<Self>) {
        let to = self.services.media.thread_of(beside.call_number());
        let call: Recipient<ToCall> = ctx.address().recipient();
        tracing::debug!(
            from = self.services.media.thread_of(self.number).index(),
            to = to.index(),
            "the call's media moves"
        );
        let legs: Vec<_> = self.legs.iter().map(|(&id, leg)| (id, leg.mailbox.clone())).collect();
        self.services.media.move_call(self.number, &to, move |result| {
            if result == Err(MoveFailed::Lost) {
                // With the thread that had them in its hands.
                for (leg, actor) in legs {
                    let failed = Event::Failed { leg, stats: Box::default() };
                    actor.offer(ToLeg(LegInput::Media(failed)), Overflow::Warn);
                }
            }
            call.offer(ToCall(CallInput::MediaMoved { result }), Overflow::Warn);
        });
    }
}
