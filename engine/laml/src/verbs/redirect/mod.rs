//! `<Redirect>`: on with another document. It does not answer.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, refuse_children};
use crate::address::{self, BadUrl};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::effects::Effects;
use crate::instruction::Method;

pub(crate) static SPEC: Spec = Spec {
    name: "Redirect",
    attributes: &[Attribute::new("method", "POST", "GET, POST")],
    parse: |node, around, fx| {
        let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
        refuse_children(node, fx);
        let method = attributes.method("method", fx);
        Some(Box::new(Redirect { to: address::resolve(around.url, &node.text()), method, line: node.line }))
    },
};

#[derive(Debug)]
struct Redirect {
    to: Result<String, BadUrl>,
    method: Method,
    line: u32,
}

impl Verb for Redirect {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        Step::Done(match &self.to {
            Ok(url) => Done::Fetch { url: url.clone(), method: self.method, params: Vec::new() },
            Err(bad) => {
                fx.warn(code::URL, Some(self.line), format!("Redirect: {}", bad.0));
                Done::NoDocument
            }
        })
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
