//! `<Play>`: an audio file by URL, or digits.

use super::prompting::{Part, PromptVerb};
use super::{Spec, Surroundings, Verb, refuse_children};
use crate::address;
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::Prompt;
use crate::nouns::digits;

pub(crate) static SPEC: Spec = Spec {
    name: "Play",
    attributes: &[
        Attribute::new("loop", "1", "times, 0 = for ever"),
        Attribute::new("digits", "", "0-9 A-D * # w (0.5 s) W (1 s), instead of a URL"),
    ],
    parse: |node, around, fx| part(node, around, fx).map(|part| Box::new(PromptVerb::new(part)) as Box<dyn Verb>),
};

/// What to play; None when there is nothing that can be played.
pub(crate) fn part(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<Part> {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    refuse_children(node, fx);
    let repeat = attributes.repeat(fx);
    let what = match attributes.given("digits") {
        Some(given) => Prompt::Digits(digits::read(given, "Play: digits", attributes.line(), fx)?),
        None => {
            let text = node.text();
            if text.is_empty() {
                fx.warn(code::PLAY_URL, attributes.line(), "Play: there is neither a URL nor digits");
                return None;
            }
            match address::resolve(around.url, &text) {
                Ok(url) => Prompt::Url(url),
                Err(bad) => {
                    fx.warn(code::PLAY_URL, attributes.line(), format!("Play: {}", bad.0));
                    return None;
                }
            }
        }
    };
    Some(Part::Prompt { what, repeat, line: node.line })
}
