//! SIPp as a carrier: challenges in all their forms, and no room.

use serde_json::json;

use crate::common::sipp::Sipp;
use crate::common::tandem::PASSWORD;
use crate::common::{Phone, digest};
use crate::rig::Rig;

const USER: &str = "trunk-user";
const SECRET: &str = "trunk-password";

/// A call by REST to a carrier that plays `scenario`, ended from here; its messages.
fn call(scenario: &str) -> String {
    let rig = Rig::new();
    let carrier = rig.carrier(scenario, "carrier", json!({"username": USER, "password": SECRET}));
    let sid = rig.call_by_rest("+15551230000");
    rig.until_in_progress(&sid);
    rig.hang_up_by_rest(&sid);
    let report = carrier.report();
    carrier.succeeded();
    report
}

fn header<'a>(report: &'a str, name: &str) -> &'a str {
    report.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default().trim()
}

#[test]
fn a_carrier_whose_407_has_no_qop_gets_the_older_proof() {
    let report = call("carrier_407_no_qop");
    let proof = header(&report, "Proxy-Authorization:");
    assert!(digest::proves_without_qop(proof, "INVITE", USER, SECRET), "{proof}");
}

#[test]
fn a_carrier_whose_401_has_qop_gets_a_counted_proof() {
    let report = call("carrier_401_qop");
    let proof = header(&report, "Authorization:");
    assert!(digest::proves(proof, "INVITE", USER, SECRET), "{proof}");
}

#[test]
fn a_nonce_that_got_old_is_replaced() {
    call("carrier_stale");
}

#[test]
fn a_password_that_a_carrier_refuses_is_not_tried_for_ever() {
    let rig = Rig::new();
    let carrier = rig.carrier("carrier_wrong_password", "carrier", json!({"username": USER, "password": "not it"}));
    let sid = rig.call_by_rest("+15551230000");
    rig.tandem.wait_call("the call has failed", |c| c["sid"] == json!(sid) && c["status"] == "failed");
    carrier.succeeded();
}

#[test]
fn the_next_carrier_takes_the_call_when_the_first_has_no_room() {
    let rig = Rig::new();
    let full = rig.carrier("failover_503", "full", json!({"priority": 1}));
    let free = rig.carrier("failover_503", "free", json!({"priority": 2}));
    let mut alice = Phone::new(&rig.tandem, "alice", PASSWORD);
    let mut call = alice.invite(&rig.uri("+15551230000"));
    alice.connected(&mut call);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    for carrier in [full, free] as [Sipp; 2] {
        carrier.succeeded();
    }
}

#[test]
fn a_caller_is_named_as_the_carriers_policy_says() {
    for policy in ["pai", "rpid"] {
        let rig = Rig::new();
        rig.tandem.endpoint("dave", json!({"outbound_policy": "passthrough", "send_as": "+15550100200"}));
        let carrier = rig.carrier("identity_out", policy, json!({"identity": policy}));
        let mut dave = Phone::new(&rig.tandem, "dave", PASSWORD);
        let mut call = dave.invite(&rig.uri("+15551230000"));
        dave.connected(&mut call);
        assert_eq!(dave.hang_up(&mut call).status(), 200);
        carrier.succeeded();
    }
}
