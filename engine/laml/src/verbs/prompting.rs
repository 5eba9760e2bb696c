use std::collections::VecDeque;
use std::time::Duration;

use tandem_model::Timestamp;

use super::{Done, Event, Step, Verb};
use crate::effects::Effects;
use crate::instruction::{Instruction, Prompt, PromptId, Repeat};

/// A piece of what a caller hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Prompt { what: Prompt, repeat: Repeat, line: u32 },
    Pause(Duration),
}

/// Prompts and pauses one after the other: what Say and Play do alone, and Gather around its digits.
#[derive(Debug)]
pub(crate) struct Prompting {
    parts: VecDeque<Part>,
    at: At,
}

#[derive(Debug)]
enum At {
    Idle,
    Prompt { id: PromptId, line: u32 },
    Pause { until: Timestamp },
    Ended,
}

impl Prompting {
    pub fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        Prompting { parts: parts.into_iter().collect(), at: At::Idle }
    }

    pub fn start(&mut self, now: Timestamp, fx: &mut Effects) {
        self.next(now, fx);
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.at, At::Ended)
    }

    /// A prompt that failed is warned about and counts as heard.
    pub fn handle(&mut self, now: Timestamp, event: &Event, fx: &mut Effects) {
        if let (At::Prompt { id: running, line }, Event::PromptEnded { id, result }) = (&self.at, event)
            && running == id
        {
            if let Err(failure) = result {
                fx.warn(failure.code, Some(*line), failure.message.clone());
            }
            self.next(now, fx);
        }
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        match self.at {
            At::Pause { until } => Some(until),
            At::Idle | At::Prompt { .. } | At::Ended => None,
        }
    }

    pub fn expire(&mut self, now: Timestamp, fx: &mut Effects) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.next(now, fx);
        }
    }

    /// Nothing is heard any more.
    pub fn stop(&mut self, fx: &mut Effects) {
        if let At::Prompt { id, .. } = self.at {
            fx.push(Instruction::StopPrompt { id });
        }
        self.at = At::Ended;
    }

    fn next(&mut self, now: Timestamp, fx: &mut Effects) {
        self.at = match self.parts.pop_front() {
            Some(Part::Prompt { what, repeat, line }) => At::Prompt { id: fx.prompt(what, repeat), line },
            Some(Part::Pause(length)) => At::Pause { until: now + length },
            None => At::Ended,
        };
    }
}

/// A verb that only plays: it answers, and is done when all is heard.
#[derive(Debug)]
pub(crate) struct PromptVerb(Prompting);

impl PromptVerb {
    pub fn new(part: Part) -> Self {
        PromptVerb(Prompting::new([part]))
    }

    fn step(&self) -> Step {
        if self.0.has_ended() { Step::Done(Done::Next) } else { Step::Wait }
    }
}

impl Verb for PromptVerb {
    fn start(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        self.0.start(now, fx);
        self.step()
    }

    fn handle(&mut self, now: Timestamp, event: &Event, fx: &mut Effects) -> Step {
        self.0.handle(now, event, fx);
        self.step()
    }

    fn cancel(&mut self, fx: &mut Effects) {
        self.0.stop(fx);
    }
}
