//! What REST keeps and calls run: applications, hosted documents, numbers, recordings.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::tandem::{PASSWORD, SIGNING_KEY, TOKEN};
use crate::common::{AppServer, Phone, Reply, Tandem, eventually, http, root};

/// One step of `server/tests/clients/resources.py` in the environment of `library`.
fn client(library: &str, step: &str, tandem: &Tandem, more: Value) -> Value {
    let mut arguments = json!({"project": tandem.project, "token": TOKEN, "base": format!("http://{}", tandem.http)});
    arguments.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let python = root().join("target/venv").join(library).join("bin/python");
    let mut child = Command::new(&python)
        .arg(root().join("server/tests/clients/resources.py"))
        .args([library, step])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{}: {e}; tools/setup.sh test installs it", python.display()));
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(arguments.to_string().as_bytes()).expect("to write to it");
    drop(stdin);
    let out = child.wait_with_output().expect("its end");
    assert!(out.status.success(), "{library} {step}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON from the client")
}

fn sid(value: &Value) -> &str {
    value["sid"].as_str().unwrap_or_else(|| panic!("a sid in {value}"))
}

fn a_client_keeps_applications_and_numbers(library: &str) {
    let tandem = Tandem::start();
    let url = "https://app.example.com/voice";
    let apps = client(library, "applications", &tandem, json!({"url": url}));
    assert_eq!(apps["voice_method"], "GET");
    assert_eq!(apps["status_callback"], url);
    assert_eq!((&apps["listed"], &apps["distinct"]), (&json!(5), &json!(5)), "all pages: {apps}");
    assert_eq!((&apps["named"], &apps["left"]), (&json!([sid(&apps)]), &json!([sid(&apps)])));
    assert_eq!(apps["deleted"], json!([true, true, true, true]));

    let more = json!({"number": "+15557654321", "url": url, "application": sid(&apps)});
    let number = client(library, "numbers", &tandem, more);
    assert_eq!((&number["number"], &number["name"]), (&json!("+15557654321"), &json!("Front desk")));
    assert_eq!((&number["voice_url"], &number["application"]), (&json!(url), &json!(sid(&apps))));
    assert_eq!((&number["voice"], &number["found"]), (&json!(true), &json!([sid(&number)])));

    let account = client(library, "account", &tandem, json!({}));
    assert_eq!(account, json!({"sid": tandem.project, "status": "active", "listed": [tandem.project]}));
}

#[test]
fn the_twilio_client_keeps_applications_and_numbers() {
    a_client_keeps_applications_and_numbers("twilio");
}

#[test]
fn the_signalwire_client_keeps_applications_and_numbers() {
    a_client_keeps_applications_and_numbers("signalwire");
}

fn a_client_records_a_call(library: &str, dialect: &str, source: &str) {
    let tandem = Tandem::start();
    tandem.api("PUT", "/api/tandem/project", Some(json!({"dialect": dialect}))).success();
    let mut bob = Phone::registered(&tandem, "bob", json!({}));
    let app = AppServer::start(|_| Reply::empty());
    let laml = "<Response><Play digits=\"123456789\"/><Pause length=\"60\"/></Response>";
    let made = tandem.laml("POST", "/Calls", &[("To", &bob.uri()), ("From", "desk"), ("Laml", laml)]).success();
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    tandem.wait_call("it is in progress", |c| c["status"] == "in-progress");

    let more = json!({"sid": sid(&made), "url": app.url("/recorded")});
    let recorded = client(library, "record", &tandem, more);
    assert_eq!(recorded["statuses"], json!(["in-progress", "paused", "in-progress"]));
    assert_eq!((&recorded["source"], &recorded["same"]), (&json!(source), &json!(true)));
    assert_eq!(recorded["listed"], json!([sid(&recorded)]));
    eventually("something is heard", Duration::from_secs(10), || (rung.media.heard_digits().len() >= 3).then_some(()));
    assert_eq!(bob.hang_up(&mut rung).status(), 200);

    let told = app.wait("/recorded", |r| r.param("RecordingStatus") == "completed");
    told.assert_signed(SIGNING_KEY);
    assert_eq!((told.param("RecordingSid"), told.param("CallSid")), (sid(&recorded), sid(&made)));
    let path = format!("/api/laml/2010-04-01/Accounts/{}/Recordings/{}", tandem.project, sid(&recorded));
    let wav = || http::request(tandem.http, "GET", &format!("{path}.wav"), None, None).expect("an answer");
    assert_eq!(wav().header("content-type"), Some("audio/x-wav"), "without credentials");
    let listed = client(library, "recordings", &tandem, json!({"sid": sid(&made)}));
    assert_eq!((&listed["found"], &listed["left"]), (&json!([sid(&recorded)]), &json!([])));
    assert_eq!((&listed["status"], &listed["channels"]), (&json!("completed"), &json!(2)));
    assert!(listed["duration"].as_u64().is_some_and(|secs| secs < 30), "{listed}");
    assert_eq!(wav().status, 404, "a deleted one is gone");
}

