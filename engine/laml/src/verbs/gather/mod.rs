//! `<Gather>`: digits, asked for with prompts.

mod grammar;

use std::time::Duration;

use tandem_model::Timestamp;

use super::prompting::Prompting;
use super::{Done, Event, Step, Verb};
use crate::effects::Effects;
use crate::instruction::Method;

pub(crate) use grammar::SPEC;

/// Digits kept when `numDigits` sets no end: the longest string a key pad sensibly sends.
pub(crate) const DIGITS_MAX: u32 = 128;

/// ```text
///            all prompts heard                 timeout
/// Prompting ───────────────────▶ Listening ───────────────▶ Done
///     │ first digit: prompts stop    ▲  │ digit: timeout anew
///     └──────────────────────────────┘  └▶ finishOnKey, numDigits ─▶ Done
/// ```
#[derive(Debug)]
struct Gather {
    /// None when no action can be asked for: what was typed then leads nowhere.
    action: Option<(String, Method)>,
    digits_max: usize,
    finish_on_key: Option<char>,
    timeout: Duration,
    action_on_empty_result: bool,
    digits: String,
    prompting: Prompting,
    /// Set once the prompts are over.
    listening_until: Option<Timestamp>,
}

impl Verb for Gather {
    fn start(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        self.prompting.start(now, fx);
        self.listen_when_heard(now)
    }

    fn handle(&mut self, now: Timestamp, event: &Event, fx: &mut Effects) -> Step {
        match event {
            Event::PromptEnded { .. } => {
                self.prompting.handle(now, event, fx);
                self.listen_when_heard(now)
            }
            Event::Digit(digit) => self.digit(now, *digit, fx),
            _ => Step::Wait,
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.listening_until.or_else(|| self.prompting.deadline())
    }

    fn expire(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        if self.listening_until.is_some_and(|at| at <= now) {
            return self.done(None);
        }
        self.prompting.expire(now, fx);
        self.listen_when_heard(now)
    }

    fn cancel(&mut self, fx: &mut Effects) {
        self.prompting.stop(fx);
    }
}

impl Gather {
    fn listen_when_heard(&mut self, now: Timestamp) -> Step {
        if self.listening_until.is_none() && self.prompting.has_ended() {
            self.listening_until = Some(now + self.timeout);
        }
        Step::Wait
    }

    fn digit(&mut self, now: Timestamp, digit: char, fx: &mut Effects) -> Step {
        let digit = digit.to_ascii_uppercase();
        if !matches!(digit, '0'..='9' | 'A'..='D' | '*' | '#') {
            return Step::Wait;
        }
        self.prompting.stop(fx);
        if self.finish_on_key == Some(digit) {
            return self.done(Some(digit));
        }
        self.digits.push(digit);
        if self.digits.len() >= self.digits_max {
            return self.done(None);
        }
        self.listening_until = Some(now + self.timeout);
        Step::Wait
    }

    fn done(&mut self, finished_on: Option<char>) -> Step {
        let empty = self.digits.is_empty() && !self.action_on_empty_result;
        Step::Done(match self.action.take() {
            Some((url, method)) if !empty => {
                let mut params = vec![("Digits".to_owned(), std::mem::take(&mut self.digits))];
                if let Some(key) = finished_on {
                    params.push(("FinishedOnKey".to_owned(), key.to_string()));
                }
                Done::Fetch { url, method, params }
            }
            Some(_) | None => Done::Next,
        })
    }
}
