use serde_json::{Value, json};
use tandem_call::room::conference::MemberView;
use tandem_laml::Dialect;
use tandem_model::Sid;

use crate::api::writing::{Writing, date};
use crate::store::ConferenceRecord;

pub(super) fn conference(c: &ConferenceRecord, writing: &Writing) -> Value {
    let below = format!("/Conferences/{}", c.sid);
    let mut out = json!({
        "sid": c.sid.to_string(),
        "account_sid": writing.account,
        "friendly_name": c.friendly_name,
        "status": c.status.as_str(),
        // Conferences are where their server is.
        "region": null,
        "api_version": "2010-04-01",
        "date_created": date(Some(c.created)),
        "date_updated": date(Some(c.updated)),
        "uri": writing.path(&below),
        "subresource_uris": {
            "participants": writing.path(&format!("{below}/Participants")),
            "recordings": writing.path(&format!("{below}/Recordings")),
        },
    });
    if writing.dialect == Dialect::Twilio {
        out["reason_conference_ended"] = json!(c.reason_ended);
        out["call_sid_ending_conference"] = json!(c.call_sid_ending.map(|sid| sid.to_string()));
    }
    out
}

pub(super) fn participant(m: &MemberView, conference: Sid, writing: &Writing) -> Value {
    let mut out = json!({
        "account_sid": writing.account,
        "call_sid": m.call.to_string(),
        "conference_sid": conference.to_string(),
        "call_sid_to_coach": m.coaching.map(|sid| sid.to_string()),
        "coaching": m.coaching.is_some(),
        "muted": m.muted,
        "hold": m.hold,
        "status": if writing.dialect == Dialect::Twilio { "connected" } else { "in-progress" },
        "start_conference_on_enter": m.start_on_enter,
        "end_conference_on_exit": m.end_on_exit,
        "date_created": date(Some(m.created)),
        "date_updated": date(Some(m.updated)),
        "uri": writing.path(&format!("/Conferences/{conference}/Participants/{}", m.call)),
    });
    if writing.dialect == Dialect::Twilio {
        out["label"] = json!(m.label);
    }
    out
}
