//! `<Stop>`: ends what `<Start>` began, by its name.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, start};
use crate::attributes::Attributes;
use crate::code;
use crate::effects::Effects;
use crate::instruction::{Instruction, StreamCommand};
use crate::nouns::stream;

pub(crate) static SPEC: Spec = Spec {
    name: "Stop",
    attributes: &[],
    parse: |node, around, fx| {
        Attributes::new(node, SPEC.attributes, around.url, fx);
        let mut names = Vec::new();
        for child in node.elements() {
            match child.name.as_str() {
                "Stream" => names.extend(stream::read_name(child, around, fx).map(|name| (name, child.line))),
                other => super::refuse_noun("Stop", other, start::NOUNS_NOT_RUN, child.line, fx),
            }
        }
        if node.elements().next().is_none() {
            fx.warn(code::NESTING, Some(node.line), "Stop: there is nothing to stop");
        }
        (!names.is_empty()).then(|| Box::new(Stop { names }) as Box<dyn Verb>)
    },
};

#[derive(Debug)]
struct Stop {
    names: Vec<(String, u32)>,
}

impl Verb for Stop {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        for (name, line) in self.names.drain(..) {
            fx.push(Instruction::Stream(StreamCommand::Stop { name, line }));
        }
        Step::Done(Done::Next)
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
