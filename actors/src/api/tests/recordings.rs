use tandem_media::record::{Layout, Track};
use tandem_media::tap::TapFrame;
use tandem_model::SampleRate;

use serde_json::{Value, json};
use tandem_laml::instruction::Method as Verb;
use tandem_media::record::Pause;

use super::*;
use crate::api::{RecordingCallback, RecordingEvents};
use crate::recording::RecordingSpec;
use crate::store::RecordingTrack;

const SID: &str = "11111111-2222-4333-8444-555555555555";

async fn with_recording() -> Api {
    let api = Api::new().await;
    let spec = RecordingSpec {
        sid: SID.parse().unwrap(),
        layout: Layout::Mono(Track::Inbound),
        rate: SampleRate::HZ_8000,
        trim: false,
        max: None,
        silence_max: None,
    };
    let (handle, sink) = api.state.recordings.start(spec).unwrap();
    for tick in 0..100 {
        // "AB" in each sample, so that the file can be read as text.
        sink.take(TapFrame { tick, inbound: &[i16::from_le_bytes(*b"AB"); 160], outbound: &[] });
    }
    sink.ended();
    handle.report().await;
    api
}

#[actix_web::test]
async fn a_recording_is_served_as_wav_with_and_without_its_ending() {
    let api = with_recording().await;
    for prefix in ["/api/laml/2010-04-01", "/2010-04-01"] {
        for ending in ["", ".wav"] {
            let reply = api.get(&format!("{prefix}/Accounts/{PROJECT}/Recordings/{SID}{ending}")).await;
            assert_eq!(
                (reply.status, reply.headers.get("content-type").unwrap().as_bytes()),
                (200, &b"audio/x-wav"[..])
            );
            assert!(reply.text.starts_with("RIFF") && reply.text.ends_with(&"AB".repeat(16_000)));
        }
    }
}

#[actix_web::test]
async fn a_player_that_is_wound_on_gets_the_stretch_it_asks_for() {
    let api = with_recording().await;
    let path = format!("/2010-04-01/Accounts/{PROJECT}/Recordings/{SID}.wav");
    let whole = api.get(&path).await;
    assert_eq!(whole.headers.get("accept-ranges").unwrap(), "bytes");
    let part =
        async |range: &str| api.ask(TestRequest::get().uri(&path).insert_header(("range", range.to_owned()))).await;
    let header = part("bytes=0-3").await;
    assert_eq!((header.status, &*header.text), (206, "RIFF"));
    assert_eq!(header.headers.get("content-range").unwrap(), &format!("bytes 0-3/{}", 44 + 32_000));
    let tail = part("bytes=-4").await;
    assert_eq!((tail.status, &*tail.text), (206, "ABAB"));
    let long = part("bytes=44-").await;
    assert_eq!((long.status, long.text), (206, "AB".repeat(16_000)));
    let outside = part("bytes=99999-").await;
    assert_eq!(
        (outside.status, outside.headers.get("content-range").unwrap().as_bytes()),
        (416, &b"bytes */32044"[..])
    );
    assert_eq!(part("bytes=0-1,4-5").await.status, 200);
}

#[actix_web::test]
async fn an_mp3_is_made_or_its_encoder_is_named() {
    let api = with_recording().await;
    let reply = api.get(&format!("/2010-04-01/Accounts/{PROJECT}/Recordings/{SID}.mp3")).await;
    match reply.status {
        200 => assert_eq!(reply.headers.get("content-type").unwrap().as_bytes(), b"audio/mpeg"),
        503 => assert!(reply.text.contains("lame is not installed"), "{}", reply.text),
        other => panic!("{other}: {}", reply.text),
    }
}

#[actix_web::test]
async fn what_is_no_recording_is_not_found_and_a_deleted_one_is_gone() {
    let api = with_recording().await;
    let path = |sid: &str| format!("/2010-04-01/Accounts/{PROJECT}/Recordings/{sid}");
    for other in [
        "11111111-2222-4333-8444-555555555556.wav",
        "11111111-2222-4333-8444-555555555556.mp3",
        "..%2f..%2ftandem.wav",
        "x.mp3",
    ] {
        assert_eq!(api.get(&path(other)).await.status, 404, "{other}");
    }
    assert_eq!(api.send(TestRequest::get().uri(&path(SID))).await.status, 200, "whoever knows its name may hear it");
    for (other, status) in [
        (path(&format!("{SID}.json")), 401),
        (path("x.wav"), 401),
        (path(SID).replace("Recordings", "Recordings/x"), 401),
        (path(SID).replace(PROJECT, "00000000-0000-4000-8000-000000000001"), 401),
    ] {
        assert_eq!(api.send(TestRequest::get().uri(&other)).await.status, status, "{other}");
    }
    assert_eq!(api.send(TestRequest::delete().uri(&path(SID))).await.status, 401);
    let choice = serde_json::json!({"media_url_protection": true});
    assert_eq!(api.json(Method::PUT, "/api/tandem/project", choice).await.status, 200);
    for ending in ["", ".wav", ".mp3"] {
        assert_eq!(api.send(TestRequest::get().uri(&path(&format!("{SID}{ending}")))).await.status, 401, "{ending}");
    }
    assert_eq!(api.ask(TestRequest::delete().uri(&path(SID))).await.status, 204);
    assert_eq!(api.ask(TestRequest::delete().uri(&path(SID))).await.status, 404);
    assert_eq!(api.get(&path(SID)).await.status, 404);
}

