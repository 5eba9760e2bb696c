//! A participant that is called: a call whose document dials the conference.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use tandem_model::{Sid, WallTime};
use url::form_urlencoded::Serializer;

use crate::api::ApiState;
use crate::api::body::Form;
use crate::api::calls::parse_create;
use crate::api::error::LamlError;
use crate::api::state::wall_now;
use crate::api::writing::{Writing, date};
use crate::store::{CallPage, ConferenceFilter, ConferenceStatus};

/// What is the call's own, as its name is there.
const OF_CALL: [&str; 18] = [
    "To",
    "From",
    "CallerId",
    "Timeout",
    "TimeLimit",
    "StatusCallback",
    "StatusCallbackMethod",
    "StatusCallbackEvent",
    "SipAuthUsername",
    "SipAuthPassword",
    "MachineDetection",
    "Byoc",
    "CallReason",
    "CallToken",
    "RecordingChannels",
    "RecordingTrack",
    "RecordingStatusCallback",
    "RecordingStatusCallbackMethod",
];

/// What is the noun's, and its attribute.
const OF_NOUN: [(&str, &str); 19] = [
    ("Label", "participantLabel"),
    ("Muted", "muted"),
    ("Beep", "beep"),
    ("StartConferenceOnEnter", "startConferenceOnEnter"),
    ("EndConferenceOnExit", "endConferenceOnExit"),
    ("WaitUrl", "waitUrl"),
    ("WaitMethod", "waitMethod"),
    ("MaxParticipants", "maxParticipants"),
    ("CallSidToCoach", "coach"),
    ("JitterBufferSize", "jitterBufferSize"),
    ("Region", "region"),
    ("ConferenceRecord", "record"),
    ("ConferenceTrim", "trim"),
    ("ConferenceStatusCallback", "statusCallback"),
    ("ConferenceStatusCallbackMethod", "statusCallbackMethod"),
    ("ConferenceStatusCallbackEvent", "statusCallbackEvent"),
    ("ConferenceRecordingStatusCallback", "recordingStatusCallback"),
    ("ConferenceRecordingStatusCallbackMethod", "recordingStatusCallbackMethod"),
    ("ConferenceRecordingStatusCallbackEvent", "recordingStatusCallbackEvent"),
];
const NAME_CHARS_MAX: usize = 64;

pub(super) async fn create(
    state: &ApiState,
    request: &HttpRequest,
    form: &Form,
    writing: &Writing,
) -> Result<HttpResponse, LamlError> {
    let (name, conference) = named(state, request.match_info().get("conference").unwrap_or_default()).await?;
    let mut call = Serializer::new(String::new());
    for (key, value) in form.pairs().iter().filter(|(key, _)| OF_CALL.contains(&key.as_str())) {
        call.append_pair(key, value);
    }
    call.append_pair("Twiml", &document(form, &name));
    let call = Form::of_query(&call.finish())?;
    let label = form.get("Label").map(str::to_owned);
    let view = state.calls.create(parse_create(&call, &state.store.catalog())?).await?;
    let now: WallTime = wall_now();
    let is = |name: &str, default: bool| form.get(name).map_or(default, |value| value.eq_ignore_ascii_case("true"));
    let uri = conference.map(|sid| writing.path(&format!("/Conferences/{sid}/Participants/{}", view.sid)));
    Ok(HttpResponse::Created().json(json!({
        "account_sid": writing.account,
        "call_sid": view.sid.to_string(),
        // A conference that nobody is in has no sid before its first participant answers.
        "conference_sid": conference.map(|sid| sid.to_string()),
        "label": label,
        "call_sid_to_coach": form.get("CallSidToCoach"),
        "coaching": form.get("CallSidToCoach").is_some(),
        "muted": is("Muted", false),
        "hold": false,
        "status": "queued",
        "start_conference_on_enter": is("StartConferenceOnEnter", true),
        "end_conference_on_exit": is("EndConferenceOnExit", false),
        "date_created": date(Some(now)),
        "date_updated": date(Some(now)),
        "uri": uri,
    })))
}

/// The conference that the path means, by its sid while it is in progress, or by its name.
async fn named(state: &ApiState, text: &str) -> Result<(String, Option<Sid>), LamlError> {
    if let Ok(sid) = text.parse::<Sid>() {
        let record = super::known(state, sid).await?;
        if record.status == ConferenceStatus::Completed {
            return Err(LamlError::bad(10000, "The conference is over: nobody can join it"));
        }
        return Ok((record.friendly_name, Some(sid)));
    }
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.contains(char::is_control) {
        return Err(LamlError::bad(20002, format!("A conference's name has 1 to {NAME_CHARS_MAX} characters")));
    }
    let filter = ConferenceFilter { friendly_name: Some(text.to_owned()), ..ConferenceFilter::default() };
    let found = state.store.conferences(&filter, CallPage { after: None, before: None, limit: 1 }).await?;
    let live = found.into_iter().find(|c| c.status != ConferenceStatus::Completed);
    Ok((text.to_owned(), live.map(|c| c.sid)))
}

/// What the call runs once it is answered. Events may come as repeated keys; the noun takes one list.
fn document(form: &Form, name: &str) -> String {
    let mut attributes = String::new();
    for (key, attribute) in OF_NOUN {
        let values: Vec<&str> = form.all(key).collect();
        if !values.is_empty() {
            attributes.push_str(&format!(" {attribute}=\"{}\"", escaped(&values.join(" "))));
        }
    }
    format!("<Response><Dial><Conference{attributes}>{}</Conference></Dial></Response>", escaped(name))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_nouns_goes_into_the_document_and_nothing_breaks_out_of_it() {
        let form = Form::of_query("To=x&Muted=true&Label=%22%3E%3CHangup%2F%3E&ConferenceStatusCallbackEvent=start&ConferenceStatusCallbackEvent=end").unwrap();
        assert_eq!(
            document(&form, "a&b"),
            "<Response><Dial><Conference participantLabel=\"&quot;&gt;&lt;Hangup/&gt;\" muted=\"true\" \
             statusCallbackEvent=\"start end\">a&amp;b</Conference></Dial></Response>"
        );
    }
}
