//! What Dial, Record and Conference say alike of recordings.

use crate::attributes::Attributes;
use crate::code;
use crate::effects::Effects;
use crate::instruction::{RecordingCallback, Upload};

/// `trim`; an unknown value is warned about (13699) and the default taken.
pub(crate) fn trim(attributes: &Attributes<'_>, fx: &mut Effects) -> bool {
    match attributes.text("trim").trim() {
        "trim-silence" => true,
        "do-not-trim" => false,
        _ => {
            let message = "trim is neither trim-silence nor do-not-trim, the default is taken";
            fx.warn(code::TRIM, attributes.line(), message);
            attributes.standard("trim") == "trim-silence"
        }
    }
}

/// `recordingStatusCallback`, its method and events; None without the first. An event that does not exist is warned about
/// (13621) and left out; with none left, `completed` is reported.
pub(crate) fn callback(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<RecordingCallback> {
    let method = attributes.method("recordingStatusCallbackMethod", fx);
    let url = attributes.url("recordingStatusCallback", fx)?;
    let mut callback = RecordingCallback { url, method, in_progress: false, completed: false, absent: false };
    for word in attributes.text("recordingStatusCallbackEvent").split_ascii_whitespace() {
        match word {
            "in-progress" => callback.in_progress = true,
            "completed" => callback.completed = true,
            "absent" => callback.absent = true,
            other => {
                let shown: String = other.chars().take(60).collect();
                let message = format!("recordingStatusCallbackEvent: there is no event {shown}");
                fx.warn(code::RECORDING_EVENT, attributes.line(), message);
            }
        }
    }
    if !(callback.in_progress || callback.absent) {
        callback.completed = true;
    }
    Some(callback)
}

/// Where the file goes instead of being kept here.
pub(crate) fn storage(
    attributes: &Attributes<'_>,
    url: &'static str,
    method: &'static str,
    fx: &mut Effects,
) -> Option<(String, Upload)> {
    let by = match attributes.text(method).trim() {
        m if m.eq_ignore_ascii_case("POST") => Upload::Post,
        m if m.eq_ignore_ascii_case("PUT") => Upload::Put,
        _ => {
            fx.warn(code::METHOD, attributes.line(), format!("{method} is neither POST nor PUT, taken as POST"));
            Upload::Post
        }
    };
    attributes.url(url, fx).map(|url| (url, by))
}
