//! Phones call each other: every way a call can go.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::message::uri_of;
use crate::common::tandem::PASSWORD;
use crate::common::{Phone, Tandem, alone, audio};

/// A server with alice and bob, both registered.
fn pair() -> (Tandem, Phone, Phone) {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    tandem.endpoint("bob", json!({}));
    let mut alice = Phone::new(&tandem, "alice", PASSWORD);
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(alice.register().status(), 200);
    assert_eq!(bob.register().status(), 200);
    (tandem, alice, bob)
}

#[test]
fn two_phones_talk_and_hear_what_the_other_says() {
    let _turn = alone();
    let (tandem, mut alice, mut bob) = pair();
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    assert!(uri_of(rung.invite.header("From")).contains("alice"), "{:?}", rung.invite);
    alice.provisional(&call, 180);
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    let (hers, his) = (audio::sweep(3.0, 300.0, 1_500.0), audio::sweep(3.0, 3_000.0, 900.0));
    call.media.play(&hers);
    rung.media.play(&his);
    std::thread::sleep(Duration::from_millis(4_000));
    let (to_bob, to_alice) = (audio::likeness(&hers, &rung.media.heard()), audio::likeness(&his, &call.media.heard()));
    assert!(to_bob >= 0.85 && to_alice >= 0.85, "alice → bob {to_bob:.2}, bob → alice {to_alice:.2}");
    call.media.dial("42#");
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(rung.media.heard_digits(), "42#");
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    alice.hung_up(&call);

    // What the media did follows the end.
    let inbound =
        tandem.wait_call("alice's leg is over", |c| c["direction"] == "inbound" && c["audio_in_mos"].is_number());
    assert_eq!(inbound["status"], "completed");
    assert!(inbound["from"].as_str().is_some_and(|f| f.contains("alice")), "{inbound}");
    assert_eq!(inbound["sip_result_code"], json!("200"));
    assert!(inbound["duration"].as_u64().is_some_and(|d| (3..15).contains(&d)), "{inbound}");
    assert!(inbound["audio_in_mos"].as_f64().is_some_and(|mos| mos > 3.5), "{inbound}");
    let outbound = tandem.wait_call("bob's leg is over", |c| c["direction"] == "outbound-dial");
    assert_eq!(outbound["parent_call_sid"], inbound["sid"]);
}

#[test]
fn a_short_name_and_a_full_address_reach_the_same_phone() {
    let (tandem, mut alice, mut bob) = pair();
    for target in [format!("sip:bob@{}", tandem.sip), format!("sip:bob@{}", tandem.domain())] {
        let mut call = alice.invite(&target);
        let mut rung = bob.ringing();
        bob.answer_call(&mut rung);
        alice.connected(&mut call);
        assert_eq!(alice.hang_up(&mut call).status(), 200);
        bob.hung_up(&rung);
    }
}

#[test]
fn a_refusal_reaches_the_caller_with_its_code() {
    let (_tandem, mut alice, mut bob) = pair();
    for (status, reason) in [(486, "Busy Here"), (603, "Decline")] {
        let mut call = alice.invite(&bob.uri());
        let rung = bob.ringing();
        bob.refuse(&rung, status, reason);
        assert_eq!(alice.outcome(&mut call).status(), status);
    }
}

#[test]
fn an_unregistered_phone_is_480_and_an_unknown_one_404() {
    let (tandem, mut alice, _bob) = pair();
    tandem.endpoint("carol", json!({}));
    let mut call = alice.invite(&format!("sip:carol@{}", tandem.domain()));
    assert_eq!(alice.outcome(&mut call).status(), 480);
    let mut call = alice.invite(&format!("sip:nobody@{}", tandem.domain()));
    assert_eq!(alice.outcome(&mut call).status(), 404);
}