#[test]
fn the_twilio_client_records_a_call_in_progress_and_deletes_the_recording() {
    a_client_records_a_call("twilio", "twilio", "StartCallRecordingAPI");
}

#[test]
fn the_signalwire_client_records_a_call_in_progress_and_deletes_the_recording() {
    a_client_records_a_call("signalwire", "signalwire", "StartCallRecordingApi");
}

/// A bin with these verbs.
fn bin(tandem: &Tandem, verbs: &str) -> Value {
    let contents = format!("<Response>{verbs}</Response>");
    tandem.laml("POST", "/LamlBins.json", &[("Name", "hello"), ("Contents", &contents)]).success()
}

fn request_url(bin: &Value) -> &str {
    bin["request_url"].as_str().expect("a URL")
}

/// A carrier whose calls come from where its phone is.
fn carrier(tandem: &Tandem, more: Value) -> Phone {
    let mut trunk = Phone::new(tandem, "15550001111", "");
    trunk.domain = "carrier.example".to_owned();
    let mut fields = json!({"allow_from": [trunk.address.ip().to_string()]});
    fields.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    tandem.carrier("main", trunk.address, fields);
    trunk
}

#[test]
fn a_carriers_call_to_a_number_runs_the_bin_that_the_number_names() {
    let tandem = Tandem::start();
    let mut bob = Phone::registered(&tandem, "bob", json!({}));
    let app = AppServer::start(|_| Reply::empty());
    let verbs = format!("<Dial callerId=\"{{{{SipHeader_X-FROM_NUMBER}}}}\"><Sip>{}</Sip></Dial>", bob.uri());
    let bin = bin(&tandem, &verbs);
    let fields =
        [("PhoneNumber", "+15557654321"), ("VoiceUrl", request_url(&bin)), ("StatusCallback", &app.url("/status"))];
    let number = tandem.laml("POST", "/IncomingPhoneNumbers.json", &fields).success();
    // It writes numbers without a plus, and its own host behind them.
    let mut trunk = carrier(&tandem, json!({"number_format": "digits"}));

    let mut call = trunk.invite_with("sip:15557654321@carrier.example", "X-FROM_NUMBER: +123456789\r\n");
    let mut rung = bob.ringing();
    assert!(rung.invite.header("From").contains("+123456789"), "{:?}", rung.invite);
    bob.answer_call(&mut rung);
    trunk.connected(&mut call);
    assert_eq!(trunk.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);

    let over = tandem.wait_call("the call is over", |c| c["direction"] == "inbound" && c["status"] == "completed");
    assert_eq!((&over["to"], &over["from"]), (&json!("+15557654321"), &json!("+15550001111")));
    assert_eq!(over["phone_number_sid"], number["sid"]);
    let told = app.wait("/status", |r| r.param("CallStatus") == "completed");
    assert_eq!((told.param("To"), told.param("From")), ("+15557654321", "+15550001111"));
    let bin = tandem.laml("GET", &format!("/LamlBins/{}.json", sid(&bin)), &[]).success();
    assert_eq!(bin["num_requests"], 1);
    assert!(bin["date_last_accessed"].is_string());
}

#[test]
fn a_number_without_a_handler_is_not_picked_up_and_an_unknown_one_does_not_leave() {
    let tandem = Tandem::start();
    tandem.laml("POST", "/IncomingPhoneNumbers", &[("PhoneNumber", "+15557654321")]).success();
    let mut trunk = carrier(&tandem, json!({}));
    for (number, status) in [("+15557654321", 480), ("+15557654322", 403)] {
        let mut call = trunk.invite(&format!("sip:{number}@{}", tandem.domain()));
        assert_eq!(trunk.outcome(&mut call).status(), status, "{number}");
    }
}

#[test]
fn a_number_may_ring_an_endpoint() {
    let tandem = Tandem::start();
    let endpoint = tandem.endpoint("bob", json!({}));
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);
    let rings =
        json!({"number": "+15557654321", "call_handler": "relay_sip_endpoint", "call_sip_endpoint_id": endpoint["id"]});
    tandem.api("POST", "/api/relay/rest/phone_numbers", Some(rings)).success();
    let mut trunk = carrier(&tandem, json!({}));
    let mut call = trunk.invite("sip:+15557654321@carrier.example");
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    trunk.connected(&mut call);
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    trunk.hung_up(&call);
}

