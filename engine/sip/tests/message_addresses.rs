//! URIs, name-addrs and Vias on their own.

use std::net::SocketAddr;

use tandem_model::Transport;
use tandem_sip::message::{NameAddr, Scheme, Uri, Via};

fn uri(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_sip_uri_shows_its_parts() {
    let full = uri("sips:al%69ce:se%20cret@[2001:db8::1]:5071;transport=TCP;lr?subject=hi&to=a%40b");
    assert_eq!(full.scheme(), Scheme::Sips);
    assert_eq!(full.user(), Some("al%69ce"));
    assert_eq!(full.user_decoded().as_deref(), Some("alice"));
    assert_eq!(full.password(), Some("se%20cret"));
    assert_eq!(full.host(), "2001:db8::1");
    assert_eq!(full.host_ip(), "2001:db8::1".parse().ok());
    assert_eq!(full.port(), Some(5071));
    assert_eq!(full.transport(), Some(Transport::Tcp));
    assert_eq!((full.param("LR"), full.param("maddr")), (Some(""), None));
    assert_eq!(full.headers().collect::<Vec<_>>(), [("subject", "hi"), ("to", "a%40b")]);
    assert_eq!(full.to_string(), full.as_str());

    let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!((tel.scheme(), tel.user(), tel.host()), (Scheme::Tel, Some("+1-201-555-0123"), ""));
    assert_eq!(tel.param("phone-context"), Some("example.com"));
    assert_eq!(uri("urn:service:sos").scheme(), Scheme::Other);
}

#[test]
fn broken_uris_are_refused() {
    for text in [
        "",
        "sip",
        "sip:",
        ":a",
        "sip:@host",
        "sip:a@",
        "sip:a@b@c",
        "sip:a b@c",
        "sip:a@b:x",
        "sip:a@b:65536",
        "sip:a@b:",
        "sip:a@[::1",
        "sip:a@[nope]",
        "sip:a@[::1]5060",
        "sip:<a@b>",
        "sip:a@b\"",
        "sip:a@ü",
        "tel:;x",
        "s p:a@b",
        "sip:;lr",
    ] {
        assert!(Uri::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_uri_equals_itself_and_a_very_long_one_nothing_else() {
    let long = format!("sip:a@h{}", ";x=y".repeat(10_000));
    for text in ["tel:+0;tr=555;60;tr=M", "sip:a@h;x=1;x=2", "sip:a@h?x=1&x=2", "urn:service:sos", &long] {
        assert!(uri(text).sip_equal(&uri(text)), "{}", &text[..20]);
    }
    // A name that comes twice is compared with each of its values.
    assert!(uri("sip:a@h;x=1;x=2").sip_equal(&uri("sip:a@h;x=2;x=1")));
    assert!(!uri("sip:a@h;x=1;x=2").sip_equal(&uri("sip:a@h;x=1;x=3")));
    let other = format!("sip:a@H{}", ";x=y".repeat(10_000));
    assert!(!uri(&long).sip_equal(&uri(&other)));
}

#[test]
fn equality_is_that_of_rfc_3261_19_1_4() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-201-555-0123", "TEL:+1(201)5550123"),
    ] {
        assert!(uri(a).sip_equal(&uri(b)) && uri(b).sip_equal(&uri(a)), "{a} {b}");
    }
    for (a, b) in [
        ("sip:ALICE@atlanta.com", "sip:alice@atlanta.com"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a@b", "sip:b"),
        ("sip:a%3Bx@b", "sip:a;x@b"),
        ("tel:123;phone-context=a", "tel:123"),
    ] {
        assert!(!uri(a).sip_equal(&uri(b)) && !uri(b).sip_equal(&uri(a)), "{a} {b}");
    }
}

#[test]
fn name_addrs_read_in_every_form() {
    for (text, display, address, tag) in [
        ("sip:a@b", None, "sip:a@b", None),
        ("sip:a@b;tag=x", None, "sip:a@b", Some("x")),
        ("<sip:a@b;p=1>;tag=x", None, "sip:a@b;p=1", Some("x")),
        ("\"\" <sip:a@b>", None, "sip:a@b", None),
        ("Alice B <sip:a@b> ; tag = x", Some("Alice B"), "sip:a@b", Some("x")),
        ("\"<sip:evil@x>\"<sip:a@b>", Some("<sip:evil@x>"), "sip:a@b", None),
        ("\"a\\\"b\\\\\" <sip:a@b>;TAG=x", Some("a\"b\\"), "sip:a@b", Some("x")),
        ("Müller <sip:a@b>", Some("Müller"), "sip:a@b", None),
    ] {
        let address_of = NameAddr::parse(text).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(address_of.display_name().as_deref(), display, "{text}");
        assert_eq!(address_of.uri_str(), address, "{text}");
        assert_eq!(address_of.tag(), tag, "{text}");
    }
    for text in [
        "",
        "<>",
        "<sip:a@b",
        "sip:a@b>",
        "\"a <sip:a@b>",
        "a\"b <sip:a@b>",
        "a, b <sip:a@b>",
        "< sip:a@b>",
        "<sip:a@b> x",
        "<sip:a@b>;",
        "<sip:a@b>;=x",
        "sip:a?b=c",
        "a <<sip:a@b>>",
        "\"a\" b <sip:a@b>",
        "<a@b>",
    ] {
        assert!(NameAddr::parse(text).is_err(), "{text}");
    }
}

#[test]
fn vias_read_with_and_without_their_parts() {
    let via = Via::parse("SIP/2.0/UDP [2001:db8::9]:5080;branch=z9hG4bKx;maddr=224.2.0.1;ttl=16;rport=5").unwrap();
    assert_eq!((via.host(), via.port(), via.ttl()), ("2001:db8::9", Some(5080), Some(16)));
    assert_eq!((via.maddr(), via.rport()), (Some("224.2.0.1"), Some(Some(5))));
    assert!(via.has_rfc3261_branch());
    let via = Via::parse("SIP / 2.0 / WSS host.invalid : 99 ;branch=old").unwrap();
    assert_eq!((via.transport(), via.host(), via.port()), (Some(Transport::Wss), "host.invalid", Some(99)));
    assert!(!via.has_rfc3261_branch());
    for text in [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 host",
        "SIP/2.0/UDPhost",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP h;",
        "SIP/2.0/UDP h;;a",
        "SIP//UDP h",
        "SIP/2.0/UDP h::1",
        "SIP/2.0/UDP h:1:2",
    ] {
        assert!(Via::parse(text).is_err(), "{text}");
    }
}

#[test]
fn responses_go_where_18_2_2_and_rfc_3581_send_them() {
    let source: SocketAddr = "203.0.113.9:33333".parse().unwrap();
    for (via, expected) in [
        ("SIP/2.0/UDP 10.0.0.1;branch=z", "203.0.113.9:5060"),
        ("SIP/2.0/UDP 10.0.0.1:5099;branch=z", "203.0.113.9:5099"),
        ("SIP/2.0/UDP 10.0.0.1:5099;rport;branch=z", "203.0.113.9:33333"),
        ("SIP/2.0/UDP 10.0.0.1;received=192.0.2.66;branch=z", "203.0.113.9:5060"),
        ("SIP/2.0/UDP 10.0.0.1:7000;maddr=224.2.0.1;branch=z", "203.0.113.9:7000"),
        ("SIP/2.0/TCP 10.0.0.1:5099;branch=z", "203.0.113.9:33333"),
        ("SIP/2.0/WSS x.invalid;branch=z", "203.0.113.9:33333"),
    ] {
        assert_eq!(Via::parse(via).unwrap().reply_address(source).to_string(), expected, "{via}");
    }
}
