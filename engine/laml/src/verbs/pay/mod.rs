//! `<Pay>`: this server takes no payments, and says so: in the log, and to the action.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::effects::Effects;
use crate::instruction::Method;

const WHY: &str = "no payments are taken";

pub(crate) static SPEC: Spec = Spec {
    name: "Pay",
    attributes: &[
        Attribute::new("action", "", "URL, told that there is no payment connector"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::left_out("paymentConnectorUrl", "", WHY),
        Attribute::left_out("paymentConnector", "", WHY),
        Attribute::left_out("paymentMethod", "credit-card", WHY),
        Attribute::left_out("chargeAmount", "", WHY),
        Attribute::left_out("currency", "usd", WHY),
        Attribute::left_out("description", "", WHY),
        Attribute::left_out("input", "dtmf", WHY),
        Attribute::left_out("language", "en-US", WHY),
        Attribute::left_out("maxAttempts", "1", WHY),
        Attribute::left_out("minPostalCodeLength", "0", WHY),
        Attribute::left_out("parameters", "", WHY),
        Attribute::left_out("postalCode", "true", WHY),
        Attribute::left_out("securityCode", "true", WHY),
        Attribute::left_out("statusUrl", "", WHY),
        Attribute::left_out("statusUrlMethod", "POST", WHY),
        Attribute::left_out("timeout", "5", WHY),
        Attribute::left_out("tokenType", "reusable", WHY),
        Attribute::left_out("validCardTypes", "visa mastercard amex", WHY),
        Attribute::left_out("voice", "", WHY),
    ],
    parse: |node, around, fx| {
        let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
        let message = "<Pay> is refused: this server takes no payments";
        fx.warn(code::VERB_UNSUPPORTED, Some(node.line), message);
        let method = attributes.method("method", fx);
        Some(Box::new(Pay { action: attributes.url("action", fx).map(|url| (url, method)) }))
    },
};

#[derive(Debug)]
struct Pay {
    action: Option<(String, Method)>,
}

impl Verb for Pay {
    fn start(&mut self, _now: Timestamp, _fx: &mut Effects) -> Step {
        Step::Done(match self.action.take() {
            Some((url, method)) => {
                Done::Fetch { url, method, params: vec![("Result".to_owned(), "payment-connector-error".to_owned())] }
            }
            None => Done::Next,
        })
    }

    fn handle(&mut self, _now: Timestamp, _event: &Event, _fx: &mut Effects) -> Step {
        Step::Wait
    }
}
