//! RFC 3261 section 12: identity, order, targets and route sets.

use std::time::Duration;

use bytes::Bytes;
use tandem_model::Timestamp;

use super::*;
use crate::message::{Message, Method};
use crate::transaction::{T1, T1_64};

fn parse(text: &str) -> Message {
    Message::parse(Bytes::from(format!("{}\r\nContent-Length: 0\r\n\r\n", text.trim().replace('\n', "\r\n")))).unwrap()
}

fn invite(extra: &str) -> Message {
    parse(&format!(
        "INVITE sip:bob@example.org SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKi\nMax-Forwards: 70\n\
         From: \"Alice\" <sip:alice@example.org>;tag=at\nTo: <sip:bob@example.org>\nCall-ID: call\nCSeq: 10 INVITE\n\
         Contact: <sip:alice@192.0.2.1>{extra}"
    ))
}

fn response(status: u16, tag: &str, extra: &str) -> Message {
    parse(&format!(
        "SIP/2.0 {status} Whatever\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKi\n\
         From: \"Alice\" <sip:alice@example.org>;tag=at\nTo: <sip:bob@example.org>{tag}\nCall-ID: call\nCSeq: 10 INVITE{extra}"
    ))
}

fn ok(extra: &str) -> Message {
    response(200, ";tag=bt", &format!("\nContact: <sip:bob@192.0.2.2>{extra}"))
}

/// From the peer of `uac`.
fn from_bob(method: &str, cseq: u32, extra: &str) -> Message {
    parse(&format!(
        "{method} sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKb{cseq}\nMax-Forwards: 70\n\
         From: <sip:bob@example.org>;tag=bt\nTo: \"Alice\" <sip:alice@example.org>;tag=at\nCall-ID: call\n\
         CSeq: {cseq} {method}{extra}"
    ))
}

fn uac(extra: &str) -> Dialog {
    Dialog::uac(&invite(""), &ok(extra)).unwrap()
}

/// Start line and Route values of a request as sent.
fn line_and_routes(message: &Message) -> (String, Vec<String>) {
    let text = String::from_utf8(message.bytes().to_vec()).unwrap();
    (text.lines().next().unwrap().to_owned(), message.headers("Route").map(str::to_owned).collect())
}

#[test]
fn a_response_with_a_tag_makes_a_dialog_and_others_do_not() {
    let contact = "\nContact: <sip:bob@192.0.2.2>";
    for (status, tag, extra, expected) in [
        (100, ";tag=bt", contact, Err(DialogError::NotDialogForming)),
        (180, ";tag=bt", contact, Ok(DialogState::Early)),
        (183, ";tag=bt", "", Ok(DialogState::Early)),
        (180, "", contact, Err(DialogError::NoTag)),
        (200, ";tag=bt", contact, Ok(DialogState::Confirmed)),
        (200, ";tag=bt", "", Ok(DialogState::Confirmed)),
        (200, ";tag=bt", "\nContact: <tel:+1555>", Ok(DialogState::Confirmed)),
        (200, "", contact, Err(DialogError::NoTag)),
        (302, ";tag=bt", contact, Err(DialogError::NotDialogForming)),
        (486, ";tag=bt", contact, Err(DialogError::NotDialogForming)),
    ] {
        let made = Dialog::uac(&invite(""), &response(status, tag, extra)).map(|d| d.state());
        assert_eq!(made, expected, "{status} {tag} {extra}");
    }
}

#[test]
fn a_2xx_without_a_usable_contact_is_acknowledged_where_the_invite_went() {
    let dialog = Dialog::uac(&invite(""), &response(200, ";tag=bt", "")).unwrap();
    assert_eq!(line_and_routes(&dialog.ack_for(&invite("")).build()).0, "ACK sip:bob@example.org SIP/2.0");
    let text = String::from_utf8(invite("").bytes().to_vec()).unwrap();
    for contact in ["Contact: <mailto:alice@h>", "X-Nothing: here"] {
        let request = text.replace("Contact: <sip:alice@192.0.2.1>", contact);
        let request = Message::parse(Bytes::from(request)).unwrap();
        assert_eq!(Dialog::uas(&request, "bt"), Err(DialogError::NoContact), "{contact}");
    }
    assert_eq!(Dialog::uas(&invite(""), ""), Err(DialogError::NoTag));
}

