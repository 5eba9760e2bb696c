//! The verbs. Each is a folder with its grammar (attributes, text, nouns) and the small machine that runs it.
//!
//! The contract of a verb: `start` once, then `handle` and `expire` until one of them gives [`Step::Done`], which
//! happens exactly once; or `cancel` at any moment before, which stops all it has running. After either it is dropped.

pub(crate) mod connect;
pub(crate) mod denoise;
pub(crate) mod dial;
pub(crate) mod echo;
pub(crate) mod enqueue;
pub(crate) mod gather;
pub(crate) mod hangup;
pub(crate) mod leave;
pub(crate) mod pause;
pub(crate) mod pay;
pub(crate) mod play;
mod prompting;
pub(crate) mod record;
pub(crate) mod redirect;
pub(crate) mod refer;
pub(crate) mod reject;
pub(crate) mod say;
pub(crate) mod sms;
pub(crate) mod start;
pub(crate) mod stop;
#[cfg(test)]
mod tests;

use std::fmt;

use tandem_model::Timestamp;

use crate::attributes::Attribute;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{
    DialOutcome, Method, PromptFailure, PromptId, QueueEvent, RecordingEnded, ReferOutcome, StreamEvent,
};
use crate::role::Dialect;

/// The verbs that run, in the order of the reference. A verb is its folder and its line here.
pub(crate) static VERBS: &[&Spec] = &[
    &say::SPEC,
    &play::SPEC,
    &pause::SPEC,
    &gather::SPEC,
    &dial::SPEC,
    &redirect::SPEC,
    &reject::SPEC,
    &hangup::SPEC,
    &echo::SPEC,
    &denoise::SPEC,
    &connect::SPEC,
    &start::SPEC,
    &stop::SPEC,
    &record::SPEC,
    &refer::SPEC,
    &enqueue::SPEC,
    &leave::SPEC,
    &sms::SPEC,
    &pay::SPEC,
];

/// Verbs of LaML that this server does not run yet: warned about (13750) and passed over.
pub(crate) static VERBS_NOT_YET: &[&str] = &["Prompt"];

/// What the registry knows of a verb.
pub(crate) struct Spec {
    pub name: &'static str,
    pub attributes: &'static [Attribute],
    /// None when the element cannot be run; it has warned, and the script goes on to the next verb.
    pub parse: fn(&Node, &Surroundings<'_>, &mut Effects) -> Option<Box<dyn Verb>>,
}

/// Where a verb stands.
pub(crate) struct Surroundings<'a> {
    /// URL of the document; None for an inline one.
    pub url: Option<&'a str>,
    pub dialect: Dialect,
}

/// A verb that runs.
pub(crate) trait Verb: fmt::Debug + Send {
    fn start(&mut self, now: Timestamp, fx: &mut Effects) -> Step;

    fn handle(&mut self, now: Timestamp, event: &Event, fx: &mut Effects) -> Step;

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Called at or after the deadline.
    fn expire(&mut self, _now: Timestamp, _fx: &mut Effects) -> Step {
        Step::Wait
    }

    /// The leg is gone, and with it what runs there. A verb whose action is to be told of it waits for what it has to say, and
    /// is done with `Done::Fetch`; it is dropped otherwise.
    fn hung_up(&mut self, _fx: &mut Effects) -> Step {
        Step::Done(Done::Ended)
    }

    /// Stop what runs; the verb is dropped afterwards.
    fn cancel(&mut self, _fx: &mut Effects) {}
}

#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Wait,
    Done(Done),
}

/// How a verb hands over.
#[derive(Debug, PartialEq)]
pub(crate) enum Done {
    /// To the verb after it.
    Next,
    /// To another document.
    Fetch { url: String, method: Method, params: Vec<(String, String)> },
    /// Nowhere: the one document it leads to cannot be asked for.
    NoDocument,
    /// The leg ends; the verb has said so.
    Ended,
}

/// What can happen to a running verb.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    PromptEnded { id: PromptId, result: Result<(), PromptFailure> },
    Digit(char),
    Heard(crate::instruction::Heard),
    DialEnded(DialOutcome),
    RecordingEnded(RecordingEnded),
    Queue(QueueEvent),
    ReferEnded(ReferOutcome),
    Stream(StreamEvent),
}

/// Warns of a noun that a verb does not run: one of LaML's that this server has nothing for (13750), or none at all.
fn refuse_noun(verb: &str, noun: &str, known: &[&str], line: u32, fx: &mut Effects) {
    let shown: String = noun.chars().take(60).collect();
    let (code, what) = match known.contains(&noun) {
        true => (crate::code::VERB_UNSUPPORTED, "is not supported here, it is passed over"),
        false => (crate::code::NESTING, "may not stand inside"),
    };
    fx.warn(code, Some(line), format!("{verb}: <{shown}> {what}"));
}

/// Warns of elements inside one that takes none.
fn refuse_children(node: &Node, fx: &mut Effects) {
    for child in node.elements() {
        let shown: String = child.name.chars().take(60).collect();
        fx.warn(crate::code::NESTING, Some(child.line), format!("{}: <{shown}> may not stand inside", node.name));
    }
}
