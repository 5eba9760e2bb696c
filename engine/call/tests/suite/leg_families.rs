//! Legs of a server with IPv4 and IPv6: each peer is told addresses of its own family.

use tandem_call::leg::{Destination, InviteSpec, MediaPolicy};

use crate::rig::{Rig, env_of_both, spec};

fn body(rig: &Rig, n: usize) -> String {
    String::from_utf8_lossy(rig.peer.requests[n].0.body()).into_owned()
}

#[test]
fn an_invite_and_its_offer_are_of_the_family_of_the_hop_and_change_with_it() {
    let by_name = InviteSpec { destination: Destination::Uri("sip:carrier.example".into()), ..spec() };
    let rig = Rig::calling_as(env_of_both(), by_name).run(&[
        ("opened", ""),
        ("resolved [2001:db8::9] 203.0.113.10", "INVITE 1 sendrecv @UDP:[2001:db8::9]:5060"),
        ("503", "INVITE 1 sendrecv @UDP:203.0.113.10:5060"),
        ("200 sdp", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu"),
    ]);
    for (n, host, media) in
        [(0, "[2001:db8::1]:5060", "IN IP6 2001:db8::1"), (1, "198.51.100.1:5060", "IN IP4 198.51.100.1")]
    {
        let invite = &rig.peer.requests[n].0;
        assert!(invite.header("Via").unwrap().starts_with(&format!("SIP/2.0/UDP {host};")), "{n}");
        assert!(invite.header("Contact").unwrap().contains(&format!("@{host}>")), "{n}");
        assert!(body(&rig, n).contains(&format!("c={media}\r\n")), "{n}: {}", body(&rig, n));
    }
}

/// What the offer names decides, not where the message came from: a proxy may stand between.
#[test]
fn an_answer_is_of_the_family_of_the_offer() {
    for (offer, media) in [("six", "IN IP6 2001:db8::1"), ("sdp", "IN IP4 198.51.100.1")] {
        let mut rig = Rig::called_as(false, env_of_both(), offer, MediaPolicy::default()).unwrap();
        rig.effects();
        rig.step("opened");
        rig.step("answer");
        let answer = rig.peer.last_response.as_ref().expect("an answer");
        let text = String::from_utf8_lossy(answer.body());
        assert!(text.contains(&format!("c={media}\r\n")), "{offer}: {text}");
    }
}

/// A phone that walks from one network to another. The session stays the same, so its `o=` line does (RFC 3264 section 8).
#[test]
fn media_moves_to_the_other_family_with_the_far_end() {
    let mut rig = Rig::called_as(false, env_of_both(), "sdp", MediaPolicy::default()).unwrap();
    rig.effects();
    for step in ["opened", "answer", "ACK"] {
        rig.step(step);
    }
    // What is refused moves nothing.
    assert_eq!(rig.step("INVITE six-g729"), "488");
    rig.step("ACK");
    rig.step("hold");
    let offer = rig.peer.requests.last().expect("our offer").0.body().to_vec();
    assert!(String::from_utf8_lossy(&offer).contains("c=IN IP4 198.51.100.1\r\n"));
    rig.step("200 sdp");
    rig.step("resume");
    rig.step("200 sdp");
    for (offer, media) in [("six", "IN IP6 2001:db8::1"), ("sdp", "IN IP4 198.51.100.1")] {
        rig.step(&format!("INVITE {offer}"));
        let answer = rig.peer.last_response.clone().expect("an answer");
        let text = String::from_utf8_lossy(answer.body());
        assert!(text.contains(&format!("c={media}\r\n")), "{offer}: {text}");
        let origin = text.lines().find(|line| line.starts_with("o=")).expect("an origin");
        assert!(origin.ends_with(" IN IP4 198.51.100.1"), "{origin}");
        rig.step("ACK");
    }
}
