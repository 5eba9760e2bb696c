use actix::prelude::*;
use tandem_call::call::{CallInput, StreamEffect};
use tandem_media::control::Command;

use super::super::actor::CallActor;
use super::super::message::ToCall;
use crate::stream::ToStream;
use crate::supervision::{Mailbox, Overflow};

impl CallActor {
    pub(super) fn stream(&mut self, effect: StreamEffect, ctx: &mut Context<Self>) {
        match effect {
            StreamEffect::Open(open) => {
                let (sid, call) = (open.sid, ctx.address());
                let report = move |input| call.offer(ToCall(CallInput::Stream(input)), Overflow::Count);
                self.streams.insert(sid, self.services.streams.open(*open, report));
            }
            StreamEffect::Tap { sid, leg, tap, rate } => {
                if let Some(stream) = self.streams.get(&sid) {
                    let sink = stream.sink();
                    self.command_media(Command::Tap { leg, tap, rate, sink });
                }
            }
            StreamEffect::Digit { sid, digit, duration_ms } => {
                self.streams.get(&sid).map(|stream| stream.tell(ToStream::Digit { digit, duration_ms }));
            }
            StreamEffect::Marked { sid, mark } => {
                self.streams.get(&sid).map(|stream| stream.tell(ToStream::Marked(mark)));
            }
            StreamEffect::Close { sid } => {
                self.streams.remove(&sid);
            }
        }
    }
}
