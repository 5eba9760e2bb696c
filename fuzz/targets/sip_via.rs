//! Any text as a Via element, and as what an answer is sent back by.
#![no_main]

use std::net::SocketAddr;

use libfuzzer_sys::fuzz_target;
use tandem_sip::message::{Message, Via};

fuzz_target!(|text: &str| {
    let source: SocketAddr = "192.0.2.200:5070".parse().expect("an address");
    if let Ok(via) = Via::parse(text) {
        assert!(!via.host().is_empty() && !via.transport_str().is_empty());
        assert_eq!(via.branch(), via.params().get("branch").filter(|branch| !branch.is_empty()));
        assert!(!via.has_rfc3261_branch() || via.branch().is_some());
        let _ = (via.received(), via.rport(), via.maddr(), via.ttl(), via.transport(), via.reply_address(source));
    }
    let request = Message::request("OPTIONS", "sip:h")
        .header("Via", text)
        .header("From", "<sip:a@b>;tag=1")
        .header("To", "<sip:b@c>")
        .header("Call-ID", "1")
        .header("CSeq", "1 OPTIONS")
        .try_build();
    let Ok(request) = request else { return };
    let response = Message::response(&request, source, 200, None).to_tag("t").try_build().expect("can be answered");
    // RFC 3261 section 18.2.1, RFC 3581 section 4: the top one says where it came from, the others are as they were.
    let (asked, told) = (request.via(), response.via());
    assert_eq!((told.host(), told.port(), told.branch()), (asked.host(), asked.port(), asked.branch()));
    assert_eq!(told.rport().flatten(), asked.rport().map(|_| source.port()));
    assert!(told.received() == Some("192.0.2.200") || asked.host() == "192.0.2.200");
    assert_eq!(request.vias().count(), response.vias().count());
    for (before, after) in request.vias().zip(response.vias()).skip(1) {
        assert_eq!(before.params().collect::<Vec<_>>(), after.params().collect::<Vec<_>>());
    }
});
