//! Valid messages: those of RFC 4475 and RFC 5118, and one of each kind that a switch sees.

use std::path::Path;

use bytes::Bytes;
use tandem_sip::message::Message;

#[path = "../torture/written_down.rs"]
mod written_down;
use written_down::written_down;

/// The fields that a dialog's requests have in common, before and after what differs.
fn request(method: &str, extra: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "{method} sip:bob@192.0.2.2:5060;transport=udp SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{method}1\r\n\
         Via: SIP/2.0/TCP proxy.example.com;received=198.51.100.3;branch=z9hG4bKup\r\n\
         Max-Forwards: 69\r\nRoute: <sip:192.0.2.2;lr>\r\n\
         From: \"Alice, A.\" <sip:alice@example.com>;tag=at1\r\nTo: <sip:bob@example.com>\r\n\
         Call-ID: c1@192.0.2.1\r\nCSeq: 7 {method}\r\nUser-Agent: Phone 1\r\n{extra}Content-Length: {}\r\n\r\n",
        body.len()
    );
    (head + body).into_bytes()
}

fn response(status: &str, method: &str, extra: &str) -> Vec<u8> {
    format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport=5060;received=192.0.2.1;branch=z9hG4bK{method}1\r\n\
         Record-Route: <sip:192.0.2.2;lr>, <sip:[2001:db8::1];lr>\r\nFrom: <sip:alice@example.com>;tag=at1\r\n\
         To: <sip:bob@example.com>;tag=bt1\r\nCall-ID: c1@192.0.2.1\r\nCSeq: 7 {method}\r\n{extra}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n";

/// Requests of each method and responses of each class.
pub fn ordinary() -> Vec<Vec<u8>> {
    let contact = "Contact: \"A\" <sip:alice@192.0.2.1:5060;ob>;expires=3600;q=0.5\r\n";
    let offer = format!(
        "{contact}Record-Route: <sip:198.51.100.3;lr>\r\nSupported: timer, replaces\r\nSession-Expires: 1800;refresher=uac\r\n\
         Min-SE: 90\r\nAllow: INVITE, BYE\r\nP-Asserted-Identity: <sip:alice@example.com>\r\nDate: Thu, 21 Feb 2002 13:02:03 GMT\r\n\
         Content-Type: application/sdp\r\n"
    );
    let challenge =
        "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256\r\n";
    let answer = "Authorization: Digest username=\"alice\", realm=\"example.com\", nonce=\"abc\", uri=\"sip:example.com\", \
                  response=\"0\", cnonce=\"1\", nc=00000001, qop=auth\r\n";
    vec![
        request("INVITE", &offer, SDP),
        request("ACK", contact, ""),
        request("BYE", "Reason: Q.850;cause=16\r\n", ""),
        request("CANCEL", "", ""),
        request("OPTIONS", "Accept: application/sdp\r\n", ""),
        request("REGISTER", &format!("{contact}Expires: 3600\r\n{answer}"), ""),
        request("PRACK", "RAck: 1 7 INVITE\r\n", ""),
        request("UPDATE", &offer, SDP),
        request("INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=1\r\n"),
        request(
            "REFER",
            &format!("{contact}Refer-To: <sip:c@example.com?Replaces=a%3Bto-tag%3Db>\r\nReferred-By: <sip:a@b>\r\n"),
            "",
        ),
        request("NOTIFY", &format!("{contact}Event: refer\r\nSubscription-State: active;expires=60\r\n"), ""),
        request("SUBSCRIBE", &format!("{contact}Event: presence\r\nExpires: 60\r\n"), ""),
        request("MESSAGE", "Content-Type: text/plain\r\n", "hello"),
        response("100 Trying", "INVITE", ""),
        response("180 Ringing", "INVITE", &format!("{contact}Require: 100rel\r\nRSeq: 1\r\n")),
        response("200 OK", "INVITE", contact),
        response("401 Unauthorized", "REGISTER", challenge),
        response("302 Moved Temporarily", "INVITE", contact),
        response("486 Busy Here", "INVITE", "Retry-After: 5\r\n"),
        response("503 Service Unavailable", "INVITE", "Retry-After: 5 (soon);duration=10\r\n"),
        response("603 Decline", "INVITE", "Warning: 399 host \"no\"\r\n"),
    ]
}

/// All that can be read of the RFCs' messages.
#[expect(clippy::disallowed_methods, reason = "fixtures are files; the engine itself reads none")]
pub fn torture() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "dat" || e == "msg"));
    files.sort();
    let read = files.iter().map(|path| match path.extension().is_some_and(|e| e == "msg") {
        true => written_down(&std::fs::read_to_string(path).expect("a file")),
        false => std::fs::read(path).expect("a file"),
    });
    read.filter(|bytes| Message::parse(Bytes::from(bytes.clone())).is_ok()).collect()
}

pub fn all() -> Vec<Vec<u8>> {
    let mut all = ordinary();
    all.extend(torture());
    all
}
