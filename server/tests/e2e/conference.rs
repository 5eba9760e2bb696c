//! Conferences: people on different media threads who hear each other, a coach, holding, a recording, and all that is told of it.

use std::f64::consts::TAU;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::app_server::Seen;
use crate::common::phone::Call;
use crate::common::tandem::{Options, SIGNING_KEY, TOKEN};
use crate::common::{AppServer, Phone, Reply, Tandem, alone, audio, eventually, http};

const PATIENCE: Duration = Duration::from_secs(15);
/// Of each party: no multiple of another.
const ANNA: f64 = 460.0;
const BEN: f64 = 830.0;
const COACH: f64 = 1_370.0;
const HOLD: f64 = 2_210.0;

/// Calls land on both: the first on one, the second and third on the other.
fn two_threads() -> Tandem {
    Tandem::start_with(Options { media: "cpus = [0, 1]\n".to_owned(), ..Options::default() })
}

/// A voice that can be told from others: words of half a second, for a minute.
fn voice(hz: f64, seconds: usize) -> Vec<i16> {
    let word = |n: usize| if n % 4_800 < 4_000 { 6_000.0 } else { 0.0 };
    (0..seconds * 8_000).map(|n| ((n as f64 * hz * TAU / 8_000.0).sin() * word(n)) as i16).collect()
}

/// How loud this voice is in the last second and a bit (Goertzel).
fn loudness(heard: &[i16], hz: f64) -> f64 {
    let last = &heard[heard.len().saturating_sub(9_600)..];
    let (mut re, mut im) = (0.0, 0.0);
    for (n, &sample) in last.iter().enumerate() {
        let angle = n as f64 * hz * TAU / 8_000.0;
        re += f64::from(sample) * angle.cos();
        im += f64::from(sample) * angle.sin();
    }
    (re * re + im * im).sqrt() * 2.0 / last.len().max(1) as f64
}

/// Waits until a party hears exactly these of the voices.
#[track_caller]
fn hears(what: &str, call: &Call, voices: &[f64]) {
    let all = [ANNA, BEN, COACH, HOLD];
    let mut last = Vec::new();
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(what, PATIENCE, || {
            let heard = call.media.heard();
            last = all.iter().map(|&hz| loudness(&heard, hz)).collect();
            let right = |(hz, loud): (&f64, &f64)| {
                if voices.contains(hz) { *loud > 600.0 } else { *loud < 120.0 }
            };
            all.iter().zip(&last).all(right).then_some(())
        });
    }));
    assert!(told.is_ok(), "{what}: wanted {voices:?}, loudness of {all:?} is {last:?}");
}

fn enter(tandem: &Tandem, who: &str, app: &str, hz: f64) -> (Phone, Call) {
    let mut phone = Phone::new(tandem, who, "");
    let mut call = phone.invite(&tandem.app_uri(app));
    phone.connected(&mut call);
    call.media.play(&voice(hz, 90));
    (phone, call)
}

fn sid_of(app: &AppServer, path: &str) -> String {
    app.wait(path, |_| true).param("CallSid").to_owned()
}

fn events(app: &AppServer) -> Vec<Seen> {
    app.seen().into_iter().filter(|s| s.path() == "/events").collect()
}

/// What was told, in its order: event and who.
fn told(app: &AppServer, names: &[(&str, &str)]) -> Vec<String> {
    let name = |sid: &str| names.iter().find(|(s, _)| *s == sid).map_or("", |(_, name)| name).to_owned();
    events(app).iter().map(|s| format!("{} {}", s.param("StatusCallbackEvent"), name(s.param("CallSid")))).collect()
}

fn participant(tandem: &Tandem, conference: &str, call: &str, fields: &[(&str, &str)]) -> Value {
    let path = format!("/Conferences/{conference}/Participants/{call}");
    tandem.laml(if fields.is_empty() { "GET" } else { "POST" }, &path, fields).success()
}

