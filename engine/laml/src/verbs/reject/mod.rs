//! `<Reject>`: refuses a leg that is not answered; one that is, it hangs up.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, refuse_children};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::effects::Effects;
use crate::instruction::{Instruction, RejectReason};

pub(crate) static SPEC: Spec = Spec {
    name: "Reject",
    attributes: &[Attribute::new("reason", "rejected", "rejected, busy")],
    parse: |node, around, fx| {
        let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
        refuse_children(node, fx);
        let reason = match attributes.text("reason").trim() {
            "busy" => RejectReason::Busy,
            "rejected" => RejectReason::Rejected,
            _ => {
                attributes.warn_value("reason", "neither rejected nor busy", fx);
                RejectReason::Rejected
            }
        };
        Some(Box::new(Reject { reason, line: node.line }))
    },
};

#[derive(Debug)]
struct Reject {
    reason: RejectReason,
    line: u32,
}

impl Verb for Reject {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        if fx.answered {
            let message = "Reject: the call is answered already, it is hung up instead";
            fx.warn(code::WRONG_STATE, Some(self.line), message);
            fx.push(Instruction::Hangup);
        } else {
            fx.push(Instruction::Reject { reason: self.reason });
        }
        Step::Done(Done::Ended)
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