#[test]
fn all_contacts_ring_the_first_answer_wins_and_the_others_are_cancelled() {
    let (tandem, mut alice, mut bob) = pair();
    let mut mobile = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(mobile.register().status(), 200);
    let mut call = alice.invite(&bob.uri());
    let desk_rung = bob.ringing();
    let mut mobile_rung = mobile.ringing();
    mobile.answer_call(&mut mobile_rung);
    alice.connected(&mut call);
    bob.expect("CANCEL", &desk_rung);
    bob.expect("ACK", &desk_rung);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    mobile.hung_up(&mobile_rung);
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let (tandem, mut alice, mut bob) = pair();
    let mut call = alice.invite(&bob.uri());
    let rung = bob.ringing();
    alice.provisional(&call, 180);
    assert_eq!(alice.cancel(&call).status(), 200);
    assert_eq!(alice.outcome(&mut call).status(), 487);
    bob.expect("CANCEL", &rung);
    bob.expect("ACK", &rung);
    let inbound = tandem.wait_call("the call is over", |c| c["direction"] == "inbound" && c["status"] != "ringing");
    assert!(matches!(inbound["status"].as_str(), Some("canceled" | "no-answer")), "{inbound}");
}

#[test]
fn hold_and_unhold_are_answered_and_media_comes_back() {
    let _turn = alone();
    let (_tandem, mut alice, mut bob) = pair();
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    let held = alice.reinvite(&mut call, "sendonly");
    assert_eq!(held.status(), 200, "{held:?}");
    bob.reinvited(&rung, "recvonly");
    assert!(held.body.contains("a=recvonly") || held.body.contains("a=inactive"), "{}", held.body);
    let back = alice.reinvite(&mut call, "sendrecv");
    assert_eq!(back.status(), 200, "{back:?}");
    bob.reinvited(&rung, "sendrecv");
    assert!(back.body.contains("a=sendrecv") || !back.body.contains("only"), "{}", back.body);
    let his = audio::sweep(2.0, 400.0, 2_000.0);
    // Media follows what was agreed a moment later.
    std::thread::sleep(Duration::from_millis(300));
    rung.media.play(&his);
    std::thread::sleep(Duration::from_millis(2_800));
    let alike = audio::likeness(&his, &call.media.heard());
    assert!(alike >= 0.85, "{alike:.2}");
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    alice.hung_up(&call);
}

#[test]
fn requests_outside_calls_get_the_answers_of_the_rfc() {
    let (tandem, mut alice, _bob) = pair();
    let server = format!("sip:{}", tandem.sip);
    let options = alice.ask("OPTIONS", &server, "");
    assert_eq!(options.status(), 200);
    for method in ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER"] {
        assert!(options.header("Allow").contains(method), "{method} in Allow: {}", options.header("Allow"));
    }
    // RFC 3261 sections 16.3, 8.2.2.3, 8.2.1, 12.2.2.
    let bob_uri = format!("sip:bob@{}", tandem.domain());
    assert_eq!(alice.ask("INVITE", &bob_uri, "Max-Forwards: 0\r\n").status(), 483);
    let extension = alice.ask("INVITE", &bob_uri, "Require: foo\r\n");
    assert_eq!(extension.status(), 420);
    assert_eq!(extension.header("Unsupported"), "foo");
    assert_eq!(alice.ask("PUBLISH", &server, "").status(), 405);
    assert_eq!(alice.ask("BYE", &server, "").status(), 481);
}

#[test]
fn a_stranger_may_not_call_phones() {
    let (tandem, _alice, mut bob) = pair();
    let mut stranger = Phone::new(&tandem, "mallory", "");
    let mut call = stranger.invite(&bob.uri());
    let status = stranger.outcome(&mut call).status();
    assert!(matches!(status, 401 | 403 | 407), "{status}");
    assert!(bob.stays_quiet(Duration::from_millis(300)));
}

#[test]
fn silence_on_one_leg_ends_the_call_in_time_and_bye_is_not_needed() {
    let (tandem, mut alice, mut bob) = pair();
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    std::thread::sleep(Duration::from_millis(300));
    call.media.mute();
    rung.media.mute();
    let since = Instant::now();
    // Both phones died without a word: 30 s without media end the call.
    bob.hung_up_within(&rung, Duration::from_secs(45));
    alice.hung_up_within(&call, Duration::from_secs(5));
    assert!(since.elapsed() > Duration::from_secs(20), "not before its time: {:?}", since.elapsed());
    let over = tandem.wait_call("the call is over", |c| c["direction"] == "inbound" && c["end_time"].is_string());
    assert_eq!(over["status"], "completed");
}
