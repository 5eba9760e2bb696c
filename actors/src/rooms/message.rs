use actix::prelude::*;
use tandem_call::room::conference::{ChangeRefused, ConferenceCommand, MemberChange, MemberView, RoomView, Steer};
use tandem_laml::instruction::Method;
use tandem_model::{CallSid, LegId, Sid};

use crate::call::ToCall;

/// A call says something to the conference of its leg, or wants one.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FromCall {
    pub command: ConferenceCommand,
    /// Where the conference answers.
    pub call: Recipient<ToCall>,
}

/// A member of a mix began, or ceased, to speak.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "()")]
pub struct Spoke {
    pub leg: LegId,
    pub speaking: bool,
}

/// REST wants to know, or change, a conference that lives.
#[derive(Message)]
#[rtype(result = "Result<Seen, AskRefused>")]
pub(super) struct Ask {
    pub conference: Sid,
    pub what: Asked,
}

pub(super) enum Asked {
    /// How it stands.
    View,
    Change {
        call: CallSid,
        change: MemberChange,
    },
    Kick {
        call: CallSid,
    },
    Complete,
    Announce {
        url: String,
        method: Method,
    },
    Steer {
        recording: Sid,
        steer: Steer,
    },
}

/// A conference and who is in it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub room: RoomView,
    pub members: Vec<MemberView>,
}

/// What is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AskRefused {
    /// It is over, or there never was one.
    Conference,
    Member,
    Coached,
    Recording,
}

impl From<ChangeRefused> for AskRefused {
    fn from(refused: ChangeRefused) -> Self {
        match refused {
            ChangeRefused::NoMember => AskRefused::Member,
            ChangeRefused::NoCoached => AskRefused::Coached,
        }
    }
}

/// Fail-point of the containment tests: the machine of this conference panics.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Fault {
    pub conference: Sid,
}
