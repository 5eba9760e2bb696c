//! One INVITE and the addresses it is tried at (RFC 3263 section 4.3, RFC 3261 section 18.1.1).

use tandem_call::leg::{Destination, Flow, InviteSpec};
use tandem_model::{Endpoint, Transport};

use crate::rig::{Rig, spec};

const SECOND: &str = "INVITE 1 sendrecv @UDP:203.0.113.10:5060";
const ACCEPTED: &str = "ACK 1; configure Pcmu 203.0.113.9:4000 sr; answered Pcmu";

fn by_name() -> InviteSpec {
    InviteSpec { destination: Destination::Uri("sip:carrier.example".into()), ..spec() }
}

fn two_hops() -> Rig {
    Rig::calling(by_name()).run(&[("opened", ""), ("resolved 203.0.113.9 203.0.113.10", "INVITE 1 sendrecv")])
}

#[test]
fn the_next_address_is_tried_when_one_is_unavailable_unreachable_or_silent() {
    for failure in ["503", "unreachable", "timeout"] {
        let rig = two_hops().run(&[("100", ""), (failure, SECOND), ("200 sdp", ACCEPTED)]);
        let branches: Vec<_> =
            rig.peer.requests.iter().map(|(invite, _)| invite.via().branch().map(str::to_owned)).collect();
        assert_ne!(branches[0], branches[1], "a transaction of its own");
        let [first, second] = [0, 1].map(|n| rig.peer.requests[n].0.clone());
        assert_eq!((first.call_id(), first.from_tag()), (second.call_id(), second.from_tag()));
        assert_eq!(first.body(), second.body());
    }
}

/// RFC 3261 section 21.5.4.
#[test]
fn the_retry_after_of_the_last_503_is_told_and_of_nothing_else() {
    two_hops()
        .run(&[("503 Retry-After:60", SECOND), ("503 Retry-After:120", "ended 503 remote retry-after 120; close")]);
    two_hops().run(&[("503 Retry-After:60", SECOND), ("503", "ended 503 remote; close")]);
    for other in ["480", "500", "600"] {
        let answer = format!("{other} Retry-After:60");
        two_hops().run(&[(&*answer, &format!("ended {other} remote; close"))]);
    }
}

#[test]
fn what_every_address_refuses_ends_with_the_last() {
    two_hops().run(&[("503", SECOND), ("503", "ended 503 remote; close")]);
    two_hops().run(&[("unreachable", SECOND), ("timeout", "ended 408 failure; close")]);
    for other in ["486", "500", "603", "404"] {
        two_hops().run(&[(other, &format!("ended {other} remote; close"))]);
    }
}

#[test]
fn no_second_address_once_a_callee_was_heard_of_or_we_gave_up() {
    two_hops().run(&[("180", "progress 180"), ("503", "ended 503 remote; close")]);
    two_hops().run(&[("180", "progress 180"), ("unreachable", "ended 503 failure; close")]);
    two_hops().run(&[("hangup", "ended 487 local; CANCEL"), ("503", "close")]);
    two_hops().run(&[("hangup", "ended 487 local; CANCEL"), ("+6000", ""), ("+27000", "close")]);
}

#[test]
fn a_silent_address_is_left_and_its_late_answer_declined() {
    two_hops().run(&[
        ("+5999", ""),
        ("+1", &format!("CANCEL; {SECOND}")),
        ("+20000", ""),
        ("200 sdp tag=late first", "ACK 1; BYE 2"),
        ("200 sdp tag=late first", "ACK 1"),
        ("180", "progress 180"),
        ("200 sdp", ACCEPTED),
        ("200 sdp tag=late first", "ACK 1"),
    ]);
    // 100 is enough to stay.
    two_hops().run(&[("100", ""), ("+30000", ""), ("200 sdp", ACCEPTED)]);
}

/// A carrier that is dead, and others that are not: the call is theirs long before Timer B.
#[test]
fn who_says_nothing_has_failed_when_somebody_else_follows() {
    let followed =
        || Rig::calling(InviteSpec { others_follow: true, ..spec() }).run(&[("opened", "INVITE 1 sendrecv")]);
    followed().run(&[("+5999", ""), ("+1", "ended 408 failure; CANCEL"), ("200 sdp", "ACK 1; BYE 2; close")]);
    for word in ["100", "180"] {
        let told = if word == "100" { "" } else { "progress 180" };
        followed().run(&[(word, told), ("+30000", ""), ("200 sdp", ACCEPTED)]);
    }
    let two = InviteSpec { others_follow: true, ..by_name() };
    Rig::calling(two)
        .run(&[("opened", ""), ("resolved 203.0.113.9 203.0.113.10", "INVITE 1 sendrecv")])
        .run(&[("+6000", &format!("CANCEL; {SECOND}")), ("+6000", "ended 408 failure; CANCEL")]);
}

#[test]
fn an_end_says_whether_the_far_end_had_been_silent() {
    let calling = || Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv")]);
    calling().run(&[("+5999", ""), ("hangup", "ended 487 local; CANCEL")]);
    calling().run(&[("+6000", ""), ("hangup", "ended 487 local silent; CANCEL")]);
    calling().run(&[("100", ""), ("+6000", ""), ("hangup", "ended 487 local; CANCEL")]);
}

