//! SIPp calls, and is called: registration, the course of a call, early media, late offers, CANCEL, forking, keys, TCP.

use std::time::Duration;

use crate::common::baresip::cannot_run;
use crate::common::{AppServer, Reply, eventually};
use crate::rig::Rig;

#[test]
fn a_phone_registers_by_md5_and_takes_it_back() {
    let rig = Rig::new();
    rig.endpoint("register_md5", "phone", "alice", None, &[]).succeeded();
}

#[test]
fn a_registration_for_ten_seconds_is_refused_with_the_least_there_is() {
    let rig = Rig::new();
    rig.endpoint("register_too_brief", "phone", "alice", None, &[]).succeeded();
}

#[test]
fn a_caller_hangs_up() {
    Rig::both("basic_call");
}

#[test]
fn a_callee_hangs_up() {
    Rig::both("callee_hangs_up");
}

#[test]
fn a_callees_refusal_reaches_the_caller() {
    Rig::both("callee_is_busy");
}

#[test]
fn early_media_reaches_the_caller() {
    Rig::both("early_media");
}

#[test]
fn an_invite_without_an_offer_gets_one() {
    Rig::with_echo("late_offer");
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    Rig::both("cancel");
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    Rig::both("cancel_crosses_200");
}

#[test]
fn a_cancel_of_nothing_is_answered_481() {
    Rig::with_echo("cancel_of_nothing");
}

#[test]
fn of_two_answers_behind_a_forking_proxy_one_is_kept() {
    Rig::both("forking");
}

#[test]
fn a_callee_who_is_not_needed_is_told_that_another_answered() {
    let rig = Rig::new();
    let loser = rig.phone("reason", "loser", "carol", &[]);
    let winner = rig.phone("reason", "winner", "bob", &[]);
    let both = format!("<Dial><Sip>{}</Sip><Sip>{}</Sip></Dial>", rig.uri("bob"), rig.uri("carol"));
    let app = AppServer::start(move |_| Reply::laml(&both));
    rig.tandem.domain_app("app", &app, "/app", serde_json::json!({}));
    let caller = rig.trunk("reason", "caller", &rig.tandem.app_uri("app"), &[]);
    loser.succeeded();
    caller.succeeded();
    winner.succeeded();
}

/// An application that gathers three keys, and what it was told.
fn keys(rig: &Rig) -> (AppServer, String) {
    let app = AppServer::start(|request| match request.path() {
        "/app" => Reply::laml("<Gather numDigits=\"3\" finishOnKey=\"\" timeout=\"20\" action=\"/keys\"/>"),
        _ => Reply::laml("<Hangup/>"),
    });
    rig.tandem.domain_app("app", &app, "/app", serde_json::json!({}));
    (app, rig.tandem.app_uri("app"))
}

#[test]
fn keys_told_by_info_reach_the_application() {
    let rig = Rig::new();
    let (app, target) = keys(&rig);
    rig.trunk("dtmf_info", "caller", &target, &[]).succeeded();
    assert_eq!(app.wait("/keys", |_| true).param("Digits"), "42#");
}

#[test]
fn keys_told_by_telephone_events_reach_the_application() {
    if let Some(why) = cannot_run() {
        eprintln!("skipped: {why}");
        return;
    }
    let rig = Rig::new();
    let (app, target) = keys(&rig);
    rig.trunk("dtmf_rfc4733", "caller", &target, &[]).succeeded();
    assert_eq!(app.wait("/keys", |_| true).param("Digits"), "42#");
}

#[test]
fn a_call_by_tcp_with_a_reinvite() {
    let rig = Rig::new();
    let (_app, target) = rig.app("<Echo/>");
    rig.trunk("tcp", "caller", &format!("{target};transport=tcp"), &["-t", "t1"]).succeeded();
}

#[test]
fn a_carrier_by_tcp_is_called() {
    let rig = Rig::new();
    let carrier = rig.tcp_carrier("tcp", "callee");
    let sid = rig.call_by_rest("+15551230000");
    rig.until_in_progress(&sid);
    rig.hang_up_by_rest(&sid);
    carrier.succeeded();
}

#[test]
fn an_asserted_identity_reaches_the_application_of_a_carriers_call() {
    let rig = Rig::new();
    let (app, target) = rig.app("<Echo/>");
    rig.trunk("identity_in", "caller", &target, &[]).succeeded();
    let told = app.wait("/app", |_| true);
    let told = told.params.iter().find(|(name, _)| name == "SipHeader_P-Asserted-Identity");
    assert!(told.is_some_and(|(_, value)| value.contains("+15550001111")), "{:?}", app.seen());
    assert_eq!(app.wait("/app", |_| true).param("ForwardedFrom"), "+15550002222");
    eventually("the call is over", Duration::from_secs(5), || {
        rig.tandem.calls().iter().all(|c| c["status"] == "completed").then_some(())
    });
    assert_eq!(rig.tandem.calls()[0]["forwarded_from"], "+15550002222");
}
