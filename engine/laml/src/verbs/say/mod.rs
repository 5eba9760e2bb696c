//! `<Say>`: text read aloud.

mod ssml;

use super::prompting::{Part, PromptVerb};
use super::{Spec, Surroundings, Verb};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::Prompt;

/// Characters read aloud by one Say.
pub(crate) const TEXT_CHARS_MAX: usize = 4_096;

pub(crate) static SPEC: Spec = Spec {
    name: "Say",
    attributes: &[
        Attribute::new("voice", "woman", "man, woman, alice, or a provider's voice (Polly.X, gcloud.X)"),
        Attribute::new("language", "en-US", "language tag"),
        Attribute::new("loop", "1", "times, 0 = for ever"),
    ],
    parse: |node, around, fx| part(node, around, fx).map(|part| Box::new(PromptVerb::new(part)) as Box<dyn Verb>),
};

/// What to say; None when there is no text.
pub(crate) fn part(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<Part> {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    let repeat = attributes.repeat(fx);
    let mut text = ssml::flatten(node, fx);
    if text.is_empty() {
        fx.warn(code::ATTRIBUTE, attributes.line(), "Say: there is nothing to say");
        return None;
    }
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        let message = format!("Say: the text is longer than {TEXT_CHARS_MAX} characters, the rest is not read");
        fx.warn(code::ATTRIBUTE, attributes.line(), message);
        text.truncate(end);
    }
    let what = Prompt::Speech {
        text,
        voice: attributes.text("voice").trim().to_owned(),
        language: attributes.text("language").trim().to_owned(),
    };
    Some(Part::Prompt { what, repeat, line: node.line })
}
