//! Listening to what a leg says: which of a document's listenings runs, and who is told what was understood so far.

use tandem_laml::instruction::{Heard, Input, ListenCommand, ListenFailure, ListenId, Listening, Method, Utterance};
use tandem_model::LegId;

use super::super::Call;
use super::super::contract::{CallEffect, RunId};

/// What the actor is to do about listening.
#[derive(Clone, Debug, PartialEq)]
pub enum ListenEffect {
    /// Answered by one [`SpeechNews::Ended`].
    Start { run: RunId, leg: LegId, id: ListenId, how: Box<Listening> },
    /// What was said so far is all.
    Finish { run: RunId, id: ListenId },
    /// Its end is still told, and says nothing.
    Stop { run: RunId, id: ListenId },
}

/// What is heard.
#[derive(Clone, Debug, PartialEq)]
pub enum SpeechNews {
    Began,
    Partial(PartialSpeech),
    Ended(Result<Utterance, ListenFailure>),
}

/// What was understood while somebody still speaks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartialSpeech {
    /// Will not change any more.
    pub stable: String,
    pub unstable: String,
    pub confidence: Option<f32>,
}

/// The listening a document is at.
pub(in super::super) struct Ear {
    id: ListenId,
    /// Until the leg is answered.
    waiting: Option<Box<Listening>>,
    language: String,
    partials: Option<(String, Method)>,
    debug: bool,
    /// Partial results told so far.
    sequence: u32,
}

impl Call {
    pub(super) fn listen_command(&mut self, run: RunId, command: ListenCommand) {
        match command {
            ListenCommand::Start { id, how } => {
                let ear = Ear {
                    id,
                    language: how.language.clone(),
                    partials: how.partials.clone(),
                    debug: how.debug,
                    sequence: 0,
                    waiting: Some(how),
                };
                let Some(of) = self.run_mut(run) else { return };
                of.ear = Some(ear);
                self.listen_when_answered(run);
            }
            ListenCommand::Finish { id } => {
                if !self.end_unbegun(run, id) {
                    self.emit(CallEffect::Listen(ListenEffect::Finish { run, id }));
                }
            }
            ListenCommand::Stop { id } => {
                if !self.end_unbegun(run, id) {
                    self.emit(CallEffect::Listen(ListenEffect::Stop { run, id }));
                }
            }
        }
    }

    pub(super) fn listen_when_answered(&mut self, run: RunId) {
        let Some(leg) = self.run(run).map(|r| r.leg) else { return };
        if !self.legs.get(&leg).is_some_and(|l| l.is_answered()) {
            return;
        }
        let Some(ear) = self.run_mut(run).and_then(|r| r.ear.as_mut()) else { return };
        if let Some(how) = ear.waiting.take() {
            let id = ear.id;
            self.emit(CallEffect::Listen(ListenEffect::Start { run, leg, id, how }));
        }
    }

    /// One that never began is over at once.
    fn end_unbegun(&mut self, run: RunId, id: ListenId) -> bool {
        let Some(of) = self.run_mut(run) else { return false };
        if !of.ear.as_ref().is_some_and(|ear| ear.id == id && ear.waiting.is_some()) {
            return false;
        }
        of.ear = None;
        self.run_input(run, Input::Heard(Heard::Ended { id, result: Ok(Utterance::default()) }));
        true
    }

    pub(in super::super) fn heard(&mut self, run: RunId, id: ListenId, news: SpeechNews) {
        match news {
            SpeechNews::Began => self.run_input(run, Input::Heard(Heard::Began { id })),
            SpeechNews::Partial(partial) => self.partial(run, id, partial),
            SpeechNews::Ended(result) => {
                if let Some(of) = self.run_mut(run)
                    && of.ear.as_ref().is_some_and(|ear| ear.id == id)
                {
                    of.ear = None;
                }
                self.run_input(run, Input::Heard(Heard::Ended { id, result }));
            }
        }
    }

    fn partial(&mut self, run: RunId, id: ListenId, partial: PartialSpeech) {
        let Some(ear) = self.run_mut(run).and_then(|r| r.ear.as_mut()).filter(|ear| ear.id == id) else { return };
        let sequence = ear.sequence;
        ear.sequence += 1;
        let (target, language) = (ear.partials.clone(), ear.language.clone());
        if ear.debug {
            let message = format!("Gather hears {:?} {:?}", partial.stable, partial.unstable);
            self.emit(CallEffect::Warn { code: 0, message, line: None });
        }
        let Some((url, method)) = target else { return };
        // laml.md 1.10; the names are those of the field's other provider.
        let own = [
            ("StableSpeechResult", partial.stable),
            ("UnstableSpeechResult", partial.unstable),
            ("Stability", "0.8".to_owned()),
            ("Confidence", partial.confidence.map_or_else(|| "0.0".to_owned(), |c| format!("{c:.2}"))),
            ("SequenceNumber", sequence.to_string()),
            ("Language", language),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let params = self.with_standard(run, own);
        self.emit(CallEffect::Notify { url, method, params });
    }
}
