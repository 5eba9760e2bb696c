//! A menu that talks and listens, and calls that find out who answered. The recogniser is a real engine, PocketSphinx, behind a
//! small server (`server/tests/clients/recogniser.py`); what is said to it is spoken by espeak-ng.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::common::app_server::Seen;
use crate::common::tandem::{PASSWORD, SIGNING_KEY};
use crate::common::{AppServer, Options, Phone, Reply, Tandem, alone, audio, eventually, root};

/// The engine; it ends with the test.
struct Recogniser {
    child: Child,
    port: u16,
}

impl Recogniser {
    fn start() -> Recogniser {
        let python = root().join("target/venv/pocketsphinx/bin/python");
        let mut child = Command::new(&python)
            .arg(root().join("server/tests/clients/recogniser.py"))
            .arg("127.0.0.1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}; tools/setup.sh test installs it", python.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("its port");
        let port = line.trim().parse().expect("a port");
        Recogniser { child, port }
    }

    fn tandem(&self) -> Tandem {
        let config = format!(
            "[speech_recognition]\nengine = \"websocket\"\nurl = \"ws://127.0.0.1:{}/\"\ntimeout_secs = 20\n",
            self.port
        );
        Tandem::start_with(Options { config, ..Options::default() })
    }
}

impl Drop for Recogniser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spoken(text: &str) -> Vec<i16> {
    let dir = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file =
        dir.join(format!("said-{}-{}.wav", text.replace(|c: char| !c.is_alphanumeric(), ""), std::process::id()));
    audio::speech(text, "en-us", &file, 8_000, 1);
    audio::read(&file)
}

fn silence(seconds: f64) -> Vec<i16> {
    vec![0; (seconds * audio::RATE as f64) as usize]
}

fn tone(hz: f64, seconds: f64) -> Vec<i16> {
    audio::sweep(seconds, hz, hz)
}

/// Names of a request's parameters beyond those of every voice request and of the SIP call.
fn own_names(seen: &Seen) -> Vec<&str> {
    let standard = [
        "CallSid",
        "AccountSid",
        "ApiVersion",
        "CallStatus",
        "Direction",
        "From",
        "To",
        "Caller",
        "Called",
        "CallerName",
        "SipUser",
        "SipDomain",
        "SipCallId",
        "SipSourceIp",
        "SipDomainSid",
        "SipUsername",
    ];
    let own = seen.params.iter().map(|(n, _)| n.as_str());
    own.filter(|n| !standard.contains(n) && !n.starts_with("SipHeader_")).collect()
}

#[test]
fn a_caller_interrupts_one_prompt_by_speech_and_the_next_by_a_key() {
    let _turn = alone();
    let recogniser = Recogniser::start();
    let tandem = recogniser.tandem();
    let (first, second, bye) =
        (audio::sweep(30.0, 400.0, 2_400.0), audio::sweep(30.0, 2_400.0, 400.0), audio::sweep(2.0, 600.0, 1_800.0));
    let files = [("/first.wav", &first), ("/second.wav", &second), ("/bye.wav", &bye)].map(|(p, s)| (p, audio::wav(s)));
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(
            "<Gather input=\"dtmf speech\" numDigits=\"1\" timeout=\"20\" speechTimeout=\"auto\" action=\"/said\" \
             hints=\"operator, accounting\" partialResultCallback=\"/partial\"><Play>/first.wav</Play></Gather><Hangup/>",
        ),
        "/said" => Reply::laml(
            "<Gather input=\"dtmf speech\" numDigits=\"1\" timeout=\"20\" action=\"/pressed\" \
             hints=\"operator, accounting\"><Play>/second.wav</Play></Gather><Hangup/>",
        ),
        "/pressed" => Reply::laml("<Play>/bye.wav</Play>"),
        "/partial" => Reply::empty(),
        path => files.iter().find(|(p, _)| *p == path).map_or(Reply::status(404), |(_, wav)| Reply::wav(wav.clone())),
    });
    tandem.domain_app("ivr", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("ivr"));
    caller.connected(&mut call);
    let heard = |part: &[i16]| (audio::likeness(part, &call.media.heard()) >= 0.85).then_some(());
    eventually("the first prompt is heard", Duration::from_secs(15), || heard(&first[..2 * audio::RATE]));

    call.media.play(&spoken("operator"));
    let said = app.wait("/said", |_| true);
    said.assert_signed(SIGNING_KEY);
    assert_eq!((said.param("SpeechResult"), own_names(&said)), ("operator", vec!["SpeechResult", "Confidence"]));
    let sure: f32 = said.param("Confidence").parse().expect("a number");
    assert!((0.0..=1.0).contains(&sure), "{sure}");
    eventually("the second prompt is heard", Duration::from_secs(15), || heard(&second[..2 * audio::RATE]));
    // Interrupted long before its end.
    assert!(audio::likeness(&first[20 * audio::RATE..], &call.media.heard()) < 0.5);

    call.media.dial("7");
    let pressed = app.wait("/pressed", |_| true);
    assert_eq!((pressed.param("Digits"), own_names(&pressed)), ("7", vec!["Digits"]));
    eventually("the last words are heard", Duration::from_secs(15), || heard(&bye));
    assert!(audio::likeness(&second[20 * audio::RATE..], &call.media.heard()) < 0.5);
    caller.hung_up_within(&call, Duration::from_secs(20));

    // What was understood meanwhile came before the action, each under the next number.
    let seen = app.seen();
    let partials: Vec<&Seen> = seen.iter().filter(|s| s.path() == "/partial").collect();
    assert!(!partials.is_empty(), "{seen:?}");
    for (number, partial) in partials.iter().enumerate() {
        assert_eq!(partial.param("SequenceNumber"), number.to_string());
        assert_eq!(partial.param("CallSid"), said.param("CallSid"));
        let names =
            ["StableSpeechResult", "UnstableSpeechResult", "Stability", "Confidence", "SequenceNumber", "Language"];
        assert_eq!(own_names(partial), names);
    }
    assert!(partials.iter().any(|p| p.param("UnstableSpeechResult") == "operator"), "{partials:?}");
    let paths: Vec<&str> = seen.iter().map(Seen::path).filter(|p| !p.ends_with(".wav") && *p != "/partial").collect();
    assert_eq!(paths, ["/answer", "/said", "/pressed"]);
}

