//! `<Pause>`: silence, or ringing where the leg is not answered: it does not answer.

use std::time::Duration;

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Surroundings, Verb, refuse_children};
use crate::attributes::{Attribute, Attributes};
use crate::document::Node;
use crate::effects::Effects;

pub(crate) static SPEC: Spec = Spec {
    name: "Pause",
    attributes: &[Attribute::new("length", "1", "seconds, 0 to 3600")],
    parse: |node, around, fx| Some(Box::new(Pause { length: length(node, around, fx), until: None })),
};

pub(crate) fn length(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Duration {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    refuse_children(node, fx);
    Duration::from_secs(attributes.number("length", 0..=3_600, fx).into())
}

#[derive(Debug)]
struct Pause {
    length: Duration,
    until: Option<Timestamp>,
}

impl Verb for Pause {
    fn start(&mut self, now: Timestamp, _fx: &mut Effects) -> Step {
        if self.length.is_zero() {
            return Step::Done(Done::Next);
        }
        self.until = Some(now + self.length);
        Step::Wait
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.until
    }

    fn expire(&mut self, now: Timestamp, _fx: &mut Effects) -> Step {
        if self.until.is_some_and(|at| at <= now) { Step::Done(Done::Next) } else { Step::Wait }
    }
}
