use std::time::Duration;

use serde_json::json;
use tandem_call::call::{ApiAmd, AsyncAmd};
use tandem_laml::instruction::Method as Verb;
use tandem_media::amd::{AmdConfig, Goal};

use super::*;
use crate::store::{TranscriptionRecord, TranscriptionStatus};

const GOOD: &str = "To=sip%3Abob%40example.com&From=alice&Url=https%3A%2F%2Fapp.example.com%2Fx";

fn calls() -> String {
    format!("/api/laml/2010-04-01/Accounts/{PROJECT}/Calls")
}

#[actix_web::test]
async fn machine_detection_has_its_documented_defaults_and_ranges() {
    let api = Api::new().await;
    let made = async |more: &str| {
        let reply = api.form(&calls(), &format!("{GOOD}&{more}")).await;
        assert_eq!(reply.status, 201, "{more}: {}", reply.text);
        api.calls.created.lock().unwrap().pop().unwrap().amd
    };
    assert_eq!(made("MachineDetection=none&MachineDetectionTimeout=20").await, None);
    let config = AmdConfig::new(Goal::WhoAnswered);
    assert_eq!(made("MachineDetection=Enable").await, Some(ApiAmd { config, asynchronous: None }));
    let found = made(
        "MachineDetection=DetectMessageEnd&MachineDetectionTimeout=120&MachineDetectionSpeechThreshold=1000\
         &MachineDetectionSpeechEndThreshold=5000&MachineDetectionSilenceTimeout=2000&MachineWordsThreshold=100\
         &AsyncAmd=True&AsyncAmdStatusCallback=http://a/amd&AsyncAmdStatusCallbackMethod=GET&AsyncAmdPartialResults=true",
    );
    let ms = Duration::from_millis;
    let config = AmdConfig {
        goal: Goal::MessageEnd,
        timeout: ms(120_000),
        speech_threshold: ms(1_000),
        speech_end_threshold: ms(5_000),
        silence_timeout: ms(2_000),
        words_threshold: 100,
    };
    let asynchronous = Some(AsyncAmd { url: "http://a/amd".into(), method: Verb::Get, partials: true });
    assert_eq!(found.await, Some(ApiAmd { config, asynchronous }));
}

#[actix_web::test]
async fn wrong_machine_detection_has_its_codes() {
    let api = Api::new().await;
    for (more, code) in [
        ("MachineDetection=Maybe", 21234),
        ("MachineDetection=Enable&MachineDetectionTimeout=0", 21234),
        ("MachineDetection=Enable&MachineDetectionTimeout=121", 21234),
        ("MachineDetection=Enable&MachineDetectionSpeechThreshold=999", 21234),
        ("MachineDetection=Enable&MachineDetectionSpeechEndThreshold=5001", 21234),
        ("MachineDetection=Enable&MachineDetectionSilenceTimeout=x", 21234),
        ("MachineDetection=Enable&MachineWordsThreshold=101", 21234),
        ("MachineDetection=Enable&AsyncAmd=maybe", 21234),
        ("AsyncAmd=true&AsyncAmdStatusCallback=http://a/", 21234),
        ("MachineDetection=Enable&AsyncAmd=true", 21262),
        ("MachineDetection=Enable&AsyncAmd=true&AsyncAmdStatusCallback=x", 21402),
        (
            "MachineDetection=Enable&AsyncAmd=true&AsyncAmdStatusCallback=http://a/&AsyncAmdStatusCallbackMethod=PUT",
            21209,
        ),
    ] {
        let reply = api.form(&calls(), &format!("{GOOD}&{more}")).await;
        assert_eq!((reply.status, &reply.json()["code"]), (400, &json!(code)), "{more}: {}", reply.text);
    }
    assert!(api.calls.created.lock().unwrap().is_empty());
}

fn transcription(n: u8, recording: u8) -> TranscriptionRecord {
    TranscriptionRecord {
        sid: Sid::from_bytes([n; 16]),
        recording_sid: Sid::from_bytes([recording; 16]),
        status: TranscriptionStatus::Completed,
        created: WallTime(1_000 * i64::from(n)),
        updated: WallTime(2_000 * i64::from(n)),
        duration_secs: 7,
        text: format!("words {n}"),
    }
}

#[actix_web::test]
async fn transcriptions_are_listed_shown_and_deleted() {
    let api = Api::new().await;
    for (n, recording) in [(1, 9), (2, 9), (3, 8)] {
        api.state.store.put_transcription(transcription(n, recording), true).await.unwrap();
    }
    for prefix in ["/api/laml/2010-04-01", "/2010-04-01"] {
        let base = format!("{prefix}/Accounts/{PROJECT}");
        let texts = async |path: &str| {
            let body = api.get(&format!("{base}{path}")).await.json();
            let list = body["transcriptions"].as_array().unwrap_or_else(|| panic!("{path}: {body}")).clone();
            let texts: Vec<String> =
                list.iter().map(|t| t["transcription_text"].as_str().unwrap().to_owned()).collect();
            (texts, body)
        };
        assert_eq!(texts("/Transcriptions.json").await.0, ["words 3", "words 2", "words 1"]);
        let (first, body) = texts("/Transcriptions?PageSize=2").await;
        assert_eq!(first, ["words 3", "words 2"]);
        let next = body["next_page_uri"].as_str().unwrap();
        let rest = api.get(next).await.json();
        assert_eq!(
            (rest["transcriptions"][0]["transcription_text"].as_str(), &rest["next_page_uri"]),
            (Some("words 1"), &Value::Null)
        );
        let recording = Sid::from_bytes([9; 16]);
        let of_one = texts(&format!("/Recordings/{recording}/Transcriptions.json")).await;
        assert_eq!(of_one.0, ["words 2", "words 1"]);
        for (query, code) in [("Page=1", 54453), ("PageSize=0", 54454), ("Page=1&PageToken=PAx", 21481)] {
            let reply = api.get(&format!("{base}/Transcriptions?{query}")).await;
            assert_eq!(reply.json()["code"], json!(code), "{query}");
        }
    }
    let one = format!("/2010-04-01/Accounts/{PROJECT}/Transcriptions/{}", Sid::from_bytes([3; 16]));
    let body = api.get(&format!("{one}.json")).await.json();
    assert_eq!((&body["status"], &body["duration"], &body["type"]), (&json!("completed"), &json!(7), &json!("fast")));
    assert_eq!(body["recording_sid"], json!(Sid::from_bytes([8; 16]).to_string()));
    assert_eq!(api.delete(&one).await.status, 204);
    assert_eq!((api.get(&one).await.status, api.delete(&one).await.status), (404, 404));
    // News of one that was deleted do not bring it back.
    api.state.store.put_transcription(transcription(3, 8), false).await.unwrap();
    assert_eq!(api.get(&one).await.status, 404);
    assert_eq!(api.send(TestRequest::get().uri(&one)).await.status, 401);
}