#[test]
fn the_next_address_may_challenge_too() {
    two_hops().run(&[
        ("401", "INVITE 2 Authorization sendrecv"),
        ("503", "INVITE 2 sendrecv @UDP:203.0.113.10:5060"),
        ("401 source=203.0.113.10", "INVITE 3 Authorization sendrecv @UDP:203.0.113.10:5060"),
    ]);
}

fn large() -> InviteSpec {
    InviteSpec { headers: vec![("X-Long".into(), "x".repeat(900))], ..by_name() }
}

#[test]
fn a_large_request_goes_by_tcp_and_back_to_udp_where_that_fails() {
    let calling = || Rig::calling(large()).run(&[("opened", "")]);
    let by_tcp = "INVITE 1 sendrecv @TCP:203.0.113.9:5060";
    let rig = calling().run(&[("resolved", by_tcp)]);
    assert_eq!(rig.peer.invite().via().transport_str(), "TCP");
    let rig = rig.run(&[("unreachable", "INVITE 1 sendrecv")]);
    assert_eq!(rig.peer.invite().via().transport_str(), "UDP");
    rig.run(&[("200 sdp", ACCEPTED)]);
    calling().run(&[("resolved", by_tcp), ("+3000", "CANCEL; INVITE 1 sendrecv"), ("200 sdp", ACCEPTED)]);
    // Once TCP has answered, UDP to the same address is no other chance.
    calling().run(&[
        ("resolved 203.0.113.9 203.0.113.10", by_tcp),
        ("503", "INVITE 1 sendrecv @TCP:203.0.113.10:5060"),
        ("100", ""),
        ("503", "ended 503 remote; close"),
    ]);
}

#[test]
fn a_uri_that_asks_for_udp_gets_it_whatever_the_size() {
    let by_udp = InviteSpec { destination: Destination::Uri("sip:carrier.example;transport=udp".into()), ..large() };
    Rig::calling(by_udp).run(&[("opened", ""), ("resolved", "INVITE 1 sendrecv"), ("200 sdp", ACCEPTED)]);
}

#[test]
fn a_flow_that_is_known_to_work_is_used_whatever_the_size() {
    let to_a_phone = InviteSpec { destination: spec().destination, ..large() };
    Rig::calling(to_a_phone).run(&[("opened", "INVITE 1 sendrecv"), ("200 sdp", ACCEPTED)]);
}

fn flow(last: u8) -> Flow {
    Flow {
        request_uri: format!("sip:bob@10.0.0.{last}"),
        route: vec![],
        hop: Endpoint::new(Transport::Udp, format!("203.0.113.{last}:5060").parse().expect("an address")),
    }
}

fn two_flows() -> Rig {
    Rig::calling(InviteSpec { other_flows: vec![flow(20)], ..spec() }).run(&[("opened", "INVITE 1 sendrecv")])
}

const OTHER_FLOW: &str = "INVITE 1 sendrecv @UDP:203.0.113.20:5060";

/// RFC 5626 section 7.
#[test]
fn another_flow_of_the_device_is_tried_when_one_fails() {
    for failure in ["430", "408", "unreachable", "timeout"] {
        let rig = two_flows().run(&[("100", ""), (failure, OTHER_FLOW), ("200 sdp", ACCEPTED)]);
        let [first, second] = [0, 1].map(|n| rig.peer.requests[n].0.clone());
        assert_eq!(second.request_uri().unwrap().as_str(), "sip:bob@10.0.0.20", "{failure}");
        assert_eq!((first.call_id(), first.to().uri_str()), (second.call_id(), second.to().uri_str()));
        assert_ne!(first.via().branch(), second.via().branch());
    }
    let silent = format!("CANCEL; {OTHER_FLOW}");
    two_flows().run(&[("+5999", ""), ("+1", &silent), ("200 sdp", ACCEPTED)]);
}

#[test]
fn a_flow_has_a_path_of_its_own() {
    let other = Flow { route: vec!["<sip:198.51.100.30;lr>".into()], ..flow(20) };
    let rig = Rig::calling(InviteSpec { other_flows: vec![other], ..spec() })
        .run(&[("opened", "INVITE 1 sendrecv"), ("430", "INVITE 1 sendrecv @UDP:198.51.100.30:5060")]);
    assert_eq!(rig.peer.requests[0].0.header("Route"), None);
    assert_eq!(rig.peer.requests[1].0.header("Route"), Some("<sip:198.51.100.30;lr>"));
}

#[test]
fn what_a_device_says_itself_is_said_for_all_its_flows() {
    for said in ["486", "503", "500", "480", "603"] {
        two_flows().run(&[(said, &format!("ended {said} remote; close"))]);
    }
    two_flows().run(&[("180", "progress 180"), ("408", "ended 408 remote; close")]);
    two_flows().run(&[("hangup", "ended 487 local; CANCEL"), ("430", "close")]);
    two_flows().run(&[("430", OTHER_FLOW), ("430", "ended 430 remote; close")]);
}
