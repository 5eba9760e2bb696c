use serde_json::{Value, json};
use tandem_laml::Dialect;

use crate::api::ApiState;
use crate::api::writing::{Writing, date};
use crate::store::{RecordingRecord, RecordingSource};

/// The Compatibility Recording object (laml.md 3.7).
pub(in crate::api) fn show(record: &RecordingRecord, writing: &Writing, state: &ApiState) -> Value {
    let below = format!("/Recordings/{}", record.sid);
    let channels = writing.count(record.channels);
    let mut out = json!({
        "sid": record.sid.to_string(),
        "account_sid": writing.account,
        "api_version": "2010-04-01",
        "call_sid": record.call_sid.map(|sid| sid.to_string()),
        "conference_sid": record.conference_sid.map(|sid| sid.to_string()),
        "channel": channels,
        "channels": channels,
        "date_created": record.created.rfc2822(),
        "date_updated": record.updated.rfc2822(),
        "start_time": date(record.started),
        "end_time": date(record.ended),
        "duration": writing.seconds(record.duration_secs),
        "price": null,
        "price_unit": "USD",
        "source": source(record.source, writing.dialect),
        "status": record.status.as_str(),
        "error_code": record.error_code,
        "uri": writing.path(&below),
        "subresource_uris": {"transcriptions": writing.path(&format!("{below}/Transcriptions"))},
        "encryption_details": null,
        "track": record.track.as_str(),
        "trim": if record.trim { "trim-silence" } else { "do-not-trim" },
    });
    if writing.dialect == Dialect::Twilio {
        let (base, account) = (&state.options.public_url, &writing.account);
        out["media_url"] = json!(format!("{base}/2010-04-01/Accounts/{account}{below}"));
    }
    out
}

/// The two spell the same words differently.
fn source(source: RecordingSource, dialect: Dialect) -> &'static str {
    match (source, dialect) {
        (RecordingSource::DialVerb, _) => "DialVerb",
        (RecordingSource::RecordVerb, _) => "RecordVerb",
        (RecordingSource::Conference, _) => "Conference",
        (RecordingSource::OutboundApi, Dialect::SignalWire) => "OutBoundApi",
        (RecordingSource::OutboundApi, Dialect::Twilio) => "OutboundAPI",
        (RecordingSource::StartCallRecordingApi, Dialect::SignalWire) => "StartCallRecordingApi",
        (RecordingSource::StartCallRecordingApi, Dialect::Twilio) => "StartCallRecordingAPI",
        (RecordingSource::StartConferenceRecordingApi, Dialect::SignalWire) => "StartConferenceRecording",
        (RecordingSource::StartConferenceRecordingApi, Dialect::Twilio) => "StartConferenceRecordingAPI",
    }
}
