//! What a request or response means when it is read, and what is refused.

use bytes::Bytes;
use tandem_sip::message::{Contact, Message, Method, ParseErrorKind, reject};

fn request(fields: &str, body: &str) -> Bytes {
    let text = format!(
        "INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5062;branch=z9hG4bK1;rport\n\
         From: <sip:alice@example.com>;tag=a1\nTo: <sip:bob@example.com>\nCall-ID: c1\nCSeq: 1 INVITE\n{fields}\n"
    );
    let mut bytes = text.replace('\n', "\r\n").into_bytes();
    bytes.extend_from_slice(body.as_bytes());
    bytes.into()
}

fn with(fields: &str) -> Result<Message, ParseErrorKind> {
    Message::parse(request(fields, "")).map_err(|error| error.kind)
}

fn refused(fields: &str) -> ParseErrorKind {
    with(fields).expect_err(fields)
}

#[test]
fn a_plain_request_shows_its_parts() {
    let message =
        with("Max-Forwards: 70\nContact: <sip:alice@192.0.2.1:5062>\nSupported: 100rel, timer\nk: replaces\n").unwrap();
    assert!(message.is_request());
    assert_eq!(message.method(), Method::Invite);
    assert_eq!(message.status(), None);
    assert_eq!(message.via().port(), Some(5062));
    assert_eq!(message.via().rport(), Some(None));
    assert_eq!(message.from_tag(), Some("a1"));
    assert_eq!(message.to_tag(), None);
    assert_eq!(message.call_id(), "c1");
    assert_eq!(message.max_forwards(), Some(70));
    assert_eq!(message.token_list("Supported").collect::<Vec<_>>(), ["100rel", "timer", "replaces"]);
    assert_eq!(message.headers("K").count(), 2);
    assert_eq!(message.all_headers().last(), Some(("k", "replaces")));
}

#[test]
fn repeated_singleton_fields_are_refused() {
    for (field, name) in [
        ("From: <sip:eve@example.com>;tag=e", "From"),
        ("f : <sip:eve@example.com>;tag=e", "From"),
        ("t: <sip:eve@example.com>", "To"),
        ("I: other", "Call-ID"),
        ("CSeq: 1 INVITE", "CSeq"),
        ("Max-Forwards: 1\nmax-forwards: 1", "Max-Forwards"),
        ("c: text/plain\nContent-Type: application/sdp", "Content-Type"),
        ("Expires: 1\nExpires: 2", "Expires"),
    ] {
        assert_eq!(refused(&format!("{field}\n")), ParseErrorKind::Repeated(name), "{field}");
    }
}

#[test]
fn a_dialog_end_has_one_tag_and_a_value_in_it() {
    let plain = String::from_utf8(request("", "").to_vec()).unwrap();
    for (tags, name) in [(";tag=b1;tag=b2", "To"), (";tag", "To"), (";tag=;x=1", "To"), (";tag;9817", "To")] {
        let text = plain.replace("To: <sip:bob@example.com>", &format!("To: <sip:bob@example.com>{tags}"));
        let error = Message::parse(text.into()).expect_err(tags);
        assert_eq!(error.kind, ParseErrorKind::Malformed(name), "{tags}");
    }
}

#[test]
fn two_content_lengths_must_agree() {
    assert_eq!(refused("Content-Length: 0\nl: 1\n"), ParseErrorKind::ContentLengths);
    assert!(with("Content-Length: 0\nl: 0\n").is_ok());
    for bad in ["-1", "+0", "0x0", "", "1 1", "4294967296", "1,1"] {
        assert_eq!(refused(&format!("l: {bad}\n")), ParseErrorKind::Malformed("Content-Length"), "{bad}");
    }
}

#[test]
fn the_body_is_what_content_length_says_or_the_rest() {
    let body = |fields: &str| Message::parse(request(fields, "0123456789")).map(|m| m.body().to_vec());
    assert_eq!(body("").unwrap(), b"0123456789");
    assert_eq!(body("l: 4\n").unwrap(), b"0123");
    assert_eq!(body("l: 11\n").unwrap_err().kind, ParseErrorKind::BodyTruncated);
}

