//! Listening: to a caller who speaks (laml.md 1.10), and to who answers a call (laml.md 1.5 and 3.6).

use std::time::Duration;

use super::Method;

/// Names one listening of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenId(pub u64);

/// At most one listening runs at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum ListenCommand {
    /// Hear one utterance. [`Heard::Ended`] follows exactly once, after any number of [`Heard::Began`].
    Start { id: ListenId, how: Box<Listening> },
    /// What has been said so far is all: its end follows soon.
    Finish { id: ListenId },
    /// Give it up; `Ended` still follows, and says nothing.
    Stop { id: ListenId },
}

/// How to listen.
#[derive(Clone, Debug, PartialEq)]
pub struct Listening {
    /// A language tag.
    pub language: String,
    /// Words and phrases that are likely.
    pub hints: Vec<String>,
    pub profanity_filter: bool,
    /// The recogniser's model, as it was asked for.
    pub model: Option<String>,
    pub enhanced: bool,
    /// So much silence ends the utterance; None leaves it to the recogniser.
    pub end_silence: Option<Duration>,
    pub speech_max: Duration,
    /// Where what has been understood so far is reported while somebody speaks.
    pub partials: Option<(String, Method)>,
    pub debug: bool,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Somebody speaks.
    Began {
        id: ListenId,
    },
    Ended {
        id: ListenId,
        result: Result<Utterance, ListenFailure>,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Utterance {
    /// Empty: there was speech, or noise, and nothing was understood.
    pub text: String,
    /// 0 to 1; None where the recogniser does not say.
    pub confidence: Option<f32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenFailure {
    /// 10001: there is no recogniser, and listening again is in vain.
    pub code: u32,
    pub message: String,
}

/// Find out whether a human or a machine answered.
#[derive(Clone, Debug, PartialEq)]
pub struct MachineDetection {
    /// A machine is reported when one may speak to it.
    pub message_end: bool,
    pub timeout: Duration,
    pub speech_threshold: Duration,
    pub speech_end_threshold: Duration,
    pub silence_timeout: Duration,
    pub callback: Option<(String, Method)>,
}
