//! A voicemail: a greeting, a beep, what the caller says as a file, and everybody who is told of it.

use std::time::Duration;

use serde_json::json;

use crate::common::app_server::Seen;
use crate::common::tandem::{PASSWORD, SIGNING_KEY, TOKEN};
use crate::common::{AppServer, Phone, Reply, Tandem, alone, audio, eventually, http};

/// A box with a short greeting, and the greeting.
fn mailbox(tandem: &Tandem) -> (AppServer, Vec<i16>) {
    let greeting = audio::sweep(1.5, 500.0, 1_500.0);
    let wav = audio::wav(&greeting);
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(
            "<Play>/greeting.wav</Play><Record action=\"/message\" maxLength=\"30\" timeout=\"0\" finishOnKey=\"#\" \
             recordingStatusCallback=\"/recording\" recordingStatusCallbackEvent=\"in-progress completed absent\"/>",
        ),
        "/greeting.wav" => Reply::wav(wav.clone()),
        "/message" => Reply::laml("<Hangup/>"),
        "/recording" | "/status" => Reply::empty(),
        _ => Reply::status(404),
    });
    let status = json!({"call_status_callback_url": app.url("/status")});
    tandem.domain_app("voicemail", &app, "/answer", status);
    (app, greeting)
}

fn download(tandem: &Tandem, url: &str) -> Vec<u8> {
    http::download(url, (&tandem.project, TOKEN))
}

fn names(request: &Seen) -> Vec<&str> {
    let mut names: Vec<_> = request.params.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

/// What is told of the recording of one call, once it is finished.
fn recording(app: &AppServer, call: &str) -> [Seen; 2] {
    let of_call = |s: &Seen| s.param("CallSid") == call;
    let done = app.wait("/recording", |s| of_call(s) && s.param("RecordingStatus") != "in-progress");
    let begun = app.wait("/recording", |s| of_call(s) && s.param("RecordingStatus") == "in-progress");
    [begun, done]
}

#[test]
fn a_message_ended_by_a_key_is_a_file_that_its_action_and_callbacks_know() {
    let _turn = alone();
    let tandem = Tandem::start();
    let (app, greeting) = mailbox(&tandem);
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("voicemail"));
    caller.connected(&mut call);
    let sid = app.wait("/answer", |_| true).param("CallSid").to_owned();
    app.wait("/recording", |s| s.param("RecordingStatus") == "in-progress");
    let alike = audio::likeness(&greeting, &call.media.heard());
    assert!(alike >= 0.85, "the greeting was heard: {alike:.2}");
    let words = audio::sweep(3.0, 700.0, 2_500.0);
    call.media.play(&words);
    std::thread::sleep(Duration::from_millis(3_400));
    call.media.dial("#");

    let action = app.wait("/message", |_| true);
    action.assert_signed(SIGNING_KEY);
    assert_eq!(action.param("Digits"), "#");
    assert_eq!(action.param("CallStatus"), "in-progress");
    let seconds: u32 = action.param("RecordingDuration").parse().expect("seconds");
    assert!((3..=5).contains(&seconds), "{seconds}");
    let [begun, done] = recording(&app, &sid);
    for told in [&begun, &done] {
        told.assert_signed(SIGNING_KEY);
        assert_eq!(told.param("AccountSid"), tandem.project);
        assert_eq!(told.param("RecordingSource"), "RecordVerb");
        assert_eq!(told.param("RecordingChannels"), "1");
        assert_eq!(told.param("RecordingUrl"), action.param("RecordingUrl"));
    }
    let exact = [
        "AccountSid",
        "ApiVersion",
        "CallSid",
        "RecordingChannels",
        "RecordingDuration",
        "RecordingSid",
        "RecordingSource",
        "RecordingStartTime",
        "RecordingStatus",
        "RecordingTrack",
        "RecordingUrl",
    ];
    assert_eq!(names(&done), exact);
    assert_eq!(done.param("RecordingStatus"), "completed");
    assert_eq!(done.param("RecordingDuration"), action.param("RecordingDuration"));

    caller.hung_up(&call);
    let url = action.param("RecordingUrl");
    assert!(url.ends_with(done.param("RecordingSid")), "{url}");
    let file = std::env::temp_dir().join(format!("voicemail-{}.wav", done.param("RecordingSid")));
    std::fs::write(&file, download(&tandem, url)).expect("to keep the file");
    let alike = audio::likeness(&words, &audio::read(&file));
    let _ = std::fs::remove_file(&file);
    assert!(alike >= 0.85, "the message is in the file: {alike:.2}");

    let over = app.wait("/status", |s| s.param("CallStatus") == "completed");
    assert_eq!(over.param("CallSid"), sid);
    let row = tandem.wait_call("the call's end", |c| c["sid"] == json!(sid) && c["status"] == "completed");
    assert_eq!(row["direction"], "inbound");
}