#[test]
fn both_sides_of_a_call_hold_the_same_dialog_mirrored() {
    let alice = uac("");
    let mut bob = Dialog::uas(&invite(""), "bt").unwrap();
    bob.confirm();
    let (a, b) = (alice.snapshot(), bob.snapshot());
    assert_eq!((&a.id.local_tag, &a.id.remote_tag), (&b.id.remote_tag, &b.id.local_tag));
    assert_eq!((a.local, a.remote), (b.remote, b.local));
    assert_eq!((a.local_seq, a.remote_seq), (b.remote_seq, b.local_seq));
    assert_eq!((a.remote_target.as_str(), b.remote_target.as_str()), ("sip:bob@192.0.2.2", "sip:alice@192.0.2.1"));
    assert_eq!((a.state, b.state), (DialogState::Confirmed, DialogState::Confirmed));
}

#[test]
fn requests_flow_both_ways_and_each_side_accepts_the_others() {
    let (mut alice, mut bob) = (uac(""), Dialog::uas(&invite(""), "bt").unwrap());
    for _ in 0..3 {
        let bye = alice.request(Method::Bye).header("Via", "SIP/2.0/UDP a;branch=z9hG4bK1").try_build().unwrap();
        assert_eq!(bob.accept(&bye), Ok(()));
        let info = bob.request(Method::Info).header("Via", "SIP/2.0/UDP b;branch=z9hG4bK2").try_build().unwrap();
        assert_eq!(alice.accept(&info), Ok(()));
    }
    assert_eq!((alice.local_seq(), bob.local_seq()), (Some(13), Some(3)));
}

#[test]
fn forked_responses_make_dialogs_of_their_own() {
    let one = Dialog::uac(&invite(""), &response(180, ";tag=b1", "")).unwrap();
    let mut two = Dialog::uac(&invite(""), &response(180, ";tag=b2", "")).unwrap();
    assert_ne!(one.id(), two.id());
    assert_eq!(two.handle_response(&ok("")), Err(DialogError::OtherDialog));
    assert_eq!(two.state(), DialogState::Early);
}

#[test]
fn the_2xx_confirms_and_sets_the_route_set_anew() {
    let early = response(180, ";tag=bt", "\nContact: <sip:bob@old>\nRecord-Route: <sip:p1;lr>");
    let mut dialog = Dialog::uac(&invite(""), &early).unwrap();
    assert_eq!(dialog.next_hop(), "sip:p1;lr");
    dialog.handle_response(&ok("\nRecord-Route: <sip:p2;lr>")).unwrap();
    assert_eq!((dialog.state(), dialog.next_hop()), (DialogState::Confirmed, "sip:p2;lr"));
    assert_eq!(dialog.remote_target(), "sip:bob@192.0.2.2");
    let reinvite = response(200, ";tag=bt", "\nContact: <sip:bob@new>\nRecord-Route: <sip:p3;lr>");
    dialog.handle_response(&reinvite).unwrap();
    assert_eq!((dialog.remote_target(), dialog.next_hop()), ("sip:bob@new", "sip:p2;lr"), "routes stay for good");
}

/// RFC 3261 section 12.2.1.1 and the examples of section 16.12.1.
#[test]
fn requests_follow_the_route_set_through_loose_and_strict_routers() {
    let rows: &[(&str, &str, &str, &[&str], &str)] = &[
        ("none", "", "sip:bob@192.0.2.2", &[], "sip:bob@192.0.2.2"),
        (
            "loose, reversed for the caller",
            "\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\nRecord-Route: <sip:p0;lr>",
            "sip:bob@192.0.2.2",
            &["<sip:p0;lr>", "<sip:p1;lr>", "<sip:p2;lr>"],
            "sip:p0;lr",
        ),
        (
            "strict first",
            "\nRecord-Route: <sip:p2;lr>\nRecord-Route: <sip:p1;method=INVITE;x=1>",
            "sip:p1;x=1",
            &["<sip:p2;lr>", "<sip:bob@192.0.2.2>"],
            "sip:p1;method=INVITE;x=1",
        ),
        (
            "strict behind loose",
            "\nRecord-Route: <sip:p2>\nRecord-Route: <sip:p1;lr>",
            "sip:bob@192.0.2.2",
            &["<sip:p1;lr>", "<sip:p2>"],
            "sip:p1;lr",
        ),
        ("strict only", "\nRecord-Route: <sip:p1>", "sip:p1", &["<sip:bob@192.0.2.2>"], "sip:p1"),
    ];
    for (name, recorded, request_uri, routes, next_hop) in rows {
        let mut dialog = uac(recorded);
        assert_eq!(dialog.next_hop(), *next_hop, "{name}");
        let (line, sent) = line_and_routes(&dialog.request(Method::Bye).build());
        assert_eq!(line, format!("BYE {request_uri} SIP/2.0"), "{name}");
        assert_eq!(sent, *routes, "{name}");
    }
}

