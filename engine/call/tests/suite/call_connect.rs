//! An endpoint dials: one target, answered when it answers.

use tandem_call::call::{ApiDocument, CallInput, CallUpdate};

use crate::world::{DOMAIN, World};

fn to(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}

const CALL_BOB: &str = "lookup bob; call L2 sip:bob@203.0.113.9:5060 from sip:alice@acme-main.sip.example.test hops 9; L2 INVITE 1 sendrecv";

fn bob_rings() -> World {
    let mut w = World::dials(&to("bob"), "sdp");
    assert_eq!(w.take(), CALL_BOB);
    w.run(&[("2 180", "L1 180")]);
    w
}

fn bob_talks() -> World {
    let mut w = bob_rings();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"), ("1 ACK", "")]);
    w
}

#[test]
fn the_callee_answers_and_hangs_up() {
    let mut w = bob_talks();
    w.run(&[("+3", ""), ("2 BYE", "L2 200; unbridge L1; L1 BYE; finished")]);
    w.over(&["inbound completed 200 3s", "outbound-dial completed 200 3s"]);
}

#[test]
fn the_caller_hangs_up() {
    let mut w = bob_talks();
    w.run(&[("1 BYE", "L1 200; L2 BYE; finished")]);
    w.over(&["inbound completed 200 0s", "outbound-dial completed 200 0s"]);
}

#[test]
fn the_caller_cancels_while_it_rings() {
    let mut w = bob_rings();
    w.run(&[("1 cancelled", "L1 487; L2 CANCEL"), ("2 487", "finished")]);
    w.over(&["inbound no-answer 487 0s", "outbound-dial no-answer 487 0s"]);
}

/// RFC 3261 section 13.3.1.
#[test]
fn a_call_that_expires_while_it_rings_ends_as_if_cancelled() {
    let mut w = World::dials(&to("bob"), "sdp Expires:20");
    assert_eq!(w.take(), CALL_BOB);
    w.run(&[("2 180", "L1 180"), ("+19", ""), ("+1", "L1 487; L2 CANCEL"), ("2 487", "finished")]);
    w.over(&["inbound no-answer 487 0s", "outbound-dial no-answer 487 0s"]);
}

#[test]
fn the_callees_answer_races_the_callers_cancel() {
    let mut w = bob_rings();
    w.run(&[("1 cancelled", "L1 487; L2 CANCEL"), ("2 200 sdp", "L2 ACK 1; L2 BYE; finished")]);
    w.over(&["inbound no-answer 487 0s", "outbound-dial no-answer 487 0s"]);
}

#[test]
fn failures_are_passed_to_the_caller() {
    for (said, heard, row) in [
        ("486", "486", "busy 486"),
        ("600", "600", "busy 600"),
        ("480", "480", "no-answer 480"),
        ("404", "404", "no-answer 404"),
        ("603", "603", "failed 603"),
        ("401", "502", "failed 502"),
        ("302", "480", "no-answer 480"),
        ("503", "480", "no-answer 480"),
        ("422", "480", "no-answer 480"),
        ("timeout", "408", "no-answer 408"),
    ] {
        let mut w = bob_rings();
        w.run(&[(&format!("2 {said}"), &format!("L1 {heard}; finished"))]);
        assert_eq!(w.call.rows()[0].status.as_str(), row.split(' ').next().unwrap(), "{said}");
        assert_eq!(format!("{} {}", w.call.rows()[0].status.as_str(), w.call.rows()[0].sip_code.unwrap()), row);
    }
}

#[test]
fn nobody_answers_in_time() {
    let mut w = bob_rings();
    w.run(&[("+59", ""), ("+1", "L1 408; L2 CANCEL"), ("2 487", "finished")]);
    w.over(&["inbound no-answer 408 0s", "outbound-dial no-answer 487 0s"]);
}

#[test]
fn an_endpoint_without_registration_is_unavailable() {
    let mut w = World::dials(&to("carol"), "sdp");
    assert_eq!(w.take(), "lookup carol; warn 32009; L1 480; finished");
    w.over(&["inbound no-answer 480 0s"]);
}

/// RFC 5393 section 5.3.
#[test]
fn no_more_contacts_ring_than_the_callers_breadth_allows() {
    let mut w = World::dials_looking_with(&to("bob"), "sdp Max-Breadth:1");
    w.take();
    let from = "from sip:alice@acme-main.sip.example.test hops 9";
    let sent = format!("call L2 sip:desk@203.0.113.9:5060 {from}; L2 INVITE 1 sendrecv");
    assert_eq!(w.contacts(&["desk", "soft"]), sent);
    w.run(&[("2 486", "L1 486; finished")]);
}

#[test]
fn all_contacts_ring_and_the_first_answer_wins() {
    let mut w = World::dials_looking(&to("bob"));
    assert_eq!(w.take(), "lookup bob");
    let call = |leg: u8, name: &str| {
        let from = "from sip:alice@acme-main.sip.example.test hops 9";
        format!("call L{leg} sip:{name}@203.0.113.9:5060 {from}")
    };
    let sent = format!("{}; {}; L2 INVITE 1 sendrecv; L3 INVITE 1 sendrecv", call(2, "desk"), call(3, "soft"));
    assert_eq!(w.contacts(&["desk", "soft"]), sent);
    assert_eq!(w.contacts(&["desk"]), "", "a second answer to one lookup rings nobody");
    w.run(&[
        ("2 180", "L1 180"),
        ("3 180", ""),
        ("3 200 sdp", "L3 ACK 1; L1 200 sendrecv; bridge L1 L3; L2 CANCEL"),
        ("2 200 sdp", "L2 ACK 1; L2 BYE"),
        ("1 ACK", ""),
        ("1 BYE", "L1 200; L3 BYE; finished"),
    ]);
    w.over(&["inbound completed 200 0s", "outbound-dial no-answer 487 0s", "outbound-dial completed 200 0s"]);
}

