use std::time::Duration;

use tandem_model::{Country, limits};

use super::{DialVerb, State};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{
    Dial, DialRecording, DialTo, Method, Recording, RecordingChannels, RecordingTrack, Target, TargetAddress,
};
use crate::nouns::{self, NOUNS, NOUNS_NOT_YET, recording};
use crate::verbs::{Spec, Surroundings, Verb};

pub(crate) const CALLER_NAME_CHARS_MAX: usize = 70;
/// A From header's user part; nothing real comes near.
const CALLER_ID_CHARS_MAX: usize = 255;

pub(crate) static SPEC: Spec = Spec {
    name: "Dial",
    attributes: &[
        Attribute::new("action", "", "URL; left out: the next verb"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("answerOnBridge", "false", "true, false"),
        Attribute::new("callerId", "", "left out: the caller's; no white space"),
        Attribute::new("callerName", "", "up to 70 characters"),
        Attribute::new("hangupOnStar", "false", "true, false"),
        Attribute::new("timeout", "30", "seconds, 5 to 600"),
        Attribute::new("timeLimit", "14400", "seconds, 1 to 86400"),
        Attribute::new(
            "record",
            "do-not-record",
            "do-not-record, record-from-answer, record-from-ringing, record-from-answer-dual, record-from-ringing-dual; true, false",
        ),
        Attribute::new("recordingTrack", "both", "both, inbound (the called party), outbound"),
        Attribute::new("recordingStatusCallback", "", "URL"),
        Attribute::new("recordingStatusCallbackMethod", "POST", "GET, POST"),
        Attribute::new("recordingStatusCallbackEvent", "completed", "in-progress completed absent"),
        Attribute::new("recordingStorageUrl", "", "URL that gets the file instead of its being kept"),
        Attribute::new("recordingStorageUrlMethod", "POST", "POST, PUT"),
        Attribute::left_out(
            "recordingConfigurationId",
            "",
            "configurations are kept by the provider that issues their ids",
        ),
        Attribute::new(
            "ringTone",
            "",
            "at au bg br be ch cl cn cz de dk ee es fi fr gr hu il in it lt jp mx my nl no nz ph pl pt ru se sg th uk us us-old tw ve za; left out: us where the caller is answered, else its own telephone's",
        ),
        Attribute::new("trim", "do-not-trim", "trim-silence, do-not-trim"),
        Attribute::new("sequential", "false", "true, false"),
        Attribute::new("referUrl", "", "URL of a document for who is left when a party sends REFER"),
        Attribute::new("referMethod", "POST", "GET, POST"),
        Attribute::left_out("events", "", "undocumented"),
        Attribute::left_out("passports", "", "no calls are signed (RFC 8224)"),
        Attribute::left_out("callReason", "", "only branded calling of a provider's own shows it"),
    ],
    parse: |node, around, fx| parse(node, around, fx).map(|verb| Box::new(verb) as Box<dyn Verb>),
};

fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<DialVerb> {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    let method = attributes.method("method", fx);
    let action = attributes.url("action", fx).map(|url| (url, method));
    let hangup_on_star = attributes.flag("hangupOnStar", fx);
    let mut dial = Dial {
        answer_on_bridge: attributes.flag("answerOnBridge", fx),
        caller_id: caller_id(&attributes, fx),
        caller_name: caller_name(&attributes, fx),
        timeout: Duration::from_secs(attributes.number("timeout", 5..=600, fx).into()),
        time_limit: Duration::from_secs(attributes.number("timeLimit", 1..=86_400, fx).into()),
        hangup_on_star,
        ring_tone: ring_tone(&attributes, fx),
        sequential: attributes.flag("sequential", fx),
        record: record(&attributes, fx),
        refer: refer(&attributes, fx),
        to: to(node, around, fx),
    };
    if matches!(dial.to, DialTo::Queue(_)) && dial.refer.is_some() {
        let message = "Dial: referUrl has no effect with <Queue>: who was put through from a queue is not passed on";
        fx.warn(code::ATTRIBUTE_UNSUPPORTED, attributes.line(), message);
    }
    if matches!(dial.to, DialTo::Conference(_)) {
        // Warned about: these are for who is dialled.
        (dial.record, dial.refer, dial.sequential) = (None, None, false);
    }
    let is_empty = matches!(&dial.to, DialTo::Targets(targets) if targets.is_empty());
    let dial = (!is_empty).then(|| Box::new(dial));
    Some(DialVerb { dial, action, hangup_on_star, state: State::NotStarted })
}

/// Any text that can stand in a From header; what a number must be, the carrier's side decides.
fn caller_id(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<String> {
    let value = attributes.given("callerId").map(str::trim).filter(|v| !v.is_empty())?;
    let unfit = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"');
    if value.chars().any(unfit) || value.chars().count() > CALLER_ID_CHARS_MAX {
        let message = "Dial: callerId may not hold white space, quotes or angle brackets, the caller's is used";
        fx.warn(code::CALLER_ID, attributes.line(), message);
        return None;
    }
    Some(value.to_owned())
}

fn ring_tone(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<Country> {
    let value = attributes.given("ringTone").map(str::trim).filter(|v| !v.is_empty())?;
    let country = Country::from_code(value);
    if country.is_none() {
        attributes.warn_value("ringTone", "none of the countries whose tones are known, it is passed over", fx);
    }
    country
}

fn caller_name(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<String> {
    let value = attributes.given("callerName").map(str::trim).filter(|v| !v.is_empty())?;
    let clean: String = value.chars().filter(|c| !c.is_control()).collect();
    if clean.chars().count() > CALLER_NAME_CHARS_MAX {
        let message = format!("longer than {CALLER_NAME_CHARS_MAX} characters, the rest is left out");
        attributes.warn_value("callerName", &message, fx);
    }
    Some(clean.chars().take(CALLER_NAME_CHARS_MAX).collect())
}

/// Whom it connects to: nouns that ring, or one that does not.
fn to(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> DialTo {
    if let Some(room) = node.elements().find(|noun| noun.name == nouns::conference::NAME) {
        return conference(node, room, around, fx);
    }
    let Some(noun) = node.elements().find(|n| n.name == nouns::queue::NAME) else {
        return DialTo::Targets(targets(node, around, fx));
    };
    if node.elements().count() > 1 || !node.text().is_empty() {
        let message = "Dial: <Queue> stands alone, nothing is dialled";
        fx.warn(code::NESTING, Some(noun.line), message);
        return DialTo::Targets(Vec::new());
    }
    nouns::queue::parse(noun, around, fx).map_or(DialTo::Targets(Vec::new()), |queue| DialTo::Queue(Box::new(queue)))
}

/// A room stands alone: beside another noun, or twice, nothing is joined (13000).
fn conference(node: &Node, room: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> DialTo {
    if node.elements().count() > 1 {
        let message = "Dial: <Conference> stands beside another noun or twice, nothing is joined";
        fx.warn(code::CONFERENCE_MIXED, Some(room.line), message);
        return DialTo::Targets(Vec::new());
    }
    if !node.text().is_empty() {
        fx.warn(code::NESTING, Some(node.line), "Dial: text beside a noun is ignored");
    }
    let of_targets =
        |name: &&str| node.attribute(name).is_some_and(|value| !matches!(value.trim(), "do-not-record" | "false"));
    for name in ["record", "referUrl", "sequential"].iter().filter(|name| of_targets(name)) {
        let message = format!("Dial: {name} is for who is dialled, not for a conference, it is ignored");
        fx.warn(code::ATTRIBUTE_UNSUPPORTED, Some(node.line), message);
    }
    match nouns::conference::read(room, around, fx) {
        Some(conference) => DialTo::Conference(Box::new(conference)),
        None => DialTo::Targets(Vec::new()),
    }
}

fn record(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<DialRecording> {
    let (from_ringing, channels) = match attributes.text("record").trim() {
        "do-not-record" | "false" => return None,
        "record-from-answer" | "true" => (false, RecordingChannels::Mono),
        "record-from-ringing" => (true, RecordingChannels::Mono),
        "record-from-answer-dual" => (false, RecordingChannels::Dual),
        "record-from-ringing-dual" => (true, RecordingChannels::Dual),
        _ => {
            attributes.warn_value("record", "none of the ways to record, nothing is recorded", fx);
            return None;
        }
    };
    let track = match attributes.text("recordingTrack").trim() {
        "both" => RecordingTrack::Both,
        "inbound" => RecordingTrack::Inbound,
        "outbound" => RecordingTrack::Outbound,
        _ => {
            attributes.warn_value("recordingTrack", "none of both, inbound, outbound; taken as both", fx);
            RecordingTrack::Both
        }
    };
    let what = Recording {
        channels,
        track,
        trim: recording::trim(attributes, fx),
        max: None,
        silence: None,
        callback: recording::callback(attributes, fx),
        storage: recording::storage(attributes, "recordingStorageUrl", "recordingStorageUrlMethod", fx),
        transcribe: None,
    };
    Some(DialRecording { from_ringing, what: Box::new(what) })
}

fn refer(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<(String, Method)> {
    let method = attributes.method("referMethod", fx);
    attributes.url("referUrl", fx).map(|url| (url, method))
}

/// The nouns that can be rung; none when they may not stand together.
fn targets(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Vec<Target> {
    let text = node.text();
    if node.elements().next().is_none() {
        let number = nouns::number::read(&text, Some(node.line), fx);
        return number.map(plain).into_iter().collect();
    }
    if !text.is_empty() {
        fx.warn(code::NESTING, Some(node.line), "Dial: text beside nouns is ignored");
    }
    let is_sip = |n: &Node| n.name == nouns::sip::SPEC.name;
    if node.elements().any(is_sip) && !node.elements().all(is_sip) {
        fx.warn(code::NESTING, Some(node.line), "Dial: <Sip> may not be mixed with other nouns, nothing is dialled");
        return Vec::new();
    }
    let mut targets = Vec::new();
    for (nth, noun) in node.elements().enumerate() {
        if nth == limits::DIAL_TARGETS_MAX {
            let message = format!("Dial: more than {} nouns, the rest is not dialled", limits::DIAL_TARGETS_MAX);
            fx.warn(code::NESTING, Some(noun.line), message);
            break;
        }
        targets.extend(target(noun, around, fx));
    }
    targets
}

fn target(noun: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<Target> {
    if let Some(spec) = NOUNS.iter().find(|s| s.name == noun.name) {
        return (spec.parse)(noun, around, fx);
    }
    let shown: String = noun.name.chars().take(60).collect();
    if NOUNS_NOT_YET.contains(&noun.name.as_str()) {
        let message = format!("Dial: <{shown}> is not supported, it is not dialled");
        fx.warn(code::VERB_UNSUPPORTED, Some(noun.line), message);
    } else {
        fx.warn(code::NESTING, Some(noun.line), format!("Dial: <{shown}> may not stand inside, it is not dialled"));
    }
    None
}

fn plain(number: String) -> Target {
    Target { to: TargetAddress::Number(number), status_callback: None, url: None, send_digits: None, amd: None }
}
