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
    let markup = ssml::write(node, fx);
    if markup.is_empty {
        fx.warn(code::ATTRIBUTE, attributes.line(), "Say: there is nothing to say");
        return None;
    }
    let voice = attributes.text("voice").trim();
    if !is_voice(voice) {
        attributes.warn_value("voice", "no voice known here, taken as woman", fx);
    }
    let what = Prompt::Speech {
        text: markup.text,
        voice: if is_voice(voice) { voice.to_owned() } else { "woman".to_owned() },
        language: attributes.text("language").trim().to_owned(),
    };
    Some(Part::Prompt { what, repeat, line: node.line })
}

/// The names LaML has; a provider's voice is looked up by the speech engine, which says what it takes for one it lacks.
fn is_voice(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let of = |prefix: &str| lower.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty());
    matches!(lower.as_str(), "man" | "woman" | "alice") || of("polly.") || of("gcloud.") || of("google.")
}
