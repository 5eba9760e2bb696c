use actix::prelude::*;
use futures_util::future::BoxFuture;
use tandem_call::room::conference::{MemberChange, Steer};
use tandem_laml::instruction::Method;
use tandem_model::{CallSid, Sid};

use super::actor::RoomsActor;
use super::message::{Ask, AskRefused, Asked, Seen};
use crate::api::{CallControlError, ConferenceControl, ConferenceView};

/// Conferences as the API sees them.
#[derive(Clone)]
pub struct RoomDesk {
    rooms: Addr<RoomsActor>,
}

impl RoomDesk {
    pub fn new(rooms: Addr<RoomsActor>) -> Self {
        RoomDesk { rooms }
    }

    fn ask(&self, conference: Sid, what: Asked) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        Box::pin(async move {
            match self.rooms.send(Ask { conference, what }).await {
                Ok(Ok(Seen { room, members })) => Ok(ConferenceView { room, members }),
                Ok(Err(refused)) => Err(error_of(refused)),
                Err(_) => Err(CallControlError::new(503, 20_504, "Conferences are not available")),
            }
        })
    }
}

impl ConferenceControl for RoomDesk {
    fn view(&self, conference: Sid) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.ask(conference, Asked::View)
    }

    fn change(
        &self,
        conference: Sid,
        call: CallSid,
        change: MemberChange,
    ) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.ask(conference, Asked::Change { call, change })
    }

    fn kick(&self, conference: Sid, call: CallSid) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.ask(conference, Asked::Kick { call })
    }

    fn complete(&self, conference: Sid) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.ask(conference, Asked::Complete)
    }

    fn announce(
        &self,
        conference: Sid,
        url: String,
        method: Method,
    ) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.ask(conference, Asked::Announce { url, method })
    }

    fn steer(
        &self,
        conference: Sid,
        recording: Sid,
        steer: Steer,
    ) -> BoxFuture<'_, Result<ConferenceView, CallControlError>> {
        self.ask(conference, Asked::Steer { recording, steer })
    }
}

fn error_of(refused: AskRefused) -> CallControlError {
    match refused {
        AskRefused::Conference => CallControlError::new(404, 20_404, "There is no such conference in progress"),
        AskRefused::Member => CallControlError::new(404, 20_404, "The conference has no such participant"),
        AskRefused::Coached => CallControlError::new(400, 13_240, "'CallSidToCoach' is no other participant"),
        AskRefused::Recording => CallControlError::new(404, 20_404, "The conference has no such recording in progress"),
    }
}
