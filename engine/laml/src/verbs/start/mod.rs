//! `<Start>`: copies of the call's audio, beside what the document goes on with. It does not answer.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb};
use crate::attributes::Attributes;
use crate::code;
use crate::effects::Effects;
use crate::instruction::{Instruction, Stream, StreamCommand};
use crate::nouns::stream::{self, Ways};

pub(crate) static SPEC: Spec = Spec {
    name: "Start",
    attributes: &[],
    parse: |node, around, fx| {
        Attributes::new(node, SPEC.attributes, around.url, fx);
        let mut streams = Vec::new();
        for child in node.elements() {
            match child.name.as_str() {
                "Stream" => streams.push(stream::read(child, around, Ways::One, fx)),
                other => super::refuse_noun("Start", other, NOUNS_NOT_RUN, child.line, fx),
            }
        }
        if node.elements().next().is_none() {
            fx.warn(code::NESTING, Some(node.line), "Start: there is nothing to start");
        }
        (!streams.is_empty()).then(|| Box::new(Start { streams }) as Box<dyn Verb>)
    },
};

/// What else the other vendor starts.
pub(crate) const NOUNS_NOT_RUN: &[&str] = &["Siprec", "Transcription", "Recording"];

#[derive(Debug)]
struct Start {
    streams: Vec<Stream>,
}

impl Verb for Start {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        for stream in self.streams.drain(..) {
            fx.push(Instruction::Stream(StreamCommand::Start(Box::new(stream))));
        }
        Step::Done(Done::Next)
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
