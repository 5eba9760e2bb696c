//! Row 23: what we send can be trusted, and what others claim in our name is not. Nobody pushes callbacks into this server: it takes
//! none. What it sends is signed over all that matters, and a repetition can be told from news.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::common::app_server::Seen;
use crate::common::signature;
use crate::common::tandem::{PASSWORD, SIGNING_KEY};
use crate::common::{AppServer, Options, Phone, Reply, Tandem, eventually, http};

fn is_signed(seen: &Seen) -> bool {
    let params: &[(String, String)] = if seen.method == "POST" { &seen.params } else { &[] };
    seen.header("X-SignalWire-Signature") == Some(signature::sign(SIGNING_KEY, &seen.url, params).as_str())
}

#[test]
fn callbacks_in_are_nothing_and_callbacks_out_are_signed_and_told_apart() {
    let tandem = Tandem::start_with(Options::default());
    tandem.endpoint("bob", json!({}));
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);
    let app = AppServer::start(|request| match request.path() {
        "/voice" => Reply::laml("<Hangup/>"),
        _ => Reply::status(503),
    });
    let (to, url, status) = (bob.uri(), app.url("/voice"), app.url("/status?key=1"));
    let mut calls = Vec::new();
    for _ in 0..2 {
        let fields =
            [("To", to.as_str()), ("From", "+15550001111"), ("Url", url.as_str()), ("StatusCallback", status.as_str())];
        let made = tandem.laml("POST", "/Calls", &fields).success();
        let mut rung = bob.ringing();
        bob.answer_call(&mut rung);
        bob.hung_up(&rung);
        calls.push(made["sid"].as_str().expect("a sid").to_owned());
    }
    let seen = eventually("three tries each", Duration::from_secs(20), || {
        let seen: Vec<Seen> = app.seen().into_iter().filter(|s| s.path() == "/status").collect();
        (seen.len() >= 6).then_some(seen)
    });
    // The same token for each try of one, another for each other.
    let mut tokens: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
    for s in &seen {
        let token = s.header("I-Twilio-Idempotency-Token").expect("a token").to_owned();
        assert!(is_signed(s), "{s:?}");
        tokens.entry(token).or_default().push(s);
    }
    assert_eq!(tokens.len(), 2);
    for tries in tokens.values() {
        assert_eq!(tries.len(), 3);
        assert!(tries.iter().all(|s| s.params == tries[0].params), "a try that says something else");
    }
    // Whatever is changed, the signature says so.
    let genuine = &seen[0];
    let mut forgeries = Vec::new();
    for name in ["CallSid", "CallStatus", "To", "AccountSid"] {
        let mut forged = genuine.clone();
        for (_, value) in forged.params.iter_mut().filter(|(n, _)| n == name) {
            value.push('x');
        }
        forgeries.push(forged);
    }
    let mut added = genuine.clone();
    added.params.push(("Zzz".into(), "1".into()));
    let mut elsewhere = genuine.clone();
    elsewhere.url = elsewhere.url.replace("key=1", "key=2");
    let mut shorter = genuine.clone();
    shorter.params.pop();
    forgeries.extend([added, elsewhere, shorter]);
    assert!(forgeries.iter().all(|f| !is_signed(f)));

    // Sent to us, genuine or replayed or unsigned, they change nothing: no route takes them, and none opens without credentials.
    let before = tandem.calls();
    let body = http::form(&genuine.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect::<Vec<_>>());
    let form = Some(("application/x-www-form-urlencoded", body.as_str()));
    let call = &calls[0];
    for path in ["/status", "/voice", "/webhooks", "/api/tandem/webhooks"] {
        let answer = http::request(tandem.http, "POST", path, None, form).expect("an answer");
        assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.status);
    }
    let of_call = format!("/api/laml/2010-04-01/Accounts/{}/Calls/{call}", tandem.project);
    let answer = http::request(tandem.http, "POST", &of_call, None, form).expect("an answer");
    assert_eq!(answer.status, 401);
    assert_eq!(tandem.calls(), before);
}