fn account(below: &str) -> String {
    format!("/api/laml/2010-04-01/Accounts/{PROJECT}{below}")
}

fn record(n: u8, call: u8, status: RecordingStatus) -> RecordingRecord {
    RecordingRecord {
        call_sid: Some(sid(call)),
        status,
        channels: 2,
        started: Some(WallTime(i64::from(n) * 1_000)),
        duration_secs: status.is_final().then_some(7),
        ..RecordingRecord::new(sid(n), RecordingSource::StartCallRecordingApi, WallTime(i64::from(n) * 1_000))
    }
}

fn sids(list: &Value) -> Vec<String> {
    list["recordings"].as_array().unwrap().iter().map(|r| r["sid"].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn recordings_are_listed_by_call_and_by_day_and_walked_in_pages() {
    let api = Api::new().await;
    for n in 1..=5 {
        api.state.store.upsert_recording(record(n, 100 + n % 2, RecordingStatus::Completed));
    }
    let all = api.get(&account("/Recordings.json")).await.json();
    assert_eq!(sids(&all), [5, 4, 3, 2, 1].map(|n| sid(n).to_string()));
    let of_call = api.get(&account(&format!("/Recordings?CallSid={}", sid(101)))).await.json();
    assert_eq!(sids(&of_call), [5, 3, 1].map(|n| sid(n).to_string()));
    let none = api.get(&account("/Recordings?DateCreated%3E=1970-01-02")).await.json();
    assert_eq!(sids(&none), Vec::<String>::new());
    let late = api.get(&account("/Recordings?DateCreated%3C=1970-01-01T00:00:02Z")).await.json();
    assert_eq!(sids(&late), [2, 1].map(|n| sid(n).to_string()));
    let first = api.get(&account("/Recordings?PageSize=2")).await.json();
    let next = api.get(first["next_page_uri"].as_str().unwrap()).await.json();
    assert_eq!(sids(&next), [3, 2].map(|n| sid(n).to_string()));
    for (query, code) in [("CallSid=x", 20422), ("ConferenceSid=x", 20422), ("DateCreated=x", 20422)] {
        assert_eq!(api.get(&account(&format!("/Recordings?{query}"))).await.json()["code"], code, "{query}");
    }
    assert_eq!(api.get(&account(&format!("/Calls/{}/Recordings", sid(101)))).await.status, 404, "no such call");
    api.calls.put(101, CallStatus::InProgress);
    let of_call = api.get(&account(&format!("/Calls/{}/Recordings.json", sid(101)))).await.json();
    assert_eq!(sids(&of_call), [5, 3, 1].map(|n| sid(n).to_string()));
    assert!(of_call["uri"].as_str().unwrap().contains("/Calls/"));
}

#[actix_web::test]
async fn a_recording_is_shown_as_documented_and_in_the_other_dialect_otherwise() {
    let api = Api::new().await;
    api.state.store.upsert_recording(record(1, 9, RecordingStatus::Completed));
    let path = account(&format!("/Recordings/{}.json", sid(1)));
    let shown = api.get(&path).await.json();
    for (key, value) in [
        ("sid", json!(sid(1).to_string())),
        ("account_sid", json!(PROJECT)),
        ("api_version", json!("2010-04-01")),
        ("call_sid", json!(sid(9).to_string())),
        ("conference_sid", Value::Null),
        ("channels", json!("2")),
        ("channel", json!("2")),
        ("start_time", json!("Thu, 01 Jan 1970 00:00:01 +0000")),
        ("end_time", Value::Null),
        ("duration", json!(7)),
        ("price", Value::Null),
        ("source", json!("StartCallRecordingApi")),
        ("status", json!("completed")),
        ("error_code", Value::Null),
        ("uri", json!(account(&format!("/Recordings/{}", sid(1))))),
        ("encryption_details", Value::Null),
        ("trim", json!("do-not-trim")),
    ] {
        assert_eq!(shown[key], value, "{key}");
        assert!(shown.as_object().unwrap().contains_key(key), "{key}");
    }
    api.json(Method::PUT, "/api/tandem/project", json!({"dialect": "twilio"})).await;
    let shown = api.get(&path).await.json();
    assert_eq!((&shown["duration"], &shown["channels"]), (&json!("7"), &json!(2)));
    assert_eq!(shown["source"], "StartCallRecordingAPI");
    let below = format!("/2010-04-01/Accounts/{PROJECT}/Recordings/{}", sid(1));
    assert_eq!(
        (&shown["uri"], &shown["media_url"]),
        (&json!(format!("{below}.json")), &json!(format!("{URL}{below}")))
    );
}

#[actix_web::test]
async fn a_call_in_progress_is_recorded_as_asked_and_no_other() {
    let api = Api::new().await;
    api.calls.put(1, CallStatus::InProgress);
    api.calls.put(2, CallStatus::Ringing);
    let path = account(&format!("/Calls/{}/Recordings.json", sid(1)));
    let form = "RecordingChannels=dual&RecordingTrack=inbound&Trim=trim-silence&RecordingStatusCallback=http://a/r\
        &RecordingStatusCallbackMethod=GET&RecordingStatusCallbackEvent=in-progress+absent";
    let made = api.form(&path, form).await;
    assert_eq!((made.status, &made.json()["status"]), (201, &json!("in-progress")), "{}", made.text);
    assert_eq!(api.form(&path, "").await.status, 201);
    let started = api.calls.recordings_started.lock().unwrap().clone();
    let callback = RecordingCallback {
        url: "http://a/r".into(),
        method: Verb::Get,
        events: RecordingEvents { in_progress: true, completed: false, absent: true },
    };
    let asked =
        StartRecording { channels: 2, track: RecordingTrack::Inbound, trim: true, status_callback: Some(callback) };
    let plain = StartRecording { channels: 1, track: RecordingTrack::Both, trim: false, status_callback: None };
    assert_eq!(started, [(sid(1), asked), (sid(1), plain)]);
    for (form, code) in [
        ("RecordingChannels=3", 20422),
        ("RecordingTrack=all", 20422),
        ("Trim=yes", 13699),
        ("RecordingStatusCallback=x", 21402),
        ("RecordingStatusCallback=http://a/&RecordingStatusCallbackMethod=PUT", 21209),
        ("RecordingStatusCallbackEvent=ringing", 13621),
    ] {
        let refused = api.form(&path, form).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!(code)), "{form}");
    }
    let ringing = api.form(&account(&format!("/Calls/{}/Recordings", sid(2))), "").await;
    assert_eq!((ringing.status, &ringing.json()["code"]), (400, &json!(21220)));
    assert_eq!(api.form(&account(&format!("/Calls/{}/Recordings", sid(3))), "").await.status, 404);
    assert_eq!(api.calls.recordings_started.lock().unwrap().len(), 2);
}

