//! Published client libraries drive calls, and their own validators accept the callbacks.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::app_server::Seen;
use crate::common::tandem::{SIGNING_KEY, TOKEN};
use crate::common::{AppServer, Message, Phone, Reply, Tandem, digest, eventually, root};

/// One step of `server/tests/clients/calls.py` in the environment of `library`.
pub(crate) fn client(library: &str, step: &str, arguments: &Value) -> Value {
    let python = root().join("target/venv").join(library).join("bin/python");
    let mut child = Command::new(&python)
        .arg(root().join("server/tests/clients/calls.py"))
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

pub(crate) fn arguments(tandem: &Tandem, more: Value) -> Value {
    let mut all = json!({"project": tandem.project, "token": TOKEN, "base": format!("http://{}", tandem.http)});
    all.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    all
}

fn application() -> AppServer {
    AppServer::start(|request| match request.path() {
        "/answer" => Reply::laml("<Play digits=\"5\"/><Pause length=\"60\"/>"),
        "/status" => Reply::empty(),
        _ => Reply::status(404),
    })
}

fn callbacks(app: &AppServer) -> Vec<Seen> {
    app.seen().into_iter().filter(|s| s.path() == "/status").collect()
}

fn a_client_calls_a_registered_endpoint(library: &str) {
    let tandem = Tandem::start();
    let mut bob = Phone::registered(&tandem, "bob", json!({}));
    let app = application();
    let made = client(
        library,
        "create",
        &arguments(
            &tandem,
            json!({"call": {
                "to": bob.uri(), "from_": "+15550001111", "url": app.url("/answer"), "timeout": 20,
                "status_callback": app.url("/status"), "status_callback_method": "POST",
                "status_callback_event": ["initiated", "ringing", "answered", "completed"],
            }}),
        ),
    );
    assert_eq!(made["status"], "queued");
    assert_eq!(made["direction"], "outbound-api");
    let sid = made["sid"].as_str().expect("a sid").to_owned();

    let mut rung = bob.ringing();
    assert!(rung.invite.header("From").contains("+15550001111"), "{:?}", rung.invite);
    bob.answer_call(&mut rung);
    let first = app.wait("/answer", |_| true);
    first.assert_signed(SIGNING_KEY);
    assert_eq!(first.param("CallSid"), sid);
    assert_eq!(first.param("Direction"), "outbound-api");
    eventually("the document plays", Duration::from_secs(5), || (rung.media.heard_digits() == "5").then_some(()));

    let finished = client(library, "finish", &arguments(&tandem, json!({"sid": sid})));
    assert_eq!(finished["fetched"]["status"], "in-progress");
    assert_eq!(finished["fetched"]["sid"], json!(sid));
    for list in ["listed", "running"] {
        assert!(finished[list].as_array().is_some_and(|l| l.contains(&json!(sid))), "{list}: {finished}");
    }
    bob.hung_up(&rung);

    app.wait("/status", |e| e.param("CallStatus") == "completed");
    let seen = callbacks(&app);
    let mut ordered = seen.clone();
    ordered.sort_by_key(|e| e.param("SequenceNumber").parse::<u32>().unwrap_or(u32::MAX));
    let statuses: Vec<&str> = ordered.iter().map(|e| e.param("CallStatus")).collect();
    assert_eq!(statuses, ["initiated", "ringing", "in-progress", "completed"]);
    assert!(ordered.iter().all(|e| e.param("CallSid") == sid && !e.param("Timestamp").is_empty()));
    assert!(ordered[3].param("CallDuration").parse::<u32>().is_ok(), "{:?}", ordered[3]);

    let header = if library == "twilio" { "X-Twilio-Signature" } else { "X-SignalWire-Signature" };
    let requests: Vec<Value> = seen.iter().chain([&first]).map(|s| as_json(s, header)).collect();
    let valid = client(library, "validate", &json!({"key": SIGNING_KEY, "requests": requests}));
    assert_eq!(valid, json!(vec![true; 5]));
    let forged: Vec<Value> = seen
        .iter()
        .map(|s| {
            let mut r = as_json(s, header);
            r["params"]["CallSid"] = json!("another");
            r
        })
        .collect();
    let valid = client(library, "validate", &json!({"key": SIGNING_KEY, "requests": forged}));
    assert_eq!(valid, json!(vec![false; 4]));
}

fn as_json(seen: &Seen, header: &str) -> Value {
    let params: serde_json::Map<String, Value> = seen.params.iter().map(|(n, v)| (n.clone(), json!(v))).collect();
    json!({"url": seen.url, "params": params, "signature": seen.header(header)})
}

#[test]
fn the_twilio_client_creates_a_call_to_a_registered_endpoint_and_follows_it() {
    a_client_calls_a_registered_endpoint("twilio");
}

#[test]
fn the_signalwire_client_creates_a_call_to_a_registered_endpoint_and_follows_it() {
    a_client_calls_a_registered_endpoint("signalwire");
}

#[test]
fn a_client_calls_a_sip_address_that_wants_credentials() {
    let tandem = Tandem::start();
    let app = application();
    // No endpoint of this server: a switch elsewhere, with its own users.
    let mut far = Phone::new(&tandem, "desk", "");
    let target = format!("sip:desk@{};transport=udp?X-Order=9", far.address);
    let made = client(
        "twilio",
        "create",
        &arguments(
            &tandem,
            json!({"call": {
                "to": target, "from_": "reception", "url": app.url("/answer"),
                "sip_auth_username": "far-user", "sip_auth_password": "far-password",
                "status_callback": app.url("/status"), "status_callback_event": ["completed"],
            }}),
        ),
    );
    let mut rung = far.ringing();
    assert_eq!(rung.invite.header("X-Order"), "9");
    challenge(&mut far, &rung.invite);
    rung = far.ringing();
    let proof = rung.invite.header("Authorization");
    assert!(digest::proves(proof, "INVITE", "far-user", "far-password"), "{proof}");
    far.answer_call(&mut rung);
    app.wait("/answer", |_| true);
    assert_eq!(far.hang_up(&mut rung).status(), 200);
    let done = app.wait("/status", |_| true);
    assert_eq!(done.param("CallStatus"), "completed");
    assert_eq!(made["sid"], json!(done.param("CallSid")));
    assert_eq!(done.param("SipResultCode"), "200");
}

/// 401 to an INVITE that already rang.
fn challenge(phone: &mut Phone, invite: &Message) {
    let headers = ["Via", "From", "Call-ID", "CSeq"].map(|n| format!("{n}: {}\r\n", invite.header(n))).concat();
    phone.send(&format!(
        "SIP/2.0 401 Unauthorized\r\n{headers}To: {};tag=c\r\nWWW-Authenticate: Digest realm=\"far.example\", \
         nonce=\"b36ef1\", qop=\"auth\", algorithm=MD5\r\nContent-Length: 0\r\n\r\n",
        invite.header("To")
    ));
    let id = invite.call_id().to_owned();
    phone.wait("ACK", Duration::from_secs(5), |m| m.is_request() && m.method() == "ACK" && m.call_id() == id);
}

#[test]
fn a_live_call_takes_another_document_and_an_inline_one() {
    let tandem = Tandem::start();
    let app = AppServer::start(|request| match request.path() {
        "/other" => Reply::laml("<Play digits=\"99\"/><Hangup/>"),
        _ => Reply::status(404),
    });
    let mut bob = Phone::registered(&tandem, "bob", json!({}));
    let laml = "<Response><Play digits=\"1\"/><Pause length=\"30\"/></Response>";
    let fields = [("To", bob.uri()), ("From", "+15550001111".into()), ("Laml", laml.into())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let made = tandem.laml("POST", "/Calls", &fields).success();
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    eventually("the first document plays", Duration::from_secs(5), || (rung.media.heard_digits() == "1").then_some(()));
    let path = format!("/Calls/{}", made["sid"].as_str().expect("a sid"));
    tandem.laml("POST", &path, &[("Url", &app.url("/other")), ("Method", "GET")]).success();
    bob.hung_up(&rung);
    assert_eq!(rung.media.heard_digits(), "199");
    let done = tandem.wait_call("it is over", |c| c["status"] == "completed");
    assert_eq!(done["sid"], made["sid"]);
}

#[test]
fn a_client_reads_why_a_call_was_refused() {
    let tandem = Tandem::start();
    for library in ["twilio", "signalwire"] {
        let call = json!({"call": {"to": "+1555000", "from_": "not a number", "url": "http://127.0.0.1/"}});
        let refused = client(library, "refused", &arguments(&tandem, call));
        assert_eq!(refused["status"], json!(400), "{library}: {refused}");
        assert!(refused["code"].as_u64().is_some_and(|c| (21_000..22_000).contains(&c)), "{library}: {refused}");
    }
}
