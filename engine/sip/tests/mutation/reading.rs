//! Changed messages and the reader.

use std::net::SocketAddr;

use bytes::Bytes;
use tandem_model::limits::SIP_MESSAGE_BYTES_MAX;
use tandem_sip::message::{Message, Method, ParseErrorKind, reject};

use crate::change::{Change, changed, fields, name};
use crate::memory::peak;
use crate::messages;

/// Long names of the fields every message must have once, and what they may not be without.
const MANDATORY: [(&str, &str); 5] = [("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("CSeq", "")];

fn long_name(name: &str) -> Option<&'static str> {
    let found = MANDATORY.iter().find(|(long, short)| {
        name.eq_ignore_ascii_case(long) || (!short.is_empty() && name.eq_ignore_ascii_case(short))
    });
    found.map(|(long, _)| *long)
}

fn is_content_length(name: &str) -> bool {
    name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l")
}

/// Looks at everything a message offers.
fn use_all(message: &Message) -> usize {
    let source: SocketAddr = "192.0.2.1:5060".parse().expect("an address");
    let contacts = message.contacts().flatten().count();
    let hops = message.vias().map(|via| via.reply_address(source).port() as usize).sum::<usize>();
    let users = message.request_uri().and_then(|uri| Some(uri.user_decoded()?.len())).unwrap_or(0);
    let names = [message.from(), message.to()].map(|end| end.display_name().map_or(0, |name| name.len()));
    let routes = message.routes().count() + message.record_routes().count();
    let tokens = message.token_list("Supported").count() + message.headers("Date").count();
    let fields: usize = message.all_headers().map(|(name, value)| name.len() + value.len()).sum();
    contacts + hops + users + names[0] + names[1] + routes + tokens + fields + message.expires().unwrap_or(0) as usize
}

#[test]
fn a_changed_field_is_read_or_refused_with_the_right_status() {
    let source: SocketAddr = "192.0.2.1:5060".parse().expect("an address");
    let (mut read, mut refused) = (0, 0);
    for original in messages::all() {
        for field in fields(&original) {
            for change in Change::ALL {
                let bytes = Bytes::from(changed(&original, &field, change));
                let what =
                    || format!("{change:?} {} in {}", name(&original, &field), String::from_utf8_lossy(&original));
                let (held, result) = peak(|| Message::parse(bytes.clone()));
                // A folded or Latin-1 header is copied, twice at most.
                assert!(held <= 4 * bytes.len() + 1_024, "{held} bytes for {} of {}", bytes.len(), what());
                match result {
                    Ok(message) => {
                        read += 1;
                        let (held, _) = peak(|| use_all(&message));
                        assert!(held <= 8 * bytes.len() + 4_096, "{held} bytes to look at {}", what());
                    }
                    Err(error) => {
                        refused += 1;
                        let status = error.reply().map(|(status, _)| status);
                        assert!(matches!(status, None | Some(400 | 513)), "{status:?} for {}", what());
                        let (held, answer) = peak(|| reject(&bytes, &error, source));
                        assert!(held <= 8 * bytes.len() + 8_192, "{held} bytes to refuse {}", what());
                        if let Some(answer) = answer {
                            assert!(answer.len() <= bytes.len() + 256, "{} bytes for {}", answer.len(), what());
                            assert!(answer.starts_with(format!("SIP/2.0 {} ", status.expect("has one")).as_bytes()));
                            let is_response = original.starts_with(b"SIP/") || original.starts_with(b"ACK ");
                            assert!(!is_response, "answered {}", what());
                        }
                    }
                }
            }
        }
    }
    assert!(read > 2_000 && refused > 1_000, "{read} read, {refused} refused");
}

/// What each change of a field that matters must come to.
#[test]
fn mandatory_fields_have_no_leeway() {
    for original in messages::ordinary() {
        for field in fields(&original) {
            let name = name(&original, &field);
            for change in Change::ALL {
                let bytes = Bytes::from(changed(&original, &field, change));
                let result = Message::parse(bytes.clone());
                let kind = result.as_ref().err().map(|error| error.kind);
                let what = format!("{change:?} {name}: {:?}", kind);
                if bytes.len() > SIP_MESSAGE_BYTES_MAX {
                    assert_eq!(kind, Some(ParseErrorKind::TooLarge), "{what}");
                    continue;
                }
                if change == Change::Folded {
                    let folded = result.expect(&what);
                    let plain = Message::parse(original.clone().into()).expect("it is valid");
                    assert_eq!((folded.call_id(), folded.to_tag()), (plain.call_id(), plain.to_tag()), "{what}");
                    assert_eq!((folded.cseq(), folded.via().branch()), (plain.cseq(), plain.via().branch()), "{what}");
                    assert_eq!(folded.all_headers().count(), plain.all_headers().count(), "{what}");
                    continue;
                }
                match (long_name(name), change) {
                    // One of two Vias is left, and more Vias are as good.
                    (Some("Via"), Change::Twice) => assert!(kind.is_none(), "{what}"),
                    (Some("Via"), Change::Missing) => {
                        let vias = Message::parse(original.clone().into()).expect("it is valid").vias().count();
                        assert_eq!(kind.is_none(), vias > 1, "{what}");
                    }
                    (Some(long), Change::Missing) => assert_eq!(kind, Some(ParseErrorKind::Missing(long)), "{what}"),
                    (Some(long), Change::Twice) => assert_eq!(kind, Some(ParseErrorKind::Repeated(long)), "{what}"),
                    (Some("Call-ID"), Change::OneByte | Change::SignBit | Change::TooWide | Change::Negative) => {
                        assert!(kind.is_none(), "{what}");
                    }
                    (Some(_), Change::Nul) => assert_eq!(kind, Some(ParseErrorKind::ControlCharacter), "{what}"),
                    // In a display name or a Call-ID a Latin-1 byte is a letter.
                    (Some(_), Change::BadUtf8) => {}
                    (Some(long), _) => assert_eq!(kind, Some(ParseErrorKind::Malformed(long)), "{what}"),
                    (None, Change::Nul) => assert_eq!(kind, Some(ParseErrorKind::ControlCharacter), "{what}"),
                    (None, _) if is_content_length(name) => match change {
                        Change::Missing | Change::Twice => assert!(kind.is_none(), "{what}"),
                        Change::SignBit => assert_eq!(kind, Some(ParseErrorKind::BodyTruncated), "{what}"),
                        _ => assert_eq!(kind, Some(ParseErrorKind::Malformed("Content-Length")), "{what}"),
                    },
                    (None, _) if name == "Max-Forwards" => match change {
                        Change::Missing => assert!(kind.is_none(), "{what}"),
                        Change::Twice => assert_eq!(kind, Some(ParseErrorKind::Repeated("Max-Forwards")), "{what}"),
                        _ => assert_eq!(kind, Some(ParseErrorKind::Malformed("Max-Forwards")), "{what}"),
                    },
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn what_is_left_of_a_number_out_of_range_is_the_limit_or_nothing() {
    let register = messages::ordinary().into_iter().find(|m| m.starts_with(b"REGISTER")).expect("has one");
    let expires = fields(&register).into_iter().find(|at| name(&register, at) == "Expires").expect("has one");
    for (change, wanted) in [
        (Change::SignBit, Some(1 << 31)),
        (Change::TooWide, Some(u32::MAX)),
        (Change::Negative, None),
        (Change::OneByte, None),
        (Change::Empty, None),
        (Change::Missing, None),
    ] {
        let message = Message::parse(changed(&register, &expires, change).into()).expect("still readable");
        assert_eq!((message.method(), message.expires()), (Method::Register, wanted), "{change:?}");
    }
}

/// Ten thousand of anything: parameters, elements, fields, quotes.
#[test]
fn many_of_anything_cost_what_their_bytes_cost() {
    let many = |part: &str| part.repeat(60_000 / part.len());
    for (field, part) in [
        ("From: <sip:a@b>;tag=1", ";x=y"),
        ("Contact: ", "<sip:a@b>,"),
        ("Contact: ", "\""),
        ("Contact: ", "\\\""),
        ("Supported: ", ","),
        ("Via: SIP/2.0/UDP h", ";a"),
        ("Via: ", "SIP/2.0/UDP h;branch=z9hG4bKx,"),
        ("Route: ", "<"),
        ("Call-ID: ", "@"),
        ("X: ", "\t"),
        ("X: y", "\r\n z"),
        ("X: y", "\r\nX: z"),
        ("X: y", "\u{e9}"),
    ] {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\n{field}{}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n\
             Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
            many(part)
        );
        let bytes = Bytes::from(text);
        let (held, result) = peak(|| Message::parse(bytes.clone()));
        assert!(held <= 4 * bytes.len(), "{field}{part}: {held}");
        match result {
            Ok(message) => assert!(use_all(&message) > 0),
            Err(error) => assert_eq!(error.reply().map(|(status, _)| status), Some(400), "{field}{part}: {error}"),
        }
    }
}
