use std::sync::atomic::{AtomicU64, Ordering};

use actix::dev::ToEnvelope;
use actix::prelude::*;

/// What a full mailbox means for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The message is lost and counted; the protocol repeats it, or its loss is harmless.
    Count,
    /// As `Count`, and worth a word in the log: something was lost that nobody repeats.
    Warn,
}

static OVERFLOWS: AtomicU64 = AtomicU64::new(0);

/// Sends that respect the bound of an actor's mailbox (I3).
pub trait Mailbox<M> {
    /// False when the message was not taken: the mailbox is full or its actor is gone.
    fn offer(&self, message: M, overflow: Overflow) -> bool;
}

impl<A, M> Mailbox<M> for Addr<A>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn offer(&self, message: M, overflow: Overflow) -> bool {
        settle(self.try_send(message), overflow)
    }
}

impl<M> Mailbox<M> for Recipient<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn offer(&self, message: M, overflow: Overflow) -> bool {
        settle(self.try_send(message), overflow)
    }
}

/// Messages lost to full mailboxes since the start.
pub fn overflows() -> u64 {
    OVERFLOWS.load(Ordering::Relaxed)
}

fn settle<M>(sent: Result<(), SendError<M>>, overflow: Overflow) -> bool {
    match sent {
        Ok(()) => true,
        Err(SendError::Closed(_)) => false,
        Err(SendError::Full(_)) => {
            OVERFLOWS.fetch_add(1, Ordering::Relaxed);
            if overflow == Overflow::Warn {
                tracing::warn!(message = std::any::type_name::<M>(), "mailbox full: message lost");
            }
            false
        }
    }
}