#[test]
fn the_callee_keeps_the_route_in_the_order_received() {
    let dialog = Dialog::uas(&invite("\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>"), "bt").unwrap();
    assert_eq!(dialog.snapshot().route_set, ["<sip:p2;lr>", "<sip:p1;lr>"]);
}

#[test]
fn the_ack_of_a_2xx_has_the_number_and_credentials_of_its_invite() {
    let mut dialog = uac("\nRecord-Route: <sip:p1;lr>");
    dialog.request(Method::Info);
    let invite = invite("\nAuthorization: Digest a=1\nProxy-Authorization: Digest b=2");
    let ack = dialog.ack_for(&invite).header("Via", "SIP/2.0/UDP a;branch=z9hG4bKack").try_build().unwrap();
    assert_eq!((ack.cseq().number, ack.cseq().method), (10, Method::Ack));
    assert_eq!(ack.header("Authorization"), Some("Digest a=1"));
    assert_eq!(ack.header("Proxy-Authorization"), Some("Digest b=2"));
    assert_eq!(line_and_routes(&ack), ("ACK sip:bob@192.0.2.2 SIP/2.0".into(), vec!["<sip:p1;lr>".into()]));
    assert_eq!((ack.to_tag(), ack.from_tag(), ack.max_forwards()), (Some("bt"), Some("at"), Some(70)));
}

#[test]
fn numbers_may_skip_but_never_repeat_or_fall() {
    let mut dialog = uac("");
    for (cseq, method, expected) in [
        (5, "INFO", Ok(())),
        (5, "INFO", Err(500)),
        (4, "BYE", Err(500)),
        (5, "ACK", Ok(())),
        (900, "INFO", Ok(())),
        (6, "INFO", Err(500)),
        (901, "BYE", Ok(())),
    ] {
        let got = dialog.accept(&from_bob(method, cseq, "")).map_err(|r| r.status);
        assert_eq!(got, expected, "{cseq} {method}");
    }
}

/// Promises row 12: the right Call-ID alone moves nothing.
#[test]
fn a_forged_request_gets_481_and_changes_nothing() {
    let mut dialog = uac("");
    let before = dialog.clone();
    for (from, to) in [
        ("tag=bt", "tag=forged"),
        ("tag=at", "tag=forged"),
        (";tag=at", ""),
        (";tag=bt", ""),
        ("Call-ID: call", "Call-ID: x"),
    ] {
        for method in ["BYE", "INVITE", "INFO", "REFER"] {
            let honest = from_bob(method, 99, "\nContact: <sip:mallory@evil>");
            let text = String::from_utf8(honest.bytes().to_vec()).unwrap().replace(from, to);
            let forged = Message::parse(Bytes::from(text)).unwrap();
            assert_eq!(dialog.accept(&forged).map_err(|r| r.status), Err(481), "{method} {from} {to}");
            assert!(!dialog.matches(&forged));
        }
    }
    let stray = response(200, ";tag=evil", "\nContact: <sip:mallory@evil>");
    assert_eq!(dialog.handle_response(&stray), Err(DialogError::OtherDialog));
    assert_eq!(dialog, before);
}

#[test]
fn only_target_refresh_requests_move_the_target() {
    for (method, moves) in [("INVITE", true), ("UPDATE", true), ("INFO", false), ("BYE", false), ("OPTIONS", false)] {
        let mut dialog = uac("");
        dialog.accept(&from_bob(method, 1, "\nContact: <sip:bob@new>")).unwrap();
        let expected = if moves { "sip:bob@new" } else { "sip:bob@192.0.2.2" };
        assert_eq!(dialog.remote_target(), expected, "{method}");
    }
    let mut dialog = uac("");
    dialog.accept(&from_bob("INVITE", 1, "\nContact: <mailto:bob@new>")).unwrap();
    assert_eq!(dialog.remote_target(), "sip:bob@192.0.2.2", "nowhere to send a request to");
}

