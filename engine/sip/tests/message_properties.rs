//! What holds for any bytes.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;
use tandem_sip::message::{Framed, Message, NameAddr, StreamFramer, Uri, Via, reject};

/// Uses everything a message offers; panics are what is looked for.
fn use_all(bytes: &[u8]) {
    let source: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    let message = match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.offset <= bytes.len() && error.line >= 1);
            if let Some(answer) = reject(bytes, &error, source) {
                assert!(answer.starts_with(b"SIP/2.0 "));
                assert!(answer.ends_with(b"\r\n\r\n"));
            }
            return;
        }
    };
    assert!(!message.call_id().is_empty() && !message.via().host().is_empty() && !message.to().uri_str().is_empty());
    assert!(message.from().uri().is_ok());
    assert_eq!(message.is_request(), message.status().is_none());
    assert_eq!(message.is_request(), message.request_uri().is_some());
    assert_eq!(message.method_str(), message.cseq().method_str);
    let vias = message.vias().map(|via| via.reply_address(source)).collect::<Vec<_>>().len();
    assert!(vias >= 1);
    for contact in message.contacts().flatten() {
        let _ = format!("{contact:?}");
    }
    for (name, value) in message.all_headers() {
        assert!(message.headers(name).any(|other| other == value), "{name}");
        assert!(!value.contains('\r') && !value.contains('\n'));
    }
    let again = Message::parse(message.bytes().clone()).expect("what was read reads again");
    assert_eq!(again.body(), message.body());
    if message.is_request() {
        let response = Message::response(&message, source, 200, None).to_tag("t").try_build();
        if message.bytes().len() < 60_000 {
            let response = response.expect("a request that was read can be answered");
            assert_eq!(response.vias().count(), vias);
            assert_eq!(response.call_id(), message.call_id());
            assert_eq!(response.cseq(), message.cseq());
            assert_eq!(response.from_tag(), message.from_tag());
            assert!(response.to_tag().is_some());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "fixtures are files; the engine itself reads none")]
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "dat"));
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let corpus = corpus();
    let odd = prop::sample::select(b"\r\n\t \0\x7f\x80\xff\":;,<>@=/[]()\\%09azSIP".to_vec());
    let byte = prop_oneof![3 => odd, 1 => any::<u8>()];
    let change = (any::<prop::sample::Index>(), 0..4u8, prop::collection::vec(byte, 1..6));
    (any::<prop::sample::Index>(), prop::collection::vec(change, 0..6)).prop_map(move |(which, changes)| {
        let mut bytes = which.get(&corpus).clone();
        for (at, how, new) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            let end = (at + new.len()).min(bytes.len());
            match how {
                0 => drop(bytes.splice(at..end, new)),
                1 => drop(bytes.splice(at..at, new)),
                2 => drop(bytes.drain(at..end)),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        use_all(&bytes);
    }

    #[test]
    fn a_mutated_message_is_read_or_refused(bytes in mutated()) {
        use_all(&bytes);
    }

    #[test]
    fn any_text_is_an_address_or_an_error(text in "[ -~\u{e9}]{0,60}", prefix in "(sip:|sips:|tel:|SIP/2.0/UDP |\"|<)?") {
        let text = prefix + &text;
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert!(uri.sip_equal(&uri), "{}", text);
            prop_assert_eq!(uri.to_string(), text.clone());
        }
        if let Ok(address) = NameAddr::parse(&text) {
            prop_assert!(!address.uri_str().contains(['<', '>', ' ', '"']));
            let _ = (address.display_name(), address.params().count());
        }
        if let Ok(via) = Via::parse(&text) {
            prop_assert!(!via.host().is_empty());
        }
    }

    #[test]
    fn what_is_built_is_read_the_same(
        method in "[A-Z]{1,10}",
        user in "\\PC{0,20}",
        display in "[^\\p{Cc}]{1,20}",
        tag in "[a-zA-Z0-9.~-]{1,12}",
        value in any::<String>(),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let uri = format!("sip:{}@example.com", user.replace([':', '@', '%'], "_") + "x");
        let message = Message::request(&method, &uri)
            .header("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")
            .name_addr("From", Some(&display), &uri, &format!(";tag={tag}"))
            .to_tag(&tag)
            .name_addr("To", None, &uri, "")
            .header("Call-ID", "c@h")
            .header("CSeq", &format!("1 {method}"))
            .body("application/octet-stream", &body)
            .header("X-Any", &value)
            .try_build()
            .expect("built");
        prop_assert_eq!(message.method_str(), method);
        let shown = message.from().display_name();
        prop_assert_eq!(shown.as_deref(), Some(display.as_str()));
        prop_assert_eq!(message.from_tag(), Some(tag.as_str()));
        prop_assert_eq!(message.to_tag(), Some(tag.as_str()));
        prop_assert_eq!(message.body(), body.as_slice());
        prop_assert_eq!(message.all_headers().count(), 8);
        let plain: String = value.trim_matches([' ', '\t']).chars().map(|c| if c.is_ascii_control() && c != '\t' { ' ' } else { c }).collect();
        prop_assert_eq!(message.header("x-any"), Some(plain.trim_matches([' ', '\t'])));
    }

    #[test]
    fn a_stream_in_any_pieces_gives_the_messages_it_was_made_of(
        bodies in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), 0..3usize), 1..5),
        cuts in prop::collection::vec(1..200usize, 1..40),
    ) {
        let mut stream = Vec::new();
        let mut messages = Vec::new();
        let mut pings = 0;
        for (body, line_ends) in &bodies {
            stream.extend_from_slice("\r\n".repeat(*line_ends).as_bytes());
            pings += line_ends / 2;
            let message = Message::request("OPTIONS", "sip:a@b").body("x/y", body).build();
            stream.extend_from_slice(message.bytes());
            messages.push(message.bytes().clone());
        }
        let mut framer = StreamFramer::new();
        let (mut got, mut got_pings) = (Vec::new(), 0);
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, after) = rest.split_at((*cut).min(rest.len()));
            rest = after;
            framer.push(part);
            while let Some(frame) = framer.next() {
                match frame {
                    Framed::Message(bytes) => got.push(bytes),
                    Framed::Ping => got_pings += 1,
                    Framed::Error(error) => panic!("{error:?}"),
                }
            }
        }
        prop_assert_eq!(got, messages);
        prop_assert_eq!(got_pings, pings);
    }

    #[test]
    fn a_framer_survives_any_stream(bytes in prop::collection::vec(any::<u8>(), 0..300), message in mutated()) {
        let mut framer = StreamFramer::new();
        for part in [&message[..], &bytes[..], &message[..]] {
            framer.push(part);
            let mut frames = 0;
            while framer.next().is_some() {
                frames += 1;
                prop_assert!(frames <= part.len() + 1);
            }
        }
    }
}
