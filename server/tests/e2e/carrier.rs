//! Calls to numbers leave through carriers.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::address::own_ip;
use crate::common::sipp::Sipp;
use crate::common::tandem::PASSWORD;
use crate::common::{Phone, Tandem, digest};

fn caller(policy: &str) -> (Tandem, Phone) {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({"outbound_policy": policy, "send_as": "+15550100200"}));
    let mut alice = Phone::new(&tandem, "alice", PASSWORD);
    assert_eq!(alice.register().status(), 200);
    (tandem, alice)
}

fn number(tandem: &Tandem) -> String {
    format!("sip:+15551234567@{}", tandem.domain())
}

#[test]
fn a_carrier_that_demands_digest_gets_the_call() {
    let (tandem, mut alice) = caller("passthrough");
    let carrier = Sipp::start("carrier_digest", own_ip(), None, &[]);
    let login = json!({"username": "trunk-user", "password": "trunk-password"});
    let stored = tandem.carrier("main", carrier.address, login);
    assert!(stored.get("password").is_none(), "a password is never shown: {stored}");
    let mut call = alice.invite(&number(&tandem));
    alice.connected(&mut call);
    let report = carrier.report();
    assert!(report.contains("INVITE sip:+15551234567@"), "{report}");
    let proof = report.lines().find_map(|l| l.strip_prefix("Proxy-Authorization: ")).expect("credentials");
    assert!(digest::proves(proof, "INVITE", "trunk-user", "trunk-password"), "{proof}");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    carrier.succeeded();
}

#[test]
fn the_next_carrier_is_tried_when_the_first_has_no_room() {
    let (tandem, mut alice) = caller("passthrough");
    let full = Sipp::start("carrier_refuses", own_ip(), None, &[]);
    let free = Sipp::start("carrier_answers", own_ip(), None, &[]);
    tandem.carrier("second", free.address, json!({"priority": 2}));
    tandem.carrier("first", full.address, json!({"priority": 1}));
    let mut call = alice.invite(&number(&tandem));
    alice.connected(&mut call);
    full.succeeded();
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    free.succeeded();
}

#[test]
fn a_blocked_endpoint_gets_403_at_once_and_the_carrier_nothing() {
    let (tandem, mut alice) = caller("block");
    let mut carrier = Phone::new(&tandem, "carrier", "");
    tandem.carrier("main", carrier.address, json!({}));
    let since = Instant::now();
    let mut call = alice.invite(&number(&tandem));
    assert_eq!(alice.outcome(&mut call).status(), 403);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert!(carrier.stays_quiet(Duration::from_millis(300)));
}

#[test]
fn a_carrier_is_changed_and_removed_by_rest() {
    let tandem = Tandem::start();
    let made = tandem.carrier("main", tandem.sip, json!({"allow_from": ["192.0.2.0/24"], "priority": 3}));
    let path = format!("/api/tandem/carriers/{}", made["id"].as_str().expect("an id"));
    let changed = tandem.api("PUT", &path, Some(json!({"patterns": ["+44*"]}))).success();
    assert_eq!((&changed["patterns"], &changed["priority"]), (&json!(["+44*"]), &json!(3)));
    assert_eq!(tandem.api("GET", &path, None).success(), changed);
    assert_eq!(tandem.api("DELETE", &path, None).status, 204);
    assert_eq!(tandem.api("GET", &path, None).status, 404);
    assert_eq!(tandem.api("POST", "/api/tandem/carriers", Some(json!({"name": "x", "uri": "tel:1"}))).status, 422);
}

#[test]
fn a_carriers_call_reaches_a_phone_and_a_phone_at_the_same_address_still_calls_as_itself() {
    let (tandem, mut alice) = caller("passthrough");
    let carrier = Sipp::start("carrier_answers", own_ip(), None, &[]);
    tandem.carrier("main", carrier.address, json!({"allow_from": ["127.0.0.0/8"]}));

    let mut trunk = Phone::new(&tandem, "+15557654321", "");
    trunk.domain = "carrier.example".to_owned();
    let mut call = trunk.invite(&alice.uri());
    let mut rung = alice.ringing();
    alice.answer_call(&mut rung);
    trunk.connected(&mut call);
    assert_eq!(trunk.hang_up(&mut call).status(), 200);
    alice.hung_up(&rung);

    let mut out = trunk.invite(&number(&tandem));
    assert_eq!(trunk.outcome(&mut out).status(), 403, "a carrier may not be used to reach another");

    let mut call = alice.invite(&number(&tandem));
    alice.connected(&mut call);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    carrier.succeeded();
}
