//! A leg that calls (RFC 3261 sections 9.1, 13.2 and 22).

use tandem_call::leg::{Destination, RecordStage};

use crate::rig::{Rig, spec};

const ACCEPTED: &str = "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu";

#[test]
fn a_call_rings_answers_and_is_hung_up() {
    let rig = Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("100", ""),
        ("180", "progress 180"),
        ("200 sdp", ACCEPTED),
        ("hangup", "ended 200 local; BYE 2; close"),
        ("closed", ""),
        ("200 bye", "closed; stop"),
    ]);
    let invite = rig.peer.invite();
    assert_eq!(invite.header("Max-Forwards"), Some("69"));
    assert_eq!(invite.header("X-Tag"), Some("7"));
    assert!(invite.header("Contact").is_some() && invite.header("Allow").is_some());
}

#[test]
fn the_invite_waits_for_both_port_and_address() {
    let by_name = || {
        let mut spec = spec();
        spec.destination = Destination::Uri("sip:there.example".into());
        Rig::calling(spec)
    };
    let mut rig = by_name();
    assert_eq!(rig.effects(), "open; resolve sip:there.example");
    assert_eq!(rig.step("resolved"), "");
    assert_eq!(rig.step("opened"), "INVITE 1 sendrecv");
    by_name().run(&[("opened", ""), ("resolved", "INVITE 1 sendrecv")]);
    by_name().run(&[("unresolved", "ended 502 failure; close"), ("opened", ""), ("closed", "closed; stop")]);
    by_name().run(&[("hangup", "ended 487 local; close"), ("resolved", ""), ("closed", "closed; stop")]);
    by_name().run(&[("open-failed", "ended 503 failure; closed; stop")]);
}

#[test]
fn failures_end_the_leg_with_their_status() {
    for (input, want) in [
        ("486", "ended 486 remote; close"),
        ("302", "ended 302 remote; close"),
        ("603", "ended 603 remote; close"),
        ("timeout", "ended 408 failure; close"),
        ("unreachable", "ended 503 failure; close"),
        ("200 sdp notag", "ended 502 failure; close"),
        ("200", "ACK 1; ended 488 failure; BYE 2 [SIP;cause=488]; close"),
        ("200 g729", "ACK 1; ended 488 failure; BYE 2 [SIP;cause=488]; close"),
        ("200 junk", "ACK 1; ended 488 failure; BYE 2 [SIP;cause=488]; close"),
        ("failed", "ended 503 failure; CANCEL"),
    ] {
        Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv"), ("180", "progress 180"), (input, want)]);
    }
}

#[test]
fn a_challenge_is_answered_once_and_again_only_for_a_stale_nonce() {
    let rig = Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("401", "INVITE 2 Authorization sendrecv"),
        ("200 sdp first", ""),
        ("401 stale", "INVITE 3 Authorization sendrecv"),
        ("200 sdp", "ACK 3; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
        ("hangup", "ended 200 local; BYE 4; close"),
    ]);
    assert_eq!(rig.peer.invite().to_tag(), None);
    let calling = || Rig::calling(spec());
    calling().run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("407", "INVITE 2 Proxy-Authorization sendrecv"),
        ("407", "ended 407 remote; close"),
    ]);
    calling().run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("407", "INVITE 2 Proxy-Authorization sendrecv"),
        ("407 stale", "INVITE 3 Proxy-Authorization sendrecv"),
        ("407 stale", "ended 407 remote; close"),
    ]);
    let mut without = spec();
    without.credentials = None;
    Rig::calling(without).run(&[("opened", "INVITE 1 sendrecv"), ("401", "ended 401 remote; close")]);
}

#[test]
fn a_cancelled_call_ends_at_once_and_settles_behind_it() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("180", "progress 180"),
        ("hangup", "ended 487 local; CANCEL"),
        ("hangup", ""),
        ("180", ""),
        ("487", "close"),
        ("closed", "closed; stop"),
    ]);
}

#[test]
fn a_cancelled_call_that_is_never_answered_is_given_up() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("hangup", "ended 487 local; CANCEL"),
        ("+32999", ""),
        ("+1", "close"),
        ("+2000", "closed; stop"),
    ]);
}

#[test]
fn a_cancelled_call_answers_no_challenge() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("hangup", "ended 487 local; CANCEL"),
        ("401", "close"),
    ]);
}

#[test]
fn an_answer_that_won_against_our_cancel_is_acknowledged_and_ended() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("hangup", "ended 487 local; CANCEL"),
        ("200 sdp", "ACK 1; BYE 2; close"),
        ("200 sdp", "ACK 1"),
        ("200 sdp tag=b", "ACK 1; BYE 2"),
        ("closed", ""),
    ]);
}

#[test]
fn a_repeated_answer_gets_its_ack_again_and_a_fork_its_bye() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 sdp tag=a", ACCEPTED),
        ("200 sdp tag=a", "ACK 1"),
        ("200 sdp tag=b", "ACK 1; BYE 2"),
        ("200 bye", ""),
        ("BYE tag=a", "200; ended 200 remote; close"),
    ]);
}

#[test]
fn early_media_is_configured_and_the_2xx_has_the_final_say() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("183 sdp tag=a", "configure Pcmu 203.0.113.9:4000 sr; progress 183 Pcmu"),
        ("180 tag=a", "progress 180"),
        ("200 fork tag=b", "ACK 1; configure Pcmu 203.0.113.77:7000 sr; answered Pcmu"),
        ("INVITE hold tag=b", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("ACK tag=b", ""),
    ]);
}

#[test]
fn what_was_agreed_early_stands_when_the_2xx_says_nothing_of_media() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("183 sdp", "configure Pcmu 203.0.113.9:4000 sr; progress 183 Pcmu"),
        ("200", "ACK 1; answered Pcmu"),
        ("UPDATE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
    ]);
}

#[test]
fn early_media_that_does_not_suit_is_no_end() {
    Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv"), ("183 g729", "progress 183"), ("200 sdp", ACCEPTED)]);
}

#[test]
fn the_ends_extension_headers_come_from_the_final_response() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("486 X-Why:asleep Subject:none", "ended 486 remote X-Why:asleep; close"),
    ]);
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 sdp X-Room:7", ACCEPTED),
        ("BYE", "200; ended 200 remote X-Room:7; close"),
    ]);
}

#[test]
fn requests_in_an_early_dialog_are_answered_and_change_nothing() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("183 sdp", "configure Pcmu 203.0.113.9:4000 sr; progress 183 Pcmu"),
        ("INFO", "200"),
        ("OPTIONS", "200"),
        ("UPDATE sdp", "491"),
        ("MESSAGE", "405"),
        ("BYE", "481"),
        ("INFO call-id=other", "481"),
        ("INFO tag=unheard source=198.51.100.66", "481"),
        ("200 sdp", ACCEPTED),
    ]);
}

#[test]
fn the_record_follows_the_invite() {
    let mut rig = Rig::calling(spec());
    rig.effects();
    rig.step("opened");
    assert!(matches!(rig.peer.record, Some(RecordStage::Outgoing { .. })));
    rig.step("200 sdp");
    assert!(matches!(rig.peer.record, Some(RecordStage::Confirmed { .. })));
    rig.step("BYE");
    assert!(matches!(rig.peer.record, Some(RecordStage::Over)));
}
