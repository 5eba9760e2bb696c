use std::time::Duration;

use super::ears::{Ears, Patience};
use super::{DIGITS_MAX, Gather};
use crate::address;
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::Listening;
use crate::verbs::prompting::{Part, Prompting};
use crate::verbs::{Spec, Surroundings, Verb, pause, play, say};

pub(crate) static SPEC: Spec = Spec {
    name: "Gather",
    attributes: &[
        Attribute::new("action", "", "URL; left out: the document itself"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("input", "dtmf", "dtmf, speech, dtmf speech"),
        Attribute::new("numDigits", "", "1 to 128; left out: 128"),
        Attribute::new("finishOnKey", "#", "one of 0-9 * #; empty: none"),
        Attribute::new("timeout", "5", "seconds, 0 to 600, or auto = 5"),
        Attribute::new("actionOnEmptyResult", "false", "true, false"),
        Attribute::new(
            "speechTimeout",
            "",
            "seconds of silence that end an utterance, 1 to 60, or auto; left out: timeout",
        ),
        Attribute::new("language", "en-US", "language tag, for the recogniser"),
        Attribute::new("hints", "", "comma list of up to 500 phrases of 100 characters, for the recogniser"),
        Attribute::new("profanityFilter", "true", "true, false; for the recogniser"),
        Attribute::new("enhanced", "false", "true, false; for the recogniser"),
        Attribute::new(
            "speechModel",
            "",
            "default, phone_call and video (with enhanced), or the recogniser's own name",
        ),
        Attribute::new("partialResultCallback", "", "URL"),
        Attribute::new("partialResultCallbackMethod", "POST", "GET, POST"),
        Attribute::new("bargeIn", "true", "true, false: prompts are heard to their end, keys meanwhile are kept"),
        Attribute::new("debug", "false", "true, false: partial results in the call's log too"),
        Attribute::new("maxSpeechTime", "60", "seconds, 1 to 60"),
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
    let (keys, speech) = input(&attributes, fx);
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
    let timeout = Duration::from_secs(timeout.into());
    // Read also when nobody listens: what cannot be read is warned about.
    let how = listening(&attributes, timeout, fx);
    Gather {
        action: action.map(|url| (url, method)),
        keys,
        ears: speech.then(|| Ears::new(how, node.line)),
        barge_in: attributes.flag("bargeIn", fx),
        digits_max: digits_max as usize,
        finish_on_key: finish_on_key(&attributes, fx),
        timeout,
        action_on_empty_result: attributes.flag("actionOnEmptyResult", fx),
        digits: String::new(),
        prompting: Prompting::new(prompts(node, around, fx)),
        patience: Patience::default(),
    }
}

/// Whether keys and speech are heard; keys when neither can be read.
fn input(attributes: &Attributes<'_>, fx: &mut Effects) -> (bool, bool) {
    let (mut keys, mut speech) = (false, false);
    for word in attributes.text("input").split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()) {
        match word {
            "dtmf" => keys = true,
            "speech" => speech = true,
            _ => attributes.warn_value("input", "none of dtmf, speech, dtmf speech", fx),
        }
    }
    (keys || !speech, speech)
}

fn listening(attributes: &Attributes<'_>, timeout: Duration, fx: &mut Effects) -> Listening {
    let end_silence = match attributes.given("speechTimeout").map(str::trim) {
        None | Some("") => Some(timeout.clamp(Duration::from_secs(1), END_SILENCE_MAX)),
        Some("auto") => None,
        Some(value) if value.parse::<i64>().is_err() => {
            attributes.warn_value("speechTimeout", "neither seconds nor auto, taken as auto", fx);
            None
        }
        Some(_) => Some(Duration::from_secs(attributes.number("speechTimeout", 1..=60, fx).into())),
    };
    let enhanced = attributes.flag("enhanced", fx);
    Listening {
        language: language(attributes, fx),
        hints: hints(attributes, fx),
        profanity_filter: attributes.flag("profanityFilter", fx),
        model: model(attributes, enhanced, fx),
        enhanced,
        end_silence,
        speech_max: Duration::from_secs(attributes.number("maxSpeechTime", 1..=60, fx).into()),
        partials: {
            let method = attributes.method("partialResultCallbackMethod", fx);
            attributes.url("partialResultCallback", fx).map(|url| (url, method))
        },
        debug: attributes.flag("debug", fx),
    }
}

const END_SILENCE_MAX: Duration = Duration::from_secs(60);
const HINTS_MAX: usize = 500;
const HINT_CHARS_MAX: usize = 100;

fn language(attributes: &Attributes<'_>, fx: &mut Effects) -> String {
    let tag = attributes.text("language").trim();
    let is_tag =
        (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_tag {
        return tag.to_owned();
    }
    attributes.warn_value("language", "no language tag, taken as en-US", fx);
    "en-US".to_owned()
}

fn hints(attributes: &Attributes<'_>, fx: &mut Effects) -> Vec<String> {
    let all: Vec<&str> = attributes.text("hints").split(',').map(str::trim).filter(|h| !h.is_empty()).collect();
    let fit = |hint: &&&str| hint.chars().count() <= HINT_CHARS_MAX;
    let kept: Vec<String> = all.iter().filter(fit).take(HINTS_MAX).map(|h| (*h).to_owned()).collect();
    if kept.len() < all.len() {
        let left_out = all.len() - kept.len();
        let message = format!("Gather: {left_out} hints are too long or too many and left out");
        fx.warn(code::ATTRIBUTE, attributes.line(), message);
    }
    kept
}

/// laml.md 1.10: phone_call and video need `enhanced`.
fn model(attributes: &Attributes<'_>, enhanced: bool, fx: &mut Effects) -> Option<String> {
    let name = attributes.text("speechModel").trim();
    let is_name = name.len() <= 100 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/".contains(&b));
    match name {
        "" | "default" => None,
        _ if !is_name => {
            attributes.warn_value("speechModel", "no name of a model and ignored", fx);
            None
        }
        "phone_call" | "video" if !enhanced => {
            attributes.warn_value("speechModel", "without effect unless enhanced is true", fx);
            None
        }
        name => Some(name.to_owned()),
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
