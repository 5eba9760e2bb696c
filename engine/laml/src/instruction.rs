//! The contract between a script and the call that runs it: what happened goes in as [`Input`], what to do comes
//! out as [`Instruction`]. No SIP and no media here: a call binds instructions to effects.

use std::time::Duration;

use tandem_model::Country;

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
    /// Ring the targets. [`Input::DialEnded`] follows exactly once, after the bridge is over.
    Dial(Box<Dial>),
    /// Give up dialling or end the bridged leg; `DialEnded` still follows. Nothing when no dial runs.
    /// Dials end in the order they were started: the next `Dial` may come before the `DialEnded` of a cancelled one.
    CancelDial,
    Echo {
        on: bool,
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
    Speech {
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

/// A `<Dial>` with its nouns.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    /// Rung in parallel; the first to answer wins.
    pub targets: Vec<Target>,
    pub answer_on_bridge: bool,
    pub caller_id: Option<String>,
    pub caller_name: Option<String>,
    pub timeout: Duration,
    pub time_limit: Duration,
    pub hangup_on_star: bool,
    /// Whose ringback the caller hears while nobody has answered.
    pub ring_tone: Option<Country>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub to: TargetAddress,
    pub status_callback: Option<StatusCallback>,
    /// Whisper document, run on the callee before the bridge.
    pub url: Option<(String, Method)>,
    /// DTMF to send once the target has answered.
    pub send_digits: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TargetAddress {
    /// As written, e.g. `+15551230000`.
    Number(String),
    Sip {
        /// Trimmed, scheme added, the `?name=value` part taken off.
        uri: String,
        /// From the URI's header part: name (`X-` added where missing) and decoded value, in order.
        headers: Vec<(String, String)>,
        username: Option<String>,
        password: Option<String>,
        /// SDP codec names in the order to offer; empty = the default.
        codecs: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct StatusCallback {
    /// Absolute.
    pub url: String,
    pub method: Method,
    pub events: StatusEvents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusEvents {
    pub initiated: bool,
    pub ringing: bool,
    pub answered: bool,
    pub completed: bool,
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
    DialEnded(DialOutcome),
    /// The leg is gone. The script ends without another instruction, but for nothing at all.
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

#[derive(Clone, Debug, PartialEq)]
pub struct DialOutcome {
    pub status: DialStatus,
    /// The child leg that answered, or the last that failed; None when none was tried.
    pub call_sid: Option<String>,
    /// Bridged time.
    pub duration: Option<Duration>,
    /// Whether two parties were connected.
    pub bridged: bool,
    /// Only for `<Sip>` targets: Call-ID of our INVITE, final response code, `X-` headers of that response.
    pub sip: Option<DialSip>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DialSip {
    pub call_id: String,
    pub response_code: u16,
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialStatus {
    Completed,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}
