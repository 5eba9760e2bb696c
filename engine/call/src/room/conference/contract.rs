//! What calls and conferences say to each other, and what a conference wants done.

use std::sync::Arc;

use tandem_laml::Dialect;
use tandem_laml::instruction::{Conference, Method, Prompt, Stream, WaitMusic};
use tandem_media::control::{Clip, Command, MixId, MoveFailed};
use tandem_media::tone::{enter_beep, exit_beep, wait_music};
use tandem_model::{CallSid, LegId, Sid, WallTime};

use crate::call::ApiDocument;

/// From a call to the room it is in or wants into.
#[derive(Clone, Debug, PartialEq)]
pub enum ConferenceCommand {
    Join(Box<Joining>),
    /// What came of [`ConferenceEvent::Move`].
    Moved {
        leg: LegId,
        result: Result<(), MoveFailed>,
    },
    /// The leg goes: it ended, its `*`, another document. Nothing follows.
    Leave {
        leg: LegId,
    },
    /// The document of [`ConferenceEvent::Wait`] cannot be had.
    WaitFailed {
        leg: LegId,
    },
    /// What came of [`ConferenceEvent::Announce`].
    Announced {
        leg: LegId,
        completed: bool,
    },
}

impl ConferenceCommand {
    /// The leg it is of.
    pub fn leg(&self) -> LegId {
        match self {
            ConferenceCommand::Join(joining) => joining.leg,
            ConferenceCommand::Moved { leg, .. }
            | ConferenceCommand::Leave { leg }
            | ConferenceCommand::WaitFailed { leg }
            | ConferenceCommand::Announced { leg, .. } => *leg,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Joining {
    pub leg: LegId,
    pub sid: CallSid,
    pub conference: Conference,
}

/// From a room to the call of a member.
#[derive(Clone, Debug, PartialEq)]
pub enum ConferenceEvent {
    /// It does not come in.
    Refused(Refused),
    /// Its media is to go where that leg's is: answered by [`ConferenceCommand::Moved`].
    Move {
        beside: LegId,
    },
    /// Run this on the leg while it waits, in place of what ran there for us.
    Wait {
        document: ApiDocument,
        params: Vec<(String, String)>,
    },
    StopWait,
    /// Run this on the leg: answered by [`ConferenceCommand::Announced`].
    Announce {
        document: ApiDocument,
        params: Vec<(String, String)>,
    },
    /// The conference is over for this member.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `maxParticipants`, or as many conferences as there may be.
    Full,
    /// Whom it is to coach is not there (13240).
    Coach,
    /// Its media could not be brought to the others'.
    Media(MoveFailed),
    /// Nobody runs conferences.
    Unavailable,
}

/// What a conference is made with.
#[derive(Clone, Debug)]
pub struct RoomSpec {
    pub sid: Sid,
    pub name: String,
    pub account: String,
    pub dialect: Dialect,
    pub mix: MixId,
    pub sounds: Sounds,
}

/// What all conferences play; made once.
#[derive(Clone, Debug)]
pub struct Sounds {
    pub enter: Arc<Clip>,
    pub exit: Arc<Clip>,
    pub music: Arc<Clip>,
}

impl Sounds {
    pub fn new() -> Self {
        Sounds { enter: Arc::new(enter_beep()), exit: Arc::new(exit_beep()), music: wait_music() }
    }
}

impl Default for Sounds {
    fn default() -> Self {
        Sounds::new()
    }
}

/// What a conference wants done.
#[derive(Clone, Debug)]
pub enum RoomEffect {
    Tell {
        leg: LegId,
        event: ConferenceEvent,
    },
    /// Those of the mix go to the thread its members are on.
    Media(Command),
    /// A status callback; delivered in order for one conference.
    Notify {
        url: String,
        method: Method,
        params: Vec<(String, String)>,
    },
    /// The document of an announcement to all.
    Fetch {
        url: String,
        method: Method,
        params: Vec<(String, String)>,
    },
    LoadPrompt {
        id: u64,
        what: Prompt,
    },
    Warn {
        call: CallSid,
        code: u32,
        message: String,
    },
    StartRecording {
        trim: bool,
    },
    SteerRecording(Steer),
    /// Copy the mix to a customer's server. Answered by [`super::Room::stream_began`] at once, then by `stream_opened` and
    /// `stream_ended`.
    OpenStream(Box<Stream>),
    CloseStream,
    /// Its row has changed.
    Changed,
    /// Nobody is in it and all has been told.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    Pause,
    /// With silence left out of the file.
    PauseSkipping,
    Resume,
    Stop,
}

/// How a finished recording is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingFacts {
    pub sid: Sid,
    pub url: String,
    /// None when there is no file.
    pub file: Option<RecordingFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordingFile {
    pub duration_secs: u64,
    pub bytes: u64,
    pub channels: u16,
}

/// What REST may change of a member.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MemberChange {
    pub muted: Option<bool>,
    pub hold: Option<bool>,
    /// What it hears on hold.
    pub hold_music: Option<WaitMusic>,
    pub wait: Option<WaitMusic>,
    pub announce: Option<(String, Method)>,
    /// Whom it coaches; `Some(None)`: nobody.
    pub coaching: Option<Option<CallSid>>,
    pub end_on_exit: Option<bool>,
    pub beep: Option<tandem_laml::instruction::Beep>,
}

/// Why REST's change is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeRefused {
    /// There is no such member.
    NoMember,
    /// Whom it is to coach is no member.
    NoCoached,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoomStatus {
    Init,
    InProgress,
    Completed,
}

impl RoomStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            RoomStatus::Init => "init",
            RoomStatus::InProgress => "in-progress",
            RoomStatus::Completed => "completed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [RoomStatus::Init, RoomStatus::InProgress, RoomStatus::Completed].into_iter().find(|s| s.as_str() == name)
    }
}

/// Why a conference ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    Api,
    EndOnExitLeft,
    EndOnExitKicked,
    LastLeft,
    LastKicked,
    /// Who runs conferences failed, or the server went down.
    Internal,
}

impl EndReason {
    pub fn as_str(self) -> &'static str {
        match self {
            EndReason::Api => "conference-ended-via-api",
            EndReason::EndOnExitLeft => "participant-with-end-conference-on-exit-left",
            EndReason::EndOnExitKicked => "participant-with-end-conference-on-exit-kicked",
            EndReason::LastLeft => "last-participant-left",
            EndReason::LastKicked => "last-participant-kicked",
            EndReason::Internal => "internal-error",
        }
    }
}

/// A conference as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomView {
    pub sid: Sid,
    pub name: String,
    pub status: RoomStatus,
    pub created: WallTime,
    pub updated: WallTime,
    pub reason: Option<EndReason>,
    pub ended_by: Option<CallSid>,
    pub recording: Option<Sid>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct MemberView {
    pub call: CallSid,
    pub label: Option<String>,
    pub muted: bool,
    pub hold: bool,
    pub coaching: Option<CallSid>,
    pub start_on_enter: bool,
    pub end_on_exit: bool,
    pub created: WallTime,
    pub updated: WallTime,
}