#[test]
fn a_conference_with_coach_and_recording() {
    let _turn = alone();
    let tandem = two_threads();
    let hold = audio::wav(&voice(HOLD, 4));
    let app = AppServer::start(move |request| match request.path() {
        "/anna" => Reply::laml(
            "<Dial action=\"/anna-left\"><Conference beep=\"false\" record=\"record-from-start\" trim=\"do-not-trim\" \
             statusCallback=\"/events\" statusCallbackEvent=\"start end join leave mute hold\" \
             recordingStatusCallback=\"/recording\" recordingStatusCallbackEvent=\"in-progress completed failed\" \
             eventCallbackUrl=\"/ended\">team</Conference></Dial>",
        ),
        "/ben" => Reply::laml(
            "<Dial action=\"/ben-left\"><Conference beep=\"false\" endConferenceOnExit=\"true\">team</Conference></Dial>",
        ),
        path if path.starts_with("/coach/") => Reply::laml(format!(
            "<Dial action=\"/coach-left\"><Conference beep=\"false\" coach=\"{}\">team</Conference></Dial>",
            &path[7..]
        )),
        "/hold.wav" => Reply::wav(hold.clone()),
        path if path.ends_with("-left") => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    tandem.domain_app("anna", &app, "/anna", json!({}));
    tandem.domain_app("ben", &app, "/ben", json!({}));

    // Alone: music, which is none of the voices.
    let (mut anna, anna_call) = enter(&tandem, "anna", "anna", ANNA);
    let anna_sid = sid_of(&app, "/anna");
    eventually("music", PATIENCE, || {
        let heard = anna_call.media.heard();
        let last = &heard[heard.len().saturating_sub(8_000)..];
        (last.len() == 8_000 && audio::level(last) > 200.0).then_some(())
    });
    let (mut ben, mut ben_call) = enter(&tandem, "ben", "ben", BEN);
    let ben_sid = sid_of(&app, "/ben");
    hears("anna hears ben", &anna_call, &[BEN]);
    hears("ben hears anna", &ben_call, &[ANNA]);
    tandem.domain_app("coach", &app, &format!("/coach/{anna_sid}"), json!({}));
    let (mut coach, coach_call) = enter(&tandem, "coach", "coach", COACH);
    let coach_sid = sid_of(&app, &format!("/coach/{anna_sid}"));
    hears("the coached hears her coach", &anna_call, &[BEN, COACH]);
    hears("the coach hears all", &coach_call, &[ANNA, BEN]);
    hears("the other hears no coach", &ben_call, &[ANNA]);
    // The second and the third came from the other media thread, each with its call.
    let moves = tandem.log().matches("the call's media moves").count();
    assert_eq!(moves, 2, "each but the first was brought beside the first");

    let conference = events(&app)[0].param("ConferenceSid").to_owned();
    participant(&tandem, &conference, &ben_sid, &[("Muted", "true")]);
    hears("a muted one is not heard", &anna_call, &[COACH]);
    hears("and hears all the same", &ben_call, &[ANNA]);
    let shown = participant(&tandem, &conference, &ben_sid, &[("Muted", "false")]);
    assert_eq!(shown["muted"], json!(false));
    hears("until he may speak", &anna_call, &[BEN, COACH]);

    participant(&tandem, &conference, &anna_sid, &[("Hold", "true"), ("HoldUrl", &app.url("/hold.wav"))]);
    hears("on hold there is music", &anna_call, &[HOLD]);
    hears("and nobody hears who is on hold", &ben_call, &[]);
    hears("nor does her coach", &coach_call, &[BEN]);
    participant(&tandem, &conference, &anna_sid, &[("Hold", "false")]);
    hears("until she is back", &anna_call, &[BEN, COACH]);
    hears("for all", &ben_call, &[ANNA]);

    let list = tandem.laml("GET", &format!("/Conferences/{conference}/Participants"), &[]).success();
    assert_eq!(list["participants"].as_array().map(Vec::len), Some(3));
    let row = &tandem.laml("GET", "/Conferences?Status=in-progress", &[]).success()["conferences"][0];
    assert_eq!((&row["sid"], &row["friendly_name"]), (&json!(conference), &json!("team")));

    // Who ends it for all.
    assert_eq!(ben.hang_up(&mut ben_call).status(), 200);
    for who in ["anna", "coach"] {
        let left = app.wait(&format!("/{who}-left"), |_| true);
        assert_eq!(left.param("DialCallStatus"), "answered", "{left:?}");
        left.assert_signed(SIGNING_KEY);
    }
    anna.hung_up(&anna_call);
    coach.hung_up(&coach_call);

    let end = app.wait("/events", |s| s.param("StatusCallbackEvent") == "conference-end");
    let names = [(anna_sid.as_str(), "anna"), (ben_sid.as_str(), "ben"), (coach_sid.as_str(), "coach")];
    let expected = [
        "participant-join anna",
        "participant-join ben",
        "conference-start ",
        "participant-join coach",
        "participant-mute ben",
        "participant-unmute ben",
        "participant-hold anna",
        "participant-unhold anna",
        "participant-leave ben",
        "participant-leave anna",
        "participant-leave coach",
        "conference-end ",
    ];
    assert_eq!(told(&app, &names), expected);
    let exact = |s: &Seen| s.params.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let common = ["ConferenceSid", "FriendlyName", "AccountSid", "StatusCallbackEvent", "EventName", "Timestamp"];
    let of_member = ["CallSid", "Muted", "Hold", "StartConferenceOnEnter", "EndConferenceOnExit"];
    assert_eq!(exact(&events(&app)[4]), [&common[..], &of_member].concat());
    assert_eq!(exact(&end), [&common[..], &["Duration", "RecordingUrl", "RecordingFileSize"]].concat());
    for event in events(&app) {
        event.assert_signed(SIGNING_KEY);
        assert_eq!(event.param("ConferenceSid"), conference);
        assert_eq!(event.param("AccountSid"), tandem.project);
    }
    let mute = &events(&app)[4];
    assert_eq!((mute.param("Muted"), mute.param("EndConferenceOnExit")), ("true", "true"));
    let once = app.wait("/ended", |_| true);
    assert_eq!(once.param("RecordingUrl"), end.param("RecordingUrl"));

    // The recording has the voices of all, but not what the coach whispered.
    let done = app.wait("/recording", |s| s.param("RecordingStatus") == "completed");
    assert_eq!(done.param("RecordingSource"), "Conference");
    assert_eq!(done.param("ConferenceSid"), conference);
    let of_conference = tandem.laml("GET", &format!("/Conferences/{conference}/Recordings"), &[]).success();
    assert_eq!(of_conference["recordings"][0]["sid"], json!(done.param("RecordingSid")));
    let bytes = http::download(done.param("RecordingUrl"), (&tandem.project, TOKEN));
    assert_eq!(bytes.len().to_string(), end.param("RecordingFileSize"));
    let file = std::env::temp_dir().join(format!("conference-{}.wav", done.param("RecordingSid")));
    std::fs::write(&file, bytes).expect("to keep the file");
    let recorded = audio::read(&file);
    let _ = std::fs::remove_file(&file);
    let loud = |hz: f64| recorded.windows(9_600).step_by(4_800).map(|w| loudness(w, hz)).fold(0.0, f64::max);
    assert!(loud(ANNA) > 600.0 && loud(BEN) > 600.0, "{} {}", loud(ANNA), loud(BEN));
    assert!(loud(COACH) < 200.0 && loud(HOLD) < 200.0, "{} {}", loud(COACH), loud(HOLD));

    let over = tandem.laml("GET", &format!("/Conferences/{conference}"), &[]).success();
    assert_eq!(over["status"], json!("completed"));
    for sid in [&anna_sid, &ben_sid, &coach_sid] {
        tandem.wait_call("the calls end", |c| c["sid"] == json!(sid) && c["status"] == "completed");
    }
}

#[test]
fn who_cannot_come_in_goes_on_with_the_action() {
    let tandem = two_threads();
    let app = AppServer::start(|request| match request.path() {
        "/small" => Reply::laml(
            "<Dial action=\"/left\"><Conference beep=\"false\" maxParticipants=\"1\">small</Conference></Dial>",
        ),
        "/coach" => Reply::laml(
            "<Dial action=\"/left\"><Conference coach=\"6bfbbe86-a901-4197-8759-2a0de1fa319d\">other</Conference></Dial>",
        ),
        "/left" => Reply::laml("<Hangup/>"),
        _ => Reply::empty(),
    });
    tandem.domain_app("small", &app, "/small", json!({}));
    tandem.domain_app("coach", &app, "/coach", json!({}));
    let mut first = Phone::new(&tandem, "first", "");
    let mut call = first.invite(&tandem.app_uri("small"));
    first.connected(&mut call);
    let row = || tandem.laml("GET", "/Conferences?FriendlyName=small", &[]).success()["conferences"][0].clone();
    eventually("it is there", PATIENCE, || (row()["status"] == "init").then_some(()));
    for (path, code) in [("small", 10_000), ("coach", 13_240)] {
        let mut late = Phone::new(&tandem, "late", "");
        let mut refused = late.invite(&tandem.app_uri(path));
        late.connected(&mut refused);
        late.hung_up(&refused);
        let sid = last_call(&app, path);
        let left = app.wait("/left", |s| s.param("CallSid") == sid);
        assert_eq!(left.param("DialCallStatus"), "answered");
        eventually("the warning is in the call's log", PATIENCE, || {
            let log = tandem.api("GET", &format!("/api/tandem/calls/{sid}/events"), None).success();
            log["data"].as_array()?.iter().any(|e| e["code"] == json!(code)).then_some(())
        });
    }
    assert_eq!(row()["status"], json!("init"), "who was there stays");
    // And goes on with its own when REST ends the conference.
    let sid = row()["sid"].as_str().unwrap_or_default().to_owned();
    tandem.laml("POST", &format!("/Conferences/{sid}"), &[("Status", "completed")]).success();
    first.hung_up(&call);
    assert_eq!(row()["status"], json!("completed"));
}

/// The call that asked last for the document of that name.
fn last_call(app: &AppServer, path: &str) -> String {
    let path = format!("/{path}");
    app.seen().iter().rfind(|s| s.path() == path).map(|s| s.param("CallSid").to_owned()).unwrap_or_default()
}
