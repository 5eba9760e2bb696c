//! Documents that run in a call, each on one of its legs: the one that drives the call, and those that run beside it or above it for
//! a while. What they say is carried out in `bind/`.
//!
//! ```text
//!   start_run ─► run_input ◄─► instructions ─► Finished, Hangup, Leave ─► run_over(purpose)
//!                    stop_run ─► what it has running is stopped, and nothing is said
//! ```

use tandem_laml::instruction::{Input, Method};
use tandem_laml::{Dialect, Role, Script, ScriptConfig};
use tandem_model::{LegId, Timestamp};

use super::Call;
use super::bind::{Ear, Playing};
use super::contract::{ApiDocument, RunId};

pub(super) struct Run {
    pub id: RunId,
    pub leg: LegId,
    pub purpose: Purpose,
    pub(super) script: Box<Script>,
    /// Added to each of its requests.
    pub(super) params: Vec<(String, String)>,
    pub(super) playing: Option<Playing>,
    pub(super) ear: Option<Ear>,
}

/// What a document runs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It drives the call, on its primary leg.
    Main,
    /// It decides whether a callee takes the call.
    Whisper,
    /// The caller hears it while it waits in a queue, or before it is put through from there.
    Queue,
    /// What a member of a conference hears while it waits or is on hold.
    ConferenceWait,
    /// What REST says to one member.
    Announce,
}

impl Purpose {
    fn role(self) -> Role {
        match self {
            Purpose::Main => Role::Main,
            Purpose::Whisper => Role::Whisper,
            Purpose::Queue => Role::QueueWait,
            Purpose::ConferenceWait => Role::ConferenceWait,
            Purpose::Announce => Role::Announce,
        }
    }
}

/// How a document came to its end, when it was its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RunEnd {
    /// No verb is left.
    Finished,
    /// It said `<Hangup>`, or could not be had.
    HungUp,
    /// It said `<Leave>`.
    Left,
    /// It could not be had, and who runs it decides what that means.
    NoDocument,
}

/// A document to run.
pub(super) struct RunDocument {
    pub source: ApiDocument,
    /// Asked when the document cannot be had.
    pub fallback: Option<(String, Method)>,
    /// Added to its first request.
    pub first: Vec<(String, String)>,
    /// Added to each request of the run.
    pub params: Vec<(String, String)>,
}

impl RunDocument {
    pub fn at(url: String, method: Method) -> Self {
        RunDocument { source: ApiDocument::Url(url, method), fallback: None, first: Vec::new(), params: Vec::new() }
    }
}

impl Call {
    /// Begins a document on a leg, above those that run there already.
    pub(super) fn start_run(&mut self, leg: LegId, purpose: Purpose, document: RunDocument) -> RunId {
        let RunDocument { source, fallback, first, params } = document;
        let config = ScriptConfig {
            answered: self.legs.get(&leg).is_some_and(|l| l.is_answered()),
            role: purpose.role(),
            dialect: self.dialect(),
            ..ScriptConfig::default()
        };
        let mut script = Box::new(Script::new(config));
        match source {
            ApiDocument::Url(url, method) => script.start_fetch_with(self.clock.0, url, method, first, fallback),
            ApiDocument::Inline(xml) => script.start_document(self.clock.0, &xml),
        }
        self.runs_started += 1;
        let id = RunId(self.runs_started);
        self.runs.push(Run { id, leg, purpose, script, params, playing: None, ear: None });
        id
    }

    /// Ends a document before its time. Nothing is told of it.
    pub(super) fn stop_run(&mut self, id: RunId) {
        let Some(run) = self.run_mut(id) else { return };
        run.script.stop();
        while let Some(instruction) = self.run_mut(id).and_then(|run| run.script.poll()) {
            self.carry_out(id, instruction);
        }
        self.runs.retain(|run| run.id != id);
    }

    pub(super) fn run_input(&mut self, id: RunId, input: Input) {
        let now = self.clock.0;
        if let Some(run) = self.run_mut(id) {
            run.script.handle(now, input);
        }
    }

    pub(super) fn run(&self, id: RunId) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    pub(super) fn run_mut(&mut self, id: RunId) -> Option<&mut Run> {
        self.runs.iter_mut().find(|run| run.id == id)
    }

    /// The document that drives the call.
    pub(super) fn main_run(&mut self) -> Option<&mut Run> {
        self.runs.iter_mut().find(|run| run.purpose == Purpose::Main)
    }

    pub(super) fn main_input(&mut self, input: Input) {
        if let Some(id) = self.main_run().map(|run| run.id) {
            self.run_input(id, input);
        }
    }

    /// The main document goes on with another leg.
    pub(super) fn move_main_run(&mut self, leg: LegId) {
        if let Some(run) = self.main_run() {
            run.leg = leg;
        }
    }

    /// Carries out what documents say until all wait.
    pub(super) fn drive_runs(&mut self) {
        while let Some((id, instruction)) =
            self.runs.iter_mut().find_map(|run| run.script.poll().map(|said| (run.id, said)))
        {
            self.carry_out(id, instruction);
        }
    }

    pub(super) fn runs_deadline(&self) -> Option<Timestamp> {
        self.runs.iter().filter_map(|run| run.script.deadline()).min()
    }

    pub(super) fn expire_runs(&mut self, now: Timestamp) {
        for run in self.runs.iter_mut().filter(|run| run.script.deadline().is_some_and(|at| at <= now)) {
            run.script.expire(now);
        }
    }

    /// A key of a leg: for the newest document there; the one that drives the call hears the star beneath others.
    pub(super) fn digit(&mut self, leg: LegId, digit: char) {
        let Some((id, purpose)) = self.runs.iter().rev().find(|r| r.leg == leg).map(|r| (r.id, r.purpose)) else {
            return;
        };
        self.run_input(id, Input::Digit(digit));
        if purpose != Purpose::Main && digit == '*' && leg == self.primary {
            self.main_input(Input::Digit(digit));
        }
    }

    /// The leg is gone, and with it what ran there; the main document hears of it.
    pub(super) fn runs_leg_ended(&mut self, leg: LegId) {
        let above: Vec<RunId> =
            self.runs.iter().filter(|r| r.leg == leg && r.purpose != Purpose::Main).map(|r| r.id).collect();
        for id in above {
            self.stop_run(id);
        }
        if leg == self.primary {
            self.main_input(Input::HungUp);
        }
    }

    /// A document other than the main one has come to its end.
    pub(super) fn end_run(&mut self, id: RunId, end: RunEnd) {
        let Some(at) = self.runs.iter().position(|run| run.id == id) else { return };
        let run = self.runs.remove(at);
        match run.purpose {
            // It ends with its leg.
            Purpose::Main => {}
            Purpose::Whisper => self.whispered(run.leg, end),
            Purpose::Queue => self.queue_document_over(run.id, end),
            Purpose::ConferenceWait | Purpose::Announce => self.conference_run_over(id, run.leg, end),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.env.directory.project.dialect
    }
}