#[test]
fn a_trusted_field_is_the_same_however_it_is_spaced() {
    for spelling in
        ["X-Auth-IP:1", "X-Auth-IP :1", "X-Auth-IP\t: 1", "x-auth-ip  \t :\t1 ", "X-Auth-IP:\n 1", "X-Auth-IP\n : 1"]
    {
        let message = with(&format!("{spelling}\nAfter: yes\n")).unwrap();
        assert_eq!(message.header("X-Auth-IP"), Some("1"), "{spelling:?}");
        assert_eq!(message.all_headers().filter(|(name, _)| name.eq_ignore_ascii_case("x-auth-ip")).count(), 1);
        assert_eq!(message.header("After"), Some("yes"), "{spelling:?}");
    }
}

#[test]
fn a_latin_1_value_hides_no_other_field() {
    let mut bytes = request("Subject: caf#\nOrganization: Müller\nAfter: yes\n", "\u{e9}").to_vec();
    let at = bytes.iter().position(|&b| b == b'#').unwrap();
    bytes[at] = 0xE9;
    let message = Message::parse(bytes.into()).unwrap();
    assert_eq!(message.header("s"), Some("café"));
    assert_eq!(message.header("Organization"), Some("Müller"));
    assert_eq!(message.header("After"), Some("yes"));
    assert_eq!(message.body(), "\u{e9}".as_bytes());
}

#[test]
fn lines_that_are_no_fields_are_refused() {
    for line in ["no colon", ": no name", "two words: x", "Na(me): x", "Näme: x"] {
        assert_eq!(refused(&format!("{line}\n")), ParseErrorKind::HeaderLine, "{line}");
    }
}

#[test]
fn control_characters_and_lone_line_ends_are_refused() {
    for value in ["a\0b", "a\u{1}b", "a\u{7f}b", "\"a\0b\"", "a\\\0b"] {
        assert_eq!(refused(&format!("X: {value}\n")), ParseErrorKind::ControlCharacter, "{value:?}");
    }
    for lone in ["\r", "\n"] {
        let text = String::from_utf8(request("X: a#b\n", "").to_vec()).unwrap().replace('#', lone);
        assert_eq!(Message::parse(text.into()).unwrap_err().kind, ParseErrorKind::ControlCharacter, "{lone:?}");
    }
    assert_eq!(with("X: \"a\\\0b\"\tc\n").unwrap().header("x"), Some("\"a\\\0b\"\tc"));
}

#[test]
fn hostile_sizes_end_in_clean_errors_or_answers() {
    let fields: String = (0..200).map(|i| format!("X-{i}: {i}\n")).collect();
    assert_eq!(refused(&fields), ParseErrorKind::TooManyHeaders);
    assert_eq!(with(&"Big: 1\n".repeat(122)).unwrap().headers("big").count(), 122);

    assert_eq!(refused(&format!("Big: {}\n", "a".repeat(65_536))), ParseErrorKind::TooLarge);
    let long = "a".repeat(64_000);
    assert_eq!(with(&format!("Big: {long}\n")).unwrap().header("Big"), Some(long.as_str()));

    let message = with(&format!("Contact: <sip:a@b>{}\n", ";p=1".repeat(10_000))).unwrap();
    let Some(Ok(Contact::Address(contact))) = message.contacts().next() else { panic!("no contact") };
    assert_eq!(contact.params().count(), 10_000);
}

#[test]
fn cseq_is_a_number_below_2_31_and_the_method_of_the_request() {
    let cseq = |value: &str| {
        let text = String::from_utf8(request("", "").to_vec()).unwrap();
        Message::parse(text.replace("1 INVITE", value).into()).map(|m| m.cseq().number).map_err(|e| e.kind)
    };
    assert_eq!(cseq("2147483647 INVITE"), Ok(2_147_483_647));
    assert_eq!(cseq("0 INVITE"), Ok(0));
    assert_eq!(cseq("1 invite"), Err(ParseErrorKind::CSeqMethod));
    assert_eq!(cseq("1 ACK"), Err(ParseErrorKind::CSeqMethod));
    for bad in ["2147483648 INVITE", "INVITE", "1", "-1 INVITE", "1 INVITE x", "1  "] {
        assert_eq!(cseq(bad), Err(ParseErrorKind::Malformed("CSeq")), "{bad}");
    }
}

