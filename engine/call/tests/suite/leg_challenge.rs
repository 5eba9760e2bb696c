//! Whom credentials are proved to (RFC 3261 section 22; promises row 11).

use crate::rig::{Rig, spec};

const ACCEPTED: &str = "ACK 2; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu";

/// Talking to a callee that had our INVITE prove itself to the realm `there`.
fn proved() -> Rig {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("407", "INVITE 2 Proxy-Authorization sendrecv"),
        ("200 sdp Allow:INFO,UPDATE", ACCEPTED),
    ])
}

#[test]
fn requests_within_the_dialog_are_proved_to_the_realm_of_the_invite() {
    proved().run(&[
        ("hangup SIP;cause=16", "ended 200 local; BYE 3 [SIP;cause=16]; close"),
        ("407 bye", "BYE 4 Proxy-Authorization [SIP;cause=16]"),
        ("closed", ""),
        ("200 bye", "closed; stop"),
    ]);
    proved().run(&[
        ("hold", "INVITE 3 sendonly"),
        ("401", "INVITE 4 Authorization sendonly"),
        ("200 sdp", "ACK 4; configure Pcmu 203.0.113.9:4000 s-; renegotiated Pcmu"),
    ]);
    let rig = proved().run(&[("hangup", "ended 200 local; BYE 3; close"), ("401 bye", "BYE 4 Authorization")]);
    let ids: Vec<_> = rig.peer.requests.iter().map(|(r, _)| r.via().branch().map(str::to_owned)).collect();
    assert_ne!(ids[ids.len() - 1], ids[ids.len() - 2]);
    // Once, and once more for a stale nonce.
    rig.run(&[("closed", ""), ("401 bye stale", "BYE 5 Authorization"), ("401 bye stale", "closed; stop")]);
}

#[test]
fn a_prack_is_proved_too() {
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("407", "INVITE 2 Proxy-Authorization sendrecv"),
        ("180 Require:100rel RSeq:3", "PRACK 3; progress 180"),
        ("407 prack", "PRACK 4 Proxy-Authorization"),
        ("200 prack", ""),
        ("200 sdp", ACCEPTED),
    ]);
}

#[test]
fn no_other_realm_gets_a_digest() {
    for challenge in ["401 bye realm=elsewhere", "407 bye realm=elsewhere", "401 bye source=198.51.100.66"] {
        proved().run(&[("hangup", "ended 200 local; BYE 3; close"), ("closed", ""), (challenge, "closed; stop")]);
    }
    Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("407", "INVITE 2 Proxy-Authorization sendrecv"),
        ("401 stale realm=elsewhere", "ended 401 remote; close"),
    ]);
    Rig::calling(spec())
        .run(&[("opened", "INVITE 1 sendrecv"), ("401 source=198.51.100.66", "ended 401 remote; close")]);
}

#[test]
fn nobody_is_proved_anything_who_did_not_ask_our_invite() {
    // Its INVITE was taken without: that it asks for the BYE alone says nothing of who it is.
    let never = Rig::calling(spec()).run(&[
        ("opened", "INVITE 1 sendrecv"),
        ("200 sdp", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
        ("hangup", "ended 200 local; BYE 2; close"),
        ("closed", ""),
        ("401 bye", "closed; stop"),
    ]);
    // Somebody who calls us has no claim to any credentials.
    let called = Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
        ("hold", "INVITE 1 sendonly"),
        ("401", ""),
        ("hangup", "ended 200 local; BYE 2; close"),
        ("closed", ""),
        ("407 bye", "closed; stop"),
    ]);
    for rig in [never, called] {
        let proofs =
            rig.peer.requests.iter().flat_map(|(r, _)| r.all_headers()).filter(|(n, _)| n.contains("Authorization"));
        assert_eq!(proofs.count(), 0);
    }
}
