//! What SIPp is refused, and how: hops, routes, methods, malformed and huge messages.

use std::net::UdpSocket;
use std::time::Duration;

use crate::common::Phone;
use crate::common::address::own_ip;
use crate::rig::Rig;

#[test]
fn an_invite_without_hops_left_is_refused_with_483() {
    Rig::with_echo("max_forwards_0");
}

#[test]
fn an_invite_that_came_by_two_ways_is_answered_once() {
    let rig = Rig::new();
    let callee = rig.phone("prack_uas", "callee", "bob", &[]);
    rig.trunk("merged_request", "caller", &rig.uri("bob"), &[]).succeeded();
    callee.succeeded();
}

#[test]
fn a_route_set_that_nobody_gave_is_refused_and_leads_nowhere() {
    let rig = Rig::new();
    let elsewhere = UdpSocket::bind((own_ip(), 0)).expect("a socket");
    let address = elsewhere.local_addr().expect("its address").to_string();
    rig.trunk("preloaded_route", "caller", &rig.uri("bob"), &["-key", "elsewhere", &address]).succeeded();
    elsewhere.set_nonblocking(true).expect("a socket that does not wait");
    assert!(elsewhere.recv_from(&mut [0; 1_500]).is_err(), "nothing went there");
}

#[test]
fn methods_that_are_not_there_are_refused_with_what_is() {
    Rig::with_echo("refused_methods");
}

#[test]
fn malformed_messages_get_the_status_they_deserve_and_disturb_nobody() {
    Rig::with_echo("malformed");
}

#[test]
fn a_message_as_large_as_a_datagram_is_read_as_any_other() {
    Rig::with_echo("huge");
}

#[test]
fn a_redirection_is_not_followed_unasked() {
    let rig = Rig::new();
    let mut elsewhere = Phone::new(&rig.tandem, "carol", "");
    let address = elsewhere.address.to_string();
    let callee = rig.phone("redirect", "callee", "bob", &["-key", "elsewhere", &address]);
    rig.trunk("redirect", "caller", &rig.uri("bob"), &[]).succeeded();
    callee.succeeded();
    assert!(elsewhere.stays_quiet(Duration::from_millis(300)));
}
