use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::room::queue::{QueueAsk, QueueNews};

use super::super::actor::CallActor;
use crate::queues::{Seat, ToQueues};
use crate::supervision::{Mailbox, Overflow};

impl CallActor {
    pub(super) fn ask_queues(&mut self, ask: QueueAsk, ctx: &mut Context<Self>) {
        let ticket = ask.ticket();
        let queues = self.services.queues.clone();
        let begins = matches!(ask, QueueAsk::Join { .. } | QueueAsk::Dequeue { .. });
        if matches!(ask, QueueAsk::Leave { .. }) {
            // The seat says so itself, now or with this actor.
            self.seat.take_if(|seat| seat.ticket() == ticket);
            return;
        }
        if begins {
            self.seat = Some(Seat::new(queues.clone(), ticket));
        }
        let call = begins.then(|| ctx.address().recipient());
        if !queues.offer(ToQueues { ask, call }, Overflow::Warn) {
            self.step(CallInput::Queue(QueueNews::Lost { ticket }), ctx);
        }
    }
}
