//! `<Hangup>`: ends the call. As the first verb it answers before.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, refuse_children};
use crate::attributes::Attributes;
use crate::effects::Effects;
use crate::instruction::Instruction;

pub(crate) static SPEC: Spec = Spec {
    name: "Hangup",
    attributes: &[],
    parse: |node, around, fx| {
        Attributes::new(node, SPEC.attributes, around.url, fx);
        refuse_children(node, fx);
        Some(Box::new(Hangup))
    },
};

#[derive(Debug)]
struct Hangup;

impl Verb for Hangup {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        fx.push(Instruction::Hangup);
        Step::Done(Done::Ended)
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
