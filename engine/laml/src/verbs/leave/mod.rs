//! `<Leave>`: out of the queue, in a document that is heard by those who wait. The call goes on after the `<Enqueue>` that queued it.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, refuse_children};
use crate::attributes::Attributes;
use crate::effects::Effects;
use crate::instruction::Instruction;

pub(crate) static SPEC: Spec = Spec {
    name: "Leave",
    attributes: &[],
    parse: |node, around, fx| {
        Attributes::new(node, SPEC.attributes, around.url, fx);
        refuse_children(node, fx);
        Some(Box::new(Leave))
    },
};

#[derive(Debug)]
struct Leave;

impl Verb for Leave {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        fx.push(Instruction::Leave);
        Step::Done(Done::Ended)
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
