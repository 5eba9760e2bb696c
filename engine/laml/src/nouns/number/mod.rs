//! `<Number>`: a telephone number, E.164 or local.

use super::{Spec, callback, digits, machine_detection};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Target, TargetAddress};
use crate::verbs::Surroundings;

/// E.164 has at most 15 digits; an international prefix and carrier selection come before.
const DIGITS_MAX: usize = 24;

pub(crate) static SPEC: Spec = Spec {
    name: "Number",
    attributes: &[
        Attribute::new("sendDigits", "", "0-9 A-D * # w (0.5 s) W (1 s)"),
        Attribute::new("url", "", "URL of a document for the callee"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("statusCallback", "", "URL"),
        Attribute::new("statusCallbackMethod", "POST", "GET, POST"),
        Attribute::new("statusCallbackEvent", "completed", "initiated ringing answered completed"),
        Attribute::left_out("byoc", "", "carriers are chosen by their patterns, priorities and weights"),
        Attribute::new("machineDetection", "", "Enable, DetectMessageEnd: who answered is told to amdStatusCallback"),
        Attribute::new("machineDetectionTimeout", "30", "seconds, 1 to 120"),
        Attribute::new("machineDetectionSpeechThreshold", "2400", "milliseconds, 1000 to 6000"),
        Attribute::new("machineDetectionSpeechEndThreshold", "1200", "milliseconds, 500 to 5000"),
        Attribute::new("machineDetectionSilenceTimeout", "5000", "milliseconds, 2000 to 10000"),
        Attribute::new("amdStatusCallback", "", "URL"),
        Attribute::new("amdStatusCallbackMethod", "POST", "GET, POST"),
    ],
    parse,
};

fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<Target> {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    for child in node.elements() {
        fx.warn(code::NESTING, Some(child.line), "Number: no element may stand inside");
    }
    let status_callback = callback::status_callback(&attributes, fx);
    let url = callback::whisper(&attributes, fx);
    let amd = machine_detection::read(&attributes, fx);
    let send_digits =
        attributes.given("sendDigits").and_then(|d| digits::read(d, "Number: sendDigits", attributes.line(), fx));
    let to = read(&node.text(), attributes.line(), fx)?;
    Some(Target { to: TargetAddress::Number(to), status_callback, url, send_digits, amd })
}

/// A number with what people put between its digits taken out; None, with warning 13223, for anything else.
pub(crate) fn read(text: &str, line: Option<u32>, fx: &mut Effects) -> Option<String> {
    let separator = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')' | '/');
    let number: String = text.chars().filter(|c| !separator(*c)).collect();
    let digits = number.strip_prefix('+').unwrap_or(&number);
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
        fx.warn(code::DIAL_NUMBER, line, format!("Dial: \"{shown}\" is no telephone number"));
        return None;
    }
    Some(number)
}
