//! The script: documents one after the other, and the verbs of each from top to bottom.
//!
//! ```text
//!                      document read                 last verb done
//!  Idle ──▶ Fetching ───────────────▶ Running(verb) ────────────────▶ Finished
//!              ▲ │ fallback once        │   │                            ▲
//!              └─┘◀─── action, Redirect ┘   │ Hangup, Reject ────────────┤
//!                │ no document              ▼                            │
//!                └──────────▶ Apologising (fixed message) ─── Hangup ────┘
//! ```
//! `HungUp` leads to Finished from everywhere; REST's `Redirect` and `Replace` to Fetching and Running.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use tandem_model::{Timestamp, limits};

use crate::address;
use crate::code;
use crate::document::{self, DocumentError, Node};
use crate::effects::Effects;
use crate::instruction::{Document, FetchFailure, Input, Instruction, Method, Prompt, PromptId, Repeat};
use crate::role::{Dialect, Role};
use crate::verbs::{Done, Event, Step, Surroundings, VERBS, VERBS_NOT_YET, Verb};

/// What a caller hears when no document can be had, neither from the URL nor from its fallback. The leg is answered
/// for it if need be, and hung up after it.
pub const APOLOGY_TEXT: &str = "Sorry, this call cannot be continued because of an application problem. Goodbye.";

/// The leg is hung up after this time even if the end of the apology is never reported.
const APOLOGY_TIME_MAX: Duration = Duration::from_secs(30);

/// What a script has to know of the leg it runs on.
#[derive(Clone, Debug)]
pub struct ScriptConfig {
    /// The leg is answered already (a call we placed, a whisper): no [`Instruction::Answer`] is ever given.
    pub answered: bool,
    pub role: Role,
    pub dialect: Dialect,
    /// Documents one script may load before it is taken for a loop.
    pub documents_max: u32,
}

impl Default for ScriptConfig {
    fn default() -> Self {
        ScriptConfig {
            answered: false,
            role: Role::default(),
            dialect: Dialect::default(),
            documents_max: limits::LAML_DOCUMENTS_PER_CALL_MAX,
        }
    }
}

/// One LaML script on one leg, from its first document to its end.
///
/// Call [`start_fetch`](Script::start_fetch) or [`start_document`](Script::start_document) once; then, after every
/// `start_*`, `handle` and `expire`, [`poll`](Script::poll) until it gives None and arm a timer for
/// [`deadline`](Script::deadline).
#[derive(Debug)]
pub struct Script {
    config: ScriptConfig,
    fx: Effects,
    state: State,
    /// Verbs of the document that have not run.
    verbs: VecDeque<Node>,
    /// URL of the document, for relative ones in it.
    url: Option<String>,
    fallback: Option<(String, Method)>,
    documents: u32,
}

#[derive(Debug)]
enum State {
    Idle,
    Fetching {
        url: String,
        is_fallback: bool,
    },
    Running(Box<dyn Verb>),
    Apologising {
        prompt: PromptId,
        until: Timestamp,
    },
    /// The leg is gone; the verb still has to tell its action.
    Leaving(Box<dyn Verb>),
    Finished,
}

impl Script {
    pub fn new(config: ScriptConfig) -> Self {
        Script {
            fx: Effects::new(config.answered),
            config,
            state: State::Idle,
            verbs: VecDeque::new(),
            url: None,
            fallback: None,
            documents: 0,
        }
    }

    /// Begin with the document at an absolute `url`. A document that cannot be had, now or later in the call, is tried
    /// once at `fallback`, with the parameters `ErrorCode` and `ErrorUrl`.
    pub fn start_fetch(&mut self, now: Timestamp, url: String, method: Method, fallback: Option<(String, Method)>) {
        self.start_fetch_with(now, url, method, Vec::new(), fallback);
    }

    /// As [`start_fetch`](Script::start_fetch), with parameters for that first request.
    pub fn start_fetch_with(
        &mut self,
        now: Timestamp,
        url: String,
        method: Method,
        params: Vec<(String, String)>,
        fallback: Option<(String, Method)>,
    ) {
        self.fallback = fallback;
        self.fetch(now, url, method, params);
    }

