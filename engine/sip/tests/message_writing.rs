//! Requests and responses as they are written.

use std::net::SocketAddr;

use tandem_sip::message::{Builder, Message, Method};

fn invite() -> Builder {
    Message::request(Method::Invite, "sip:bob@example.com")
        .header("Via", "SIP/2.0/UDP client.example.com:5062;branch=z9hG4bK1;rport, SIP/2.0/TCP far.example.com")
        .header("Via", "SIP/2.0/TLS farther.example.com;branch=z9hG4bK2")
        .header("Max-Forwards", "70")
        .header("Record-Route", "<sip:p1.example.com;lr>")
        .name_addr("From", Some("Al \"the\" \\ ice"), "sip:alice@example.com", ";tag=a1")
        .name_addr("To", None, "sip:bob@example.com", "")
        .header("Call-ID", "c1")
        .header("CSeq", "7 INVITE")
}

fn source() -> SocketAddr {
    "203.0.113.9:33333".parse().unwrap()
}

#[test]
fn what_is_built_reads_back() {
    let message = invite().body("application/sdp", b"v=0\r\n").header("X-After", "body").try_build().unwrap();
    assert_eq!(message.from().display_name().as_deref(), Some("Al \"the\" \\ ice"));
    assert_eq!(message.content_type(), Some("application/sdp"));
    assert_eq!(message.header("Content-Length"), Some("5"));
    assert_eq!(message.header("X-After"), Some("body"));
    assert_eq!(message.body(), b"v=0\r\n");
    assert_eq!(invite().build().header("l"), Some("0"));
}

#[test]
fn a_response_copies_what_the_rfc_says_and_stamps_the_top_via() {
    let request = invite().try_build().unwrap();
    let response = Message::response(&request, source(), 180, None).to_tag("b1").try_build().unwrap();
    assert_eq!((response.status(), response.reason()), (Some(180), "Ringing"));
    let vias: Vec<&str> = response.headers("Via").collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP client.example.com:5062;branch=z9hG4bK1;received=203.0.113.9;rport=33333, \
             SIP/2.0/TCP far.example.com",
            "SIP/2.0/TLS farther.example.com;branch=z9hG4bK2",
        ]
    );
    assert_eq!(response.header("From"), request.header("From"));
    assert_eq!(response.to_tag(), Some("b1"));
    assert_eq!(response.call_id(), "c1");
    assert_eq!((response.cseq().number, response.method()), (7, Method::Invite));
    assert_eq!(response.record_routes().count(), 1);
}

#[test]
fn record_route_goes_back_only_where_a_dialog_may_form() {
    let request = invite().build();
    let count = |status| Message::response(&request, source(), status, None).build().record_routes().count();
    assert_eq!([100, 101, 180, 200, 299, 300, 486].map(count), [0, 1, 1, 1, 1, 0, 0]);
    let bye = Message::parse(String::from_utf8_lossy(request.bytes()).replace("INVITE", "BYE").into()).unwrap();
    assert_eq!(Message::response(&bye, source(), 200, None).build().record_routes().count(), 0);
}

#[test]
fn a_to_that_has_a_tag_keeps_it() {
    let request = invite().to_tag("first").build();
    assert_eq!(request.to_tag(), Some("first"));
    let response = Message::response(&request, source(), 200, None).to_tag("second").build();
    assert_eq!(response.header("To"), Some("<sip:bob@example.com>;tag=first"));
    let early = Message::request("BYE", "sip:b@c").to_tag("t").name_addr("To", None, "sip:b@c", "").header("X", "y");
    assert_eq!(early.build().header("To"), Some("<sip:b@c>;tag=t"));
}

#[test]
fn a_spoofed_received_is_replaced_and_a_true_sent_by_left_alone() {
    let with_via = |via: &str| {
        let request = String::from_utf8_lossy(invite().build().bytes())
            .replace("SIP/2.0/UDP client.example.com:5062;branch=z9hG4bK1;rport", via);
        let request = Message::parse(request.into()).unwrap();
        let response = Message::response(&request, source(), 200, None).build();
        response.header("Via").unwrap().split(',').next().unwrap().to_owned()
    };
    assert_eq!(
        with_via("SIP/2.0/UDP 10.0.0.1;received=192.0.2.66;branch=z9hG4bK1"),
        "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=203.0.113.9"
    );
    assert_eq!(with_via("SIP/2.0/UDP 203.0.113.9:9;branch=z9hG4bK1"), "SIP/2.0/UDP 203.0.113.9:9;branch=z9hG4bK1");
}

#[test]
fn nothing_given_can_end_its_field() {
    let message = invite()
        .header("X-Evil", "a\r\nX-Injected: 1\r\n\r\nbody\0")
        .header("X-Evil\r\nX-Injected", "1")
        .header("Content-Length", "999")
        .name_addr("Contact", Some("x\"\r\nX-Injected: 1"), "sip:a>\r\nX-Injected: 1", ";p\r\nX-Injected: 1")
        .body("text/plain\r\nX-Injected: 1", "b")
        .try_build()
        .unwrap();
    assert_eq!(message.header("X-Injected"), None);
    assert_eq!(message.headers("Content-Length").collect::<Vec<_>>(), ["1"]);
    assert_eq!(message.body(), b"b");
    let start = Message::request("INV ITE\r\n", "sip:a b\r\nX: y").build();
    assert!(start.bytes().starts_with(b"INVITE sip:a%20b%0D%0AX:%20y SIP/2.0\r\n"));
    let response = Message::response(&message, source(), 200, Some("OK\r\nX-Injected: 1")).build();
    assert_eq!(response.header("X-Injected"), None);
}

#[test]
fn an_incomplete_message_is_an_error_or_reads_as_empty() {
    let builder = || Message::request("OPTIONS", "sip:a@b").header("CSeq", "1 OPTIONS");
    assert!(builder().try_build().is_err());
    let message = builder().build();
    assert_eq!((message.call_id(), message.from_tag(), message.via().host()), ("", None, ""));
    assert_eq!(message.cseq().number, 1);
}

#[test]
fn a_100_repeats_the_timestamp() {
    let request = invite().header("Timestamp", "54").build();
    assert_eq!(Message::response(&request, source(), 100, None).build().header("Timestamp"), Some("54"));
    assert_eq!(Message::response(&request, source(), 180, None).build().header("Timestamp"), None);
}

#[test]
fn the_top_via_and_the_method_of_a_request_are_known_without_reading_it() {
    let via = "SIP/2.0/UDP a.example.com:5062;branch=z9hG4bKone;rport, SIP/2.0/TCP b.example.com;branch=z9hG4bKtwo";
    let request = || Message::request(Method::Bye, "sip:bob@example.com");
    let built = [
        request().header("Via", via).header("To", "<sip:b@c.example.com>").to_tag("t"),
        request().body("text/plain", "body").header("via", via).header("Via", "SIP/2.0/UDP c.example.com"),
        // What is added before it moves it.
        request().header("To", "<sip:b@c.example.com>").header("v", via).to_tag("moves-what-follows"),
        request().header("Via", "nonsense").header("Via", via),
    ];
    for builder in built {
        let message = builder.build();
        let known = (message.via().branch().map(str::to_owned), message.via().host().to_owned(), message.method_str());
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        message.index_now();
        let read = (message.via().branch().map(str::to_owned), message.via().host().to_owned(), message.method_str());
        assert_eq!(known, read, "{text}");
    }
}
