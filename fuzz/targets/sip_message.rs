//! Any bytes as a SIP message: read, looked at from every side, answered, and read again.
#![no_main]

use std::net::SocketAddr;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tandem_sip::message::{Message, reject};

fuzz_target!(|bytes: &[u8]| {
    let source: SocketAddr = "192.0.2.1:5060".parse().expect("an address");
    let message = match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset <= bytes.len() && error.line >= 1);
            if let Some(answer) = reject(bytes, &error, source) {
                assert!(error.reply().is_some());
                assert!(answer.starts_with(b"SIP/2.0 ") && answer.ends_with(b"Content-Length: 0\r\n\r\n"));
                assert!(answer.len() <= 2 * bytes.len() + 256);
            }
            return;
        }
    };
    assert!(!message.call_id().is_empty() && !message.via().host().is_empty() && !message.to().uri_str().is_empty());
    assert!(message.from().uri().is_ok() && message.to().uri().is_ok());
    assert_eq!(message.is_request(), message.request_uri().is_some());
    assert_eq!(message.is_request(), message.status().is_none());
    assert_eq!(message.method_str(), message.cseq().method_str);
    // What the index keeps is what its fields say.
    let top = message.vias().next().expect("has a Via");
    assert_eq!(
        (top.branch(), top.host(), top.port()),
        (message.via().branch(), message.via().host(), message.via().port())
    );
    assert_eq!(message.header("Call-ID"), Some(message.call_id()));
    for (name, value) in message.all_headers() {
        assert!(message.headers(name).any(|other| other == value));
        assert!(!value.contains(['\r', '\n']));
    }
    for contact in message.contacts().flatten() {
        let _ = format!("{contact:?}");
    }
    let _ = (message.routes().count(), message.record_routes().count(), message.token_list("Supported").count());
    let _ = (message.expires(), message.max_forwards(), message.content_type(), message.body().len());
    let _ = (message.from().display_name(), message.via().reply_address(source));
    let again = Message::parse(message.bytes().clone()).expect("what was read reads again");
    assert!(again == message && again.body() == message.body());
    if message.is_request() && bytes.len() < 60_000 {
        let response = Message::response(&message, source, 200, None).to_tag("t").try_build();
        let response = response.expect("a request that was read can be answered");
        assert_eq!(response.vias().count(), message.vias().count());
        assert_eq!((response.call_id(), response.cseq()), (message.call_id(), message.cseq()));
        assert_eq!(response.from_tag(), message.from_tag());
        assert!(response.to_tag().is_some());
    }
});
