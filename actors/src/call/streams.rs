//! Streams that REST starts and ends: asked of the switchboard, answered by the call.

use actix::prelude::*;
use futures_util::future::BoxFuture;
use tandem_call::call::{StreamRefused, StreamView};
use tandem_laml::instruction::Stream;
use tandem_model::{CallSid, Sid};

use super::actor::CallActor;
use super::control::SwitchboardControl;
use super::switchboard::Switchboard;
use crate::api::{CallControlError, StreamControl};

/// REST wants a stream begun, or ended.
#[derive(Message)]
#[rtype(result = "Answer")]
pub struct ChangeStream {
    pub call: CallSid,
    pub what: StreamChange,
}

pub enum StreamChange {
    Start(Stream),
    /// By its sid or its name.
    Stop(String),
}

type Answer = Result<StreamView, CallControlError>;

impl Handler<ChangeStream> for Switchboard {
    type Result = ResponseFuture<Answer>;

    fn handle(&mut self, msg: ChangeStream, _: &mut Self::Context) -> Self::Result {
        let call = self.call_of(msg.call).cloned();
        Box::pin(async move {
            let call = call.ok_or_else(|| refusal(StreamRefused::NoSuchCall))?;
            call.send(msg).await.unwrap_or_else(|_| Err(unavailable("The call takes no messages now")))
        })
    }
}

impl Handler<ChangeStream> for CallActor {
    type Result = Answer;

    fn handle(&mut self, msg: ChangeStream, ctx: &mut Self::Context) -> Self::Result {
        let (now, wall) = (self.services.clock.now(), self.services.clock.wall());
        let answer = match msg.what {
            StreamChange::Start(stream) => self.call.start_stream(now, wall, msg.call, stream),
            StreamChange::Stop(which) => self.call.stop_stream(now, wall, msg.call, &which),
        };
        self.settle(ctx);
        answer.map_err(refusal)
    }
}

impl StreamControl for SwitchboardControl {
    fn start(&self, call: Sid, stream: Stream) -> BoxFuture<'_, Answer> {
        self.change_stream(ChangeStream { call, what: StreamChange::Start(stream) })
    }

    fn stop(&self, call: Sid, which: String) -> BoxFuture<'_, Answer> {
        self.change_stream(ChangeStream { call, what: StreamChange::Stop(which) })
    }
}

impl SwitchboardControl {
    fn change_stream(&self, msg: ChangeStream) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let answer = self.switchboard().send(msg).await;
            answer.unwrap_or_else(|_| Err(unavailable("Call processing is not available")))
        })
    }
}

fn refusal(refused: StreamRefused) -> CallControlError {
    match refused {
        StreamRefused::NoSuchCall => CallControlError::new(404, 20_404, "There is no such call in progress"),
        StreamRefused::NoSuchStream => CallControlError::new(404, 20_404, "The call has no such stream"),
        StreamRefused::NotInProgress => CallControlError::new(400, 21_220, "Call is not in-progress. Cannot stream."),
        StreamRefused::Fault(fault) => CallControlError::new(400, 20_422, fault.as_str()),
    }
}

fn unavailable(what: &str) -> CallControlError {
    CallControlError::new(503, 20_504, what)
}
