//! The contract between a script and the call that runs it: what happened goes in as [`Input`], what to do comes
//! out as [`Instruction`]. No SIP and no media here: a call binds instructions to effects.

mod conference;
mod dial;
mod queue;
mod recording;
mod refer;
mod speech;
mod stream;

pub use conference::{Beep, Conference, ConferenceCallback, ConferenceEvents, ConferenceRecordingCallback, WaitMusic};
pub use dial::{
    Dial, DialOutcome, DialQueue, DialRecording, DialSip, DialStatus, DialTo, StatusCallback, StatusEvents, Target,
    TargetAddress,
};
pub use queue::{Enqueue, QueueCommand, QueueEvent, QueueOutcome, QueueResult, QueueTarget};
pub use recording::{
    Recording, RecordingCallback, RecordingChannels, RecordingCommand, RecordingEnded, RecordingId, RecordingRef,
    RecordingTrack, Transcribe, Upload,
};
pub use refer::{Refer, ReferOutcome, ReferStatus};
pub use speech::{Heard, ListenCommand, ListenFailure, ListenId, Listening, MachineDetection, Utterance};
pub use stream::{ConnectId, Stream, StreamCodec, StreamCommand, StreamEvent, StreamFault, Track};

/// HTTP method of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Method {
    Get,
    #[default]
    Post,
}

/// Names one prompt (Play, Say or digits) of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(pub u64);

/// What the script wants done. All but `Warn` and `Finished` concern the leg the script runs on.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// Answer the leg if it is not answered yet. The script goes on at once; effects that need an answered leg
    /// wait for it.
    Answer,
    /// Answer with the standard parameters plus `params`; [`Input::Document`] brings the outcome.
    Fetch {
        url: String,
        method: Method,
        params: Vec<(String, String)>,
    },
    /// Give up the fetch under way: its [`Input::Document`] must not be handed in any more. At most one fetch is
    /// under way at a time.
    CancelFetch,
    /// Start a prompt. [`Input::PromptEnded`] follows exactly once.
    Prompt {
        id: PromptId,
        what: Prompt,
        repeat: Repeat,
    },
    /// End it early; `PromptEnded` still follows.
    StopPrompt {
        id: PromptId,
    },
    /// Listen to what the caller says.
    Listen(ListenCommand),
    /// Ring the targets. [`Input::DialEnded`] follows exactly once, after the bridge is over.
    Dial(Box<Dial>),
    /// Give up dialling or end the bridged leg; `DialEnded` still follows. Nothing when no dial runs.
    /// Dials end in the order they were started: the next `Dial` may come before the `DialEnded` of a cancelled one.
    CancelDial,
    Echo {
        on: bool,
    },
    /// Take noise out of what the leg's far end says, or leave it in again.
    Denoise {
        on: bool,
    },
    Stream(StreamCommand),
    Recording(RecordingCommand),
    Queue(QueueCommand),
    /// Send the leg elsewhere (RFC 3515). [`Input::ReferEnded`] follows exactly once.
    Refer(Box<Refer>),
    /// Leave the queue whose wait document this is. Nothing follows.
    Leave,
    /// There is no document to be had, neither at the URL nor at its fallback. Where a document drives a call, an apology is heard
    /// instead; what is heard above another, or while somebody waits, ends with this. Nothing follows.
    NoDocument,
    /// Tell a URL how the script ended: the leg is gone, and what the URL answers does nothing.
    Tell {
        url: String,
        method: Method,
        params: Vec<(String, String)>,
    },
    /// Refuse the unanswered leg; one that was answered meanwhile is hung up. Nothing follows.
    Reject {
        reason: RejectReason,
    },
    /// Answer first if need be, then hang up. Nothing follows.
    Hangup,
    /// For the call's log: a documented warning or error (laml.md 3.13).
    Warn {
        code: u32,
        message: String,
        line: Option<u32>,
    },
    /// The document ran out of verbs: end the call. Nothing follows.
    Finished,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Absolute URL of an audio file.
    Url(String),
    /// The tone before a recording.
    Beep,
    Speech {
        /// XML content: escaped text, with the SSML that Say's grammar lets through (`verbs/say/ssml.rs`).
        text: String,
        voice: String,
        language: String,
    },
    /// DTMF, `w` = 0.5 s, `W` = 1 s.
    Digits(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    Times(u32),
    Forever,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    Rejected,
    Busy,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A fetched document, or why there is none. `url` is the final one, after redirects: relative URLs resolve to it.
    Document(Result<Document, FetchFailure>),
    PromptEnded {
        id: PromptId,
        result: Result<(), PromptFailure>,
    },
    Digit(char),
    /// Answers [`Instruction::Listen`].
    Heard(Heard),
    DialEnded(DialOutcome),
    RecordingEnded(RecordingEnded),
    Queue(QueueEvent),
    ReferEnded(ReferOutcome),
    Stream(StreamEvent),
    /// The leg is gone. A verb whose action is told of that waits for what it has to say ([`Instruction::Tell`]); all others
    /// end without another instruction.
    HungUp,
    /// REST took the call over: drop what runs and fetch this document.
    Redirect {
        url: String,
        method: Method,
    },
    /// REST took the call over with an inline document.
    Replace {
        xml: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub url: String,
    pub content_type: Option<String>,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// 11200 and its neighbours (laml.md 2.7).
    pub code: u32,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptFailure {
    /// 13420 and others.
    pub code: u32,
    pub message: String,
}