#[test]
fn without_a_recogniser_keys_are_heard_and_the_calls_log_says_so_once() {
    let _turn = alone();
    let tandem = Tandem::start();
    let tune = audio::sweep(20.0, 400.0, 2_400.0);
    let wav = audio::wav(&tune);
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(
            "<Gather input=\"speech\" timeout=\"1\"/><Gather input=\"speech\" numDigits=\"1\" timeout=\"20\" \
             action=\"/pressed\"><Play>/tune.wav</Play></Gather>",
        ),
        "/tune.wav" => Reply::wav(wav.clone()),
        "/pressed" => Reply::laml("<Hangup/>"),
        _ => Reply::status(404),
    });
    tandem.domain_app("ivr", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("ivr"));
    caller.connected(&mut call);
    let sid = app.wait("/answer", |_| true).param("CallSid").to_owned();
    let codes = || {
        let log = tandem.api("GET", &format!("/api/tandem/calls/{sid}/events"), None).success();
        let events = log["data"].as_array().cloned().unwrap_or_default();
        events.iter().filter_map(|e| e["code"].as_u64()).collect::<Vec<_>>()
    };
    eventually("the warning is logged", Duration::from_secs(10), || codes().contains(&10_001).then_some(()));
    // The second of the two has begun.
    eventually("the prompt is heard", Duration::from_secs(15), || {
        (audio::likeness(&tune[..2 * audio::RATE], &call.media.heard()) >= 0.85).then_some(())
    });
    call.media.dial("5");
    let digit = app.wait("/pressed", |_| true);
    assert_eq!(digit.param("Digits"), "5");
    caller.hung_up(&call);
    assert_eq!(codes().iter().filter(|c| **c == 10_001).count(), 1);
}

#[test]
fn a_message_is_transcribed_and_its_text_is_told_and_kept() {
    let _turn = alone();
    let recogniser = Recogniser::start();
    let tandem = recogniser.tandem();
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml(
            "<Record action=\"/message\" maxLength=\"20\" timeout=\"2\" playBeep=\"false\" transcribe=\"true\" \
             transcribeCallback=\"/transcribed\"/>",
        ),
        "/message" => Reply::laml("<Hangup/>"),
        "/transcribed" => Reply::empty(),
        _ => Reply::status(404),
    });
    tandem.domain_app("box", &app, "/answer", json!({}));
    let mut caller = Phone::new(&tandem, "caller", "");
    let mut call = caller.invite(&tandem.app_uri("box"));
    caller.connected(&mut call);
    call.media.play(&[silence(0.5), spoken("operator")].concat());
    let message = app.wait("/message", |_| true);
    caller.hung_up(&call);
    let told = app.wait("/transcribed", |_| true);
    told.assert_signed(SIGNING_KEY);
    assert_eq!((told.param("TranscriptionStatus"), told.param("TranscriptionText")), ("completed", "operator"));
    assert_eq!(told.param("RecordingUrl"), message.param("RecordingUrl"));
    let sid = told.param("TranscriptionSid");
    assert!(told.param("TranscriptionUrl").ends_with(&format!("/Transcriptions/{sid}")), "{told:?}");
    let kept = tandem.laml("GET", &format!("/Transcriptions/{sid}.json"), &[]).success();
    assert_eq!((&kept["transcription_text"], &kept["status"]), (&json!("operator"), &json!("completed")));
    let list = format!("/Recordings/{}/Transcriptions.json", told.param("RecordingSid"));
    let list = tandem.laml("GET", &list, &[]).success();
    assert_eq!(list["transcriptions"].as_array().map(Vec::len), Some(1));
}

