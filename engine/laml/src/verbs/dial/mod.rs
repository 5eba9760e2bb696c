//! `<Dial>`: rings its nouns in parallel and bridges the first that answers.

mod grammar;

use tandem_model::Timestamp;

use super::{Done, Event, Step, Verb};
use crate::effects::Effects;
use crate::instruction::{Dial, DialOutcome, DialStatus, Instruction, Method};

pub(crate) use grammar::SPEC;

#[derive(Debug)]
struct DialVerb {
    /// None when no noun can be rung: the dial fails at once.
    dial: Option<Box<Dial>>,
    action: Option<(String, Method)>,
    hangup_on_star: bool,
    state: State,
}

#[derive(Debug, PartialEq)]
enum State {
    NotStarted,
    Dialling,
    /// Given up by the caller's `*`.
    Ending,
}

impl Verb for DialVerb {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        let Some(dial) = self.dial.take() else {
            return self.done(&DialOutcome {
                status: DialStatus::Failed,
                call_sid: None,
                duration: None,
                recording: None,
                bridged: false,
                queue: None,
                sip: None,
            });
        };
        if dial.answer_on_bridge {
            fx.ringing_through = true;
        } else {
            fx.answer();
        }
        fx.push(Instruction::Dial(dial));
        self.state = State::Dialling;
        Step::Wait
    }

    fn handle(&mut self, _now: Timestamp, event: &Event, fx: &mut Effects) -> Step {
        match (&self.state, event) {
            (State::Dialling | State::Ending, Event::DialEnded(outcome)) => {
                fx.answered |= outcome.bridged;
                self.done(outcome)
            }
            (State::Dialling, Event::Digit('*')) if self.hangup_on_star => {
                fx.push(Instruction::CancelDial);
                self.state = State::Ending;
                Step::Wait
            }
            (State::Dialling | State::Ending | State::NotStarted, _) => Step::Wait,
        }
    }

    fn cancel(&mut self, fx: &mut Effects) {
        match self.state {
            State::NotStarted => return,
            State::Dialling => fx.push(Instruction::CancelDial),
            State::Ending => {}
        }
        fx.dials_given_up += 1;
    }

    /// The action is told how it went; the end of the dial follows that of its caller.
    fn hung_up(&mut self, _fx: &mut Effects) -> Step {
        match self.state {
            State::Dialling | State::Ending if self.action.is_some() => Step::Wait,
            State::NotStarted | State::Dialling | State::Ending => Step::Done(Done::Ended),
        }
    }
}

impl DialVerb {
    fn done(&mut self, outcome: &DialOutcome) -> Step {
        Step::Done(match self.action.take() {
            Some((url, method)) => Done::Fetch { url, method, params: params(outcome) },
            None => Done::Next,
        })
    }
}

/// What the action is told of the dial.
fn params(outcome: &DialOutcome) -> Vec<(String, String)> {
    let status = match outcome.status {
        DialStatus::Completed => "completed",
        DialStatus::Answered => "answered",
        DialStatus::Busy => "busy",
        DialStatus::NoAnswer => "no-answer",
        DialStatus::Failed => "failed",
        DialStatus::Canceled => "canceled",
    };
    let mut params = vec![("DialCallStatus".to_owned(), status.to_owned())];
    if let Some(sid) = &outcome.call_sid {
        params.push(("DialCallSid".to_owned(), sid.clone()));
    }
    if let Some(duration) = outcome.duration {
        params.push(("DialCallDuration".to_owned(), duration.as_secs().to_string()));
    }
    params.push(("DialBridged".to_owned(), outcome.bridged.to_string()));
    if let Some(recording) = &outcome.recording {
        params.push(("RecordingUrl".to_owned(), recording.url.clone()));
    }
    if let Some(queue) = &outcome.queue {
        params.push(("QueueSid".to_owned(), queue.sid.clone()));
        params.push(("QueueTime".to_owned(), queue.waited.as_secs().to_string()));
    }
    if let Some(sip) = &outcome.sip {
        params.push(("DialSipCallId".to_owned(), sip.call_id.clone()));
        params.push(("DialSipResponseCode".to_owned(), sip.response_code.to_string()));
        for (name, value) in &sip.headers {
            let name = format!("DialSipHeader_{name}");
            // Validators of signatures disagree about a key that comes twice.
            if !params.iter().any(|(n, _)| *n == name) {
                params.push((name, value.clone()));
            }
        }
    }
    params
}
