use serde_json::{Value, json};
use tandem_laml::Dialect;

use crate::api::writing::{Writing, date};
use crate::api::{ApiState, CallView};
use crate::store::CallDirection;

/// Tandem's own: how the call's audio was, and its course (docs/rest.md). A call in progress has none yet.
pub(super) fn quality(view: &CallView, state: &ApiState) -> Value {
    let writing = Writing::of(state);
    let m = &view.media;
    let rounded = |n: f32| (f64::from(n) * 10_000.0).round() / 10_000.0;
    let maybe = |n: Option<f32>| n.map(rounded);
    let points: Vec<Value> = m
        .quality
        .iter()
        .map(|p| {
            json!({
                "at": p.at_secs,
                "mos_in": maybe(p.mos_in),
                "mos_out": maybe(p.mos_out),
                "loss_in": rounded(p.loss_in),
                "loss_out": maybe(p.loss_out),
                "jitter_ms": rounded(p.jitter_ms),
                "rtt_ms": maybe(p.rtt_ms),
                "buffer_ms": rounded(p.buffer_ms),
            })
        })
        .collect();
    json!({
        "call_sid": view.sid.to_string(),
        "account_sid": writing.account,
        "codec": view.codec,
        "mos_in": maybe(m.mos_in),
        "mos_out": maybe(m.mos_out),
        "packets_in": m.packets_in,
        "packets_out": m.packets_out,
        "lost_in": m.lost_in,
        "lost_out": m.remote_lost,
        "concealed_in": m.concealed_in,
        "jitter_ms_max": maybe(m.jitter_ms_max),
        "burst_ms": m.burst_ms,
        "gap_ms": m.gap_ms,
        "remote_r_factor": m.remote_r_factor,
        "remote_delay_ms": m.remote_delay_ms,
        "points": points,
        "uri": writing.path(&format!("/Calls/{}/Quality", view.sid)),
    })
}

/// The Compatibility Call object: exactly the documented fields (laml.md 3.6).
pub(super) fn call(view: &CallView, writing: &Writing, state: &ApiState) -> Value {
    let below = format!("/Calls/{}", view.sid);
    let link = |resource: &str| writing.path(&format!("{below}/{resource}"));
    let rounded = |n: Option<f32>| n.map(|n| (f64::from(n) * 100.0).round() / 100.0);
    let subresources = match writing.dialect {
        Dialect::SignalWire => json!({"notifications": null, "recordings": link("Recordings")}),
        Dialect::Twilio => json!({
            "notifications": link("Notifications"),
            "recordings": link("Recordings"),
            "streams": link("Streams"),
        }),
    };
    // The one shows 0 for a call that has no end yet, the other nothing.
    let duration = match writing.dialect {
        Dialect::SignalWire => Some(view.duration_secs),
        Dialect::Twilio => Some(view.duration_secs).filter(|_| view.status.is_final()),
    };
    let ours = match view.direction {
        CallDirection::Inbound => &view.to,
        CallDirection::OutboundApi | CallDirection::OutboundDial => &view.from,
    };
    let m = &view.media;
    json!({
        "sid": view.sid.to_string(),
        "account_sid": writing.account,
        "date_created": view.created.rfc2822(),
        "date_updated": view.updated.rfc2822(),
        "parent_call_sid": view.parent_sid.map(|p| p.to_string()),
        "to": view.to,
        "formatted_to": view.to,
        "to_formatted": view.to,
        "from": view.from,
        "formatted_from": view.from,
        "from_formatted": view.from,
        "phone_number_sid": state.store.directory().borrow().numbers.get(ours).map(|n| n.id.to_string()),
        "status": view.status.as_str(),
        "start_time": date(view.started),
        "end_time": date(view.ended),
        "duration": writing.seconds(duration),
        "price": null,
        "price_unit": "USD",
        "direction": view.direction.as_str(),
        "answered_by": view.answered_by,
        "api_version": "2010-04-01",
        "forwarded_from": view.forwarded_from,
        "caller_name": view.caller_name,
        "uri": writing.path(&below),
        "subresource_uris": subresources,
        "annotation": null,
        "group_sid": null,
        "audio_in_mos": rounded(m.mos_in),
        "sip_result_code": view.sip_code.map(|c| c.to_string()),
        "audio_rtt_avg": rounded(m.rtts_ms.map(|[_, _, mean]| mean)),
        "audio_rtt_min": rounded(m.rtts_ms.map(|[min, _, _]| min)),
        "audio_rtt_max": rounded(m.rtts_ms.map(|[_, max, _]| max)),
        "audio_out_jitter_min": rounded(m.remote_jitters_ms.map(|[min, _, _]| min)),
        "audio_out_jitter_max": rounded(m.remote_jitters_ms.map(|[_, max, _]| max)),
        "audio_out_jitter_avg": rounded(m.remote_jitters_ms.map(|[_, _, mean]| mean)),
        "audio_out_lost": m.remote_lost,
    })
}
