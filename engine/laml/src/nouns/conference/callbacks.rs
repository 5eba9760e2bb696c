use crate::attributes::Attributes;
use crate::code;
use crate::effects::Effects;
use crate::instruction::{ConferenceCallback, ConferenceEvents, ConferenceRecordingCallback};
use crate::verbs::Surroundings;

/// None without a URL. Which events are told must be said; without any nobody is told anything, which is warned about.
pub(super) fn status(
    attributes: &Attributes<'_>,
    around: &Surroundings<'_>,
    fx: &mut Effects,
) -> Option<ConferenceCallback> {
    let method = attributes.method("statusCallbackMethod", fx);
    let url = attributes.url("statusCallback", fx)?;
    let twilio = around.dialect == crate::Dialect::Twilio;
    let mut events = ConferenceEvents::default();
    for word in attributes.text("statusCallbackEvent").split_ascii_whitespace() {
        match events.slot(word, twilio) {
            Some(event) => *event = true,
            None => {
                let shown: String = word.chars().take(60).collect();
                let message = format!("Conference: statusCallbackEvent: there is no event {shown}");
                fx.warn(code::CALLBACK_EVENT, attributes.line(), message);
            }
        }
    }
    if events == ConferenceEvents::default() {
        let message = "Conference: statusCallback without an event in statusCallbackEvent tells nothing";
        fx.warn(code::CONFERENCE, attributes.line(), message);
    }
    Some(ConferenceCallback { url, method, events })
}

pub(super) fn recording(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<ConferenceRecordingCallback> {
    let method = attributes.method("recordingStatusCallbackMethod", fx);
    let url = attributes.url("recordingStatusCallback", fx)?;
    let mut callback = ConferenceRecordingCallback { url, method, in_progress: false, completed: false, failed: false };
    for word in attributes.text("recordingStatusCallbackEvent").split_ascii_whitespace() {
        match word {
            "in-progress" => callback.in_progress = true,
            "completed" => callback.completed = true,
            "failed" => callback.failed = true,
            other => {
                let shown: String = other.chars().take(60).collect();
                let message = format!("Conference: recordingStatusCallbackEvent: there is no event {shown}");
                fx.warn(code::RECORDING_EVENT, attributes.line(), message);
            }
        }
    }
    if !(callback.in_progress || callback.completed || callback.failed) {
        (callback.completed, callback.failed) = (true, true);
    }
    Some(callback)
}
