use tandem_call::call::StreamStatus;
use tandem_laml::instruction::{Method, StreamCodec, Track};

use super::{Api, PROJECT, sid};

fn path(rest: &str) -> String {
    format!("/api/laml/2010-04-01/Accounts/{PROJECT}/Calls/{}/Streams{rest}", sid(1))
}

#[actix_web::test]
async fn a_stream_is_started_with_all_it_can_be_given() {
    let api = Api::new().await;
    let form = "Url=wss%3A%2F%2Fa.example%2Faudio&Name=ears&Track=inbound_track&StatusCallback=https%3A%2F%2Fa.example%2Fs\
                &StatusCallbackMethod=get&Parameter1.Name=a&Parameter1.Value=1&Parameter99.Name=b&AuthorizationBearerToken=t0k\
                &StreamCodec=L16%4016000h&StreamRealTime=True";
    for suffix in ["", ".json"] {
        let reply = api.form(&path(suffix), form).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let shown = reply.json();
        let uri = path(&format!("/{}", sid(50)));
        for (name, value) in [
            ("sid", sid(50).to_string()),
            ("account_sid", PROJECT.to_owned()),
            ("call_sid", sid(1).to_string()),
            ("name", "ears".to_owned()),
            ("status", "queued".to_owned()),
            ("date_updated", "Thu, 01 Jan 1970 00:00:01 +0000".to_owned()),
            ("uri", uri),
        ] {
            assert_eq!(shown[name], value, "{name}");
        }
        assert_eq!(shown.as_object().map(|o| o.len()), Some(7));
    }
    let started = api.streams.started.lock().unwrap();
    let (call, stream) = &started[0];
    assert_eq!((*call, stream.name.as_deref(), stream.track), (sid(1), Some("ears"), Track::Inbound));
    assert_eq!(stream.url, "wss://a.example/audio");
    assert_eq!(stream.codec, StreamCodec::L16(tandem_model::SampleRate::HZ_16000));
    assert_eq!(stream.status_callback, Some(("https://a.example/s".to_owned(), Method::Get)));
    assert_eq!(stream.parameters, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())]);
    assert_eq!((stream.bearer_token.as_deref(), stream.realtime), (Some("t0k"), true));
}

#[actix_web::test]
async fn what_was_left_out_has_its_default() {
    let api = Api::new().await;
    assert_eq!(api.form(&path(""), "Url=wss://a.example/").await.status, 201);
    let started = api.streams.started.lock().unwrap();
    let stream = &started[0].1;
    assert_eq!((stream.track, stream.codec, stream.realtime), (Track::Both, StreamCodec::Pcmu, false));
    assert!(stream.name.is_none() && stream.bearer_token.is_none() && stream.status_callback.is_none());
}

#[actix_web::test]
async fn what_is_wrong_is_told_with_its_number() {
    let api = Api::new().await;
    for (form, code) in [
        ("", 31922),
        ("Url=https://a.example/", 31922),
        ("Url=wss://a.example/?x=1", 31922),
        ("Url=wss://a.example/%20", 31922),
        ("Url=audio", 31922),
        ("Url=wss://a.example/&Track=left", 20422),
        ("Url=wss://a.example/&StreamCodec=MP3", 53404),
        ("Url=wss://a.example/&StreamRealTime=soon", 20422),
        ("Url=wss://a.example/&AuthorizationBearerToken=a%0Ab", 20422),
        ("Url=wss://a.example/&Name=a%07", 20422),
        ("Url=wss://a.example/&StatusCallback=ftp://a", 21402),
        ("Url=wss://a.example/&StatusCallback=https://a.example&StatusCallbackMethod=PUT", 21209),
        ("Url=wss://a.example/&Parameter3.Value=x", 20422),
        ("Url=wss://a.example/&Parameter1.Name=x&Parameter2.Name=x", 20422),
        ("Url=wss://a.example/&Name=taken", 20422),
    ] {
        let reply = api.form(&path(""), form).await;
        assert_eq!((reply.status, reply.json()["code"].as_u64()), (400, Some(code)), "{form}: {}", reply.text);
    }
    let elsewhere = path("").replace(&sid(1).to_string(), &sid(2).to_string());
    assert_eq!(api.form(&elsewhere, "Url=wss://a.example/").await.status, 404);
    assert_eq!(api.form(&path("").replace(&sid(1).to_string(), "nonsense"), "Url=wss://a.example/").await.status, 404);
}

#[actix_web::test]
async fn a_stream_is_stopped_by_its_sid_or_its_name() {
    let api = Api::new().await;
    for which in [sid(50).to_string(), "ears".to_owned(), format!("{}.json", sid(50))] {
        let reply = api.form(&path(&format!("/{which}")), "Status=stopped").await;
        assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some(StreamStatus::Stopped.as_str())));
    }
    assert_eq!(*api.streams.stopped.lock().unwrap(), [sid(50).to_string(), "ears".to_owned(), sid(50).to_string()]);
    for form in ["", "Status=paused"] {
        let reply = api.form(&path("/ears"), form).await;
        assert_eq!((reply.status, reply.json()["code"].as_u64()), (400, Some(20422)));
    }
    assert_eq!(api.form(&path("/nobody"), "Status=stopped").await.status, 404);
}
