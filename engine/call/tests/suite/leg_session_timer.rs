//! Session timers, both roles (RFC 4028).

use tandem_call::leg::{Extensions, InviteSpec, MediaPolicy, SessionPolicy};

use crate::rig::{Rig, spec};

const ANSWER: &str = "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu";
const ACCEPTED: &str = "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu";
const EXPIRED: &str = "[SIP;cause=408;text=\"Session expired\"]";

fn called(extensions: Extensions, words: &str) -> Rig {
    Rig::called_in(extensions, words, MediaPolicy::default()).unwrap_or_else(|r| panic!("{words}: {r:?}")).run(&[
        ("opened", ""),
        ("answer", ANSWER),
        ("ACK", ""),
    ])
}

fn granted(words: &str, wanted_secs: u32) -> (Option<String>, bool) {
    let extensions = Extensions { session_expires_secs: wanted_secs, ..Extensions::default() };
    let rig = called(extensions, words);
    let answer = rig.peer.last_response.expect("200");
    let required = answer.token_list("Require").any(|tag| tag == "timer");
    (answer.header("Session-Expires").map(str::to_owned), required)
}

#[test]
fn a_caller_gets_the_interval_it_asks_for_or_ours() {
    for (words, wanted_secs, interval, required) in [
        ("sdp", 1_800, None, false),
        ("sdp Supported:timer", 1_800, Some("1800;refresher=uac"), true),
        ("sdp Supported:timer", 0, None, false),
        ("sdp Supported:timer Session-Expires:600", 1_800, Some("600;refresher=uac"), true),
        ("sdp Supported:timer Session-Expires:600", 0, Some("600;refresher=uac"), true),
        ("sdp k:timer x:600;refresher=uas", 1_800, Some("600;refresher=uas"), true),
        ("sdp Require:timer Session-Expires:600;refresher=uac", 1_800, Some("600;refresher=uac"), true),
        // Made shorter, but not below what the request bears.
        ("sdp Supported:timer Session-Expires:7200", 1_800, Some("1800;refresher=uac"), true),
        ("sdp Supported:timer Session-Expires:7200 Min-SE:3600", 1_800, Some("3600;refresher=uac"), true),
        ("sdp Supported:timer Min-SE:3600", 1_800, Some("3600;refresher=uac"), true),
        // A proxy asked for it: who does not know the extension cannot refresh.
        ("sdp Session-Expires:600", 1_800, Some("600;refresher=uas"), false),
        ("sdp Session-Expires:5", 1_800, None, false),
        ("sdp Supported:timer Session-Expires:soon", 1_800, Some("1800;refresher=uac"), true),
    ] {
        let want = (interval.map(str::to_owned), required);
        assert_eq!(granted(words, wanted_secs), want, "{words} {wanted_secs}");
    }
}

#[test]
fn too_short_an_interval_is_refused_with_ours() {
    let extensions = Extensions { min_se_secs: 300, ..Extensions::default() };
    let words = "sdp Supported:timer Session-Expires:299";
    let refused = Rig::called_in(extensions, words, MediaPolicy::default()).err().expect("refused");
    assert_eq!((refused.status, refused.headers), (422, vec![("Min-SE", "300".to_owned())]));
    let mut rig = called(extensions, "sdp Supported:timer Session-Expires:300");
    assert_eq!(rig.step("UPDATE Supported:timer Session-Expires:200"), "422");
    assert_eq!(rig.peer.last_response.as_ref().and_then(|r| r.header("Min-SE")), Some("300"));
    assert_eq!(rig.step("UPDATE Supported:timer Session-Expires:400"), "200");
    let answer = rig.peer.last_response.expect("200");
    assert_eq!(answer.header("Session-Expires"), Some("400;refresher=uac"));
}

