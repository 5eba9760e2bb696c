//! `<Denoise>`: noise is taken out of what the leg's far end says, for all who hear it. It does not answer.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, refuse_children};
use crate::attributes::Attributes;
use crate::code;
use crate::effects::Effects;
use crate::instruction::Instruction;

pub(crate) static SPEC: Spec = Spec {
    name: "Denoise",
    attributes: &[],
    parse: |node, around, fx| {
        Attributes::new(node, SPEC.attributes, around.url, fx);
        refuse_children(node, fx);
        let on = match node.text().as_str() {
            "on" => true,
            "off" => false,
            _ => {
                fx.warn(code::ATTRIBUTE, Some(node.line), "Denoise: neither on nor off, it is passed over");
                return None;
            }
        };
        Some(Box::new(Denoise { on }))
    },
};

#[derive(Debug)]
struct Denoise {
    on: bool,
}

impl Verb for Denoise {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        fx.push(Instruction::Denoise { on: self.on });
        Step::Done(Done::Next)
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
