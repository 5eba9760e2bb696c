//! REST creates calls (laml.md 3.6), changes them and ends them.

use std::time::Duration;

use tandem_call::call::{ApiDocument, CallInput, CallUpdate};
use tandem_call::leg::Credentials;
use tandem_laml::instruction::Method;

use crate::world::{DOMAIN, World, api_call};

const PLAY: &str = "<Response><Play>https://app.test/a.wav</Play></Response>";

fn calling(to: &str) -> World {
    World::api(api_call(to, PLAY))
}

fn far() -> World {
    let mut w = calling("sip:a@far.test?X-Room=3");
    let from = "from sip:+15550001111@acme-main.sip.example.test hops 70";
    assert_eq!(w.take(), format!("notify 0 initiated; call L1 sip:a@far.test {from}; L1 INVITE 1 sendrecv"));
    w
}

#[test]
fn a_call_tells_each_step_and_plays_its_document() {
    let mut w = far();
    w.run(&[
        ("1 180", "notify 1 ringing"),
        ("1 200 sdp", "L1 ACK 1; notify 2 in-progress; play L1 1; L1 BYE; notify 3 completed 200; finished"),
    ]);
    assert_eq!(w.param("Direction"), Some("outbound-api"));
    assert_eq!(w.param("From"), Some(format!("sip:+15550001111@{DOMAIN}").as_str()));
    assert_eq!(w.param("To"), Some("sip:a@far.test?X-Room=3"));
    w.over(&["outbound-api completed 200 0s"]);
}

#[test]
fn failures_are_told_as_they_are() {
    for (said, status) in [
        ("486", "busy 486"),
        ("404", "failed 404"),
        ("480", "no-answer 480"),
        ("603", "failed 603"),
        ("500", "failed 500"),
        ("timeout", "no-answer 408"),
        ("unreachable", "failed 503"),
    ] {
        let mut w = far();
        w.run(&[(&format!("1 {said}"), &format!("notify 1 {status}; finished"))]);
    }
}

#[test]
fn nobody_answers_in_time() {
    let mut w = far();
    w.run(&[("+59", ""), ("+1", "L1 CANCEL"), ("1 487", "notify 1 no-answer 487; finished")]);
    w.over(&["outbound-api no-answer 487 0s"]);
}

#[test]
fn credentials_answer_a_challenge() {
    let mut call = api_call("sip:a@far.test", PLAY);
    call.credentials = Some(Credentials { username: "u".into(), password: "p".into() });
    let mut w = World::api(call);
    w.take();
    w.run(&[("1 401", "L1 INVITE 2 Authorization sendrecv"), ("1 401", "notify 1 failed 401; finished")]);
}

#[test]
fn digits_go_before_the_document() {
    let mut call = api_call("+15551234567", PLAY);
    call.send_digits = Some("w1".into());
    let mut w = World::api(call);
    w.hold_plays = true;
    w.take();
    w.run(&[
        ("1 200 sdp", "L1 ACK 1; notify 1 in-progress; digits L1 w1"),
        ("1 play-done 1", "play L1 2"),
        ("1 play-done 2", "L1 BYE; notify 2 completed 200; finished"),
    ]);
}

#[test]
fn an_unregistered_endpoint_and_an_unknown_route_end_at_once() {
    let mut w = calling(&format!("sip:carol@{DOMAIN}"));
    assert_eq!(w.take(), "notify 0 initiated; lookup carol; warn 32009; notify 1 no-answer 480; finished");
    w.over(&["outbound-api no-answer 480 0s"]);
    for to in ["+4930123456", "sip:nobody@other.example.test"] {
        let mut w = calling(to);
        assert_eq!(w.take(), "notify 0 initiated; notify 1 failed 404; finished");
    }
}

#[test]
fn cancel_and_complete_end_it_in_every_state() {
    let mut w = far();
    assert_eq!(w.input(CallInput::Update(CallUpdate::Cancel)), "L1 CANCEL");
    w.run(&[("1 487", "notify 1 canceled 487; finished")]);
    let mut w = far();
    w.run(&[("1 180", "notify 1 ringing")]);
    assert_eq!(w.input(CallInput::Update(CallUpdate::Complete)), "L1 CANCEL");
    w.run(&[("1 200 sdp", "L1 ACK 1; L1 BYE; notify 2 no-answer 487; finished")]);
    let mut w = far();
    w.hold_plays = true;
    w.run(&[("1 200 sdp", "L1 ACK 1; notify 1 in-progress; play L1 1")]);
    assert_eq!(w.input(CallInput::Update(CallUpdate::Complete)), "L1 BYE; notify 2 completed 200; finished");
}

#[test]
fn a_call_that_waits_for_the_registrar_can_be_ended() {
    let bob = || {
        let mut w = World::api_unanswered_lookup(api_call(&format!("sip:bob@{DOMAIN}"), PLAY));
        assert_eq!(w.take(), "notify 0 initiated; lookup bob");
        w
    };
    let mut w = bob();
    assert_eq!(w.input(CallInput::Update(CallUpdate::Cancel)), "notify 1 canceled 487; finished");
    assert_eq!(w.contacts(&["bob"]), "");
    w.over(&["outbound-api canceled 487 0s"]);
    let mut w = bob();
    assert_eq!(w.input(CallInput::Drain), "notify 1 no-answer 487; finished");
    let mut w = bob();
    w.run(&[("+59", ""), ("+1", "notify 1 no-answer 487; finished")]);
    let mut w = bob();
    assert!(w.contacts(&["bob"]).starts_with("call L1 sip:bob@203.0.113.9:5060"));
    assert_eq!(w.contacts(&["bob"]), "");
}

#[test]
fn a_document_set_while_it_rings_takes_the_place_of_the_first() {
    let mut w = far();
    let other = ApiDocument::Url("https://app.test/other".into(), Method::Get);
    assert_eq!(w.input(CallInput::Update(CallUpdate::Document(other))), "");
    w.run(&[("1 200 sdp", "L1 ACK 1; notify 1 in-progress; fetch https://app.test/other")]);
    assert_eq!(w.param("CallStatus"), Some("in-progress"));
    w.input(CallInput::Update(CallUpdate::Fallback("https://app.test/fallback".into(), Method::Post)));
    assert_eq!(w.no_document(), "warn 11200; fetch https://app.test/fallback");
}

#[test]
fn a_status_callback_set_later_goes_on_counting() {
    let mut w = far();
    w.input(CallInput::Update(CallUpdate::StatusCallback("https://app.test/other".into(), Method::Get)));
    w.run(&[("1 486", "notify 1 busy 486; finished")]);
}

#[test]
fn a_call_to_a_number_dials_on() {
    let mut call = api_call("+15551234567", "<Response><Dial><Sip>sip:b@far.test</Sip></Dial></Response>");
    call.timeout = Duration::from_secs(5);
    let mut w = World::api(call);
    w.take();
    let said = w.step("1 200 sdp");
    assert!(said.contains("call L2 sip:b@far.test") && !said.contains("L1 200"), "{said}");
    w.run(&[
        ("2 183 sdp", "bridge L1 L2"),
        ("2 200 sdp", "L2 ACK 1; bridge L1 L2"),
        ("+10", ""),
        ("2 BYE", "L2 200; unbridge L1; L1 BYE; notify 2 completed 200; finished"),
    ]);
    w.over(&["outbound-api completed 200 10s", "outbound-dial completed 200 10s"]);
}