#[test]
fn the_interval_ends_the_call_of_a_far_end_that_does_not_refresh() {
    let words = "sdp Supported:timer Session-Expires:90;refresher=uac";
    called(Extensions::default(), words).run(&[
        ("+59000", ""),
        // Each refresh starts it anew.
        ("UPDATE Supported:timer Session-Expires:90;refresher=uac", "200"),
        ("+59000", ""),
        ("+1000", &format!("ended 200 failure; BYE 1 {EXPIRED}; close")),
    ]);
}

#[test]
fn a_session_without_a_timer_goes_on_for_ever() {
    let rig = called(Extensions::default(), "sdp Supported:timer Session-Expires:90");
    // A refresh that asks for none ends it.
    let rig = rig.run(&[("UPDATE", "200"), ("+900000", "")]);
    assert_eq!(rig.leg.deadline(), None);
}

#[test]
fn we_refresh_by_update_where_it_is_taken_else_by_the_same_offer() {
    let by_update = "sdp Supported:timer Allow:INVITE,UPDATE Session-Expires:90;refresher=uas";
    let rig = called(Extensions::default(), by_update).run(&[
        ("+45000", "UPDATE 1"),
        ("200 update Session-Expires:90;refresher=uac", ""),
        ("+45000", "UPDATE 2"),
    ]);
    let (update, _) = rig.peer.requests.last().expect("an UPDATE");
    assert_eq!(update.header("Session-Expires"), Some("90;refresher=uac"));
    assert!(update.body().is_empty() && update.token_list("Supported").any(|tag| tag == "timer"));
    rig.run(&[
        // It goes unanswered: the dialog is lost.
        ("update-timeout", "ended 408 failure; BYE 3; close"),
    ]);

    let by_invite = "sdp Supported:timer Session-Expires:90;refresher=uas";
    let rig = called(Extensions::default(), by_invite).run(&[
        ("+45000", "INVITE 1 sendrecv"),
        ("200 sdp Session-Expires:90;refresher=uac", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; renegotiated Pcmu"),
        ("+45000", "INVITE 2 sendrecv"),
    ]);
    let bodies: Vec<_> = rig.peer.requests.iter().map(|(request, _)| request.body().to_vec()).collect();
    assert_eq!(bodies[0], bodies[1], "the same description with the same version (RFC 4028 section 7.4)");
    // A phone that answers a refresh without SDP keeps the session it has.
    rig.run(&[("200 Session-Expires:90", "ACK 2"), ("+45000", "INVITE 3 sendrecv")]);
}

#[test]
fn an_update_that_is_not_taken_after_all_is_made_a_re_invite() {
    let words = "sdp Supported:timer Allow:UPDATE Session-Expires:90;refresher=uas";
    called(Extensions::default(), words).run(&[
        ("+45000", "UPDATE 1"),
        ("405 update", "INVITE 2 sendrecv"),
        ("491", ""),
        ("+2000", "INVITE 3 sendrecv"),
        ("500", ""),
        ("+13000", &format!("ended 200 failure; BYE 4 {EXPIRED}; close")),
    ]);
}

#[test]
fn a_callee_is_asked_for_our_interval_and_decides() {
    let calling = || Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv")]);
    let rig = calling();
    assert_eq!(rig.peer.invite().header("Session-Expires"), Some("1800"));
    assert!(rig.peer.invite().token_list("Supported").any(|tag| tag == "timer"));
    // We refresh.
    rig.run(&[
        ("200 sdp Allow:UPDATE Require:timer Session-Expires:100;refresher=uac", ACCEPTED),
        ("+50000", "UPDATE 2"),
        ("200 update", ""),
        ("+900000", ""),
    ]);
    // It does.
    calling().run(&[
        ("200 sdp Allow:UPDATE Require:timer Session-Expires:90;refresher=uas", ACCEPTED),
        ("+59999", ""),
        ("+1", &format!("ended 200 failure; BYE 2 {EXPIRED}; close")),
    ]);
    // It knows of none.
    assert_eq!(calling().run(&[("200 sdp", ACCEPTED)]).leg.deadline(), None);
    let off = Extensions { session_expires_secs: 0, ..Extensions::default() };
    let rig = Rig::calling_in(off, spec()).run(&[("opened", "INVITE 1 sendrecv")]);
    assert_eq!(rig.peer.invite().header("Session-Expires"), None);
}

#[test]
fn a_422_is_answered_with_the_interval_it_asks_for_and_no_other_twice() {
    let rig = Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv"), ("422 Min-SE:3600", "INVITE 2 sendrecv")]);
    let invite = rig.peer.invite();
    assert_eq!((invite.header("Session-Expires"), invite.header("Min-SE")), (Some("3600"), Some("3600")));
    rig.run(&[("422 Min-SE:3600", "ended 422 remote; close")]);
    for refusal in ["422", "422 Min-SE:90", "422 Min-SE:4294967295"] {
        Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv"), (refusal, "ended 422 remote; close")]);
    }
    // So it is with a refresh.
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 sdp Allow:UPDATE Session-Expires:100;refresher=uac", ACCEPTED),
        ("+50000", "UPDATE 2"),
        ("422 update Min-SE:200", "UPDATE 3"),
        ("200 update Session-Expires:200;refresher=uac", ""),
        ("+100000", "UPDATE 4"),
    ]);
}

