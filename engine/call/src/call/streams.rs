//! Streams of a call's audio (laml.md 1.16 and 3.8): what passes between the call and whoever holds the connections, and the call's table of
//! them.

use tandem_laml::Dialect;
use tandem_laml::instruction::{ConnectId, Method, Stream, StreamFault, Track};
use tandem_media::control::{MarkId, PlayId};
use tandem_media::tap::TapId;
use tandem_model::{CallSid, LegId, SampleRate, Sid, WallTime};

use super::contract::RunId;

/// What is to be done about a connection.
#[derive(Clone, Debug)]
pub enum StreamEffect {
    /// Connect. [`StreamInput::Ended`] follows exactly once unless `Close` comes first.
    Open(Box<OpenStream>),
    /// It is connected: what the leg hears and is told is for it from now on.
    Tap { sid: Sid, leg: LegId, tap: TapId, rate: SampleRate },
    /// The far end of its leg held a key.
    Digit { sid: Sid, digit: char, duration_ms: u32 },
    /// A mark was reached, or cleared.
    Marked { sid: Sid, mark: MarkId },
    /// Say goodbye and close, unless that is done: each stream ends with this. Nothing follows.
    Close { sid: Sid },
}

/// A connection to make.
#[derive(Clone, Debug)]
pub struct OpenStream {
    pub sid: Sid,
    pub account_sid: String,
    pub call_sid: CallSid,
    pub stream: Stream,
    /// What comes back is played.
    pub two_way: bool,
    /// How the messages look.
    pub dialect: Dialect,
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum StreamInput {
    /// The far side has been told what follows.
    Opened { sid: Sid },
    /// To be played, at the rate of the stream's codec.
    Audio { sid: Sid, audio: Vec<i16> },
    /// Tell when what came before was played: [`StreamEffect::Marked`].
    Mark { sid: Sid, mark: MarkId },
    /// Forget what was not played yet.
    Clear { sid: Sid },
    /// Keys to send to the leg's far end.
    Digits { sid: Sid, digits: String },
    /// The far side closed, or something went wrong.
    Ended { sid: Sid, problem: Option<StreamProblem> },
}

/// Why a stream did not come about, or broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamProblem {
    pub fault: StreamFault,
    /// For the call's log.
    pub code: u32,
    pub message: String,
}

/// A stream as REST shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamView {
    pub sid: Sid,
    pub call_sid: CallSid,
    pub name: Option<String>,
    pub status: StreamStatus,
    pub updated: WallTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    Queued,
    InProgress,
    Stopped,
}

impl StreamStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            StreamStatus::Queued => "queued",
            StreamStatus::InProgress => "in-progress",
            StreamStatus::Stopped => "stopped",
        }
    }
}

/// Why REST gets no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefused {
    NoSuchCall,
    NoSuchStream,
    NotInProgress,
    Fault(StreamFault),
}

/// Those of one call: that run, and the last that ended.
#[derive(Default)]
pub(super) struct Streams {
    pub all: Vec<Running>,
    /// So far: names the taps.
    pub made: u64,
}

pub(super) struct Running {
    pub sid: Sid,
    pub leg: LegId,
    pub call_sid: CallSid,
    pub name: Option<String>,
    pub track: Track,
    pub rate: SampleRate,
    pub two_way: bool,
    pub callback: Option<(String, Method)>,
    /// The verb that waits for its end.
    pub connect: Option<(RunId, ConnectId)>,
    pub tap: TapId,
    pub stage: Stage,
    pub updated: WallTime,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    /// What it plays with, when it plays.
    Open(Option<PlayId>),
    Over,
}

impl Streams {
    /// Taps of streams have ids from here on.
    const FIRST_TAP: u64 = 300;

    pub fn next_tap(&mut self) -> TapId {
        self.made += 1;
        TapId(Self::FIRST_TAP + self.made - 1)
    }

    pub fn find(&mut self, sid: Sid) -> Option<&mut Running> {
        self.all.iter_mut().find(|s| s.sid == sid && s.stage != Stage::Over)
    }

    /// Those of a leg that run.
    pub fn of_leg(&self, leg: LegId) -> impl Iterator<Item = &Running> {
        self.all.iter().filter(move |s| s.leg == leg && s.stage != Stage::Over)
    }

    pub fn by_play(&self, leg: LegId, play: PlayId) -> Option<Sid> {
        self.of_leg(leg).find(|s| s.stage == Stage::Open(Some(play))).map(|s| s.sid)
    }
}

impl Running {
    /// As callbacks name it (laml.md 1.16).
    pub fn shown_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.sid.to_string())
    }

    pub fn view(&self) -> StreamView {
        StreamView {
            sid: self.sid,
            call_sid: self.call_sid,
            name: self.name.clone(),
            status: match self.stage {
                Stage::Opening => StreamStatus::Queued,
                Stage::Open(_) => StreamStatus::InProgress,
                Stage::Over => StreamStatus::Stopped,
            },
            updated: self.updated,
        }
    }
}