#[actix_web::test]
async fn a_recording_is_paused_resumed_stopped_and_deleted_once_it_is_finished() {
    let api = Api::new().await;
    api.calls.put(9, CallStatus::InProgress);
    api.state.store.upsert_recording(record(1, 9, RecordingStatus::InProgress));
    api.state.store.upsert_recording(record(2, 8, RecordingStatus::Completed));
    let path = account(&format!("/Calls/{}/Recordings/{}.json", sid(9), sid(1)));
    let current = account(&format!("/Calls/{}/Recordings/Twilio.CURRENT.json", sid(9)));
    for (path, form, shown) in [
        (&path, "Status=paused", "paused"),
        (&path, "Status=in-progress", "in-progress"),
        (&current, "Status=paused&PauseBehavior=skip", "paused"),
        (&current, "Status=stopped", "stopped"),
    ] {
        let reply = api.form(path, form).await;
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(shown)), "{form}: {}", reply.text);
    }
    let named = RecordingName::Sid(sid(1));
    let changes = [
        (sid(9), named, RecordingChange::Pause(Pause::Silence)),
        (sid(9), named, RecordingChange::Resume),
        (sid(9), RecordingName::Current, RecordingChange::Pause(Pause::Skip)),
        (sid(9), RecordingName::Current, RecordingChange::Stop),
    ];
    assert_eq!(*api.calls.recordings_changed.lock().unwrap(), changes);
    for form in ["", "Status=gone", "Status=paused&PauseBehavior=x"] {
        assert_eq!(api.form(&path, form).await.json()["code"], 20422, "{form}");
    }
    let foreign = account(&format!("/Calls/{}/Recordings/{}", sid(9), sid(2)));
    assert_eq!(api.form(&foreign, "Status=paused").await.status, 404, "of another call");
    assert_eq!(api.get(&foreign).await.status, 404);

    let running = api.delete(&path).await;
    assert_eq!((running.status, &running.json()["code"]), (400, &json!(20009)));
    api.state.store.upsert_recording(record(1, 9, RecordingStatus::Completed));
    assert_eq!(api.delete(&path).await.status, 204);
    assert_eq!(api.delete(&account(&format!("/Recordings/{}.json", sid(2)))).await.status, 204);
    assert_eq!(api.get(&account(&format!("/Recordings/{}.json", sid(2)))).await.status, 404);
    assert_eq!(sids(&api.get(&account("/Recordings")).await.json()), Vec::<String>::new());
}
