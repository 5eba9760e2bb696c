use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::room::queue::{QueueAsk, QueueNews, QueueTicket, Queues};
use tandem_model::{Timestamp, WallTime, limits};

use crate::call::ToCall;
use crate::store::{Store, StoreError};
use crate::supervision::{Mailbox, Overflow, RestartIntensity};
use crate::world::{Clock, SystemEntropy};

/// From a call.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ToQueues {
    pub ask: QueueAsk,
    /// Where its answers go; needed by what begins a wait.
    pub call: Option<Recipient<ToCall>>,
}

/// All queues of this process.
pub struct QueuesActor {
    pub(super) clock: Clock,
    pub(super) store: Store,
    queues: Queues,
    /// Those who are told something yet.
    calls: BTreeMap<QueueTicket, Recipient<ToCall>>,
    intensity: RestartIntensity,
}

impl QueuesActor {
    /// With the queues that the store has.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn restored(store: Store, clock: Clock) -> Result<QueuesActor, StoreError> {
        let queues = Queues::new(store.queues().await?, SystemEntropy::boxed());
        Ok(QueuesActor { clock, store, queues, calls: BTreeMap::new(), intensity: RestartIntensity::default() })
    }

    /// Has the machine do `work`, and tells calls what came of it. None when it failed.
    pub(super) fn contained<T>(&mut self, work: impl FnOnce(&mut Queues, Timestamp, WallTime) -> T) -> Option<T> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let done = work(&mut self.queues, now, wall);
            tell(&mut self.queues, &mut self.calls, now, wall);
            done
        }));
        outcome.map_err(|panic| self.rebuild(panic)).ok()
    }

    /// Once too often within the window, and this actor goes the way of its machine: calls see that nobody takes their messages.
    fn rebuild(&mut self, panic: Box<dyn std::any::Any + Send>) {
        tracing::error!(waiting = self.calls.len(), "the queues failed: those who wait are told");
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let empty = Queues::new(vec![], SystemEntropy::boxed());
        self.queues = std::mem::replace(&mut self.queues, empty).rebuilt();
        tell(&mut self.queues, &mut self.calls, now, wall);
        if !self.intensity.may_restart(now) {
            resume_unwind(panic);
        }
    }
}

/// A call that takes no message has left. One that is only behind is told so as soon as it has room.
fn tell(queues: &mut Queues, calls: &mut BTreeMap<QueueTicket, Recipient<ToCall>>, now: Timestamp, wall: WallTime) {
    while let Some(news) = queues.poll() {
        let (ticket, last) = (news.ticket(), news.is_last());
        let taken =
            calls.get(&ticket).is_some_and(|call| call.offer(ToCall(CallInput::Queue(news.clone())), Overflow::Warn));
        let call = if last || !taken { calls.remove(&ticket) } else { None };
        if taken {
            continue;
        }
        queues.handle(now, wall, QueueAsk::Leave { ticket });
        if let Some(call) = call.filter(Recipient::connected) {
            let news = if last { news } else { QueueNews::Lost { ticket } };
            // One message a ticket, the last: what waits is bounded by those in queues.
            actix::spawn(async move {
                let _ = call.send(ToCall(CallInput::Queue(news))).await;
            });
        }
    }
}

impl Actor for QueuesActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::QUEUES_MAILBOX);
    }
}

impl Handler<ToQueues> for QueuesActor {
    type Result = ();

    fn handle(&mut self, msg: ToQueues, _: &mut Self::Context) {
        let ticket = msg.ask.ticket();
        let leaves = matches!(msg.ask, QueueAsk::Leave { .. });
        if let Some(call) = msg.call {
            self.calls.insert(ticket, call);
        }
        self.contained(|queues, now, wall| queues.handle(now, wall, msg.ask));
        if leaves {
            self.calls.remove(&ticket);
        }
    }
}

/// Fail-point of the containment tests: the machine panics.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct InjectPanic;

impl Handler<InjectPanic> for QueuesActor {
    type Result = ();

    #[expect(clippy::panic, reason = "a fail-point: the containment of exactly this is under test")]
    fn handle(&mut self, _: InjectPanic, _: &mut Self::Context) {
        self.contained(|_, _, _| panic!("injected into the queues"));
    }
}
