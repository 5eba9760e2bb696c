//! Messages as they come from a network, written for this purpose.

use bytes::Bytes;
use tandem_sip::message::Message;

/// An audio offer of an ordinary phone.
pub const OFFER: &str = "\
     v=0\r\n\
     o=alice 2890844526 2890844526 IN IP4 192.0.2.10\r\n\
     s=-\r\n\
     c=IN IP4 192.0.2.10\r\n\
     t=0 0\r\n\
     m=audio 49170 RTP/AVP 96 0 8 101\r\n\
     a=rtpmap:96 opus/48000/2\r\n\
     a=fmtp:96 useinbandfec=1\r\n\
     a=rtpmap:0 PCMU/8000\r\n\
     a=rtpmap:8 PCMA/8000\r\n\
     a=rtpmap:101 telephone-event/8000\r\n\
     a=fmtp:101 0-15\r\n\
     a=ptime:20\r\n\
     a=sendrecv\r\n\
     ";

const INVITE_HEAD: &str = "\
     INVITE sip:+15551234567@example-main.sip.example.org;user=phone SIP/2.0\r\n\
     Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bK74bf9c0e1d2a\r\n\
     Route: <sip:192.0.2.1;lr>\r\n\
     Max-Forwards: 70\r\n\
     From: \"Alice\" <sip:alice@example-main.sip.example.org>;tag=9fxced76sl\r\n\
     To: <sip:+15551234567@example-main.sip.example.org>\r\n\
     Call-ID: 3848276298220188511@192.0.2.10\r\n\
     CSeq: 2 INVITE\r\n\
     Contact: <sip:alice@192.0.2.10:5060;transport=udp>\r\n\
     Date: Thu, 21 Feb 2002 13:02:03 GMT\r\n\
     Accept: application/sdp\r\n\
     Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY\r\n\
     Supported: replaces, outbound, timer, norefersub, gruu\r\n\
     User-Agent: Example Phone 4.2 build 2002-0\r\n\
     Session-Expires: 1800\r\n\
     P-Preferred-Identity: <sip:alice@example-main.sip.example.org>\r\n\
     Content-Type: application/sdp\r\n\
     Content-Length: 293\r\n\
     \r\n\
     ";

/// Bytes of [`invite`]: the length at which other SIP readers were measured.
pub const INVITE_BYTES: usize = 1_085;

const _: () = assert!(INVITE_HEAD.len() + OFFER.len() == INVITE_BYTES);

/// An INVITE with [`OFFER`] for its body.
pub fn invite() -> Bytes {
    Bytes::from([INVITE_HEAD.as_bytes(), OFFER.as_bytes()].concat())
}

/// The 200 to [`invite`], as the switch writes it.
pub fn write_response(invite: &Message) -> Message {
    Message::response(invite, crate::addr(10), 200, None)
        .to_tag("8d41f2a09b3c7e65")
        .header("Contact", "<sip:192.0.2.1:5060>")
        .header("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO")
        .header("Server", "Tandem/0.1.0")
        .body("application/sdp", OFFER)
        .build()
}

/// An INVITE to `uri`, as the switch writes it.
pub fn write_request(uri: &str) -> Message {
    Message::request("INVITE", uri)
        .header("Via", "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK8d41f2a09b3c7e65")
        .header("Max-Forwards", "69")
        .name_addr("From", Some("Alice"), "sip:alice@example-main.sip.example.org", ";tag=77ab01cd92ef4410")
        .name_addr("To", None, "sip:bob@example-main.sip.example.org", "")
        .header("Call-ID", "5f1e6a1c-8a4e-4b0f-9f43-0d5ce2e0a2b7")
        .header("CSeq", "1 INVITE")
        .header("Contact", "<sip:192.0.2.1:5060>")
        .header("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO")
        .header("User-Agent", "Tandem/0.1.0")
        .body("application/sdp", OFFER)
        .build()
}

/// A menu as applications write it.
pub const DOCUMENT: &str = r##"<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <Say voice="woman" language="en-US">Thank you for calling the example company.</Say>
  <Gather input="dtmf" numDigits="1" timeout="5" action="/menu/choice?from=start" method="POST">
    <Say>For sales, press one. For support, press two. To hear this again, press star.</Say>
    <Play>https://media.example.org/prompts/waiting.wav</Play>
  </Gather>
  <Say>We did not hear a choice. Connecting you now.</Say>
  <Dial timeout="20" action="/dial/done" callerId="+15550001111">
    <Number>+15551234567</Number>
  </Dial>
</Response>
"##;
