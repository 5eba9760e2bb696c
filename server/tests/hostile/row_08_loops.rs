//! Row 8: requests that come back to where they were, and answers that are answered.

use std::time::Duration;

use crate::common::phone::unique;
use crate::common::tandem::PASSWORD;
use crate::common::{Phone, eventually};
use crate::target::Target;

fn received(target: &Target) -> f64 {
    target.tandem.metric("tandem_sip_messages_received_total", "")
}

/// Says busy to every call that rings.
fn busy(phone: &mut Phone) {
    while !phone.stays_quiet(Duration::from_millis(400)) {
        let rung = phone.ringing();
        phone.reply(&rung, &rung.invite, 486, "Busy Here", "");
    }
}

#[test]
fn max_forwards_of_zero_is_483_and_one_goes_no_further_than_here() {
    let mut target = Target::start();
    let mut stranger = target.stranger(0x0801);
    for (uri, status) in [(target.bob.uri(), 483), (target.tandem.app_uri("open"), 483)] {
        let invite = stranger.request("INVITE", &uri, "Max-Forwards: 0\r\n", &stranger.sdp());
        assert_eq!(stranger.answer(&invite).status(), status, "{uri}");
    }
    // With one hop left, a call through us has none for the other side.
    let headers = "Max-Forwards: 1\r\n";
    let mut alice = Phone::new(&target.tandem, "alice", PASSWORD);
    assert_eq!(alice.register().status(), 200);
    let text = target.tandem.metric("tandem_panics_caught_total", "");
    assert_eq!(text, 0.0);
    let mut call = alice.invite_with(&target.bob.uri(), headers);
    // The phone's own Max-Forwards comes first; both are there, which is no valid message either way.
    assert!(alice.outcome(&mut call).status() >= 400);
    target.unharmed("after Max-Forwards");
}

/// RFC 5393 section 3: each of two users is registered at both, so that each call doubles with each hop.
#[test]
fn users_registered_at_each_other_do_not_multiply_calls() {
    let mut target = Target::start();
    let server = target.tandem.sip;
    for (phone, other) in [(&mut target.alice, "bob"), (&mut target.bob, "alice")] {
        let domain = phone.domain.clone();
        let user = phone.user.clone();
        let contacts = format!(
            "Contact: <sip:{other}@{domain}>\r\nContact: <sip:{other}@{server}>\r\nContact: <sip:{user}@{server}>\r\nExpires: 300\r\n"
        );
        let status = phone.register_with(&contacts).status();
        assert!(status == 200 || status >= 400, "{status}");
    }
    let before = received(&target);
    let mut caller = Phone::new(&target.tandem, "alice", PASSWORD);
    let mut call = caller.invite(&format!("sip:bob@{}", target.tandem.domain()));
    busy(&mut target.bob);
    assert!(caller.outcome(&mut call).status() >= 400);
    // Two contacts of his own phone and those that lead back here: each is tried once at most.
    let messages = received(&target) - before;
    println!("{messages} messages received for one call");
    assert!(messages <= 60.0, "{messages} messages for one call");
    let settled = received(&target);
    eventually("it is over", Duration::from_secs(5), || {
        (target.tandem.metric("tandem_legs_live", "") < 1.0).then_some(())
    });
    assert!(received(&target) - settled <= 4.0, "messages go on after the call");
    for phone in [&mut target.alice, &mut target.bob] {
        assert_eq!(phone.register_with("Contact: *\r\nExpires: 0\r\n").status(), 200);
    }
    target.unharmed("after users registered at each other");
}

