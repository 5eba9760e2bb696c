//! What happens between the legs of a call by SIP means, and who may cause it.

use std::time::Duration;

use serde_json::json;

use crate::common::message::param;
use crate::common::phone::Call;
use crate::common::tandem::PASSWORD;
use crate::common::{Message, Phone, Tandem, alone, audio};

/// A server with three telephones.
fn trio() -> (Tandem, [Phone; 3]) {
    let tandem = Tandem::start();
    let phones =
        ["alice", "bob", "carol"].map(|name| Phone::registered(&tandem, name, json!({"outbound_policy": "block"})));
    (tandem, phones)
}

/// The next NOTIFY, answered: its Subscription-State and the status it tells.
#[track_caller]
fn notified(phone: &mut Phone, call: &Call) -> (String, String) {
    let notify: Message = phone.expect("NOTIFY", call);
    phone.reply(call, &notify, 200, "OK", "");
    let state = notify.header("Subscription-State").split(';').next().unwrap_or_default().to_owned();
    (state, notify.body.split(' ').nth(1).unwrap_or_default().to_owned())
}

/// NOTIFYs up to the last; what it tells.
#[track_caller]
fn outcome(phone: &mut Phone, call: &Call) -> String {
    loop {
        let (state, status) = notified(phone, call);
        if state == "terminated" {
            return status;
        }
    }
}

#[track_caller]
fn hear_each_other(left: &Call, right: &Call) {
    let (one, other) = (audio::sweep(3.0, 300.0, 1_500.0), audio::sweep(3.0, 3_000.0, 900.0));
    left.media.play(&one);
    right.media.play(&other);
    std::thread::sleep(Duration::from_millis(4_500));
    let (there, back) = (audio::likeness(&one, &right.media.heard()), audio::likeness(&other, &left.media.heard()));
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");
}

#[test]
fn a_blind_transfer_joins_the_two_who_are_left() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob, mut carol]) = trio();
    let (mut call, mut with_bob) = alice.talks_to(&mut bob);
    let refer = format!("Refer-To: <{}>\r\nReferred-By: <{}>\r\n", carol.uri(), alice.uri());
    assert_eq!(alice.within(&mut call, "REFER", &refer, "").status(), 202);
    assert_eq!(notified(&mut alice, &call), ("active".into(), "100".into()));
    let mut rung = carol.ringing();
    assert!(rung.invite.header("Referred-By").contains(&alice.uri()), "{:?}", rung.invite);
    assert!(rung.invite.header("From").contains("bob"), "the transferred party calls: {:?}", rung.invite);
    assert_eq!(notified(&mut alice, &call), ("active".into(), "180".into()));
    carol.answer_call(&mut rung);
    assert_eq!(notified(&mut alice, &call), ("terminated".into(), "200".into()));
    alice.hung_up(&call);
    hear_each_other(&with_bob, &rung);
    assert_eq!(bob.hang_up(&mut with_bob).status(), 200);
    carol.hung_up(&rung);
}

#[test]
fn who_is_transferred_hears_the_target_before_it_answers() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob, mut carol]) = trio();
    let (mut call, mut with_bob) = alice.talks_to(&mut bob);
    assert_eq!(alice.within(&mut call, "REFER", &format!("Refer-To: <{}>\r\n", carol.uri()), "").status(), 202);
    let mut rung = carol.ringing();
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    let sdp = rung.media.sdp("sendrecv");
    carol.reply(&rung, &rung.invite, 183, "Session Progress", &sdp);
    let announcement = audio::sweep(3.0, 300.0, 1_500.0);
    std::thread::sleep(Duration::from_millis(300));
    rung.media.play(&announcement);
    std::thread::sleep(Duration::from_millis(4_000));
    let heard = audio::likeness(&announcement, &with_bob.media.heard());
    assert!(heard >= 0.85, "{heard:.2}");
    carol.answer_call(&mut rung);
    hear_each_other(&with_bob, &rung);
    assert_eq!(bob.hang_up(&mut with_bob).status(), 200);
    carol.hung_up(&rung);
}

