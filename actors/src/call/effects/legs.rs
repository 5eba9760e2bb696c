use actix::prelude::*;
use tandem_call::leg::{InviteSpec, Leg, LegCommand};
use tandem_media::control::Command;
use tandem_model::{CallSid, LegId};

use super::super::actor::CallActor;
use super::super::message::command;
use crate::supervision::{Mailbox, Overflow};
use crate::world::SystemEntropy;

impl CallActor {
    pub(super) fn command_leg(&mut self, leg: LegId, what: LegCommand) {
        if let Some(actor) = self.legs.get(&leg) {
            actor.offer(command(what), Overflow::Warn);
        }
    }

    pub(super) fn create_leg(&mut self, leg: LegId, sid: CallSid, spec: InviteSpec, ctx: &mut Context<Self>) {
        let channel = spec.channel.and_then(|ticket| self.seized.remove(&ticket));
        let leg = Leg::new_outgoing(leg, sid, self.services.env.clone(), spec, SystemEntropy::boxed());
        self.run_leg(leg, None, channel, ctx);
    }

    pub(super) fn command_media(&mut self, what: Command) {
        if self.media.send(what).is_err() {
            tracing::warn!("media thread takes no commands");
        }
    }
}
