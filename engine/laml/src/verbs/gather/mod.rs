//! `<Gather>`: digits, speech, or whichever comes first, asked for with prompts.

mod ears;
mod grammar;

use std::time::Duration;

use tandem_model::Timestamp;

use super::prompting::Prompting;
use super::{Done, Event, Step, Verb};
use crate::effects::Effects;
use crate::instruction::Method;
use crate::instruction::Utterance;
use ears::{Ears, Patience, Told};

pub(crate) use grammar::SPEC;

/// Digits kept when `numDigits` sets no end: the longest string a key pad sensibly sends.
pub(crate) const DIGITS_MAX: u32 = 128;

/// ```text
///            all prompts heard                 timeout
/// Prompting ───────────────────▶ Listening ───────────────▶ Done
///     │ first digit: prompts stop    ▲  │ digit: timeout anew
///     │ speech: prompts stop         │  ├▶ finishOnKey, numDigits ─▶ Done
///     └──────────────────────────────┘  └▶ an utterance understood ─▶ Done
/// ```
/// The first digit ends listening to speech: a key says more surely what somebody wants.
#[derive(Debug)]
struct Gather {
    /// None when no action can be asked for: what was typed then leads nowhere.
    action: Option<(String, Method)>,
    keys: bool,
    /// None: speech is not asked for.
    ears: Option<Ears>,
    barge_in: bool,
    digits_max: usize,
    finish_on_key: Option<char>,
    timeout: Duration,
    action_on_empty_result: bool,
    digits: String,
    prompting: Prompting,
    /// Begins once the prompts are over.
    patience: Patience,
}

/// What was put in.
enum Got {
    Keys(Option<char>),
    Speech(Utterance),
}

impl Verb for Gather {
    fn start(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        self.prompting.start(now, fx);
        if self.barge_in {
            self.listen(fx);
        }
        self.listen_when_heard(now, fx)
    }

    fn handle(&mut self, now: Timestamp, event: &Event, fx: &mut Effects) -> Step {
        match event {
            Event::PromptEnded { .. } => {
                self.prompting.handle(now, event, fx);
                self.listen_when_heard(now, fx)
            }
            Event::Digit(digit) => self.digit(now, *digit, fx),
            Event::Heard(heard) => match self.ears.as_mut().map_or(Told::Nothing, |ears| ears.handle(heard, fx)) {
                Told::Nothing => Step::Wait,
                Told::SpeechBegan => {
                    if self.barge_in {
                        self.prompting.stop(fx);
                    }
                    self.patience.hold(true);
                    self.listen_when_heard(now, fx)
                }
                Told::Noise => {
                    self.patience.hold(false);
                    self.listen(fx);
                    self.listen_when_heard(now, fx)
                }
                Told::Deaf => {
                    self.keys = true;
                    self.patience.hold(false);
                    self.listen_when_heard(now, fx)
                }
                Told::Words(utterance) => self.done(Got::Speech(utterance), fx),
            },
            _ => Step::Wait,
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        if self.patience.has_begun() { self.patience.deadline() } else { self.prompting.deadline() }
    }

    fn expire(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        if self.patience.deadline().is_some_and(|at| at <= now) {
            return self.done(Got::Keys(None), fx);
        }
        self.prompting.expire(now, fx);
        self.listen_when_heard(now, fx)
    }

    fn cancel(&mut self, fx: &mut Effects) {
        self.prompting.stop(fx);
        self.stop_listening(fx);
    }
}

impl Gather {
    fn listen(&mut self, fx: &mut Effects) {
        if let Some(ears) = &mut self.ears {
            ears.start(fx);
            // Without a recogniser there are only keys.
            self.keys |= fx.no_recogniser;
        }
    }

    fn stop_listening(&mut self, fx: &mut Effects) {
        if let Some(ears) = &mut self.ears {
            ears.stop(fx);
        }
    }

    fn listen_when_heard(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        if !self.patience.has_begun() && self.prompting.has_ended() {
            self.patience.begin(now, self.timeout);
            if self.digits.is_empty() {
                self.listen(fx);
            }
            self.patience.hold(self.ears.as_ref().is_some_and(Ears::hears_speech));
        }
        Step::Wait
    }

    fn digit(&mut self, now: Timestamp, digit: char, fx: &mut Effects) -> Step {
        let digit = digit.to_ascii_uppercase();
        if !self.keys || !matches!(digit, '0'..='9' | 'A'..='D' | '*' | '#') {
            return Step::Wait;
        }
        let finishes = self.finish_on_key == Some(digit);
        if let Some(ears) = &mut self.ears {
            if ears.is_finishing() {
                return Step::Wait;
            }
            if finishes && self.digits.is_empty() && ears.finish(fx) {
                return Step::Wait;
            }
            ears.stop(fx);
            self.patience.hold(false);
        }
        if self.barge_in {
            self.prompting.stop(fx);
        }
        if finishes {
            return self.done(Got::Keys(Some(digit)), fx);
        }
        self.digits.push(digit);
        if self.digits.len() >= self.digits_max {
            return self.done(Got::Keys(None), fx);
        }
        if self.prompting.has_ended() {
            self.patience.begin(now, self.timeout);
        }
        Step::Wait
    }

    fn done(&mut self, got: Got, fx: &mut Effects) -> Step {
        self.prompting.stop(fx);
        self.stop_listening(fx);
        let empty = matches!(got, Got::Keys(_)) && self.digits.is_empty() && !self.action_on_empty_result;
        Step::Done(match self.action.take() {
            Some((url, method)) if !empty => Done::Fetch { url, method, params: self.params(got) },
            Some(_) | None => Done::Next,
        })
    }

    fn params(&mut self, got: Got) -> Vec<(String, String)> {
        let mut params = Vec::new();
        let mut put = |name: &str, value: String| params.push((name.to_owned(), value));
        match got {
            Got::Speech(utterance) => {
                put("SpeechResult", utterance.text.trim().to_owned());
                put("Confidence", confidence(utterance.confidence));
            }
            Got::Keys(finished_on) => {
                if self.keys || !self.digits.is_empty() {
                    put("Digits", std::mem::take(&mut self.digits));
                } else {
                    put("SpeechResult", String::new());
                    put("Confidence", "0.0".to_owned());
                }
                if let Some(key) = finished_on {
                    put("FinishedOnKey", key.to_string());
                }
            }
        }
        params
    }
}

/// Applications ask again below some threshold of their own, so a recogniser that does not say how sure it is counts as sure.
fn confidence(told: Option<f32>) -> String {
    let sure = told.filter(|c| c.is_finite()).unwrap_or(1.0).clamp(0.0, 1.0);
    let text = format!("{sure:.4}");
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}
