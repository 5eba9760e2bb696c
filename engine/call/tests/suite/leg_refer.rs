//! REFER and its subscription, on one leg (RFC 3515, RFC 4488, RFC 6665).

use crate::rig::{Rig, spec};

const REFER: &str = "REFER Refer-To:<sip:bob@h>";
const ANSWER: &str = "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu";

fn talking() -> Rig {
    Rig::called("sdp").run(&[("opened", ""), ("answer", ANSWER), ("ACK", "")])
}

#[test]
fn an_accepted_refer_is_told_how_it_goes_until_it_is_over() {
    let rig = talking().run(&[
        (REFER, "refer sip:bob@h"),
        ("accept-refer", "202; NOTIFY active 100"),
        ("200 notify", ""),
        ("progress 180", "NOTIFY active 180"),
        ("200 notify", ""),
        ("outcome 200", "NOTIFY terminated 200"),
        ("200 notify", ""),
        ("progress 180", ""),
    ]);
    let notify = rig.peer.notify();
    assert_eq!(notify.content_type(), Some("message/sipfrag;version=2.0"));
    assert_eq!(notify.body(), b"SIP/2.0 200 So\r\n");
    assert_eq!(notify.header("Event"), Some("refer"));
    assert!(notify.header("Contact").is_some(), "NOTIFY refreshes the target");
}

#[test]
fn notifies_go_one_after_another_and_the_last_does_not_wait() {
    talking().run(&[
        (REFER, "refer sip:bob@h"),
        ("accept-refer", "202; NOTIFY active 100"),
        ("progress 180", ""),
        ("progress 183", ""),
        ("200 notify", "NOTIFY active 183"),
        ("outcome 486", "NOTIFY terminated 486"),
    ]);
}

#[test]
fn a_refused_refer_makes_no_subscription() {
    talking().run(&[
        (REFER, "refer sip:bob@h"),
        ("refuse-refer", "403"),
        ("progress 180", ""),
        ("outcome 200", ""),
        (REFER, "refer sip:bob@h"),
    ]);
}

#[test]
fn one_refer_at_a_time() {
    talking().run(&[
        (REFER, "refer sip:bob@h"),
        (REFER, "491"),
        ("accept-refer", "202; NOTIFY active 100"),
        ("200 notify", ""),
        (REFER, "491"),
        ("outcome 404", "NOTIFY terminated 404"),
        ("200 notify", ""),
        (REFER, "refer sip:bob@h"),
        ("accept-refer", "202; NOTIFY;id=5 active 100"),
    ]);
}

#[test]
fn who_wants_no_subscription_gets_none() {
    let rig = talking().run(&[
        ("REFER Refer-To:<sip:bob@h> Refer-Sub:false", "refer sip:bob@h"),
        ("accept-refer", "200"),
        ("outcome 200", ""),
    ]);
    assert_eq!(rig.peer.last_response.as_ref().and_then(|r| r.header("Refer-Sub")), Some("false"));
}

/// RFC 3515 section 2.2.
#[test]
fn whatever_accepts_a_refer_has_a_contact() {
    for refer in [REFER.to_owned(), format!("{REFER} Refer-Sub:false")] {
        let mut rig = talking();
        rig.step(&refer);
        rig.step("accept-refer");
        let response = rig.peer.last_response.as_ref().expect("a 2xx");
        assert_eq!(response.header("Contact"), Some("<sip:L1@198.51.100.1:5060>"), "{refer}");
    }
}

#[test]
fn nobody_is_transferred_before_the_call_is_answered() {
    Rig::called("sdp").run(&[("opened", ""), ("ring", "180"), (REFER, "603"), ("answer", ANSWER)]);
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("180", "progress 180"),
        (REFER, "603"),
        ("200 sdp", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
    ]);
}

#[test]
fn a_notify_that_is_refused_or_lost_ends_the_subscription_and_not_the_call() {
    for answer in ["481 notify", "notify-timeout"] {
        talking().run(&[
            (REFER, "refer sip:bob@h"),
            ("accept-refer", "202; NOTIFY active 100"),
            (answer, ""),
            ("progress 180", ""),
            ("outcome 200", ""),
            ("BYE", "200; ended 200 remote; close"),
        ]);
    }
}

#[test]
fn the_subscription_may_be_refreshed_and_given_up() {
    let rig = talking().run(&[
        ("SUBSCRIBE Event:refer", "481"),
        ("SUBSCRIBE Event:presence", "489"),
        (REFER, "refer sip:bob@h"),
        ("accept-refer", "202; NOTIFY active 100"),
        ("200 notify", ""),
        ("SUBSCRIBE Event:refer;id=77", "481"),
        ("SUBSCRIBE Event:refer", "200; NOTIFY active 100"),
        ("200 notify", ""),
        ("SUBSCRIBE Event:refer Expires:0", "200; NOTIFY terminated 100"),
        ("200 notify", ""),
        ("progress 180", ""),
    ]);
    assert_eq!(rig.peer.notify().header("Subscription-State"), Some("terminated;reason=timeout"));
}

#[test]
fn a_bye_before_the_word_answers_the_refer_too() {
    talking().run(&[
        (REFER, "refer sip:bob@h"),
        ("BYE", "200; ended 200 remote; 487; close"),
        ("accept-refer", ""),
        ("closed", "closed; stop"),
    ]);
}

#[test]
fn forged_and_malformed_refers_change_nothing() {
    talking().run(&[
        ("REFER", "400"),
        ("REFER Refer-To:<mailto:bob@h>", "416"),
        ("REFER Refer-To:<sip:bob@h;method=BYE>", "603"),
        ("REFER Refer-To:<sip:bob@h> tag=other", "481"),
        ("REFER Refer-To:<sip:bob@h> call-id=other", "481"),
        ("REFER Refer-To:<sip:bob@h> cseq=1", "500"),
        ("BYE", "200; ended 200 remote; close"),
    ]);
}
