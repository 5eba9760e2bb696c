//! A REFER of ours and the NOTIFYs it brings, on one leg (RFC 3515).

use crate::rig::Rig;

fn talking() -> Rig {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
    ])
}

#[test]
fn a_refer_is_told_of_when_the_last_notify_has_come() {
    let rig = talking().run(&[
        ("refer-to sip:bob@pbx.test", "REFER 1"),
        ("NOTIFY Event:refer Subscription-State:active frag=100", "200"),
        ("202 referral", ""),
        ("NOTIFY Event:refer Subscription-State:active frag=180", "200"),
        ("NOTIFY Event:refer Subscription-State:terminated frag=200", "200; refer-ended Some(202) Some(200)"),
        ("NOTIFY Event:refer Subscription-State:terminated frag=200", "481"),
    ]);
    let refer = rig.peer.requests.iter().map(|(message, _)| message).find(|m| m.method_str() == "REFER").unwrap();
    assert_eq!(refer.header("Refer-To"), Some("<sip:bob@pbx.test?X-Why=tea%20time>"));
    assert!(refer.header("Referred-By").is_some_and(|by| by.starts_with("<sip:")), "{refer:?}");
}

#[test]
fn a_refusal_and_silence_end_it_at_once() {
    talking().run(&[("refer-to sip:bob@pbx.test", "REFER 1"), ("603 referral", "refer-ended Some(603) None")]);
    talking().run(&[("refer-to sip:bob@pbx.test", "REFER 1"), ("referral-timeout", "refer-ended Some(408) None")]);
}

#[test]
fn a_final_status_in_a_subscription_that_goes_on_is_enough() {
    talking().run(&[
        ("refer-to sip:bob@pbx.test", "REFER 1"),
        ("202 referral", ""),
        ("NOTIFY Event:refer Subscription-State:active frag=486", "200; refer-ended Some(202) Some(486)"),
    ]);
}

#[test]
fn notifies_of_something_else_are_refused() {
    talking().run(&[
        ("NOTIFY Event:refer Subscription-State:active frag=100", "481"),
        ("refer-to sip:bob@pbx.test", "REFER 1"),
        ("NOTIFY Event:presence Subscription-State:active", "489"),
        ("NOTIFY Event:refer Subscription-State:active", "200"),
    ]);
}

#[test]
fn a_party_that_hangs_up_ends_its_refer() {
    talking().run(&[
        ("refer-to sip:bob@pbx.test", "REFER 1"),
        ("202 referral", ""),
        ("BYE", "200; ended 200 remote; refer-ended Some(202) None; close"),
    ]);
}

#[test]
fn one_that_nobody_tells_of_is_given_up() {
    talking().run(&[
        ("refer-to sip:bob@pbx.test", "REFER 1"),
        ("202 referral", ""),
        ("+179999", ""),
        ("+1", "refer-ended Some(202) None"),
        ("refer-to sip:carol@pbx.test", "REFER 2"),
    ]);
}
