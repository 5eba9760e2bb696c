use serde_json::{Value, json};
use tandem_model::Sid;

use crate::api::auth::LAML_PREFIXES;
use crate::api::{ApiState, CallView};

/// The path of a call, as its `uri` shows it.
fn call_path(account: &str, sid: Sid) -> String {
    format!("{}/Accounts/{account}/Calls/{sid}", LAML_PREFIXES[0])
}

/// The Compatibility Call object: exactly the documented fields.
pub(super) fn call(view: &CallView, state: &ApiState) -> Value {
    let account = &state.store.project().project.id;
    let uri = call_path(account, view.sid);
    let date = |t: Option<tandem_model::WallTime>| t.map(|t| t.rfc2822());
    let rounded = |n: Option<f32>| n.map(|n| (f64::from(n) * 100.0).round() / 100.0);
    let m = &view.media;
    json!({
        "sid": view.sid.to_string(),
        "account_sid": account,
        "date_created": view.created.rfc2822(),
        "date_updated": view.updated.rfc2822(),
        "parent_call_sid": view.parent_sid.map(|p| p.to_string()),
        "to": view.to,
        "formatted_to": view.to,
        "to_formatted": view.to,
        "from": view.from,
        "formatted_from": view.from,
        "from_formatted": view.from,
        "phone_number_sid": null,
        "status": view.status.as_str(),
        "start_time": date(view.started),
        "end_time": date(view.ended),
        "duration": view.duration_secs,
        "price": null,
        "price_unit": "USD",
        "direction": view.direction.as_str(),
        "answered_by": view.answered_by,
        "api_version": "2010-04-01",
        "forwarded_from": view.forwarded_from,
        "caller_name": view.caller_name,
        "uri": uri,
        "subresource_uris": {"notifications": null, "recordings": format!("{uri}/Recordings")},
        "annotation": null,
        "group_sid": null,
        "audio_in_mos": rounded(m.mos_in),
        "sip_result_code": view.sip_code.map(|c| c.to_string()),
        "audio_rtt_avg": rounded(m.rtt_ms),
        "audio_rtt_min": null,
        "audio_rtt_max": null,
        "audio_out_jitter_min": null,
        "audio_out_jitter_max": null,
        "audio_out_jitter_avg": null,
        "audio_out_lost": m.remote_loss.map(|share| (f64::from(share) * m.packets_out as f64).round() as u64),
    })
}