/// As telephones do that wait for the outcome: hold, REFER, NOTIFY.
#[test]
fn who_is_on_hold_for_a_transfer_hears_the_target_and_is_on_hold_again_when_that_fails() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob, mut carol]) = trio();
    let (mut call, with_bob) = alice.talks_to(&mut bob);
    assert_eq!(alice.reinvite(&mut call, "inactive").status(), 200);
    assert_eq!(bob.reinvited(&with_bob, "inactive"), "inactive");
    assert_eq!(alice.within(&mut call, "REFER", &format!("Refer-To: <{}>\r\n", carol.uri()), "").status(), 202);
    let rung = carol.ringing();
    assert_eq!(bob.reinvited(&with_bob, "sendrecv"), "sendrecv");
    let sdp = rung.media.sdp("sendrecv");
    carol.reply(&rung, &rung.invite, 183, "Session Progress", &sdp);
    std::thread::sleep(Duration::from_millis(300));
    let announcement = audio::sweep(2.0, 300.0, 1_500.0);
    rung.media.play(&announcement);
    std::thread::sleep(Duration::from_millis(3_000));
    let heard = audio::likeness(&announcement, &with_bob.media.heard());
    assert!(heard >= 0.85, "{heard:.2}");
    carol.refuse(&rung, 486, "Busy Here");
    assert_eq!(outcome(&mut alice, &call), "486");
    assert_eq!(bob.reinvited(&with_bob, "inactive"), "inactive");
    assert_eq!(alice.reinvite(&mut call, "sendrecv").status(), 200);
    assert_eq!(bob.reinvited(&with_bob, "sendrecv"), "sendrecv");
    hear_each_other(&call, &with_bob);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&with_bob);
}

#[test]
fn a_blind_transfer_that_fails_leaves_the_call() {
    let (_tandem, [mut alice, mut bob, mut carol]) = trio();
    let (mut call, with_bob) = alice.talks_to(&mut bob);
    assert_eq!(alice.within(&mut call, "REFER", &format!("Refer-To: <{}>\r\n", carol.uri()), "").status(), 202);
    let rung = carol.ringing();
    carol.refuse(&rung, 486, "Busy Here");
    assert_eq!(outcome(&mut alice, &call), "486");
    assert_eq!(alice.within(&mut call, "OPTIONS", "", "").status(), 200, "the dialog is there");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&with_bob);
}

/// The value of Replaces that names a caller's dialog, as a Refer-To takes it.
fn replacing(call: &Call) -> String {
    let tag = |value: &str| param(value, "tag").unwrap_or_default().to_owned();
    let (to, from) = (tag(&call.remote), tag(&call.local));
    format!("{}%3Bto-tag%3D{to}%3Bfrom-tag%3D{from}", call.call_id.replace('@', "%40"))
}

/// As telephones do it: the first call is put on hold for the second, and the second for the REFER.
#[test]
fn nobody_is_on_hold_after_an_attended_transfer() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob, mut carol]) = trio();
    let (mut first, mut with_bob) = alice.talks_to(&mut bob);
    assert_eq!(alice.reinvite(&mut first, "inactive").status(), 200);
    assert_eq!(bob.reinvited(&with_bob, "inactive"), "inactive");
    let (mut second, with_carol) = alice.talks_to(&mut carol);
    assert_eq!(alice.reinvite(&mut second, "sendonly").status(), 200);
    assert_eq!(carol.reinvited(&with_carol, "recvonly"), "sendonly");
    let refer = format!("Refer-To: <{}?Replaces={}>\r\n", carol.uri(), replacing(&second));
    assert_eq!(alice.within(&mut first, "REFER", &refer, "").status(), 202);
    assert_eq!(carol.reinvited(&with_carol, "sendrecv"), "sendrecv");
    assert_eq!(bob.reinvited(&with_bob, "sendrecv"), "sendrecv");
    assert_eq!(outcome(&mut alice, &first), "200");
    alice.hung_up(&first);
    alice.hung_up(&second);
    hear_each_other(&with_bob, &with_carol);
    assert_eq!(bob.hang_up(&mut with_bob).status(), 200);
    carol.hung_up(&with_carol);
}

#[test]
fn an_attended_transfer_joins_two_calls_into_one() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob, mut carol]) = trio();
    let (mut first, mut with_bob) = alice.talks_to(&mut bob);
    let (second, with_carol) = alice.talks_to(&mut carol);
    let refer = format!("Refer-To: <{}?Replaces={}>\r\n", carol.uri(), replacing(&second));
    assert_eq!(alice.within(&mut first, "REFER", &refer, "").status(), 202);
    assert_eq!(outcome(&mut alice, &first), "200");
    alice.hung_up(&first);
    alice.hung_up(&second);
    assert!(carol.stays_quiet(Duration::from_millis(300)), "carol talks already: nothing rings");
    hear_each_other(&with_bob, &with_carol);
    // From one call to the other.
    assert_eq!(bob.reinvite(&mut with_bob, "sendonly").status(), 200);
    assert_eq!(carol.reinvited(&with_carol, "recvonly"), "sendonly");
    assert_eq!(bob.reinvite(&mut with_bob, "sendrecv").status(), 200);
    assert_eq!(carol.reinvited(&with_carol, "sendrecv"), "sendrecv");
    assert_eq!(bob.hang_up(&mut with_bob).status(), 200);
    carol.hung_up(&with_carol);
}