fn party(expires_secs: Option<u32>, min_se_secs: Option<u32>) -> MediaPolicy {
    MediaPolicy { session: SessionPolicy { expires_secs, min_se_secs }, ..MediaPolicy::default() }
}

#[test]
fn a_party_has_an_interval_of_its_own_in_both_directions() {
    for (policy, asked, granted) in [
        (party(None, None), Some("1800"), Some("1800;refresher=uac")),
        (party(Some(600), None), Some("600"), Some("600;refresher=uac")),
        (party(Some(3_600), Some(300)), Some("3600"), Some("3600;refresher=uac")),
        // What is asked for is never below what is taken.
        (party(None, Some(2_400)), Some("2400"), Some("2400;refresher=uac")),
        (party(Some(0), None), None, None),
        (party(Some(0), Some(300)), None, None),
    ] {
        let rig = Rig::calling(InviteSpec { media: policy.clone(), ..spec() }).run(&[("opened", "INVITE 1 sendrecv")]);
        assert_eq!(rig.peer.requests[0].0.header("Session-Expires"), asked, "{policy:?}");
        let rig = Rig::called_with("sdp Supported:timer", policy.clone()).expect("taken");
        let rig = rig.run(&[("opened", ""), ("answer", ANSWER)]);
        assert_eq!(rig.peer.last_response.unwrap().header("Session-Expires"), granted, "{policy:?}");
    }
}

#[test]
fn too_short_an_interval_is_too_short_for_each_party_by_itself() {
    let words = "sdp Supported:timer Session-Expires:200";
    let refused = Rig::called_with(words, party(Some(600), Some(300))).err().expect("refused");
    assert_eq!((refused.status, refused.headers), (422, vec![("Min-SE", "300".to_owned())]));
    let strict = Extensions { min_se_secs: 300, ..Extensions::default() };
    let rig = Rig::called_in(strict, words, party(None, Some(120))).expect("taken");
    let mut rig = rig.run(&[("opened", ""), ("answer", ANSWER), ("ACK", "")]);
    assert_eq!(rig.step("UPDATE Supported:timer Session-Expires:119"), "422");
    assert_eq!(rig.peer.last_response.as_ref().and_then(|r| r.header("Min-SE")), Some("120"));
    // Who asks for less than others take has to take as little.
    let rig = Rig::called_in(strict, words, party(Some(200), None)).expect("taken");
    let rig = rig.run(&[("opened", ""), ("answer", ANSWER)]);
    assert_eq!(rig.peer.last_response.unwrap().header("Session-Expires"), Some("200;refresher=uac"));
}