#[test]
fn mandatory_fields_are_missed_by_name() {
    let text = String::from_utf8(request("", "").to_vec()).unwrap();
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let without: String =
            text.split_inclusive("\r\n").filter(|line| !line.starts_with(&format!("{name}:"))).collect();
        assert_eq!(Message::parse(without.into()).unwrap_err().kind, ParseErrorKind::Missing(name));
    }
}

#[test]
fn an_error_says_where() {
    let bytes = request("Max-Forwards: 300\n", "");
    let error = Message::parse(bytes.clone()).unwrap_err();
    assert_eq!(error.line, 7);
    assert!(bytes[error.offset..].starts_with(b"300"), "{error}");
}

#[test]
fn keep_alives_and_leading_line_ends() {
    for nothing in [&b""[..], b"\r\n", b"\r\n\r\n"] {
        let error = Message::parse(Bytes::from_static(nothing)).unwrap_err();
        assert_eq!((error.kind, error.reply()), (ParseErrorKind::Empty, None));
    }
    let mut bytes = b"\r\n\r\n".to_vec();
    bytes.extend_from_slice(&request("", ""));
    assert!(Message::parse(bytes.into()).is_ok());
}

#[test]
fn all_contacts_are_told_apart() {
    let message = with("Contact: *\nm: \"A, B\" <sip:a@b>;expires=5, sip:c@d;q=1\nContact: <sip:broken\n").unwrap();
    let kinds: Vec<_> = message
        .contacts()
        .map(|contact| match contact {
            Ok(Contact::Any) => "any",
            Ok(Contact::Address(address)) => address.uri_str(),
            Err(_) => "broken",
        })
        .collect();
    assert_eq!(kinds, ["any", "sip:a@b", "sip:c@d", "broken"]);
}

#[test]
fn a_malformed_route_is_refused_rather_than_skipped() {
    assert_eq!(refused("Route: <sip:a;lr>, sip:b c\n"), ParseErrorKind::Malformed("Route"));
    assert_eq!(refused("Record-Route: \n"), ParseErrorKind::Malformed("Record-Route"));
    let message = with("Route: <sip:a;lr>, <sip:b;lr>\nRoute: <sip:c>\n").unwrap();
    assert_eq!(message.routes().map(|r| r.uri_str()).collect::<Vec<_>>(), ["sip:a;lr", "sip:b;lr", "sip:c"]);
}

#[test]
fn expires_is_bounded_and_nonsense_is_absent() {
    let expires = |value: &str| with(&format!("Expires: {value}\n")).unwrap().expires();
    assert_eq!(expires("60"), Some(60));
    assert_eq!(expires("99999999999999999999"), Some(u32::MAX));
    assert_eq!(expires("soon"), None);
    assert_eq!(expires(""), None);
}

#[test]
fn a_refused_ack_or_response_is_not_answered() {
    let source = "192.0.2.1:5060".parse().unwrap();
    for start in ["ACK sip:a@b SIP/2.0", "SIP/2.0 200 OK"] {
        let bytes = format!("{start}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: broken\r\n\r\n");
        let error = Message::parse(bytes.clone().into()).unwrap_err();
        assert_eq!(error.reply(), None);
        assert_eq!(reject(bytes.as_bytes(), &error, source), None);
    }
}

#[test]
fn a_refusal_is_built_from_what_can_be_read() {
    let source = "198.51.100.7:40000".parse().unwrap();
    let bytes = request("no colon\n", "");
    let error = Message::parse(bytes.clone()).unwrap_err();
    let answer = reject(&bytes, &error, source).unwrap();
    assert_eq!(reject(&bytes, &error, source).unwrap(), answer, "a retransmission gets the same tag");
    let answer = Message::parse(answer).unwrap();
    assert_eq!((answer.status(), answer.reason()), (Some(400), "Malformed Header Field"));
    assert_eq!(answer.via().received(), Some("198.51.100.7"));
    assert_eq!(answer.via().rport(), Some(Some(40000)));
    assert_eq!(answer.via().branch(), Some("z9hG4bK1"));
    assert_eq!(answer.from_tag(), Some("a1"));
    assert!(answer.to_tag().is_some());
    assert_eq!(answer.call_id(), "c1");
    assert_eq!(answer.cseq().number, 1);
}
