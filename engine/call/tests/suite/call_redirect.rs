//! 3xx (promises row 7) and branches (RFC 5393): bounded, under the caller's rules, and never in a circle.

use std::sync::Arc;

use tandem_call::call::{Hops, Party, Plan};
use tandem_call::directory::OutboundPolicy;
use tandem_model::LegId;
use tandem_sip::message::Message;

use crate::world::{DOMAIN, World, contact, plan_of};

fn to(user: &str) -> String {
    format!("sip:{user}@{DOMAIN}")
}

fn moved(leg: u8, contacts: &[&str]) -> String {
    let contacts: Vec<String> = contacts.iter().map(|c| format!(" Contact:<{c}>")).collect();
    format!("{leg} 302 notag{}", contacts.concat())
}

#[test]
fn redirects_are_off_unless_the_operator_wants_them() {
    let mut w = World::dials("sip:a@far.test", "sdp");
    w.take();
    assert_eq!(w.step(&moved(2, &["sip:b@far.test"])), "audit redirect not followed; L1 480; finished");
}

#[test]
fn a_redirect_is_dialled_as_the_caller_would_and_says_who_sent_it_on() {
    let mut w = World::dials_redirected("sip:a@far.test", 5);
    w.take();
    let said = w.step(&moved(2, &["sip:b@far.test"]));
    assert_eq!(said, format!("call L3 sip:b@far.test from sip:alice@{DOMAIN} hops 9; L3 INVITE 1 sendrecv"));
    w.run(&[
        ("3 200 sdp", "L3 ACK 1; L1 200 sendrecv; bridge L1 L3"),
        ("1 ACK", ""),
        ("3 BYE", "L3 200; unbridge L1; L1 BYE; finished"),
    ]);
}

#[test]
fn the_next_contact_is_tried_when_one_fails() {
    let mut w = World::dials_redirected("sip:a@far.test", 5);
    w.take();
    let said = w.step("2 302 notag Contact:<sip:b@far.test>;q=0.2 Contact:<sip:c@far.test>;q=0.9");
    assert!(said.starts_with("call L3 sip:c@far.test"), "{said}");
    let said = w.step("3 486");
    assert!(said.starts_with("call L4 sip:b@far.test"), "{said}");
    w.run(&[("4 404", "L1 486; finished")]);
}

#[test]
fn no_redirect_leads_where_it_must_not() {
    for (contact, why, told) in [
        ("sip:x@127.0.0.1", "redirect to an address that is nobody's on the network", 403),
        ("sip:x@[::1]:5060", "redirect to an address that is nobody's on the network", 403),
        ("sip:x@0.0.0.0", "redirect to an address that is nobody's on the network", 403),
        ("sip:a@far.test", "redirect to an address that rang already", 482),
        ("sip:+19005551234@198.51.100.1", "redirect to a number", 403),
        ("tel:+19005551234", "redirect to a number", 403),
        ("mailto:x@far.test", "URI scheme is not sip, sips or tel", 416),
    ] {
        let mut w = World::dials_redirected("sip:a@far.test", 5);
        w.take();
        let said = w.step(&moved(2, &[contact]));
        assert!(said.starts_with(&format!("audit {why}; ")), "{contact}: {said}");
        assert!(!said.contains("INVITE") && said.contains("finished"), "{contact}: {said}");
        let worst = if told == 403 { 403 } else { 480 };
        assert!(said.contains(&format!("L1 {worst}")) || said.contains(&format!("L1 {told}")), "{contact}: {said}");
    }
}

/// Promises row 6: a callee cannot make a caller of few rights leave the server.
#[test]
fn a_redirect_goes_by_the_callers_rights() {
    let (mut directory, plan) = plan_of(&to("bob"));
    let mut alice = (*directory.endpoints["alice"]).clone();
    alice.outbound_policy = Some(OutboundPolicy::Block);
    let alice = Arc::new(alice);
    directory.endpoints.insert("alice".into(), alice.clone());
    let Plan::Connect { route, .. } = plan else { panic!("alice dials") };
    let plan = Plan::Connect { caller: Party::Endpoint(alice), route };
    let mut w = World::inbound_altered(directory, plan, "sdp", false, 5, |_| {});
    w.take();
    let said = w.step(&moved(2, &["sip:x@elsewhere.test"]));
    assert_eq!(said, "audit the endpoint's outbound policy is block; L1 403; finished");
}

