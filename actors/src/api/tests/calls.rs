use std::time::Duration;

use serde_json::{Value, json};
use tandem_laml::instruction::{Method as Verb, StatusEvents};
use tandem_media::control::LegStats;
use tandem_media::rtcp::VoipMetrics;
use tandem_media::stats::{BurstMetrics, QualityPoint, Spread};

use super::*;
use crate::store::{CallEvent, CallMedia, EventLevel};

fn calls() -> String {
    format!("/api/laml/2010-04-01/Accounts/{PROJECT}/Calls")
}

const GOOD: &str = "To=sip%3Abob%40example.com&From=alice&Url=https%3A%2F%2Fapp.example.com%2Fx";

#[actix_web::test]
async fn a_created_call_carries_all_that_was_asked() {
    let api = Api::new().await;
    let form = "To=sip%3Abob%40example.com%3Btransport%3Dtcp%3FX-A%3D1&From=%2B15551230000&Url=https://app.example.com/x\
        &Method=get&FallbackUrl=https://app.example.com/f&FallbackMethod=GET&StatusCallback=https://app.example.com/s\
        &StatusCallbackEvent=initiated&StatusCallbackEvent=ringing+answered&CallerId=Desk_1&Timeout=25&SendDigits=12wW%23\
        &SipAuthUsername=u&SipAuthPassword=p%40ss&Record=True&RecordingChannels=dual&TimeLimit=90&MaxPricePerMinute=0.5&MachineDetection=None";
    let reply = api.form(&format!("{}.json", calls()), form).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let call = api.calls.created.lock().unwrap().pop().unwrap();
    assert_eq!(call.to, "sip:bob@example.com;transport=tcp?X-A=1");
    assert_eq!((call.from.as_str(), call.caller_id.as_deref()), ("+15551230000", Some("Desk_1")));
    assert_eq!(call.document, CallDocument::Url { url: "https://app.example.com/x".into(), method: Verb::Get });
    assert_eq!(call.fallback, Some(("https://app.example.com/f".into(), Verb::Get)));
    let callback = call.status_callback.unwrap();
    assert_eq!((callback.url.as_str(), callback.method), ("https://app.example.com/s", Verb::Post));
    assert_eq!(callback.events, StatusEvents { initiated: true, ringing: true, answered: true, completed: false });
    assert_eq!((call.timeout, call.send_digits.as_deref()), (Duration::from_secs(25), Some("12wW#")));
    assert_eq!(call.sip_auth, Some(("u".into(), "p@ss".into())));
    assert_eq!(call.time_limit, Some(Duration::from_secs(90)));
    let record = call.record.unwrap();
    assert_eq!((record.channels, record.trim, record.status_callback), (2, true, None));
    let body = reply.json();
    assert_eq!((&body["status"], &body["direction"]), (&json!("queued"), &json!("outbound-api")));
    assert_eq!(body["uri"], json!(format!("{}/{}", calls(), sid(200))));
}

#[actix_web::test]
async fn the_rest_has_documented_defaults() {
    let api = Api::new().await;
    assert_eq!(api.form(&calls(), &format!("{GOOD}&StatusCallback=http://a/s")).await.status, 201);
    let call = api.calls.created.lock().unwrap().pop().unwrap();
    assert_eq!(call.timeout, Duration::from_secs(60));
    assert_eq!((call.fallback, call.send_digits, call.sip_auth, call.caller_id), (None, None, None, None));
    assert_eq!((call.record, call.time_limit), (None, None));
    let events = call.status_callback.unwrap().events;
    assert_eq!(events, StatusEvents { initiated: false, ringing: false, answered: false, completed: true });
    for (name, text) in [("Laml", "<Response/>"), ("Twiml", "<Response><Hangup/></Response>")] {
        let form = format!("To=bob%40example.com&From=alice&{name}={text}");
        assert_eq!(api.form(&calls(), &form).await.status, 201);
        let call = api.calls.created.lock().unwrap().pop().unwrap();
        assert_eq!((call.document, call.to.as_str()), (CallDocument::Inline(text.into()), "sip:bob@example.com"));
    }
}