/// An endpoint that answers REST's call with these sounds, and the application the call runs.
fn answered(tandem: &Tandem, says: &[i16], fields: &[(&str, &str)]) -> (AppServer, Phone, crate::common::Call, String) {
    tandem.endpoint("bob", json!({}));
    let mut bob = Phone::new(tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);
    let tune = audio::wav(&audio::sweep(3.0, 400.0, 2_400.0));
    let app = AppServer::start(move |request| match request.path() {
        "/answer" => Reply::laml("<Play>/tune.wav</Play><Pause length=\"30\"/>"),
        "/tune.wav" => Reply::wav(tune.clone()),
        "/amd" | "/status" => Reply::empty(),
        _ => Reply::status(404),
    });
    let (url, amd) = (app.url("/answer"), app.url("/amd"));
    let mut all = vec![("To", "bob"), ("From", "robot"), ("Url", url.as_str())];
    all.extend(fields.iter().map(|(name, value)| (*name, if *value == "/amd" { amd.as_str() } else { *value })));
    let made = tandem.laml("POST", "/Calls.json", &all).success();
    let sid = made["sid"].as_str().expect("a sid").to_owned();
    let mut call = bob.ringing();
    bob.answer_call(&mut call);
    call.media.play(says);
    (app, bob, call, sid)
}

#[test]
fn a_machine_that_beeps_hears_the_document_after_its_beep() {
    let _turn = alone();
    let tandem = Tandem::start();
    let greeting =
        spoken("Hello. Nobody is at home now. Please leave a message after the tone, and we will call you back.");
    let says = [silence(0.4), greeting, silence(0.7), tone(1_000.0, 0.4)].concat();
    let fields = [("MachineDetection", "DetectMessageEnd")];
    let (app, mut bob, mut call, sid) = answered(&tandem, &says, &fields);
    let first = app.wait("/answer", |_| true);
    assert_eq!((first.param("AnsweredBy"), first.param("CallSid")), ("machine_end_beep", sid.as_str()));
    let tune = audio::sweep(3.0, 400.0, 2_400.0);
    eventually("the tune is on the tape", Duration::from_secs(10), || {
        (audio::likeness(&tune, &call.media.heard()) >= 0.85).then_some(())
    });
    assert_eq!(bob.hang_up(&mut call).status(), 200);
    let row = tandem.wait_call("the call is over", |c| c["sid"] == sid.as_str() && c["status"] == "completed");
    assert_eq!(row["answered_by"], "machine");
}

#[test]
fn a_human_is_told_of_by_a_callback_while_the_document_runs() {
    let _turn = alone();
    let tandem = Tandem::start();
    let says = [silence(0.5), spoken("Hello?")].concat();
    let fields = [("MachineDetection", "Enable"), ("AsyncAmd", "true"), ("AsyncAmdStatusCallback", "/amd")];
    let (app, mut bob, mut call, sid) = answered(&tandem, &says, &fields);
    let told = app.wait("/amd", |_| true);
    told.assert_signed(SIGNING_KEY);
    let names: Vec<&str> = told.params.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["CallSid", "AccountSid", "AnsweredBy", "MachineDetectionDuration"]);
    assert_eq!((told.param("AnsweredBy"), told.param("CallSid")), ("human", sid.as_str()));
    let took: u32 = told.param("MachineDetectionDuration").parse().expect("milliseconds");
    assert!((1_500..6_000).contains(&took), "{took}");
    let paths: Vec<String> = app.seen().iter().map(|s| s.path().to_owned()).collect();
    assert_eq!(paths.first().map(String::as_str), Some("/answer"), "{paths:?}");
    assert_eq!(app.wait("/answer", |_| true).param("AnsweredBy"), "");
    let live = tandem.laml("GET", &format!("/Calls/{sid}.json"), &[]).success();
    assert_eq!(live["answered_by"], "human");
    assert_eq!(bob.hang_up(&mut call).status(), 200);
}