#[test]
fn nobody_transfers_or_takes_over_what_they_may_not() {
    let (tandem, [mut alice, mut bob, mut carol]) = trio();
    let (mut call, with_bob) = alice.talks_to(&mut bob);
    let out = format!("Refer-To: <sip:+19005551234@{}>\r\n", tandem.domain());
    assert_eq!(alice.within(&mut call, "REFER", &out, "").status(), 403, "alice may not dial out");
    let tag = |value: &str| param(value, "tag").unwrap_or_default().to_owned();
    let replaces = format!("Replaces: {};to-tag={};from-tag={}\r\n", call.call_id, tag(&call.remote), tag(&call.local));
    let mut theft = carol.invite_with(&bob.uri(), &replaces);
    assert_eq!(carol.outcome(&mut theft).status(), 403, "the call is not carol's");
    let wrong = "Replaces: nothing;to-tag=1;from-tag=2\r\n";
    let mut nothing = carol.invite_with(&bob.uri(), wrong);
    assert_eq!(carol.outcome(&mut nothing).status(), 481);
    let log = tandem.log();
    assert!(log.contains("audit") && log.contains("the dialog is somebody else's"), "{log}");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&with_bob);
}

#[test]
fn a_call_is_taken_over_by_another_telephone_of_the_same_user() {
    let (tandem, [mut alice, mut bob, _carol]) = trio();
    let (call, mut with_bob) = alice.talks_to(&mut bob);
    let mut other = Phone::new(&tandem, "alice", PASSWORD);
    let tag = |value: &str| param(value, "tag").unwrap_or_default().to_owned();
    let replaces = format!("Replaces: {};to-tag={};from-tag={}\r\n", call.call_id, tag(&call.remote), tag(&call.local));
    let mut taken = other.invite_with(&bob.uri(), &replaces);
    other.connected(&mut taken);
    alice.hung_up(&call);
    assert_eq!(bob.hang_up(&mut with_bob).status(), 200);
    other.hung_up(&taken);
}

#[test]
fn methods_and_routes_that_start_nothing_are_refused() {
    let (tandem, [mut alice, bob, _carol]) = trio();
    for (method, status) in [
        ("MESSAGE", 405),
        ("PUBLISH", 405),
        ("SUBSCRIBE", 489),
        ("NOTIFY", 481),
        ("REFER", 403),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("FETCH", 501),
    ] {
        assert_eq!(alice.ask(method, &bob.uri(), "Refer-To: <sip:x@elsewhere.test>\r\n").status(), status, "{method}");
    }
    for route in ["<sip:198.51.100.1;lr>", "<sip:trunk.carrier.test;lr>"] {
        let refused = alice.ask("OPTIONS", &bob.uri(), &format!("Route: {route}\r\n"));
        assert_eq!(refused.status(), 403, "{route}");
    }
    let own = format!("Route: <sip:{};lr>\r\n", tandem.sip);
    assert_eq!(alice.ask("OPTIONS", &bob.uri(), &own).status(), 200);
    let mut preloaded = alice.invite_with(&bob.uri(), "Route: <sip:198.51.100.1;lr>\r\n");
    assert_eq!(alice.outcome(&mut preloaded).status(), 403);
    assert!(tandem.log().contains("preloaded Route leads elsewhere"), "{}", tandem.log());
}

#[test]
fn a_call_that_comes_back_through_a_carrier_is_known() {
    let tandem = Tandem::start();
    let mut alice = Phone::registered(&tandem, "alice", json!({"outbound_policy": "passthrough"}));
    let mut carrier = Phone::new(&tandem, "carrier", "");
    tandem.carrier("main", carrier.address, json!({"allow_from": ["127.0.0.0/8"]}));
    let dialled = format!("sip:+15551234567@{}", tandem.domain());
    let mut call = alice.invite(&dialled);
    let rung = carrier.ringing();
    let passed = rung.invite.header("X-Tandem-Hops").to_owned();
    assert!(!passed.is_empty() && rung.invite.header("Max-Forwards") == "69", "{:?}", rung.invite);
    let mut back = carrier.invite_with(&dialled, &format!("X-Tandem-Hops: {passed}\r\n"));
    assert_eq!(carrier.outcome(&mut back).status(), 482);
    carrier.refuse(&rung, 482, "Loop Detected");
    assert_eq!(alice.outcome(&mut call).status(), 482);
}

/// RFC 5393 section 3.
#[test]
fn two_addresses_registered_at_each_other_send_nothing_round() {
    let (tandem, [mut alice, mut bob, mut carol]) = trio();
    for (phone, other) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        let here = format!("sip:{other}@{}", tandem.sip);
        phone.register_with("Contact: *\r\nExpires: 0\r\n");
        phone.register_with(&format!("Contact: <{here}>, <{here};x=1>\r\nExpires: 300\r\n"));
    }
    let mut call = carol.invite(&bob.uri());
    let status = carol.outcome(&mut call).status();
    assert!(matches!(status, 480 | 482), "a registrar that refuses such contacts leaves nobody to ring: {status}");
    let outbound = tandem.calls().into_iter().filter(|c| c["direction"] == "outbound-dial").count();
    assert_eq!(outbound, 0, "nothing is sent to ourselves");
}
