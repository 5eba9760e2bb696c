//! `<Sms>`: this server sends no messages, and says so: in the log, and to the action.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb, refuse_children};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::effects::Effects;
use crate::instruction::Method;

pub(crate) static SPEC: Spec = Spec {
    name: "Sms",
    attributes: &[
        Attribute::left_out("to", "", "no messages are sent"),
        Attribute::left_out("from", "", "no messages are sent"),
        Attribute::new("action", "", "URL, told that the message is invalid"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::left_out("statusCallback", "", "no messages are sent"),
    ],
    parse: |node, around, fx| {
        let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
        refuse_children(node, fx);
        let message = "<Sms> is refused: this server sends no messages";
        fx.warn(code::VERB_UNSUPPORTED, Some(node.line), message);
        let method = attributes.method("method", fx);
        Some(Box::new(Sms { action: attributes.url("action", fx).map(|url| (url, method)) }))
    },
};

#[derive(Debug)]
struct Sms {
    action: Option<(String, Method)>,
}

impl Verb for Sms {
    fn start(&mut self, _now: Timestamp, _fx: &mut Effects) -> Step {
        Step::Done(match self.action.take() {
            Some((url, method)) => {
                Done::Fetch { url, method, params: vec![("SmsStatus".to_owned(), "invalid".to_owned())] }
            }
            None => Done::Next,
        })
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
