use std::time::Duration;

use tandem_model::Timestamp;

use crate::code;
use crate::effects::Effects;
use crate::instruction::Instruction;
use crate::instruction::{Heard, ListenCommand, ListenId, Listening, Utterance};

/// The part of a Gather that listens to speech.
///
/// ```text
///  Off ──▶ Listening ── Began ──▶ Speaking ── Ended, words ──▶ Off, told
///             ▲  │ Ended, failure ─▶ Deaf      │ Ended, nothing understood
///             └──┼────────────────────────────┘
///                └ stop ─▶ Off
/// ```
#[derive(Debug)]
pub(super) struct Ears {
    how: Listening,
    at: At,
    line: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Off,
    Listening(ListenId),
    Speaking(ListenId),
    /// Somebody presses the finish key while speaking: what was understood so far is awaited.
    Finishing(ListenId),
    /// There is nothing to listen with.
    Deaf,
}

/// What a [`Heard`] means to the Gather.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Nothing,
    /// Prompts are interrupted, and the timeout waits.
    SpeechBegan,
    /// The timeout goes on: that was no speech.
    Noise,
    Words(Utterance),
    /// Only keys are heard from now on.
    Deaf,
}

impl Ears {
    pub fn new(how: Listening, line: u32) -> Self {
        Ears { how, at: At::Off, line }
    }

    pub fn start(&mut self, fx: &mut Effects) {
        if self.at != At::Off {
            return;
        }
        if fx.no_recogniser {
            self.at = At::Deaf;
            return;
        }
        let id = fx.listen(self.how.clone());
        self.at = At::Listening(id);
    }

    /// The timeout stands still while somebody speaks.
    pub fn hears_speech(&self) -> bool {
        matches!(self.at, At::Speaking(_) | At::Finishing(_))
    }

    pub fn stop(&mut self, fx: &mut Effects) {
        if let At::Listening(id) | At::Speaking(id) | At::Finishing(id) = self.at {
            fx.push(Instruction::Listen(ListenCommand::Stop { id }));
            self.at = At::Off;
        }
    }

    /// True when there is speech whose end is now awaited.
    pub fn finish(&mut self, fx: &mut Effects) -> bool {
        let At::Speaking(id) = self.at else { return matches!(self.at, At::Finishing(_)) };
        fx.push(Instruction::Listen(ListenCommand::Finish { id }));
        self.at = At::Finishing(id);
        true
    }

    pub fn is_finishing(&self) -> bool {
        matches!(self.at, At::Finishing(_))
    }

    pub fn handle(&mut self, heard: &Heard, fx: &mut Effects) -> Told {
        match (heard, self.at) {
            (Heard::Began { id }, At::Listening(current)) if *id == current => {
                self.at = At::Speaking(current);
                Told::SpeechBegan
            }
            (Heard::Ended { id, result }, At::Listening(current) | At::Speaking(current) | At::Finishing(current))
                if *id == current =>
            {
                self.ended(result, fx)
            }
            // Of a listening that was given up.
            (Heard::Began { .. } | Heard::Ended { .. }, _) => Told::Nothing,
        }
    }

    fn ended(&mut self, result: &Result<Utterance, crate::instruction::ListenFailure>, fx: &mut Effects) -> Told {
        self.at = At::Off;
        match result {
            Ok(utterance) if utterance.text.trim().is_empty() => Told::Noise,
            Ok(utterance) => Told::Words(utterance.clone()),
            Err(failure) => {
                fx.no_recogniser |= failure.code == code::ATTRIBUTE_UNSUPPORTED;
                fx.warn(failure.code, Some(self.line), format!("Gather: {}", failure.message));
                self.at = At::Deaf;
                Told::Deaf
            }
        }
    }
}

/// Until when input is waited for; it stands still while somebody speaks.
#[derive(Debug, Default)]
pub(super) struct Patience {
    until: Option<Timestamp>,
    held: bool,
}

impl Patience {
    pub fn has_begun(&self) -> bool {
        self.until.is_some()
    }

    pub fn begin(&mut self, now: Timestamp, timeout: Duration) {
        self.until = Some(now + timeout);
    }

    pub fn hold(&mut self, held: bool) {
        self.held = held;
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.until.filter(|_| !self.held)
    }
}