#[test]
fn one_busy_contact_does_not_end_the_ringing_of_another() {
    let mut w = World::dials_looking(&to("bob"));
    w.contacts(&["desk", "soft"]);
    w.run(&[("2 486", ""), ("3 404", "L1 486; finished")]);
}

#[test]
fn a_lookup_that_is_never_answered_ends_with_the_ringing_time() {
    let mut w = World::dials_looking(&to("bob"));
    w.take();
    w.run(&[("+59", ""), ("+1", "L1 408; finished")]);
    assert_eq!(w.rows.len(), 1);
}

#[test]
fn early_media_is_heard_before_the_answer() {
    let mut w = World::dials(&to("bob"), "sdp");
    w.take();
    w.run(&[
        ("2 183 sdp", "bridge L1 L2; L1 183 sendrecv"),
        ("2 180", ""),
        ("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"),
        ("2 INVITE hold", "L2 200 recvonly"),
    ]);
}

#[test]
fn a_late_offer_is_joined_when_its_ack_comes() {
    let mut w = World::dials(&to("bob"), "");
    w.take();
    w.run(&[
        ("2 180", "L1 180"),
        ("2 200 sdp", "L2 ACK 1; L1 200 sendrecv"),
        ("1 ACK sdp", "bridge L1 L2"),
        ("2 BYE", "L2 200; unbridge L1; L1 BYE; finished"),
    ]);
}

#[test]
fn a_callee_that_leaves_before_the_callers_ack_ends_the_call() {
    let mut w = World::dials(&to("bob"), "");
    w.take();
    w.run(&[("2 200 sdp", "L2 ACK 1; L1 200 sendrecv"), ("2 BYE", "L2 200"), ("1 ACK sdp", "L1 BYE; finished")]);
}

#[test]
fn the_next_carrier_is_tried_when_one_fails() {
    for failure in ["503", "500", "timeout", "unreachable"] {
        let mut w = World::dials(&to("+15551234567"), "sdp");
        let from = "from sip:%2B15550001111@acme-main.sip.example.test".replace("%2B", "+");
        let call = |leg: u8, name: &str| {
            format!("call L{leg} sip:+15551234567@{name}.carrier.test {from} hops 9; L{leg} INVITE 1 sendrecv")
        };
        assert_eq!(w.take(), call(2, "one"));
        w.run(&[(&format!("2 {failure}"), &call(3, "two")), ("3 486", "L1 486; finished")]);
    }
    let mut w = World::dials(&to("+15551234567"), "sdp");
    w.take();
    w.run(&[("2 486", "L1 486; finished")]);
}

#[test]
fn the_time_limit_ends_the_call() {
    let mut w = bob_talks();
    w.run(&[("+14399", ""), ("+1", "unbridge L1; L1 BYE; L2 BYE; finished")]);
    w.over(&["inbound completed 200 14400s", "outbound-dial completed 200 14400s"]);
}

#[test]
fn rest_completes_cancels_and_takes_over() {
    let mut w = bob_talks();
    assert_eq!(w.input(CallInput::Update(CallUpdate::Cancel)), "", "too late to cancel");
    assert_eq!(w.input(CallInput::Update(CallUpdate::Complete)), "L1 BYE; L2 BYE; finished");
    let mut w = bob_rings();
    assert_eq!(w.input(CallInput::Update(CallUpdate::Cancel)), "L1 480; L2 CANCEL");
    w.run(&[("2 487", "finished")]);
    assert_eq!(w.call.rows()[0].status.as_str(), "canceled");
    let mut w = bob_talks();
    let document = ApiDocument::Inline("<Response><Play>https://app.test/a.wav</Play></Response>".into());
    assert_eq!(
        w.input(CallInput::Update(CallUpdate::Document(document))),
        "unbridge L1; play L1 1; L2 BYE; L1 BYE; finished"
    );
}

#[test]
fn draining_ends_both_legs() {
    let mut w = bob_talks();
    assert_eq!(w.input(CallInput::Drain), "L1 BYE; L2 BYE; finished");
    let mut w = bob_rings();
    let said = w.input(CallInput::Drain);
    assert_eq!(said, "L1 480 [SIP;cause=503;text=\"Server going down\"]; L2 CANCEL");
}

/// RFC 3326 section 2: a telephone whose caller says that the call was answered elsewhere lists no missed call.
#[test]
fn why_the_caller_went_is_told_to_the_telephone_that_rang_or_talked() {
    let elsewhere = "SIP;cause=200;text=\"Call completed elsewhere\"";
    for (reason, told) in [
        (elsewhere.to_owned(), true),
        ("Q.850;cause=31".to_owned(), true),
        ("X-Own;cause=1".to_owned(), false),
        (format!("SIP;cause=200;text=\"{}\"", "x".repeat(200)), false),
    ] {
        let mut w = bob_rings();
        w.run(&[(&format!("1 cancelled {reason}"), "L1 487; L2 CANCEL")]);
        assert_eq!(w.cancel_reason(2), told.then_some(reason.as_str()), "{reason}");
    }
}
