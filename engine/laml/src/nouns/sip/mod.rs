//! `<Sip>`: a SIP URI, with headers for the INVITE in its `?` part.

mod uri;

use super::{Spec, callback, machine_detection};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Target, TargetAddress};
use crate::verbs::Surroundings;

/// Codecs that can be asked for, by their SDP names. A rate and a packet time may follow, as in `OPUS@16000H@20I`.
const CODECS: [&str; 6] = ["PCMU", "PCMA", "G722", "G729", "OPUS", "L16"];

pub(crate) static SPEC: Spec = Spec {
    name: "Sip",
    attributes: &[
        Attribute::new("username", "", "for a 401 or 407 challenge"),
        Attribute::new("password", "", "for a 401 or 407 challenge"),
        Attribute::new("codecs", "", "comma list of PCMU PCMA G722 G729 OPUS L16; left out: the server's own order"),
        Attribute::new("url", "", "URL of a document for the callee"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("statusCallback", "", "URL"),
        Attribute::new("statusCallbackMethod", "POST", "GET, POST"),
        Attribute::new("statusCallbackEvent", "completed", "initiated ringing answered completed"),
        Attribute::new("sessionTimeout", "0", "seconds for Session-Expires, 90 to 86400; 0: the server's own"),
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
        let shown: String = child.name.chars().take(60).collect();
        fx.warn(code::NESTING, Some(child.line), format!("Sip: <{shown}> is not supported inside, it is ignored"));
    }
    let status_callback = callback::status_callback(&attributes, fx);
    let url = callback::whisper(&attributes, fx);
    let amd = machine_detection::read(&attributes, fx);
    let codecs = codecs(&attributes, fx);
    let read = uri::read(&node.text());
    for problem in read.as_ref().map(|address| address.dropped.as_slice()).unwrap_or_default() {
        fx.warn(code::SIP_MALFORMED, attributes.line(), format!("Sip: {problem}"));
    }
    let address = match read {
        Ok(address) => address,
        Err(bad) => {
            fx.warn(bad.code, attributes.line(), format!("Sip: {}", bad.message));
            return None;
        }
    };
    let to = TargetAddress::Sip {
        uri: address.uri,
        headers: address.headers,
        username: attributes.given("username").map(str::to_owned),
        password: attributes.given("password").map(str::to_owned),
        codecs,
        session_expires_secs: session_timeout(&attributes, fx),
    };
    Some(Target { to, status_callback, url, send_digits: None, amd })
}

/// RFC 4028 section 5: nothing below 90 seconds.
fn session_timeout(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<u32> {
    match attributes.text("sessionTimeout").trim() {
        "" | "0" => None,
        _ => Some(attributes.number("sessionTimeout", 90..=86_400, fx)),
    }
}

/// One unknown name makes the whole list void: half a list is nobody's wish.
fn codecs(attributes: &Attributes<'_>, fx: &mut Effects) -> Vec<String> {
    let mut codecs: Vec<String> = Vec::new();
    for name in attributes.text("codecs").split(',').map(|n| n.trim().to_ascii_uppercase()) {
        if name.is_empty() || codecs.contains(&name) {
            continue;
        }
        if !CODECS.contains(&name.split('@').next().unwrap_or_default()) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            let message = format!("Sip: there is no codec \"{shown}\", the default list is offered");
            fx.warn(code::CODECS, attributes.line(), message);
            return Vec::new();
        }
        codecs.push(name);
    }
    codecs
}

/// A SIP address as documents and REST write it: the URI without its header part, and the headers with decoded values,
/// `X-` added where it is missing (laml.md 1.5).
///
/// # Errors
/// What is wrong with it.
pub fn sip_address(text: &str) -> Result<(String, Vec<(String, String)>), String> {
    uri::read(text).map(|address| (address.uri, address.headers)).map_err(|bad| bad.message)
}
