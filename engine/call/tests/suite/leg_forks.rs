//! One INVITE of ours and several callees (RFC 3261 sections 12.1.2 and 13.2.2.4, RFC 6228).

use tandem_model::limits;

use crate::rig::{Rig, spec};

fn calling() -> Rig {
    Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv")])
}

#[test]
fn each_early_dialog_has_its_own_media_and_the_one_that_answers_wins() {
    calling().run(&[
        ("183 sdp tag=a", "configure Pcmu 203.0.113.9:4000 sr; progress 183 Pcmu"),
        ("183 fork tag=b", "configure Pcmu 203.0.113.77:7000 sr; progress 183 Pcmu"),
        ("180 tag=c", "progress 180"),
        // What A agreed on early is heard again.
        ("200 tag=a", "configure Pcmu 203.0.113.9:4000 sr; ACK 1; answered Pcmu"),
        ("BYE tag=b", "481"),
        ("INVITE hold tag=a", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
    ]);
}

#[test]
fn a_callee_that_was_never_heard_before_may_answer() {
    calling().run(&[
        ("183 pcma tag=a", "configure Pcma 203.0.113.9:4000 sr; progress 183 Pcma"),
        ("200 fork tag=b", "ACK 1; configure Pcmu 203.0.113.77:7000 sr; answered Pcmu"),
    ]);
}

#[test]
fn reliable_early_dialogs_count_for_themselves() {
    calling().run(&[
        ("183 sdp tag=a Require:100rel RSeq:10", "configure Pcmu 203.0.113.9:4000 sr; PRACK 2; progress 183 Pcmu"),
        ("183 fork tag=b Require:100rel RSeq:500", "configure Pcmu 203.0.113.77:7000 sr; PRACK 2; progress 183 Pcmu"),
        ("180 tag=a Require:100rel RSeq:11", "PRACK 3; progress 180"),
        // A's media, though B's was the last, and A's numbers.
        ("200 tag=a", "configure Pcmu 203.0.113.9:4000 sr; ACK 1; answered Pcmu"),
        // B's dialog has seen CSeq 2.
        ("200 fork tag=b", "ACK 1; BYE 3"),
        ("hangup", "ended 200 local; BYE 4; close"),
    ]);
}

#[test]
fn an_answer_too_late_has_its_ack_each_time_and_its_bye_once() {
    calling().run(&[
        ("200 sdp tag=a", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
        ("200 sdp tag=b", "ACK 1; BYE 2"),
        ("200 sdp tag=b", "ACK 1"),
        ("200 fork tag=c", "ACK 1; BYE 2"),
        // A stray description changes nothing.
        ("200 fork tag=a", "ACK 1"),
        ("hangup", "ended 200 local; BYE 2; close"),
        ("200 sdp tag=b", "ACK 1"),
    ]);
}

#[test]
fn a_fork_given_up_takes_its_media_with_it() {
    calling().run(&[
        ("183 sdp tag=a", "configure Pcmu 203.0.113.9:4000 sr; progress 183 Pcmu"),
        ("183 fork tag=b", "configure Pcmu 203.0.113.77:7000 sr; progress 183 Pcmu"),
        ("199 tag=c", ""),
        ("199 tag=b", "configure Pcmu 203.0.113.9:4000 sr"),
        ("199 tag=a", ""),
        ("200 fork tag=b", "ACK 1; configure Pcmu 203.0.113.77:7000 sr; answered Pcmu"),
    ]);
    calling().run(&[
        ("183 sdp tag=a", "configure Pcmu 203.0.113.9:4000 sr; progress 183 Pcmu"),
        ("199 tag=a", ""),
        ("200 tag=b", "ACK 1; ended 488 failure; BYE 2 [SIP;cause=488]; close"),
    ]);
}

#[test]
fn an_update_to_one_fork_is_no_business_of_the_one_that_answers() {
    let updating = || {
        calling().run(&[
            (
                "183 sdp tag=a Require:100rel RSeq:1 Allow:UPDATE",
                "configure Pcmu 203.0.113.9:4000 sr; PRACK 2; progress 183 Pcmu",
            ),
            ("200 prack tag=a", ""),
            ("hold", "UPDATE 3 sendonly"),
        ])
    };
    // What we want is asked of who answers.
    updating().run(&[
        ("200 fork tag=b", "ACK 1; configure Pcmu 203.0.113.77:7000 sr; answered Pcmu"),
        ("481 update tag=a", ""),
        ("+0", "INVITE 2 sendonly"),
        ("200 fork tag=b", "ACK 2; configure Pcmu 203.0.113.77:7000 s-; renegotiated Pcmu"),
    ]);
    // Its answer is not taken for another's.
    updating().run(&[
        ("183 fork tag=b", "configure Pcmu 203.0.113.77:7000 sr; progress 183 Pcmu"),
        ("200 sdp update tag=a", ""),
        ("200 pcma tag=b", "ACK 1; configure Pcma 203.0.113.9:4000 sr; answered Pcma"),
        ("+0", "INVITE 2 sendonly"),
    ]);
    updating().run(&[
        ("199 tag=a", ""),
        ("487 update tag=a", ""),
        ("200 fork tag=b", "ACK 1; configure Pcmu 203.0.113.77:7000 sr; answered Pcmu"),
        ("+0", "INVITE 2 sendonly"),
    ]);
}

#[test]
fn a_final_refusal_ends_all_forks() {
    calling().run(&[
        ("183 sdp tag=a", "configure Pcmu 203.0.113.9:4000 sr; progress 183 Pcmu"),
        ("180 tag=b", "progress 180"),
        ("603 tag=b", "ended 603 remote; close"),
        ("UPDATE tag=a", "481"),
    ]);
}

#[test]
fn more_forks_than_are_followed_are_heard_and_may_answer() {
    let mut rig = calling();
    for n in 0..limits::FORKS_MAX + 3 {
        assert_eq!(rig.step(&format!("180 tag=t{n}")), "progress 180");
    }
    // Not followed: no PRACK.
    assert_eq!(rig.step("180 tag=t9 Require:100rel RSeq:1"), "progress 180");
    assert_eq!(rig.step("200 sdp tag=t9"), "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu");
}

#[test]
fn a_route_that_is_preloaded_leads_and_a_breadth_is_passed_on() {
    let mut with_route = spec();
    with_route.route = vec!["<sip:203.0.113.50:5070;lr>".into(), "<sip:edge.example;lr>".into()];
    with_route.max_breadth = Some(4);
    let rig = Rig::calling(with_route.clone()).run(&[("opened", "INVITE 1 sendrecv @UDP:203.0.113.50:5070")]);
    let invite = rig.peer.invite();
    assert_eq!(invite.request_uri().map(|u| u.as_str().to_owned()).as_deref(), Some("sip:bob@203.0.113.9"));
    let routes: Vec<_> = invite.headers("Route").collect();
    assert_eq!(routes, ["<sip:203.0.113.50:5070;lr>", "<sip:edge.example;lr>"]);
    assert_eq!(invite.header("Max-Breadth"), Some("4"));
    // A strict router becomes the Request-URI (RFC 3261 section 12.2.1.1).
    with_route.route[0] = "<sip:203.0.113.50:5070>".into();
    let rig = Rig::calling(with_route.clone()).run(&[("opened", "INVITE 1 sendrecv @UDP:203.0.113.50:5070")]);
    let invite = rig.peer.invite();
    assert_eq!(invite.request_uri().map(|u| u.as_str().to_owned()).as_deref(), Some("sip:203.0.113.50:5070"));
    let routes: Vec<_> = invite.headers("Route").collect();
    assert_eq!(routes, ["<sip:edge.example;lr>", "<sip:bob@203.0.113.9>"]);
    // By name, it is the route that is looked up.
    with_route.route = vec!["<sip:edge.example;lr>".into()];
    with_route.destination = tandem_call::leg::Destination::Uri("sip:elsewhere.example".into());
    assert_eq!(Rig::calling(with_route).effects(), "open; resolve sip:edge.example;lr");
}
