use actix::prelude::*;
use tandem_call::room::queue::{QueueAsk, QueueTicket};

use super::{QueuesActor, ToQueues};
use crate::supervision::{Mailbox, Overflow};

/// A call's place in a queue, as member or agent. Dropped with the actor of the call, whatever that died of, it is given up: nobody is
/// connected to a call that is no more.
pub(crate) struct Seat {
    queues: Addr<QueuesActor>,
    ticket: QueueTicket,
}

impl Seat {
    pub fn new(queues: Addr<QueuesActor>, ticket: QueueTicket) -> Seat {
        Seat { queues, ticket }
    }

    pub fn ticket(&self) -> QueueTicket {
        self.ticket
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.queues.offer(ToQueues { ask: QueueAsk::Leave { ticket: self.ticket }, call: None }, Overflow::Warn);
    }
}