#[test]
fn a_caller_who_hangs_up_has_left_a_message_and_one_who_says_nothing_has_not() {
    let tandem = Tandem::start();
    let (app, _) = mailbox(&tandem);
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("voicemail"));
    caller.connected(&mut call);
    app.wait("/recording", |s| s.param("RecordingStatus") == "in-progress");
    call.media.play(&audio::sweep(2.0, 700.0, 2_500.0));
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(caller.hang_up(&mut call).status(), 200);
    let action = app.wait("/message", |_| true);
    assert_eq!(action.param("CallStatus"), "completed");
    assert_eq!(action.param("Digits"), "", "a key ended nothing");
    assert!(!download(&tandem, action.param("RecordingUrl")).is_empty());
    let first = action.param("CallSid").to_owned();
    let [_, done] = recording(&app, &first);
    assert_eq!(done.param("RecordingStatus"), "completed");

    // Nothing but silence is trimmed away.
    let mut call = caller.invite(&tandem.app_uri("voicemail"));
    caller.connected(&mut call);
    app.wait("/recording", |s| s.param("CallSid") != first && s.param("RecordingStatus") == "in-progress");
    std::thread::sleep(Duration::from_millis(600));
    call.media.dial("#");
    let action = app.wait("/message", |s| s.param("CallSid") != first);
    assert_eq!(action.param("RecordingUrl"), "", "{action:?}");
    let absent = app.wait("/recording", |s| s.param("RecordingStatus") == "absent");
    assert_eq!(absent.param("CallSid"), action.param("CallSid"));
    caller.hung_up(&call);
}

#[test]
fn a_dialled_conversation_is_recorded_on_two_channels() {
    let _turn = alone();
    let tandem = Tandem::start();
    tandem.endpoint("bob", json!({}));
    let domain = tandem.domain();
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(format!(
            "<Dial action=\"/dialled\" record=\"record-from-answer-dual\" recordingStatusCallback=\"/recording\">\
             <Sip>sip:bob@{domain}</Sip></Dial>"
        )),
        "/dialled" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    tandem.domain_app("recorded", &app, "/answer", json!({}));
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("recorded"));
    caller.connected(&mut call);
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    let (hers, his) = (audio::sweep(3.0, 400.0, 1_200.0), audio::sweep(3.0, 2_600.0, 1_400.0));
    std::thread::sleep(Duration::from_millis(300));
    call.media.play(&hers);
    rung.media.play(&his);
    std::thread::sleep(Duration::from_millis(3_600));
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    let dialled = app.wait("/dialled", |_| true);
    let done = app.wait("/recording", |_| true);
    assert_eq!(done.param("RecordingStatus"), "completed");
    assert_eq!((done.param("RecordingChannels"), done.param("RecordingSource")), ("2", "DialVerb"));
    assert_eq!(done.param("RecordingUrl"), dialled.param("RecordingUrl"));
    let wav = eventually("the file", Duration::from_secs(5), || Some(download(&tandem, done.param("RecordingUrl"))));
    // Sixteen bits of the caller, sixteen of the callee, behind a header.
    let samples: Vec<i16> = wav[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let channel = |n: usize| samples.iter().skip(n).step_by(2).copied().collect::<Vec<i16>>();
    let (left, right) = (audio::likeness(&hers, &channel(0)), audio::likeness(&his, &channel(1)));
    assert!(left >= 0.85 && right >= 0.85, "the caller left {left:.2}, the callee right {right:.2}");
    caller.hung_up(&call);
}

#[test]
fn a_recording_may_be_sent_away_instead_of_being_kept() {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml(
            "<Record playBeep=\"false\" action=\"/message\" finishOnKey=\"#\" storageUrl=\"/store?box=7\" storageUrlMethod=\"PUT\"/>",
        ),
        "/message" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    tandem.domain_app("sent", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("sent"));
    caller.connected(&mut call);
    call.media.play(&audio::sweep(1.0, 700.0, 2_500.0));
    std::thread::sleep(Duration::from_millis(1_500));
    call.media.dial("#");
    let action = app.wait("/message", |_| true);
    assert_eq!(action.param("RecordingUrl"), app.url("/store?box=7"));
    let stored = app.wait("/store", |_| true);
    stored.assert_signed(SIGNING_KEY);
    assert_eq!((stored.method.as_str(), stored.header("Content-Type")), ("PUT", Some("audio/x-wav")));
    let bytes: usize = stored.header("Content-Length").and_then(|l| l.parse().ok()).expect("a length");
    assert!(bytes > 8_000, "half a second at least: {bytes}");
    let sid = action.param("RecordingSid").to_owned();
    eventually("the file is gone from here", Duration::from_secs(5), || {
        (tandem.laml("GET", &format!("/Recordings/{sid}.wav"), &[]).status == 404).then_some(())
    });
    caller.hung_up(&call);
}
