//! `<Queue>`: the next who waits in a call queue.

use tandem_model::limits;

use super::callback;
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::QueueTarget;
use crate::verbs::Surroundings;

pub(crate) const NAME: &str = "Queue";

pub(crate) static ATTRIBUTES: [Attribute; 4] = [
    Attribute::new("url", "", "URL of a document for the one who waited"),
    Attribute::new("method", "POST", "GET, POST"),
    Attribute::left_out("reservationSid", "", "tasks are routed by the provider that issues its ids"),
    Attribute::left_out("postWorkActivitySid", "", "tasks are routed by the provider that issues its ids"),
];

/// None when it names no queue; it has warned.
pub(crate) fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<QueueTarget> {
    let attributes = Attributes::new(node, &ATTRIBUTES, around.url, fx);
    for child in node.elements() {
        fx.warn(code::NESTING, Some(child.line), "Queue: no element may stand inside");
    }
    let url = callback::whisper(&attributes, fx);
    let name = name(&node.text(), NAME, attributes.line(), fx)?;
    Some(QueueTarget { name, url })
}

/// Any text that is not too long: documents name queues as they like.
pub(crate) fn name(text: &str, element: &str, line: Option<u32>, fx: &mut Effects) -> Option<String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fits = !name.is_empty() && name.chars().count() <= limits::QUEUE_NAME_CHARS_MAX;
    if !fits || name.chars().any(char::is_control) {
        let most = limits::QUEUE_NAME_CHARS_MAX;
        fx.warn(code::ATTRIBUTE, line, format!("{element}: a queue's name has 1 to {most} characters"));
        return None;
    }
    Some(name)
}
