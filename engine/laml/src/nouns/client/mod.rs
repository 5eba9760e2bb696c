//! `<Client>`: a user of the application by name, which is a registered endpoint here.

use super::{Spec, callback};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Target, TargetAddress};
use crate::verbs::Surroundings;

const NAME_CHARS_MAX: usize = 255;

pub(crate) static SPEC: Spec = Spec {
    name: "Client",
    attributes: &[
        Attribute::new("url", "", "URL of a document for the callee"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("statusCallback", "", "URL"),
        Attribute::new("statusCallbackMethod", "POST", "GET, POST"),
        Attribute::new("statusCallbackEvent", "completed", "initiated ringing answered completed"),
    ],
    parse,
};

fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<Target> {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    let identity = node.elements().find(|child| child.name == "Identity").map(Node::text);
    for child in node.elements().filter(|child| child.name != "Identity") {
        let shown: String = child.name.chars().take(60).collect();
        let message = format!("Client: <{shown}> does nothing for a SIP endpoint, it is ignored");
        fx.warn(code::NESTING, Some(child.line), message);
    }
    let name = identity.unwrap_or_else(|| node.text());
    let status_callback = callback::status_callback(&attributes, fx);
    let url = callback::whisper(&attributes, fx);
    let to = user(&name, "Client", attributes.line(), fx)?;
    Some(Target { to, status_callback, url, send_digits: None, amd: None })
}

/// A user's name, with whatever stands after an `@` taken off; None, with warning 13223, for what can be nobody's.
pub(super) fn user(text: &str, noun: &str, line: Option<u32>, fx: &mut Effects) -> Option<TargetAddress> {
    let name = text.trim().trim_start_matches("client:").split('@').next().unwrap_or_default();
    let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"');
    if name.is_empty() || name.chars().any(unfit) || name.chars().count() > NAME_CHARS_MAX {
        fx.warn(code::DIAL_NUMBER, line, format!("{noun}: the name of an endpoint is missing or malformed"));
        return None;
    }
    Some(TargetAddress::User(name.to_owned()))
}
