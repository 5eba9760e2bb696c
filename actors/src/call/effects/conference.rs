use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::room::conference::{ConferenceCommand, ConferenceEvent, Refused};

use super::super::actor::CallActor;
use crate::rooms::FromCall;
use crate::supervision::{Mailbox, Overflow};

impl CallActor {
    pub(super) fn conference(&mut self, command: ConferenceCommand, ctx: &mut Context<Self>) {
        let leg = command.leg();
        let wants_in = matches!(command, ConferenceCommand::Join(_));
        let taken = self.services.rooms.offer(FromCall { command, call: ctx.address().recipient() }, Overflow::Warn);
        if !taken && wants_in {
            // Nobody answers: in its own turn, for the call's machine is in the middle of an effect.
            let event = ConferenceEvent::Refused(Refused::Unavailable);
            let now = std::future::ready(()).into_actor(self);
            ctx.spawn(now.map(move |(), actor, ctx| actor.step(CallInput::Conference { leg, event }, ctx)));
        }
    }
}
