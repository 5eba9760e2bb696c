use std::time::Duration;

use super::{DIGITS_MAX, Gather};
use crate::address;
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::verbs::prompting::{Part, Prompting};
use crate::verbs::{Spec, Surroundings, Verb, pause, play, say};

pub(crate) static SPEC: Spec = Spec {
    name: "Gather",
    attributes: &[
        Attribute::new("action", "", "URL; left out: the document itself"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("input", "dtmf", "dtmf; speech and dtmf speech are warned about, keys are heard all the same"),
        Attribute::new("numDigits", "", "1 to 128; left out: 128"),
        Attribute::new("finishOnKey", "#", "one of 0-9 * #; empty: none"),
        Attribute::new("timeout", "5", "seconds, 0 to 600, or auto = 5"),
        Attribute::new("actionOnEmptyResult", "false", "true, false"),
        Attribute::not_yet("speechTimeout"),
        Attribute::not_yet_but("language", "en-US"),
        Attribute::not_yet("hints"),
        Attribute::not_yet_but("profanityFilter", "true"),
        Attribute::not_yet_but("enhanced", "false"),
        Attribute::not_yet("speechModel"),
        Attribute::not_yet("partialResultCallback"),
        Attribute::not_yet("partialResultCallbackMethod"),
        Attribute::not_yet_but("bargeIn", "true"),
        Attribute::not_yet_but("debug", "false"),
        Attribute::not_yet("maxSpeechTime"),
    ],
    parse: |node, around, fx| Some(Box::new(parse(node, around, fx)) as Box<dyn Verb>),
};

fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Gather {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    let method = attributes.method("method", fx);
    let action = attributes.url("action", fx).or_else(|| address::resolve(around.url, "").ok());
    if action.is_none() {
        let message = "Gather: there is no action, and the document has no URL to ask instead";
        fx.warn(code::URL, attributes.line(), message);
    }
    warn_of_speech(&attributes, fx);
    let digits_max = match attributes.given("numDigits") {
        None => DIGITS_MAX,
        Some(value) if value.trim().parse::<i64>().is_err() => {
            attributes.warn_value("numDigits", "not a whole number", fx);
            DIGITS_MAX
        }
        Some(_) => attributes.number("numDigits", 1..=DIGITS_MAX, fx),
    };
    let timeout = match attributes.text("timeout").trim() {
        "auto" => 5,
        _ => attributes.number("timeout", 0..=600, fx),
    };
    Gather {
        action: action.map(|url| (url, method)),
        digits_max: digits_max as usize,
        finish_on_key: finish_on_key(&attributes, fx),
        timeout: Duration::from_secs(timeout.into()),
        action_on_empty_result: attributes.flag("actionOnEmptyResult", fx),
        digits: String::new(),
        prompting: Prompting::new(prompts(node, around, fx)),
        listening_until: None,
    }
}

fn warn_of_speech(attributes: &Attributes<'_>, fx: &mut Effects) {
    let mut speech = false;
    for word in attributes.text("input").split_whitespace() {
        match word {
            "dtmf" => {}
            "speech" => speech = true,
            _ => attributes.warn_value("input", "none of dtmf, speech, dtmf speech", fx),
        }
    }
    if speech {
        let message = "Gather: speech is not available here, only keys are heard";
        fx.warn(code::ATTRIBUTE_UNSUPPORTED, attributes.line(), message);
    }
}

fn finish_on_key(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<char> {
    let value = attributes.text("finishOnKey").trim();
    let mut keys = value.chars();
    match (keys.next(), keys.next()) {
        (None, _) => None,
        (Some(key @ ('0'..='9' | '*' | '#')), None) => Some(key),
        (Some(_), _) => {
            attributes.warn_value("finishOnKey", "not one key, taken as #", fx);
            Some('#')
        }
    }
}

fn prompts(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Vec<Part> {
    let mut parts = Vec::new();
    for child in node.elements() {
        match child.name.as_str() {
            "Say" => parts.extend(say::part(child, around, fx)),
            "Play" => parts.extend(play::part(child, around, fx)),
            "Pause" => parts.push(Part::Pause(pause::length(child, around, fx))),
            other => {
                let shown: String = other.chars().take(60).collect();
                let message = format!("Gather: <{shown}> may not stand inside, it is passed over");
                fx.warn(code::NESTING, Some(child.line), message);
            }
        }
    }
    parts
}
