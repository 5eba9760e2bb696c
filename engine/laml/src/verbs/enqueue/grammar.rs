use std::time::Duration;

use tandem_model::limits;

use super::EnqueueVerb;
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Enqueue, QueueOutcome, QueueResult};
use crate::verbs::{Spec, Surroundings, Verb};
use crate::{Dialect, nouns};

/// Of a queue that a document of that dialect makes without saying how large it may grow (laml.md 1.12).
const TWILIO_SIZE_MAX: u32 = 100;
/// The largest a document may say.
const SIZE_MAX: u32 = limits::QUEUE_MEMBERS_MAX as u32;

pub(crate) static SPEC: Spec = Spec {
    name: "Enqueue",
    attributes: &[
        Attribute::new("action", "", "URL, told how the call left the queue; left out: the next verb"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("waitUrl", "", "URL of a document for those who wait; left out: music of the server's own"),
        Attribute::new("waitUrlMethod", "POST", "GET, POST"),
        Attribute::new(
            "maxQueueSize",
            "",
            "1 to 5000; left out: as the queue says; 100 for one made by a document of the twilio dialect",
        ),
        Attribute::left_out("workflowSid", "", "tasks are routed by the provider that issues its ids"),
    ],
    parse: |node, around, fx| Some(Box::new(parse(node, around, fx)) as Box<dyn Verb>),
};

fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> EnqueueVerb {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    let method = attributes.method("method", fx);
    let action = attributes.url("action", fx).map(|url| (url, method));
    let wait_method = attributes.method("waitUrlMethod", fx);
    let wait = attributes.url("waitUrl", fx).map(|url| (url, wait_method));
    let size_max = attributes.given("maxQueueSize").map(|_| attributes.number("maxQueueSize", 1..=SIZE_MAX, fx));
    let new_size_max = size_max.or(match around.dialect {
        Dialect::SignalWire => None,
        Dialect::Twilio => Some(TWILIO_SIZE_MAX),
    });
    for child in node.elements() {
        let shown: String = child.name.chars().take(60).collect();
        // A task goes to a router of tasks, which there is none of here.
        let (code, what) = match child.name.as_str() {
            "Task" => (code::VERB_UNSUPPORTED, "is not supported"),
            _ => (code::NESTING, "may not stand inside"),
        };
        fx.warn(code, Some(child.line), format!("Enqueue: <{shown}> {what}"));
    }
    let name = nouns::queue::name(&node.text(), "Enqueue", attributes.line(), fx);
    let enqueue = match name {
        Some(name) => Ok(Box::new(Enqueue { name, wait, size_max, new_size_max, action: action.clone() })),
        None => Err(QueueOutcome { result: QueueResult::Error, queue_sid: None, waited: Duration::ZERO }),
    };
    EnqueueVerb { enqueue, action }
}