/// The way to bring one's own carrier in and out that the field documents (laml.md 2.8).
#[test]
fn a_domain_application_with_a_bin_puts_a_caller_through_to_the_number_it_names() {
    let tandem = Tandem::start();
    let bin = bin(&tandem, "<Dial callerId=\"{{SipHeader_X-FROM_NUMBER}}\"><Number>{{SipUser}}</Number></Dial>");
    let app = json!({"name": "byoc", "identifier": "byoc", "call_handler": "laml_webhooks", "call_request_url": request_url(&bin)});
    tandem.api("POST", "/api/relay/rest/domain_applications", Some(app)).success();
    let mut carrier = Phone::new(&tandem, "carrier", "");
    tandem.carrier("main", carrier.address, json!({}));
    let mut caller = Phone::new(&tandem, "pbx", "");
    // As who dials `sip:…?X-FROM_NUMBER=…` says it (RFC 3261 section 19.1.5).
    let header = "X-FROM_NUMBER: +15550001111\r\n";
    let mut call = caller.invite_with("sip:+11111111111@acme-byoc.dapp.test.example", header);
    let mut rung = carrier.ringing();
    assert!(rung.invite.request_uri().starts_with("sip:+11111111111@"), "{:?}", rung.invite);
    assert!(rung.invite.header("From").contains("+15550001111"), "{:?}", rung.invite);
    carrier.answer_call(&mut rung);
    caller.connected(&mut call);
    assert_eq!(caller.hang_up(&mut call).status(), 200);
    carrier.hung_up(&rung);
}

#[test]
fn what_an_endpoint_dials_goes_to_its_application_and_nowhere_without_it() {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/voice" => Reply::laml("<Play digits=\"42\"/><Hangup/>"),
        _ => Reply::empty(),
    });
    let fields = [("FriendlyName", "Menu"), ("VoiceUrl", &*app.url("/voice")), ("VoiceMethod", "GET")];
    let menu = tandem.laml("POST", "/Applications", &fields).success();
    let runs = json!({"call_handler": "laml_application", "call_laml_application_id": sid(&menu), "outbound_policy": "passthrough"});
    tandem.endpoint("alice", runs);
    let mut carrier = Phone::new(&tandem, "carrier", "");
    tandem.carrier("main", carrier.address, json!({}));
    let mut alice = Phone::new(&tandem, "alice", PASSWORD);
    assert_eq!(alice.register().status(), 200);
    let number = format!("sip:+15551234567@{}", tandem.domain());
    let mut call = alice.invite(&number);
    alice.connected(&mut call);
    alice.hung_up(&call);
    eventually("the document played", Duration::from_secs(5), || (call.media.heard_digits() == "42").then_some(()));
    let asked = app.wait("/voice", |_| true);
    assert_eq!((asked.method.as_str(), asked.param("SipUser")), ("GET", "+15551234567"));
    assert_eq!(asked.param("SipUsername"), "alice");

    assert_eq!(tandem.laml("DELETE", &format!("/Applications/{}", sid(&menu)), &[]).status, 204);
    let mut call = alice.invite(&number);
    assert_eq!(alice.outcome(&mut call).status(), 480);
    assert!(carrier.stays_quiet(Duration::from_millis(300)), "it may not leave by itself");
}

#[test]
fn a_call_of_rest_runs_an_application_and_ends_at_its_limit() {
    let tandem = Tandem::start();
    let mut bob = Phone::registered(&tandem, "bob", json!({}));
    let app = AppServer::start(|request| match request.path() {
        "/voice" => Reply::laml("<Pause length=\"60\"/>"),
        _ => Reply::empty(),
    });
    let fields = [
        ("FriendlyName", "Menu"),
        ("VoiceUrl", &*app.url("/voice")),
        ("StatusCallback", &*app.url("/status")),
        ("StatusCallbackMethod", "GET"),
    ];
    let menu = tandem.laml("POST", "/Applications", &fields).success();
    let call =
        [("To", &*bob.uri()), ("From", "desk"), ("ApplicationSid", sid(&menu)), ("TimeLimit", "2"), ("Record", "true")];
    let made = tandem.laml("POST", "/Calls.json", &call).success();
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    app.wait("/voice", |r| r.param("CallSid") == sid(&made));
    bob.hung_up(&rung);
    let told = app.wait("/status", |r| r.param("CallStatus") == "completed");
    assert_eq!((told.method.as_str(), told.param("CallSid")), ("GET", sid(&made)));
    let recordings = || tandem.laml("GET", &format!("/Calls/{}/Recordings.json", sid(&made)), &[]).success();
    let recorded = eventually("the recording is finished", Duration::from_secs(10), || {
        let list = recordings()["recordings"].as_array().cloned().unwrap_or_default();
        list.into_iter().find(|r| matches!(r["status"].as_str(), Some("completed" | "absent")))
    });
    assert_eq!((&recorded["source"], &recorded["call_sid"]), (&json!("OutBoundApi"), &made["sid"]));
}
