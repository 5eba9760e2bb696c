//! What REST may do: the queues behind the API's contract.

use actix::prelude::*;
use futures_util::future::BoxFuture;
use tandem_call::room::queue::{DeskError, MemberView, QueueRecord, QueueView, Queues, Whom};
use tandem_laml::instruction::Method;
use tandem_model::{Sid, Timestamp, WallTime};

use super::QueuesActor;
use crate::api::{QueueControl, QueueControlError};
use crate::store::StoreError;

type Answer<T> = Result<T, QueueControlError>;

/// The queues as the API sees them.
#[derive(Clone)]
pub struct QueueDesk {
    queues: Addr<QueuesActor>,
}

impl QueueDesk {
    pub fn new(queues: Addr<QueuesActor>) -> QueueDesk {
        QueueDesk { queues }
    }

    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Queues, Timestamp, WallTime) -> Result<T, DeskError> + Send + 'static,
    ) -> Answer<T> {
        self.queues.send(Look(Box::new(work))).await.unwrap_or(Err(QueueControlError::Unavailable))
    }

    async fn keep(&self, change: Keep) -> Answer<QueueView> {
        self.queues.send(change).await.unwrap_or(Err(QueueControlError::Unavailable))
    }
}

impl QueueControl for QueueDesk {
    fn list(&self) -> BoxFuture<'_, Answer<Vec<QueueView>>> {
        Box::pin(self.look(|queues, now, _| Ok(queues.list(now))))
    }

    fn queue(&self, sid: Sid) -> BoxFuture<'_, Answer<QueueView>> {
        Box::pin(self.look(move |queues, now, _| queues.queue(now, sid).ok_or(DeskError::NoQueue)))
    }

    fn create(&self, name: String, size_max: Option<u32>) -> BoxFuture<'_, Answer<QueueView>> {
        Box::pin(self.keep(Keep::Create { name, size_max }))
    }

    fn change(&self, sid: Sid, name: Option<String>, size_max: Option<u32>) -> BoxFuture<'_, Answer<QueueView>> {
        Box::pin(self.keep(Keep::Change { sid, name, size_max }))
    }

    fn remove(&self, sid: Sid) -> BoxFuture<'_, Answer<()>> {
        Box::pin(async move { self.keep(Keep::Remove { sid }).await.map(|_| ()) })
    }

    fn members(&self, sid: Sid) -> BoxFuture<'_, Answer<Vec<MemberView>>> {
        Box::pin(self.look(move |queues, now, _| queues.members(now, sid)))
    }

    fn member(&self, sid: Sid, whom: Whom) -> BoxFuture<'_, Answer<MemberView>> {
        Box::pin(self.look(move |queues, now, _| queues.member(now, sid, whom)))
    }

    fn redirect(&self, sid: Sid, whom: Whom, url: String, method: Method) -> BoxFuture<'_, Answer<MemberView>> {
        Box::pin(self.look(move |queues, now, _| queues.redirect(now, sid, whom, url, method)))
    }
}

/// Something that lasts no longer than the process.
#[derive(Message)]
#[rtype(result = "Answer<T>")]
struct Look<T: Send + 'static>(Work<T>);

type Work<T> = Box<dyn FnOnce(&mut Queues, Timestamp, WallTime) -> Result<T, DeskError> + Send>;

impl<T: Send + 'static> Handler<Look<T>> for QueuesActor {
    type Result = Answer<T>;

    fn handle(&mut self, msg: Look<T>, _: &mut Self::Context) -> Self::Result {
        let looked = self.contained(msg.0).ok_or(QueueControlError::Unavailable)?;
        looked.map_err(QueueControlError::Refused)
    }
}

/// Something that is to last: it counts at once, and is taken back when the store does not take it.
#[derive(Message)]
#[rtype(result = "Answer<QueueView>")]
enum Keep {
    Create { name: String, size_max: Option<u32> },
    Change { sid: Sid, name: Option<String>, size_max: Option<u32> },
    Remove { sid: Sid },
}

impl Handler<Keep> for QueuesActor {
    type Result = ResponseActFuture<Self, Answer<QueueView>>;

    fn handle(&mut self, msg: Keep, _: &mut Self::Context) -> Self::Result {
        let removes = matches!(msg, Keep::Remove { .. });
        let done = self.contained(|queues, now, wall| apply(queues, now, wall, msg));
        let done = done.ok_or(QueueControlError::Unavailable).and_then(|d| d.map_err(QueueControlError::Refused));
        let (view, before) = match done {
            Ok(done) => done,
            Err(error) => return Box::pin(fut::ready(Err(error))),
        };
        let (store, record) = (self.store.clone(), view.record.clone());
        let kept =
            async move { if removes { store.delete_queue(record.sid).await } else { store.put_queue(record).await } };
        let kept = kept.into_actor(self).map(move |kept, actor, _| {
            let Err(error) = kept else { return Ok(view) };
            if !matches!(error, StoreError::Busy) {
                tracing::error!(%error, "a change of a queue was not kept");
            }
            actor.contained(|queues, _, _| queues.restore(view.record.sid, before));
            Err(QueueControlError::Unavailable)
        });
        Box::pin(kept)
    }
}

type Applied = (QueueView, Option<(QueueRecord, bool)>);

/// What the queue is now, and what it was.
fn apply(queues: &mut Queues, now: Timestamp, wall: WallTime, change: Keep) -> Result<Applied, DeskError> {
    match change {
        Keep::Create { name, size_max } => queues.create(wall, &name, size_max).map(|view| (view, None)),
        Keep::Change { sid, name, size_max } => {
            let before = queues.record(sid);
            queues.change(now, wall, sid, name.as_deref(), size_max.map(Some)).map(|view| (view, before))
        }
        Keep::Remove { sid } => {
            let view = queues.queue(now, sid).ok_or(DeskError::NoQueue)?;
            let before = queues.record(sid);
            queues.remove(sid).map(|_| (view, before))
        }
    }
}