#[actix_web::test]
async fn wrong_parameters_have_their_documented_codes() {
    let api = Api::new().await;
    let long = format!("{GOOD}&Laml=");
    let many = format!("To=bob%40h&From=a&Laml={}", "x".repeat(4001));
    for (form, code) in [
        ("From=a&Url=http://a/", 21201),
        ("To=&From=a&Url=http://a/", 21201),
        ("To=555-1234&From=a&Url=http://a/", 21217),
        ("To=%2B12&From=a&Url=http://a/", 21217),
        ("To=nobody&From=a&Url=http://a/", 21211),
        ("To=sip:&From=a&Url=http://a/", 21211),
        ("To=sip:bob%40&From=a&Url=http://a/", 21211),
        ("To=sip:bob%40h%0d%0aX:1&From=a&Url=http://a/", 21211),
        ("To=sip:bob%40h&Url=http://a/", 21213),
        ("To=%2B15551230000&From=alice&Url=http://a/", 21212),
        ("To=sip:bob%40h&From=a%0d%0ab&Url=http://a/", 21212),
        ("To=sip:bob%40h&From=%22a%22&Url=http://a/", 21212),
        ("To=sip:bob%40h&From=a&CallerId=a%20b&Url=http://a/", 21212),
        ("To=sip:bob%40h&From=a", 21205),
        ("To=sip:bob%40h&From=a&Url=ftp://a/", 21205),
        ("To=sip:bob%40h&From=a&Url=x", 21205),
        ("To=sip:bob%40h&From=a&ApplicationSid=x", 21218),
        ("To=sip:bob%40h&From=a&Laml=x", 20422),
        (&many, 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&Method=PUT", 21209),
        ("To=sip:bob%40h&From=a&Url=http://a/&FallbackUrl=x", 21402),
        ("To=sip:bob%40h&From=a&Url=http://a/&StatusCallback=x", 21402),
        ("To=sip:bob%40h&From=a&Url=http://a/&StatusCallbackEvent=answered+never", 21626),
        ("To=sip:bob%40h&From=a&Url=http://a/&Timeout=0", 21208),
        ("To=sip:bob%40h&From=a&Url=http://a/&Timeout=601", 21208),
        ("To=sip:bob%40h&From=a&Url=http://a/&Timeout=x", 21208),
        ("To=sip:bob%40h&From=a&Url=http://a/&SendDigits=1a", 13222),
        ("To=sip:bob%40h&From=a&Url=http://a/&SendDigits=111111111111111111111111111111111", 13222),
        ("To=sip:bob%40h&From=a&Url=http://a/&SipAuthUsername=u", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&Record=maybe", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&RecordingChannels=3", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&RecordingTrack=none", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&RecordingStatusCallback=x", 21402),
        ("To=sip:bob%40h&From=a&Url=http://a/&RecordingStatusCallbackEvent=x", 13621),
        ("To=sip:bob%40h&From=a&Url=http://a/&Trim=x", 13699),
        ("To=sip:bob%40h&From=a&Url=http://a/&MaxPricePerMinute=-1", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&MaxPricePerMinute=NaN", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&TimeLimit=0", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&TimeLimit=90000", 20422),
        ("To=sip:bob%40h&From=a&Url=http://a/&CallReason=because", 10001),
        ("To=%ff", 20422),
        ("To=%", 20422),
    ] {
        let reply = api.form(&calls(), form).await;
        let body = reply.json();
        assert_eq!((reply.status, &body["code"]), (400, &json!(code)), "{form:.80}: {}", reply.text);
        assert_eq!(body["status"], 400);
        assert!(body["message"].is_string() && body["more_info"].is_string());
        assert_eq!(body["errors"][0]["code"], json!(code.to_string()), "{form:.80}");
    }
    assert!(api.calls.created.lock().unwrap().is_empty());
    assert_eq!(api.form(&calls(), &long).await.status, 201, "an empty value is no value");
    let huge = format!("{GOOD}&x={}", "x".repeat(BODY_BYTES_MAX));
    assert_eq!(api.form(&calls(), &huge).await.status, 413);
}

#[actix_web::test]
async fn refusals_of_the_engine_and_draining_reach_the_client() {
    let api = Api::new().await;
    let reply = api.form(&calls(), "To=sip:busy%40h&From=a&Url=http://a/").await;
    assert_eq!((reply.status, &reply.json()["code"]), (429, &json!(20429)));
    assert!(reply.headers.contains_key("retry-after"));
    api.calls.draining.store(true, Ordering::Relaxed);
    let reply = api.form(&calls(), GOOD).await;
    assert_eq!(reply.status, 503);
    assert!(reply.headers.contains_key("retry-after"));
}

#[actix_web::test]
async fn a_call_has_exactly_the_documented_fields() {
    let api = Api::new().await;
    let mut call = CallRecord::new(
        sid(3),
        CallDirection::OutboundDial,
        "+15550000001".into(),
        "sip:b@h".into(),
        WallTime(1_699_549_504_000),
    );
    call.parent_sid = Some(sid(2));
    call.status = CallStatus::NoAnswer;
    call.sip_code = Some(487);
    call.duration_secs = 12;
    call.media.mos_in = Some(4.378);
    call.ended = Some(WallTime(1_699_549_516_000));
    api.state.store.upsert_call(call);
    let reply = api.get(&format!("{}/{}.json", calls(), sid(3))).await;
    assert_eq!(reply.status, 200);
    let expected = json!({
        "sid": sid(3).to_string(), "account_sid": PROJECT,
        "date_created": "Thu, 09 Nov 2023 17:05:04 +0000", "date_updated": "Thu, 09 Nov 2023 17:05:04 +0000",
        "parent_call_sid": sid(2).to_string(),
        "to": "sip:b@h", "formatted_to": "sip:b@h", "to_formatted": "sip:b@h",
        "from": "+15550000001", "formatted_from": "+15550000001", "from_formatted": "+15550000001",
        "phone_number_sid": null, "status": "no-answer", "start_time": null,
        "end_time": "Thu, 09 Nov 2023 17:05:16 +0000", "duration": 12, "price": null, "price_unit": "USD",
        "direction": "outbound-dial", "answered_by": null, "api_version": "2010-04-01", "forwarded_from": null,
        "caller_name": null, "uri": format!("{}/{}", calls(), sid(3)),
        "subresource_uris": {"notifications": null, "recordings": format!("{}/{}/Recordings", calls(), sid(3))},
        "annotation": null, "group_sid": null, "audio_in_mos": 4.38, "sip_result_code": "487",
        "audio_rtt_avg": null, "audio_rtt_min": null, "audio_rtt_max": null, "audio_out_jitter_min": null,
        "audio_out_jitter_max": null, "audio_out_jitter_avg": null, "audio_out_lost": null,
    });
    assert_eq!(reply.json(), expected);
    let missing = api.get(&format!("/2010-04-01/Accounts/{PROJECT}/Calls/{}.json", sid(9))).await;
    assert_eq!((missing.status, &missing.json()["code"]), (404, &json!(20404)));
    assert_eq!(api.get(&format!("{}/CA123", calls())).await.status, 404);
}

#[actix_web::test]
async fn a_calls_quality_is_shown_with_its_course() {
    let api = Api::new().await;
    let mut call = CallRecord::new(
        sid(4),
        CallDirection::Inbound,
        "+15550000001".into(),
        "sip:b@h".into(),
        WallTime(1_699_549_504_000),
    );
    call.status = CallStatus::Completed;
    let stats = LegStats {
        packets_received: 500,
        packets_lost: 3,
        mos_in: Some(4.312_345),
        mos_out: Some(3.9),
        round_trips: Some(Spread { min: 10.0, max: 90.5, mean: 33.333_3 }),
        remote_jitter: Some(Spread { min: 1.0, max: 3.0, mean: 2.0 }),
        remote_lost: Some(7),
        bursts: Some(BurstMetrics { burst_ms: 120, gap_ms: 4_000, ..BurstMetrics::default() }),
        remote_metrics: Some(VoipMetrics { r_factor: Some(80), end_system_delay_ms: 70, ..VoipMetrics::default() }),
        quality: vec![
            QualityPoint { at_ms: 5_000, mos_in: Some(4.4), buffer_ms: 40.0, ..QualityPoint::default() },
            QualityPoint {
                at_ms: 10_000,
                mos_out: Some(3.2),
                loss_in: 0.123_456,
                loss_out: Some(0.05),
                jitter_ms: 7.26,
                round_trip_ms: Some(31.0),
                ..QualityPoint::default()
            },
        ],
        ..LegStats::default()
    };
    call.media = CallMedia::from(&stats);
    api.state.store.upsert_call(call);
    for path in ["Quality.json", "Quality"] {
        let reply = api.get(&format!("{}/{}/{path}", calls(), sid(4))).await;
        assert_eq!(reply.status, 200);
        let expected = json!({
            "call_sid": sid(4).to_string(), "account_sid": PROJECT, "codec": null, "mos_in": 4.3123, "mos_out": 3.9,
            "packets_in": 500, "packets_out": 0, "lost_in": 3, "lost_out": 7, "concealed_in": 0, "jitter_ms_max": 0.0,
            "burst_ms": 120, "gap_ms": 4_000, "remote_r_factor": 80, "remote_delay_ms": 70,
            "points": [
                {"at": 5, "mos_in": 4.4, "mos_out": null, "loss_in": 0.0, "loss_out": null, "jitter_ms": 0.0,
                 "rtt_ms": null, "buffer_ms": 40.0},
                {"at": 10, "mos_in": null, "mos_out": 3.2, "loss_in": 0.1235, "loss_out": 0.05, "jitter_ms": 7.3,
                 "rtt_ms": 31.0, "buffer_ms": 0.0},
            ],
            "uri": format!("{}/{}/Quality", calls(), sid(4)),
        });
        assert_eq!(reply.json(), expected);
    }
    let shown = api.get(&format!("{}/{}.json", calls(), sid(4))).await.json();
    assert_eq!(
        (&shown["audio_rtt_min"], &shown["audio_rtt_max"], &shown["audio_rtt_avg"]),
        (&json!(10.0), &json!(90.5), &json!(33.33))
    );
    assert_eq!((&shown["audio_out_jitter_avg"], &shown["audio_out_lost"]), (&json!(2.0), &json!(7)));
    assert_eq!(api.get(&format!("{}/{}/Quality.json", calls(), sid(9))).await.status, 404);
}

#[actix_web::test]
async fn a_live_call_is_changed_as_its_state_allows() {
    let api = Api::new().await;
    api.calls.put(1, CallStatus::InProgress);
    api.calls.put(2, CallStatus::Ringing);
    let over = CallRecord { status: CallStatus::Completed, ..api.calls.put(3, CallStatus::Completed) };
    api.calls.live.lock().unwrap().remove(&over.sid);
    api.state.store.upsert_call(over);
    for (n, form, status, code) in [
        (1, "Url=http://a/next&Method=GET", 200, Value::Null),
        (1, "Status=completed", 200, Value::Null),
        (1, "Laml=%3CResponse%2F%3E", 200, Value::Null),
        (2, "Status=canceled", 200, Value::Null),
        (2, "Status=completed", 200, Value::Null),
        (1, "Status=canceled", 400, json!(10000)),
        (1, "Status=busy", 400, json!(10000)),
        (2, "Url=http://a/next", 400, json!(21220)),
        (3, "Url=http://a/next", 400, json!(21220)),
        (3, "Status=completed", 400, json!(10000)),
        (9, "Status=completed", 404, json!(20404)),
        (1, "Url=x", 400, json!(21205)),
        (1, "Url=http://a/&Method=PUT", 400, json!(21209)),
    ] {
        let reply = api.form(&format!("{}/{}", calls(), sid(n)), form).await;
        assert_eq!((reply.status, reply.json()["code"].clone()), (status, code), "{n} {form}");
    }
    let updated = api.calls.updated.lock().unwrap();
    assert_eq!(updated.len(), 5);
    assert_eq!(updated[0].1.document, Some(CallDocument::Url { url: "http://a/next".into(), method: Verb::Get }));
    assert_eq!((updated[1].1.end, updated[3].1.end), (Some(EndCall::Complete), Some(EndCall::Cancel)));
}

#[actix_web::test]
async fn finished_calls_are_deleted_and_others_are_not() {
    let api = Api::new().await;
    let live = api.calls.put(1, CallStatus::InProgress);
    let over = CallRecord { sid: sid(2), status: CallStatus::Completed, ..live.clone() };
    api.state.store.upsert_call(live);
    api.state.store.upsert_call(over);
    let reply = api.delete(&format!("{}/{}", calls(), sid(1))).await;
    assert_eq!((reply.status, &reply.json()["code"]), (400, &json!(20009)));
    assert_eq!(api.delete(&format!("{}/{}.json", calls(), sid(2))).await.status, 204);
    assert_eq!(api.delete(&format!("{}/{}", calls(), sid(2))).await.status, 404);
}

fn listed(reply: &Reply) -> Vec<u8> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let calls = reply.json()["calls"].as_array().unwrap().clone();
    calls.iter().map(|c| c["sid"].as_str().unwrap().parse::<Sid>().unwrap().as_bytes()[0]).collect()
}

/// Calls 1..=7 a day apart from 2023-11-01 on; odd ones live, and the first of those stored too.
async fn a_week(api: &Api) {
    for n in 1..=7u8 {
        let at = WallTime(1_698_796_800_000 + i64::from(n - 1) * 86_400_000);
        let to = format!("sip:u{n}@h");
        let mut call = CallRecord::new(sid(n), CallDirection::Inbound, "a+b".into(), to, at);
        call.started = Some(at);
        call.status = if n % 2 == 1 { CallStatus::InProgress } else { CallStatus::Completed };
        if n == 1 {
            let stale = CallRecord { status: CallStatus::Ringing, ..call.clone() };
            api.state.store.upsert_call(stale);
        }
        if n % 2 == 1 {
            api.calls.live.lock().unwrap().insert(call.sid, call);
        } else {
            api.state.store.upsert_call(call);
        }
    }
}

#[actix_web::test]
async fn the_list_joins_live_and_stored_calls_and_filters_them() {
    let api = Api::new().await;
    a_week(&api).await;
    for (query, expected) in [
        ("", vec![7, 6, 5, 4, 3, 2, 1]),
        ("Status=completed", vec![6, 4, 2]),
        ("Status=in-progress", vec![7, 5, 3, 1]),
        ("Status=ringing", vec![]),
        ("To=sip:u4%40h", vec![4]),
        ("From=a%2Bb&Status=completed", vec![6, 4, 2]),
        ("StartTime=2023-11-03", vec![3]),
        ("StartTime%3E=2023-11-05", vec![7, 6, 5]),
        ("StartTime%3E%3D=2023-11-05", vec![7, 6, 5, 4, 3, 2, 1]),
        ("StartTime%3C=2023-11-02", vec![2, 1]),
        ("StartTime%3E=2023-11-02&StartTime%3C=2023-11-04", vec![4, 3, 2]),
        ("StartTime=Fri,+03+Nov+2023+00:00:00+%2B0000", vec![3]),
        ("EndTime%3E=2023-01-01", vec![]),
        (&format!("ParentCallSid={}", sid(9)), vec![]),
    ] {
        assert_eq!(listed(&api.get(&format!("{}.json?{query}", calls())).await), expected, "{query}");
    }
    for (query, code) in [
        ("Status=gone", 20422),
        ("StartTime=soon", 20422),
        ("ParentCallSid=x", 20422),
        ("PageSize=0", 54454),
        ("PageSize=1001", 54454),
        ("Page=1", 54453),
        ("Page=1&PageToken=PAx", 21481),
        ("Page=1&PageToken=x", 21481),
        ("Page=1&PageToken=%C3%A9", 21481),
        ("Page=x", 54453),
    ] {
        let reply = api.get(&format!("{}?{query}", calls())).await;
        assert_eq!((reply.status, &reply.json()["code"]), (400, &json!(code)), "{query}");
    }
}

#[actix_web::test]
async fn pages_follow_one_another_in_both_directions() {
    let api = Api::new().await;
    a_week(&api).await;
    let mut reply = api.get(&format!("{}?PageSize=2&From=a%2Bb", calls())).await;
    let meta: Vec<String> = reply.json().as_object().unwrap().keys().cloned().collect();
    let expected = ["calls", "first_page_uri", "next_page_uri", "page", "page_size", "previous_page_uri", "uri"];
    assert_eq!(meta, expected);
    assert_eq!(reply.json()["previous_page_uri"], Value::Null);
    let mut forward = vec![listed(&reply)];
    while let Some(next) = reply.json()["next_page_uri"].as_str() {
        assert!(next.starts_with("/api/laml/2010-04-01/Accounts/") && next.contains("From=a%2Bb"), "{next}");
        reply = api.get(next).await;
        forward.push(listed(&reply));
    }
    assert_eq!(forward, [vec![7, 6], vec![5, 4], vec![3, 2], vec![1]]);
    let mut backward = vec![listed(&reply)];
    while let Some(previous) = reply.json()["previous_page_uri"].as_str() {
        reply = api.get(previous).await;
        backward.push(listed(&reply));
    }
    backward.reverse();
    assert_eq!(backward, forward);
    assert_eq!(reply.json()["page"], 0);
}

#[actix_web::test]
async fn a_calls_log_is_shown() {
    let api = Api::new().await;
    let call = CallRecord { status: CallStatus::Completed, ..api.calls.put(1, CallStatus::Completed) };
    api.state.store.upsert_call(call);
    let event = CallEvent {
        call_sid: sid(1),
        at: WallTime(0),
        level: EventLevel::Warning,
        code: 53404,
        message: "bad codecs".into(),
        line: None,
    };
    api.state.store.log_event(event);
    api.state.store.flush().await.unwrap();
    let reply = api.get(&format!("/api/tandem/calls/{}/events", sid(1))).await;
    let expected = json!({"data": [{"at": "1970-01-01T00:00:00Z", "level": "warning", "code": 53404,
        "message": "bad codecs", "line": null}]});
    assert_eq!(reply.json(), expected);
    assert_eq!(api.get(&format!("/api/tandem/calls/{}/events", sid(2))).await.status, 404);
}
