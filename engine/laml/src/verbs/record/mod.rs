//! `<Record>`: records what the caller says until a key, silence, the longest time or a hang-up ends it, then asks its action.

mod grammar;

use std::time::Duration;

use tandem_model::Timestamp;

use super::{Done, Event, Step, Verb};
use crate::effects::Effects;
use crate::instruction::{
    Instruction, Method, Prompt, PromptId, Recording, RecordingCommand, RecordingEnded, RecordingId, Repeat,
};
use crate::role::Dialect;

pub(crate) use grammar::SPEC;

/// A recorder that never reports must not hold a caller.
const REPORT_TIME_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct RecordVerb {
    what: Option<Box<Recording>>,
    max: Duration,
    play_beep: bool,
    finish_on_keys: String,
    /// None: nobody is told, and the document goes on.
    action: Option<(String, Method)>,
    dialect: Dialect,
    /// The key, or word, that ended it.
    ended_by: Option<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    NotStarted,
    Beeping(PromptId),
    Recording {
        id: RecordingId,
        until: Timestamp,
    },
    /// Its end was asked for and is not told yet.
    Ending {
        id: RecordingId,
        until: Timestamp,
    },
    /// The caller hung up; what there is of the recording is still to come.
    HungUp(RecordingId),
}

impl Verb for RecordVerb {
    fn start(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        if self.play_beep {
            self.state = State::Beeping(fx.prompt(Prompt::Beep, Repeat::Times(1)));
            return Step::Wait;
        }
        self.record(now, fx)
    }

    fn handle(&mut self, now: Timestamp, event: &Event, fx: &mut Effects) -> Step {
        match (&self.state, event) {
            (State::Beeping(beep), Event::PromptEnded { id, .. }) if beep == id => self.record(now, fx),
            (State::Recording { id, .. }, Event::Digit(key)) if self.finish_on_keys.contains(*key) => {
                let id = *id;
                self.ended_by = Some(key.to_string());
                fx.push(Instruction::Recording(RecordingCommand::Stop { id }));
                self.state = State::Ending { id, until: now + REPORT_TIME_MAX };
                Step::Wait
            }
            (
                State::Recording { id, .. } | State::Ending { id, .. } | State::HungUp(id),
                Event::RecordingEnded(ended),
            ) if ended.id == *id => self.done(ended),
            (
                State::NotStarted
                | State::Beeping(_)
                | State::Recording { .. }
                | State::Ending { .. }
                | State::HungUp(_),
                _,
            ) => Step::Wait,
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Recording { until, .. } | State::Ending { until, .. } => Some(until),
            State::NotStarted | State::Beeping(_) | State::HungUp(_) => None,
        }
    }

    /// The recorder keeps the longest time itself; this is for one that does not answer.
    fn expire(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        match self.state {
            State::Recording { id, until } if until <= now => {
                fx.push(Instruction::Recording(RecordingCommand::Stop { id }));
                self.state = State::Ending { id, until: now + REPORT_TIME_MAX };
                Step::Wait
            }
            State::Ending { id, until } if until <= now => {
                self.done(&RecordingEnded { id, recording: None, duration: Duration::ZERO })
            }
            _ => Step::Wait,
        }
    }

    fn cancel(&mut self, fx: &mut Effects) {
        match self.state {
            State::Beeping(id) => fx.push(Instruction::StopPrompt { id }),
            State::Recording { id, .. } => fx.push(Instruction::Recording(RecordingCommand::Stop { id })),
            State::NotStarted | State::Ending { .. } | State::HungUp(_) => {}
        }
    }

    /// A voicemail is mostly ended by hanging up: its action is told of it all the same.
    fn hung_up(&mut self, _fx: &mut Effects) -> Step {
        match self.state {
            State::Recording { id, .. } | State::Ending { id, .. } => {
                if self.ended_by.is_none() && self.dialect == Dialect::Twilio {
                    self.ended_by = Some("hangup".to_owned());
                }
                self.state = State::HungUp(id);
                Step::Wait
            }
            State::NotStarted | State::Beeping(_) | State::HungUp(_) => Step::Done(Done::Ended),
        }
    }
}

impl RecordVerb {
    fn record(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        let Some(what) = self.what.take() else { return Step::Done(Done::Next) };
        let id = fx.recording();
        fx.push(Instruction::Recording(RecordingCommand::Start { id, what }));
        self.state = State::Recording { id, until: now + self.max + REPORT_TIME_MAX };
        Step::Wait
    }

    fn done(&mut self, ended: &RecordingEnded) -> Step {
        let is_empty = ended.recording.is_none();
        // laml.md 1.11: SignalWire asks its action for an empty recording too, Twilio goes on with the next verb.
        let asks = !(is_empty && self.dialect == Dialect::Twilio);
        let Some((url, method)) = self.action.take().filter(|_| asks) else { return Step::Done(Done::Next) };
        let mut params = Vec::new();
        if let Some(recording) = &ended.recording {
            params.push(("RecordingUrl".to_owned(), recording.url.clone()));
            params.push(("RecordingSid".to_owned(), recording.sid.clone()));
        }
        params.push(("RecordingDuration".to_owned(), ended.duration.as_secs().to_string()));
        if let Some(key) = self.ended_by.take() {
            params.push(("Digits".to_owned(), key));
        }
        Step::Done(Done::Fetch { url, method, params })
    }
}
