//! What RFC 5118 is about in each of its messages: the rows of `torture.rs` say that they are read.

use std::net::IpAddr;
use std::path::Path;

use bytes::Bytes;
use tandem_sip::message::{Contact, Message};

#[expect(clippy::disallowed_methods, reason = "fixtures are files; the engine itself reads none")]
fn read(name: &str) -> Message {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture").join(format!("{name}.dat"));
    let bytes: Bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{name}: {e}")).into();
    Message::parse(bytes).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn contact_host(message: &Message) -> Option<IpAddr> {
    match message.contacts().next() {
        Some(Ok(Contact::Address(contact))) => contact.uri().unwrap().host_ip(),
        other => panic!("{other:?}"),
    }
}

/// Section 4.1.
#[test]
fn an_ipv6_reference_is_an_address_wherever_it_stands() {
    let message = read("ipv6-good");
    assert_eq!(message.request_uri().unwrap().host_ip(), ip("2001:db8::10"));
    assert_eq!(message.request_uri().unwrap().host(), "2001:db8::10");
    assert_eq!(message.via().host(), "2001:db8::9:1");
    assert_eq!(contact_host(&message), ip("2001:db8::1"));
}

/// Sections 4.3 and 4.4.
#[test]
fn the_brackets_say_what_is_the_port() {
    let ambiguous = read("port-ambiguous");
    let uri = ambiguous.request_uri().unwrap();
    assert_eq!((uri.host_ip(), uri.port()), (ip("2001:db8::10:5070"), None));
    let unambiguous = read("port-unambiguous");
    let uri = unambiguous.request_uri().unwrap();
    assert_eq!((uri.host_ip(), uri.port()), (ip("2001:db8::10"), Some(5070)));
}

/// Section 4.5. What a peer writes there is believed by nobody here; it must not hide the parameters behind it.
#[test]
fn received_is_read_with_brackets_and_without() {
    let with = read("via-received-param-with-delim");
    assert_eq!(with.via().received(), Some("[2001:db8::9:255]"));
    assert_eq!(with.via().branch(), Some("z9hG4bKas3-111"));
    let without = read("via-received-param-no-delim");
    assert_eq!(without.via().received(), Some("2001:db8::9:255"));
    assert_eq!(without.via().branch(), Some("z9hG4bKas3"));
}

/// Section 4.7.
#[test]
fn both_families_may_be_in_one_list_of_vias() {
    let message = read("mult-ip-in-header");
    let vias: Vec<_> = message.vias().map(|via| (via.transport_str(), via.host(), via.port())).collect();
    let expected = [("UDP", "2001:db8::9:1", Some(6050)), ("UDP", "192.0.2.1", None), ("TCP", "2001:db8::9:255", None)];
    assert_eq!(vias, expected);
    assert_eq!(message.vias().last().unwrap().received(), Some("192.0.2.200"));
}

/// Section 4.9.
#[test]
fn an_ipv4_mapped_address_is_an_ipv6_address() {
    let message = read("ipv4-mapped-ipv6");
    let hosts: Vec<_> = message.vias().map(|via| (via.host().parse().ok(), via.port())).collect();
    assert_eq!(hosts, [(ip("::ffff:192.0.2.10"), Some(19_823)), (ip("::ffff:192.0.2.2"), None)]);
    assert_eq!(contact_host(&message), ip("::ffff:192.0.2.2"));
}

/// Section 4.10.
#[test]
fn three_colons_before_an_ipv4_address_are_two() {
    for name in ["ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons"] {
        let message = read(name);
        assert_eq!(message.request_uri().unwrap().host_ip(), ip("2001:db8::192.0.2.1"), "{name}");
        assert_eq!(message.to().uri().unwrap().host_ip(), ip("2001:db8::192.0.2.1"), "{name}");
    }
    for bad in ["sip:[2001:db8:::1]", "sip:[2001::db8:::192.0.2.1]", "sip:[::::192.0.2.1]", "sip:[:::192.0.2]"] {
        assert!(tandem_sip::message::Uri::parse(bad).is_err(), "{bad}");
    }
}
