//! A leg within its dialog (RFC 3261 sections 12.2, 14 and 15; RFC 3311; RFC 3264 section 8).

use crate::rig::{Rig, spec};

fn talking() -> Rig {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
    ])
}

#[test]
fn hold_and_resume_follow_the_offered_direction() {
    talking().run(&[
        ("INVITE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("ACK", ""),
        ("INVITE inactive", "configure Pcmu nowhere --; 200 inactive; renegotiated Pcmu"),
        ("ACK", ""),
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("ACK", ""),
        ("UPDATE fork", "configure Pcmu 203.0.113.77:7000 sr; 200 sendrecv; renegotiated Pcmu"),
    ]);
}

#[test]
fn a_reinvite_without_offer_gets_ours_and_takes_the_ack() {
    talking().run(&[
        ("INVITE", "200 sendrecv"),
        ("UPDATE sdp", "491"),
        ("ACK pcma", "configure Pcma 203.0.113.9:4000 sr; renegotiated Pcma"),
        ("UPDATE", "200"),
    ]);
}

#[test]
fn a_reinvite_before_the_ack_of_the_last_is_put_off() {
    talking().run(&[
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("INVITE sdp", "491"),
        ("ACK cseq=9", ""),
        ("ACK cseq=2", ""),
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
    ]);
}

#[test]
fn a_reoffer_that_does_not_suit_leaves_the_session_as_it_was() {
    talking().run(&[
        ("INVITE g729", "488"),
        ("INVITE junk", "400"),
        ("INVITE sdp isup", "415"),
        ("hangup", "ended 200 local; BYE 1; close"),
    ]);
}

#[test]
fn a_reinvites_2xx_repeats_and_ends_the_call_when_never_acknowledged() {
    talking().run(&[
        ("INVITE sdp", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("+500", "200 sendrecv"),
        ("+32000", "ended 200 failure; BYE 1 [SIP;cause=408;text=\"No ACK\"]; close"),
    ]);
}

#[test]
fn forged_and_old_requests_do_not_touch_the_call() {
    talking().run(&[
        ("BYE tag=other", "481"),
        ("BYE call-id=other", "481"),
        ("BYE cseq=1", "500"),
        ("INFO", "200"),
        ("OPTIONS", "200"),
        ("REFER", "603"),
        ("MESSAGE", "405"),
        ("BYE", "200; ended 200 remote; close"),
    ]);
}

#[test]
fn media_that_stops_or_fails_ends_the_call() {
    let timeout = "ended 200 media-timeout; BYE 1 [Q.850;cause=41;text=\"RTP timeout\"]; close";
    talking().run(&[("rtp-timeout", timeout)]);
    let failed = "ended 200 failure; BYE 1 [SIP;cause=500;text=\"Media failed\"]";
    talking().run(&[("failed", failed), ("200 bye", "closed; stop")]);
}

#[test]
fn a_bye_nobody_answers_is_given_up() {
    talking().run(&[("hangup", "ended 200 local; BYE 1; close"), ("closed", ""), ("bye-timeout", "closed; stop")]);
    talking().run(&[("hangup", "ended 200 local; BYE 1; close"), ("+33000", "closed; stop")]);
}

#[test]
fn a_callees_reinvite_is_answered_like_a_callers() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 sdp", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
        ("INVITE hold", "configure Pcmu 203.0.113.9:4000 -r; 200 recvonly; renegotiated Pcmu"),
        ("ACK", ""),
        ("BYE", "200; ended 200 remote; close"),
        ("closed", "closed; stop"),
    ]);
}