#[test]
fn a_call_with_seventy_hops_left_that_is_sent_back_to_us_ends() {
    let mut target = Target::start();
    let domain = target.tandem.domain();
    // A phone whose contact is the server itself, by name and by address.
    let contact = format!("Contact: <sip:bob@{};transport=udp>\r\nExpires: 300\r\n", target.tandem.sip);
    let status = target.bob.register_with(&format!("{contact}Contact: <sip:bob@{domain}>\r\n")).status();
    assert!(status == 200 || status >= 400, "{status}");
    let before = received(&target);
    for _ in 0..5 {
        let mut call = target.alice.invite(&format!("sip:bob@{domain}"));
        busy(&mut target.bob);
        assert!(target.alice.outcome(&mut call).status() >= 400);
    }
    let messages = received(&target) - before;
    println!("{messages} messages received for five calls");
    assert!(messages <= 300.0, "{messages} messages for five calls");
    assert_eq!(target.bob.register_with("Contact: *\r\nExpires: 0\r\n").status(), 200);
    target.unharmed("after calls that came back");
}

#[test]
fn acks_of_what_was_refused_are_never_answered() {
    let mut target = Target::start_listening_to_all();
    let mut stranger = target.stranger(0x0804);
    for _ in 0..50 {
        for tag in ["", ";tag=1"] {
            let ack = stranger.request("ACK", &target.bob.uri(), &format!("To: <{}>{tag}\r\n", target.bob.uri()), "");
            stranger.say(ack.as_bytes());
        }
    }
    // Responses that nobody asked for, too.
    for status in ["100 Trying", "200 OK", "302 Moved", "401 Unauthorized", "503 Service Unavailable"] {
        for method in ["INVITE", "BYE", "REGISTER", "ACK"] {
            let text = stranger.request(method, "sip:x", "", "").replacen(
                &format!("{method} sip:x SIP/2.0"),
                &format!("SIP/2.0 {status}"),
                1,
            );
            stranger.say(text.as_bytes());
        }
    }
    assert!(stranger.hear(Duration::from_millis(500)).is_none(), "an ACK or a response was answered");
    target.unharmed("after ACKs");
}

/// Whoever got 503 acknowledges it, and goes on doing so.
#[test]
fn a_refused_call_and_its_ack_end_there() {
    let mut target = Target::start();
    let mut stranger = target.stranger(0x0805);
    let id = unique("refused");
    let invite = stranger.request("INVITE", &target.bob.uri(), &format!("Call-ID: {id}\r\n"), &stranger.sdp());
    let reply = stranger.answer(&invite);
    assert_eq!(reply.status(), 407);
    for _ in 0..100 {
        let ack = stranger.request(
            "ACK",
            &target.bob.uri(),
            &format!("Call-ID: {id}\r\nTo: {}\r\nVia: {}\r\n", reply.header("To"), reply.header("Via")),
            "",
        );
        stranger.say(ack.as_bytes());
    }
    let more = stranger.hear_all(Duration::from_millis(700));
    assert!(more.len() <= 1, "{} more responses", more.len());
    target.unharmed("after ACKs of one refusal");
}

#[test]
fn a_contact_that_is_this_server_makes_no_traffic_of_its_own() {
    let mut target = Target::start();
    let contact = format!("Contact: <sip:bob@{};transport=udp>\r\nExpires: 300\r\n", target.tandem.sip);
    assert_eq!(target.bob.register_with("Contact: *\r\nExpires: 0\r\n").status(), 200);
    let status = target.bob.register_with(&contact).status();
    assert!(status == 200 || status >= 400, "{status}");
    let invites = |target: &Target| target.tandem.metric("tandem_sip_requests_total", "INVITE");
    let before = invites(&target);
    let mut call = target.alice.invite(&target.bob.uri());
    if !target.bob.stays_quiet(Duration::from_millis(500)) {
        let rung = target.bob.ringing();
        target.bob.reply(&rung, &rung.invite, 486, "Busy Here", "");
    }
    assert!(target.alice.outcome(&mut call).status() >= 400);
    // The caller's own, without and with credentials.
    assert!(invites(&target) - before <= 2.0, "{} INVITEs for one call", invites(&target) - before);
    target.unharmed("after a call to ourselves");
}
