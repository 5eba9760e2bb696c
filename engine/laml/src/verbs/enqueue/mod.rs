//! `<Enqueue>`: waits in a call queue, with music or a document, until an agent takes the call.

mod grammar;

use tandem_model::Timestamp;

use super::{Done, Event, Step, Verb};
use crate::effects::Effects;
use crate::instruction::{Enqueue, Instruction, Method, QueueCommand, QueueEvent, QueueOutcome};

pub(crate) use grammar::SPEC;

#[derive(Debug)]
struct EnqueueVerb {
    /// Err: what is wrong with it ends it at once.
    enqueue: Result<Box<Enqueue>, QueueOutcome>,
    action: Option<(String, Method)>,
}

impl Verb for EnqueueVerb {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        match &self.enqueue {
            Ok(enqueue) => {
                fx.push(Instruction::Queue(QueueCommand::Enqueue(enqueue.clone())));
                Step::Wait
            }
            Err(outcome) => {
                let outcome = outcome.clone();
                self.done(&outcome)
            }
        }
    }

    fn handle(&mut self, _now: Timestamp, event: &Event, _fx: &mut Effects) -> Step {
        match event {
            Event::Queue(QueueEvent::Ended(outcome)) => self.done(outcome),
            // Keys are for the wait document.
            _ => Step::Wait,
        }
    }

    /// The action is told how it ended, which the queue says next.
    fn hung_up(&mut self, _fx: &mut Effects) -> Step {
        match self.action {
            Some(_) => Step::Wait,
            None => Step::Done(Done::Ended),
        }
    }

    fn cancel(&mut self, fx: &mut Effects) {
        fx.push(Instruction::Queue(QueueCommand::GiveUp));
    }
}

impl EnqueueVerb {
    fn done(&mut self, outcome: &QueueOutcome) -> Step {
        Step::Done(match self.action.take() {
            Some((url, method)) => Done::Fetch { url, method, params: outcome.params() },
            None => Done::Next,
        })
    }
}
