use actix::prelude::*;
use tandem_call::call::{OpenStream, StreamInput};
use tandem_laml::instruction::Stream;
use tandem_media::control::Command;
use tandem_media::tap::TapId;
use tandem_model::Sid;

use super::actor::RoomsActor;
use crate::supervision::{Mailbox, Overflow};

/// A conference has one stream, and one tap for it.
const TAP: TapId = TapId(2);

/// What the stream of a conference says.
#[derive(Message)]
#[rtype(result = "()")]
struct StreamSaid {
    conference: Sid,
    stream: Sid,
    said: StreamInput,
}

impl RoomsActor {
    pub(super) fn open_stream(&mut self, conference: Sid, stream: Stream, ctx: &mut Context<Self>) {
        let sid = Sid::ordered(self.services.clock.wall(), &mut self.entropy);
        let project = &self.services.directory.borrow().project;
        let open = OpenStream {
            sid,
            account_sid: project.id.clone(),
            // Its place in the messages: a conference is no call, and this is who speaks.
            call_sid: conference,
            stream,
            two_way: false,
            dialect: project.dialect,
        };
        let own = ctx.address();
        let report = move |said| own.offer(StreamSaid { conference, stream: sid, said }, Overflow::Count);
        let rate = open.stream.codec.rate();
        if let Some(room) = self.rooms.get_mut(&conference) {
            room.room.stream_began(sid);
            room.stream = Some((sid, rate, self.services.streams.open(open, report)));
        }
    }

    pub(super) fn close_stream(&mut self, conference: Sid) {
        let Some(open) = self.rooms.get_mut(&conference) else { return };
        let mix = open.mix;
        if open.stream.take().is_some() {
            self.command(conference, Command::UntapMix { mix, tap: TAP });
        }
    }
}

impl Handler<StreamSaid> for RoomsActor {
    type Result = ();

    fn handle(&mut self, msg: StreamSaid, ctx: &mut Self::Context) {
        let StreamSaid { conference, stream, said } = msg;
        let Some(open) = self.rooms.get(&conference) else { return };
        let Some((_, rate, handle)) = open.stream.as_ref().filter(|(sid, ..)| *sid == stream) else { return };
        match said {
            StreamInput::Opened { .. } => {
                let (mix, rate, sink) = (open.mix, *rate, handle.sink());
                self.command(conference, Command::TapMix { mix, tap: TAP, rate, sink });
                self.step(conference, ctx, |room, now, wall| room.stream_opened(now, wall));
            }
            StreamInput::Ended { problem, .. } => {
                self.step(conference, ctx, |room, now, wall| room.stream_ended(now, wall, problem));
            }
            // Nothing is played into a conference.
            StreamInput::Audio { .. }
            | StreamInput::Mark { .. }
            | StreamInput::Clear { .. }
            | StreamInput::Digits { .. } => {}
        }
    }
}
