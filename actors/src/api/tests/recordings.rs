use tandem_media::record::{Layout, Track};
use tandem_media::tap::TapFrame;
use tandem_model::SampleRate;

use super::*;
use crate::recording::RecordingSpec;

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
    assert_eq!(api.send(TestRequest::get().uri(&path(SID))).await.status, 401);
    assert_eq!(api.ask(TestRequest::delete().uri(&path(SID))).await.status, 204);
    assert_eq!(api.ask(TestRequest::delete().uri(&path(SID))).await.status, 404);
    assert_eq!(api.get(&path(SID)).await.status, 404);
}
