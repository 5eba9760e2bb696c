//! `<Echo>`: the caller hears itself.

use std::time::Duration;

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, refuse_children};
use crate::attributes::{Attribute, Attributes};
use crate::effects::Effects;
use crate::instruction::Instruction;

pub(crate) static SPEC: Spec = Spec {
    name: "Echo",
    attributes: &[Attribute::new("timeout", "60", "seconds, 5 to 120")],
    parse: |node, around, fx| {
        let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
        refuse_children(node, fx);
        let timeout = Duration::from_secs(attributes.number("timeout", 5..=120, fx).into());
        Some(Box::new(Echo { timeout, until: None }))
    },
};

#[derive(Debug)]
struct Echo {
    timeout: Duration,
    until: Option<Timestamp>,
}

impl Verb for Echo {
    fn start(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        fx.push(Instruction::Echo { on: true });
        self.until = Some(now + self.timeout);
        Step::Wait
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.until
    }

    fn expire(&mut self, now: Timestamp, fx: &mut Effects) -> Step {
        if self.until.is_none_or(|at| at > now) {
            return Step::Wait;
        }
        fx.push(Instruction::Echo { on: false });
        Step::Done(Done::Next)
    }

    fn cancel(&mut self, fx: &mut Effects) {
        fx.push(Instruction::Echo { on: false });
    }
}
