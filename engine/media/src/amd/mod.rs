//! Answering-machine detection: from what a called party says in its first seconds, whether a human, a machine or a fax
//! answered, and where a machine's greeting ends (laml.md 2.5 and 3.6). It hears 20 ms after 20 ms and keeps no clock:
//! time is what it was given to hear. Start at [`Detector`].

mod detector;
mod pure_tone;
#[cfg(test)]
mod tests;
mod voice;

pub use detector::Detector;

use std::ops::RangeInclusive;
use std::time::Duration;

/// What a caller wants to know, and how patient it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AmdConfig {
    pub goal: Goal,
    /// The whole analysis; after it the answer is what is known by then.
    pub timeout: Duration,
    /// A greeting that is longer is a machine's.
    pub speech_threshold: Duration,
    /// So much silence ends a greeting.
    pub speech_end_threshold: Duration,
    /// Nobody has spoken for so long since the answer.
    pub silence_timeout: Duration,
    /// A greeting of more words than these is a machine's.
    pub words_threshold: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// `Enable`: who answered, as soon as that is known.
    WhoAnswered,
    /// `DetectMessageEnd`: a machine is reported when one may speak to it.
    MessageEnd,
}

/// The values a client may ask for (laml.md 3.6).
pub mod range {
    use super::RangeInclusive;

    pub const TIMEOUT_SECS: RangeInclusive<u32> = 1..=120;
    pub const SPEECH_THRESHOLD_MS: RangeInclusive<u32> = 1_000..=6_000;
    pub const SPEECH_END_THRESHOLD_MS: RangeInclusive<u32> = 500..=5_000;
    pub const SILENCE_TIMEOUT_MS: RangeInclusive<u32> = 2_000..=10_000;
    pub const WORDS: RangeInclusive<u32> = 1..=100;
}

impl AmdConfig {
    /// With the documented defaults.
    pub fn new(goal: Goal) -> Self {
        AmdConfig {
            goal,
            timeout: Duration::from_secs(30),
            speech_threshold: Duration::from_millis(2_400),
            speech_end_threshold: Duration::from_millis(1_200),
            silence_timeout: Duration::from_millis(5_000),
            words_threshold: 6,
        }
    }
}

/// Who answered, as applications are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    Human,
    MachineStart,
    MachineEndBeep,
    MachineEndSilence,
    MachineEndOther,
    Fax,
    Unknown,
}

impl AnsweredBy {
    pub fn as_str(self) -> &'static str {
        match self {
            AnsweredBy::Human => "human",
            AnsweredBy::MachineStart => "machine_start",
            AnsweredBy::MachineEndBeep => "machine_end_beep",
            AnsweredBy::MachineEndSilence => "machine_end_silence",
            AnsweredBy::MachineEndOther => "machine_end_other",
            AnsweredBy::Fax => "fax",
            AnsweredBy::Unknown => "unknown",
        }
    }

    /// The two words a call resource knows (laml.md 2.5); None for what was not found out.
    pub fn short(self) -> Option<&'static str> {
        match self {
            AnsweredBy::Human => Some("human"),
            AnsweredBy::MachineStart
            | AnsweredBy::MachineEndBeep
            | AnsweredBy::MachineEndSilence
            | AnsweredBy::MachineEndOther
            | AnsweredBy::Fax => Some("machine"),
            AnsweredBy::Unknown => None,
        }
    }
}

/// What a tick has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is a machine; its message has not ended.
    Machine,
    /// The analysis is over.
    Final(AnsweredBy),
}
