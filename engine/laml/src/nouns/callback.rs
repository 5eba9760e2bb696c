use crate::attributes::Attributes;
use crate::code;
use crate::effects::Effects;
use crate::instruction::{Method, StatusCallback, StatusEvents};

/// `statusCallback`, `statusCallbackMethod` and `statusCallbackEvent`; None without the first. An event that does not
/// exist is warned about (21626) and left out; with none left, `completed` is reported.
pub(super) fn status_callback(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<StatusCallback> {
    let method = attributes.method("statusCallbackMethod", fx);
    let url = attributes.url("statusCallback", fx)?;
    let mut events = StatusEvents { initiated: false, ringing: false, answered: false, completed: false };
    for word in attributes.text("statusCallbackEvent").split_ascii_whitespace() {
        match word {
            "initiated" => events.initiated = true,
            "ringing" => events.ringing = true,
            "answered" => events.answered = true,
            "completed" => events.completed = true,
            other => {
                let shown: String = other.chars().take(60).collect();
                let message = format!("statusCallbackEvent: there is no event {shown}");
                fx.warn(code::CALLBACK_EVENT, attributes.line(), message);
            }
        }
    }
    if !(events.initiated || events.ringing || events.answered) {
        events.completed = true;
    }
    Some(StatusCallback { url, method, events })
}

/// `url` and `method`: the document run on the callee before the bridge.
pub(super) fn whisper(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<(String, Method)> {
    let method = attributes.method("method", fx);
    attributes.url("url", fx).map(|url| (url, method))
}
