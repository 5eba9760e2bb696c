use std::time::Duration;

use super::{RecordVerb, State};
use crate::address;
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Recording, RecordingChannels, RecordingTrack, Transcribe};
use crate::nouns::recording;
use crate::verbs::{Spec, Surroundings, Verb, refuse_children};

const KEYS: &str = "1234567890*#";

pub(crate) static SPEC: Spec = Spec {
    name: "Record",
    attributes: &[
        Attribute::new("action", "", "URL; left out: the document itself"),
        Attribute::new("method", "POST", "GET, POST"),
        Attribute::new("timeout", "5", "seconds of silence that end it, 0 to 3600; 0: none does"),
        Attribute::new("finishOnKey", "1234567890*#", "keys that end it; empty: none"),
        Attribute::new("maxLength", "0", "seconds, 0 to 14400; 0: 3600"),
        Attribute::new("playBeep", "true", "true, false"),
        Attribute::new("trim", "trim-silence", "trim-silence, do-not-trim"),
        Attribute::new("transcribe", "false", "true, false"),
        Attribute::new("transcribeCallback", "", "URL; asks for a transcription too"),
        Attribute::new("recordingStatusCallback", "", "URL"),
        Attribute::new("recordingStatusCallbackMethod", "POST", "GET, POST"),
        Attribute::new("recordingStatusCallbackEvent", "completed", "in-progress completed absent"),
        Attribute::new("storageUrl", "", "URL that gets the file instead of its being kept"),
        Attribute::new("storageUrlMethod", "POST", "POST, PUT"),
    ],
    parse: |node, around, fx| Some(Box::new(parse(node, around, fx)) as Box<dyn Verb>),
};

fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> RecordVerb {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    refuse_children(node, fx);
    let method = attributes.method("method", fx);
    let action = attributes.url("action", fx).or_else(|| address::resolve(around.url, "").ok());
    if action.is_none() {
        let message = "Record: there is no action, and the document has no URL to ask instead";
        fx.warn(code::URL, attributes.line(), message);
    }
    let silence = attributes.number("timeout", 0..=3_600, fx);
    let max = match attributes.number("maxLength", 0..=14_400, fx) {
        0 => 3_600,
        secs => secs,
    };
    let max = Duration::from_secs(max.into());
    let transcribe_callback = attributes.url("transcribeCallback", fx);
    let transcribe = (attributes.flag("transcribe", fx) || transcribe_callback.is_some())
        .then(|| Transcribe { callback: transcribe_callback.map(|url| (url, Default::default())) });
    let what = Recording {
        channels: RecordingChannels::Mono,
        track: RecordingTrack::Inbound,
        trim: recording::trim(&attributes, fx),
        max: Some(max),
        silence: (silence > 0).then(|| Duration::from_secs(silence.into())),
        callback: recording::callback(&attributes, fx),
        storage: recording::storage(&attributes, "storageUrl", "storageUrlMethod", fx),
        transcribe,
    };
    RecordVerb {
        what: Some(Box::new(what)),
        max,
        play_beep: attributes.flag("playBeep", fx),
        finish_on_keys: finish_on_keys(&attributes, fx),
        action: action.map(|url| (url, method)),
        dialect: around.dialect,
        ended_by: None,
        state: State::NotStarted,
    }
}

fn finish_on_keys(attributes: &Attributes<'_>, fx: &mut Effects) -> String {
    let given = attributes.text("finishOnKey").trim();
    let keys: String = given.chars().filter(|c| KEYS.contains(*c)).collect();
    if keys.len() != given.chars().count() {
        attributes.warn_value("finishOnKey", "more than the keys 0-9 * #, the rest is left out", fx);
    }
    keys
}