#[test]
fn a_dialog_goes_on_from_its_snapshot() {
    let mut dialog = uac("\nRecord-Route: <sip:p1;lr>");
    dialog.accept(&from_bob("INFO", 3, "")).unwrap();
    let mut rebuilt = Dialog::restore(dialog.snapshot());
    assert_eq!(rebuilt, dialog);
    assert_eq!(rebuilt.request(Method::Bye).build().bytes(), dialog.request(Method::Bye).build().bytes());
    assert_eq!(rebuilt.accept(&from_bob("INFO", 3, "")).map_err(|r| r.status), Err(500));
}

#[test]
fn a_caller_without_a_tag_is_answered_as_rfc_2543_has_it() {
    let text = String::from_utf8(invite("").bytes().to_vec()).unwrap().replace(";tag=at", "");
    let request = Message::parse(Bytes::from(text)).unwrap();
    let dialog = Dialog::uas(&request, "bt").unwrap();
    assert_eq!(dialog.id().remote_tag, "");
}

/// RFC 3261 section 13.3.1.4.
#[test]
fn a_2xx_is_repeated_at_doubling_intervals_until_32_seconds() {
    let start = Timestamp::from_secs(1);
    let mut timer = Retransmit2xx::start(start);
    let mut sent_after_ms = Vec::new();
    let end = loop {
        let now = timer.deadline().unwrap();
        match timer.expire(now) {
            Some(Retransmit::Again) => sent_after_ms.push(now.since(start).as_millis()),
            Some(Retransmit::GiveUp) => break now,
            None => panic!("a deadline with nothing to do"),
        }
    };
    assert_eq!(sent_after_ms, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!((end, timer.deadline()), (start + T1_64, None));
}

#[test]
fn an_ack_stops_the_repetition_and_a_stall_makes_no_burst() {
    let start = Timestamp::from_secs(1);
    let mut timer = Retransmit2xx::start(start);
    assert_eq!(timer.expire(start + T1 - Duration::from_nanos(1)), None);
    assert_eq!(timer.expire(start + T1 * 20), Some(Retransmit::Again));
    assert_eq!(timer.expire(start + T1 * 20), None);
    timer.acknowledged();
    assert_eq!((timer.deadline(), timer.expire(start + T1_64)), (None, None));
}

/// RFC 3262 section 3: unlike that of a 2xx, the interval grows without a bound.
#[test]
fn a_reliable_provisional_response_is_repeated_at_doubling_intervals_until_32_seconds() {
    let start = Timestamp::from_secs(1);
    let mut timer = RetransmitProvisional::start(start);
    let mut sent_after_ms = Vec::new();
    let end = loop {
        let now = timer.deadline().unwrap();
        match timer.expire(now) {
            Some(Retransmit::Again) => sent_after_ms.push(now.since(start).as_millis()),
            Some(Retransmit::GiveUp) => break now,
            None => panic!("a deadline with nothing to do"),
        }
    };
    assert_eq!(sent_after_ms, [500, 1500, 3500, 7500, 15500, 31500]);
    assert_eq!((end, timer.deadline()), (start + T1_64, None));
}

#[test]
fn a_rack_names_a_response_and_nothing_else_is_one() {
    let rack = |value: &str| RAck::of(&from_bob("PRACK", 2, &format!("\nRAck: {value}")));
    assert_eq!(rack("776656 1 INVITE"), Some(RAck { rseq: 776_656, cseq: 1, method: Method::Invite }));
    assert_eq!(rack(" 1\t 2   UPDATE ").map(|r| r.to_string()).as_deref(), Some("1 2 UPDATE"));
    for malformed in ["", "1", "1 2", "1 2 INVITE x", "-1 2 INVITE", "+1 2 INVITE", "1 x INVITE", "4294967296 1 INVITE"]
    {
        assert_eq!(rack(malformed), None, "{malformed:?}");
    }
    assert_eq!(RAck::of(&from_bob("PRACK", 2, "")), None);
}

#[test]
fn a_response_is_reliable_when_it_requires_100rel_in_a_dialog() {
    for (status, tag, extra, rseq) in [
        (183, ";tag=bt", "\nRequire: 100rel\nRSeq: 7", Some(7)),
        (180, ";tag=bt", "\nRequire: timer, 100REL\nRSeq: 4294967295", Some(u32::MAX)),
        (183, ";tag=bt", "\nSupported: 100rel\nRSeq: 7", None),
        (183, ";tag=bt", "\nRequire: 100rel", None),
        (183, ";tag=bt", "\nRequire: 100rel\nRSeq: 0", None),
        (183, ";tag=bt", "\nRequire: 100rel\nRSeq: 7 8", None),
        (183, "", "\nRequire: 100rel\nRSeq: 7", None),
        (100, ";tag=bt", "\nRequire: 100rel\nRSeq: 7", None),
        (200, ";tag=bt", "\nRequire: 100rel\nRSeq: 7", None),
    ] {
        assert_eq!(reliable_rseq(&response(status, tag, extra)), rseq, "{status} {tag} {extra}");
    }
}

#[test]
fn session_intervals_read_and_write() {
    let of = |extra: &str| SessionExpires::of(&response(200, ";tag=bt", extra));
    for (extra, secs, refresher) in [
        ("\nSession-Expires: 1800", 1_800, None),
        ("\nx: 90 ; refresher=UAC", 90, Some(Refresher::Uac)),
        ("\nSession-Expires: 600;a=b; refresher = uas", 600, Some(Refresher::Uas)),
        ("\nSession-Expires: 600;refresher=nobody", 600, None),
        ("\nSession-Expires: 99999999999", u32::MAX, None),
    ] {
        assert_eq!(of(extra), Some(SessionExpires { secs, refresher }), "{extra}");
    }
    for extra in ["", "\nSession-Expires: soon", "\nSession-Expires: -1", "\nSession-Expires: ;refresher=uac"] {
        assert_eq!(of(extra), None, "{extra}");
    }
    let written = SessionExpires { secs: 90, refresher: Some(Refresher::Uas) }.to_string();
    assert_eq!(written, "90;refresher=uas");
    assert_eq!(SessionExpires::min_of(&response(422, ";tag=bt", "\nMin-SE: 300;x=y")), Some(300));
    assert_eq!(SessionExpires::min_of(&response(422, ";tag=bt", "")), None);
}

#[test]
fn a_request_is_repeated_with_all_it_said_but_its_place_and_its_proof() {
    let mut dialog = uac("\nRecord-Route: <sip:p1;lr>");
    let first = dialog
        .request(Method::Info)
        .header("Via", "SIP/2.0/UDP a;branch=z9hG4bK1")
        .header("Contact", "<sip:alice@192.0.2.1>")
        .header("Authorization", "Digest a=1")
        .header("Reason", "SIP;cause=200")
        .header("X-Own", "kept")
        .body("application/dtmf", "5")
        .build();
    let again = dialog.repeat(&first).header("Via", "SIP/2.0/UDP a;branch=z9hG4bK2").try_build().unwrap();
    assert_eq!((first.cseq().number, again.cseq().number), (11, 12));
    assert_eq!(line_and_routes(&again), line_and_routes(&first));
    for (name, count) in [("Via", 1), ("From", 1), ("To", 1), ("Call-ID", 1), ("Contact", 0), ("Authorization", 0)] {
        assert_eq!(again.headers(name).count(), count, "{name}");
    }
    assert_eq!((again.header("Reason"), again.header("X-Own")), (Some("SIP;cause=200"), Some("kept")));
    assert_eq!((again.content_type(), again.body()), (Some("application/dtmf"), b"5".as_slice()));
}

#[test]
fn a_refused_refresh_keeps_the_target() {
    let mut dialog = uac("\nRecord-Route: <sip:p1;lr>");
    let before = dialog.remote_target().to_owned();
    dialog.accept(&from_bob("INVITE", 1, "\nContact: <sip:bob@new>")).unwrap();
    dialog.keep_target(before);
    assert_eq!(dialog.peer_uris().collect::<Vec<_>>(), ["sip:bob@192.0.2.2", "sip:p1;lr"]);
}