#[test]
fn an_endpoint_redirects_to_itself_in_vain() {
    let mut w = World::dials_redirected(&to("bob"), 5);
    w.take();
    let said = w.step(&moved(2, &[&to("bob")]));
    assert_eq!(said, "audit redirect to an endpoint that rang already; L1 482; finished");
}

#[test]
fn two_hundred_contacts_and_endless_chains_come_to_an_end() {
    let mut w = World::dials_redirected("sip:a@far.test", 5);
    w.take();
    let contacts: Vec<String> = (0..200).map(|i| format!("sip:{i}@far.test")).collect();
    let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
    let mut leg = 2;
    while w.finished == 0 {
        w.step(&moved(leg, &contacts));
        leg += 1;
        assert!(leg < 20, "{} INVITEs", w.specs.len());
    }
    assert!(w.specs.len() <= 6, "the call and five redirections at most: {}", w.specs.len());
    let mut w = World::dials_redirected("sip:a@far.test", 5);
    w.take();
    for leg in 2..20 {
        if w.finished == 1 {
            break;
        }
        let next = format!("sip:chain{leg}@far.test");
        w.step(&moved(leg, &[&next]));
    }
    assert_eq!((w.finished, w.specs.len()), (1, 6));
}

fn breadths(w: &World) -> Vec<String> {
    w.specs.values().filter_map(|spec| spec.max_breadth).map(|breadth| breadth.to_string()).collect()
}

fn hops(breadth: u16) -> Hops {
    Hops { breadth, ..Hops::default() }
}

#[test]
fn branches_share_the_breadth_there_is() {
    let mut w = World::dials_saying(&to("bob"), |i| i.hops = hops(7));
    w.take();
    assert_eq!(breadths(&w), ["7"]);
    let mut w = World::app("<Dial answerOnBridge=\"true\"><Sip>sip:a@far.test</Sip><Sip>sip:b@far.test</Sip></Dial>");
    w.take();
    assert_eq!(breadths(&w), ["30", "30"]);
}

#[test]
fn a_call_without_breadth_is_refused_and_of_more_contacts_than_it_allows_the_first_ring() {
    let mut w = World::dials_saying(&to("bob"), |i| i.hops = hops(0));
    assert_eq!(w.take(), "L1 440; finished");
    let mut w = World::dials_saying_looking(&to("bob"), |i| i.hops = hops(2));
    assert_eq!(w.take(), "lookup bob");
    w.contacts(&["desk", "soft", "old"]);
    assert_eq!(breadths(&w), ["1", "1"]);
}

/// RFC 5393 section 3: two addresses-of-record registered at each other through this server.
#[test]
fn an_address_of_ours_registered_at_ours_gets_nothing() {
    let mut w = World::dials_looking(&to("bob"));
    w.take();
    let mut here = contact("bob");
    here.uri = "sip:alice@198.51.100.1:5060".into();
    assert_eq!(w.found(vec![here]), "L1 482; finished");
    assert!(w.specs.is_empty(), "no message to ourselves");
}

#[test]
fn what_is_sent_on_carries_where_it_has_been() {
    let mut w = World::dials_saying("sip:a@far.test", |i| {
        let invite = Message::request("INVITE", "sip:a@far.test").build();
        i.hops = Hops::read(&invite, "0a0b0c0d").expect("a first time");
    });
    w.take();
    let headers = &w.specs[&LegId(2)].headers;
    let passed = headers.iter().find(|(n, _)| n == "X-Tandem-Hops").map(|(_, v)| v.clone()).expect("a mark");
    let back = Message::request("INVITE", "sip:a@far.test").header("X-Tandem-Hops", &passed).build();
    assert!(Hops::read(&back, "0a0b0c0d").is_err(), "back here it is known");
}