    /// Begin with an inline document. It has no URL, so relative URLs in it are refused.
    pub fn start_document(&mut self, now: Timestamp, xml: &str) {
        self.run_inline(now, xml);
    }

    /// Another URL to ask when a document cannot be had, from now on.
    pub fn set_fallback(&mut self, url: String, method: Method) {
        self.fallback = Some((url, method));
    }

    /// Tell the script what happened. What it did not ask for, or what has become stale, changes nothing.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        if self.is_finished() {
            return;
        }
        match input {
            Input::Document(result) => self.handle_document(now, result),
            Input::PromptEnded { id, result } => match self.state {
                State::Apologising { prompt, .. } if prompt == id => self.hang_up(),
                State::Idle | State::Fetching { .. } | State::Apologising { .. } | State::Finished => {}
                State::Running(_) | State::Leaving(_) => self.handle_event(now, &Event::PromptEnded { id, result }),
            },
            Input::Digit(digit) => self.handle_event(now, &Event::Digit(digit)),
            Input::Heard(heard) => self.handle_event(now, &Event::Heard(heard)),
            Input::DialEnded(outcome) if self.fx.dials_given_up > 0 => {
                self.fx.dials_given_up -= 1;
                self.fx.answered |= outcome.bridged;
            }
            Input::DialEnded(outcome) => self.handle_event(now, &Event::DialEnded(outcome)),
            Input::RecordingEnded(ended) => self.handle_event(now, &Event::RecordingEnded(ended)),
            Input::Queue(event) => self.handle_event(now, &Event::Queue(event)),
            Input::ReferEnded(_) if self.fx.refers_given_up > 0 => self.fx.refers_given_up -= 1,
            Input::ReferEnded(outcome) => self.handle_event(now, &Event::ReferEnded(outcome)),
            Input::Stream(event) => self.handle_event(now, &Event::Stream(event)),
            Input::HungUp => self.hung_up(),
            // Nobody is left to run it for.
            Input::Redirect { .. } | Input::Replace { .. } if matches!(self.state, State::Leaving(_)) => {}
            Input::Redirect { url, method } => self.redirect(now, &url, method),
            Input::Replace { xml } => {
                self.stop_all();
                self.run_inline(now, &xml);
            }
        }
    }

    /// What to do next, in order; None when the script waits.
    pub fn poll(&mut self) -> Option<Instruction> {
        self.fx.pop()
    }

    /// When [`expire`](Script::expire) is to be called at the latest.
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Running(verb) => verb.deadline(),
            State::Apologising { until, .. } => Some(*until),
            State::Idle | State::Fetching { .. } | State::Leaving(_) | State::Finished => None,
        }
    }

    /// Time has passed. Nothing happens before the deadline.
    pub fn expire(&mut self, now: Timestamp) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        match &mut self.state {
            State::Running(verb) => {
                let step = verb.expire(now, &mut self.fx);
                self.step(now, step);
            }
            State::Apologising { prompt, .. } => {
                self.fx.push(Instruction::StopPrompt { id: *prompt });
                self.hang_up();
            }
            State::Idle | State::Fetching { .. } | State::Leaving(_) | State::Finished => {}
        }
    }

    /// No instruction will follow those still to be polled.
    pub fn is_finished(&self) -> bool {
        matches!(self.state, State::Finished)
    }

    /// Ends the script before its time: what it has running is stopped, and nothing else follows.
    pub fn stop(&mut self) {
        if !self.is_finished() {
            self.stop_all();
            self.finish();
        }
    }

    fn handle_event(&mut self, now: Timestamp, event: &Event) {
        if let State::Running(verb) = &mut self.state {
            let step = verb.handle(now, event, &mut self.fx);
            self.step(now, step);
        } else if let State::Leaving(verb) = &mut self.state {
            let step = verb.handle(now, event, &mut self.fx);
            self.leave(step);
        }
    }

    fn hung_up(&mut self) {
        self.fx.clear();
        self.verbs.clear();
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Running(mut verb) => {
                let step = verb.hung_up(&mut self.fx);
                self.state = State::Leaving(verb);
                self.leave(step);
            }
            // Told once is enough.
            leaving @ State::Leaving(_) => self.state = leaving,
            State::Idle | State::Fetching { .. } | State::Apologising { .. } | State::Finished => {}
        }
    }

    /// After the leg: an action is told, and that is all.
    fn leave(&mut self, step: Step) {
        match step {
            Step::Wait => {}
            Step::Done(Done::Fetch { url, method, params }) => {
                self.fx.push(Instruction::Tell { url, method, params });
                self.finish();
            }
            Step::Done(Done::Next | Done::NoDocument | Done::Ended) => self.finish(),
        }
    }

    fn handle_document(&mut self, now: Timestamp, result: Result<Document, FetchFailure>) {
        let State::Fetching { url, is_fallback } = &self.state else { return };
        let (url, is_fallback) = (url.clone(), *is_fallback);
        let read = match result {
            Ok(document) => document::read(document.content_type.as_deref(), &document.body)
                .and_then(known_verbs)
                .map(|verbs| (document.url, verbs)),
            Err(failure) => Err(DocumentError { code: failure.code, message: failure.message, line: None }),
        };
        match read {
            Ok((url, verbs)) => self.run(now, Some(url), verbs),
            Err(error) => self.no_document(now, &error, (!is_fallback).then_some(url)),
        }
    }

    /// Go on with the document at `url`, unless this has gone on for too long.
    fn fetch(&mut self, now: Timestamp, url: String, method: Method, params: Vec<(String, String)>) {
        self.verbs.clear();
        if self.count_document() {
            self.state = State::Fetching { url: url.clone(), is_fallback: false };
            self.fx.push(Instruction::Fetch { url, method, params });
        } else {
            self.apologise(now);
        }
    }

    /// Warn of it; then the fallback, if `failed_url` may still be replaced by it; then the apology.
    fn no_document(&mut self, now: Timestamp, error: &DocumentError, failed_url: Option<String>) {
        self.fx.warn(error.code, error.line, error.message.clone());
        match (failed_url, self.fallback.clone()) {
            (Some(failed_url), Some((url, method))) if self.count_document() => {
                let params = vec![
                    ("ErrorCode".to_owned(), error.code.to_string()),
                    ("ErrorUrl".to_owned(), address::without_secrets(&failed_url)),
                ];
                self.state = State::Fetching { url: url.clone(), is_fallback: true };
                self.fx.push(Instruction::Fetch { url, method, params });
            }
            (Some(_) | None, Some(_) | None) => self.apologise(now),
        }
    }

    fn count_document(&mut self) -> bool {
        self.documents += 1;
        self.fx.new_document();
        let within = self.documents <= self.config.documents_max;
        if !within {
            let message = format!("the call has loaded {} documents, this is taken for a loop", self.documents - 1);
            self.fx.warn(code::TOO_MANY_DOCUMENTS, None, message);
        }
        within
    }

    fn run_inline(&mut self, now: Timestamp, xml: &str) {
        if !self.count_document() {
            return self.apologise(now);
        }
        match document::read_inline(xml).and_then(known_verbs) {
            Ok(verbs) => self.run(now, None, verbs),
            Err(error) => self.no_document(now, &error, None),
        }
    }

    fn run(&mut self, now: Timestamp, url: Option<String>, verbs: Vec<Node>) {
        self.url = url;
        self.verbs = verbs.into();
        self.advance(now);
    }

    /// Start verbs until one takes time. A document is finite, and so is this.
    fn advance(&mut self, now: Timestamp) {
        while let Some(node) = self.verbs.pop_front() {
            let Some(mut verb) = self.parse(&node) else { continue };
            match verb.start(now, &mut self.fx) {
                Step::Wait => {
                    self.state = State::Running(verb);
                    return;
                }
                Step::Done(Done::Next) => {}
                Step::Done(done) => return self.leave_document(now, done),
            }
        }
        // A caller whose Dial rang through and failed is to hear that failure, not an answer.
        if !self.fx.ringing_through {
            self.fx.answer();
        }
        self.fx.push(Instruction::Finished);
        self.finish();
    }

    fn parse(&mut self, node: &Node) -> Option<Box<dyn Verb>> {
        let Some(spec) = VERBS.iter().find(|s| s.name == node.name) else {
            let message = format!("<{}> is not supported, it is passed over", node.name);
            self.fx.warn(code::VERB_UNSUPPORTED, Some(node.line), message);
            return None;
        };
        let ScriptConfig { role, dialect, .. } = self.config;
        if !role.allows(spec.name) {
            let message = format!("<{}> may not stand {}, it is passed over", spec.name, role.name());
            self.fx.warn(code::VERB_FORBIDDEN, Some(node.line), message);
            return None;
        }
        let around = Surroundings { url: self.url.as_deref(), dialect };
        (spec.parse)(node, &around, &mut self.fx)
    }

    fn step(&mut self, now: Timestamp, step: Step) {
        match step {
            Step::Wait => {}
            Step::Done(Done::Next) => self.advance(now),
            Step::Done(done) => self.leave_document(now, done),
        }
    }

    fn leave_document(&mut self, now: Timestamp, done: Done) {
        match done {
            Done::Next => self.advance(now),
            Done::Fetch { url, method, params } => self.fetch(now, url, method, params),
            Done::NoDocument => self.apologise(now),
            Done::Ended => self.finish(),
        }
    }

    fn redirect(&mut self, now: Timestamp, url: &str, method: Method) {
        match address::resolve(None, url) {
            Ok(url) => {
                self.stop_all();
                self.fetch(now, url, method, Vec::new());
            }
            Err(bad) => self.fx.warn(code::URL, None, format!("redirect of the running call: {}", bad.0)),
        }
    }

    /// Silence before something else begins.
    fn stop_all(&mut self) {
        match &mut self.state {
            State::Running(verb) => verb.cancel(&mut self.fx),
            State::Fetching { .. } => self.fx.push(Instruction::CancelFetch),
            State::Apologising { prompt, .. } => self.fx.push(Instruction::StopPrompt { id: *prompt }),
            State::Idle | State::Leaving(_) | State::Finished => {}
        }
        self.verbs.clear();
        self.state = State::Idle;
    }

    fn apologise(&mut self, now: Timestamp) {
        self.verbs.clear();
        if !self.config.role.apologises() {
            self.fx.push(Instruction::NoDocument);
            return self.finish();
        }
        self.fx.answer();
        let (voice, language) = ("woman".to_owned(), "en-US".to_owned());
        let what = Prompt::Speech { text: APOLOGY_TEXT.to_owned(), voice, language };
        let prompt = self.fx.prompt(what, Repeat::Times(1));
        self.state = State::Apologising { prompt, until: now + APOLOGY_TIME_MAX };
    }

    fn hang_up(&mut self) {
        self.fx.push(Instruction::Hangup);
        self.finish();
    }

    fn finish(&mut self) {
        self.verbs.clear();
        self.state = State::Finished;
    }
}

/// A name that LaML does not have, or has in other letters, makes the whole document void: it is found before the
/// caller hears half of it.
fn known_verbs(verbs: Vec<Node>) -> Result<Vec<Node>, DocumentError> {
    let known = |name: &str| VERBS.iter().any(|s| s.name == name) || VERBS_NOT_YET.contains(&name);
    match verbs.iter().find(|node| !known(&node.name)) {
        None => Ok(verbs),
        Some(node) => {
            let shown: String = node.name.chars().take(60).collect();
            let message = format!("<{shown}> is no verb (letters count as written)");
            Err(DocumentError { code: code::DOCUMENT_PARSE, message, line: Some(node.line) })
        }
    }
}
