//! The rules of RFC 3261 section 10.3, one row or one test each.

use std::time::Duration;

use bytes::Bytes;
use tandem_model::{Endpoint, Timestamp, Transport, limits};

use super::*;

const T: Timestamp = Timestamp::from_secs(100);
const SECOND: Duration = Duration::from_secs(1);

fn source(port: u16) -> Endpoint {
    Endpoint::new(Transport::Udp, ([192, 0, 2, 1], port).into())
}

fn request(call_id: &str, cseq: u32, fields: &str) -> Message {
    let mut text = format!(
        "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@example.org>;tag=1\r\nTo: <sip:alice@example.org>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} REGISTER\r\n"
    );
    for field in fields.split('|').filter(|f| !f.is_empty()) {
        text += &format!("{field}\r\n");
    }
    text += "Content-Length: 0\r\n\r\n";
    Message::parse(Bytes::from(text)).unwrap()
}

/// Status and extra header fields of a refusal.
type Refusal = (u16, Vec<(&'static str, String)>);

/// Prepares and commits. Ok: the Contact values of the 200.
fn send(
    registrar: &mut Registrar,
    now: Timestamp,
    message: &Message,
    source: Endpoint,
) -> Result<Vec<String>, Refusal> {
    match registrar.register(now, "alice", message, source, &Policy::default()) {
        Outcome::Query { contacts } => Ok(contacts),
        Outcome::Updated(prepared) => {
            let contacts = prepared.contacts.clone();
            registrar.commit(prepared);
            Ok(contacts)
        }
        Outcome::Refused(refused) => Err((refused.status, refused.headers)),
    }
}

fn uris(registrar: &Registrar, now: Timestamp) -> Vec<&str> {
    registrar.lookup(now, "Alice").into_iter().map(|b| b.key.contact.as_str()).collect()
}

/// Each row is sent to a registrar where `sip:old@h` was bound under Call-ID `c0`, CSeq 5, for 600 s.
#[test]
fn each_rule_of_a_register() {
    let too_brief = || vec![("Min-Expires", limits::REGISTER_EXPIRES_SECS_MIN.to_string())];
    let old = "<sip:old@h>;expires=600";
    let eleven: Vec<String> = (0..11).map(|i| format!("<sip:n{i}@h>")).collect();
    let eleven = format!("Contact: {}", eleven.join(", "));
    type Reply<'a> = Result<&'a [&'a str], Refusal>;
    let rows: &[(&str, &str, u32, &str, Reply<'_>)] = &[
        ("no Contact asks", "c1", 1, "", Ok(&[old])),
        ("no Contact asks, whatever Expires says", "c0", 1, "Expires: 0", Ok(&[old])),
        ("default expiry", "c1", 1, "Contact: <sip:new@h>", Ok(&[old, "<sip:new@h>;expires=600"])),
        ("Expires header", "c1", 1, "Contact: <sip:new@h>|Expires: 90", Ok(&[old, "<sip:new@h>;expires=90"])),
        (
            "expires parameter before the header",
            "c1",
            1,
            "Contact: <sip:new@h>;expires=70|Expires: 90",
            Ok(&[old, "<sip:new@h>;expires=70"]),
        ),
        ("shortest expiry", "c1", 1, "Contact: <sip:new@h>;expires=60", Ok(&[old, "<sip:new@h>;expires=60"])),
        ("too brief", "c1", 1, "Contact: <sip:new@h>;expires=59", Err((423, too_brief()))),
        ("too brief by header", "c1", 1, "Contact: <sip:new@h>|Expires: 1", Err((423, too_brief()))),
        ("too long is cut", "c1", 1, "Contact: <sip:new@h>;expires=7200", Ok(&[old, "<sip:new@h>;expires=3600"])),
        (
            "an absurd expiry",
            "c1",
            1,
            "Contact: <sip:new@h>;expires=99999999999",
            Ok(&[old, "<sip:new@h>;expires=3600"]),
        ),
        (
            "not a number is an hour",
            "c1",
            1,
            "Contact: <sip:new@h>;expires=soon",
            Ok(&[old, "<sip:new@h>;expires=3600"]),
        ),
        (
            "two contacts",
            "c1",
            1,
            "Contact: <sip:a@h>, <sip:b@h>;q=0.5",
            Ok(&[old, "<sip:a@h>;expires=600", "<sip:b@h>;expires=600;q=0.500"]),
        ),
        ("removal", "c0", 6, "Contact: <sip:old@h>;expires=0", Ok(&[])),
        ("removal by header", "c0", 6, "Contact: <sip:old@h>|Expires: 0", Ok(&[])),
        ("removal of nothing", "c1", 1, "Contact: <sip:none@h>;expires=0", Ok(&[old])),
        ("removal by an equal URI", "c0", 6, "Contact: <SIP:old@H>;expires=0", Ok(&[])),
        ("one out, one in", "c0", 6, "Contact: <sip:old@h>;expires=0, <sip:new@h>", Ok(&["<sip:new@h>;expires=600"])),
        ("refresh", "c0", 6, "Contact: <sip:old@h>;expires=100", Ok(&["<sip:old@h>;expires=100"])),
        ("refresh under another Call-ID", "c9", 1, "Contact: <sip:old@h>;expires=99", Ok(&["<sip:old@h>;expires=99"])),
        ("same CSeq", "c0", 5, "Contact: <sip:old@h>", Err((500, vec![]))),
        ("older CSeq", "c0", 4, "Contact: <sip:old@h>", Err((500, vec![]))),
        ("older CSeq, another contact", "c0", 4, "Contact: <sip:new@h>", Ok(&[old, "<sip:new@h>;expires=600"])),
        ("older CSeq, removal", "c0", 5, "Contact: <sip:old@h>;expires=0", Err((500, vec![]))),
        ("all or nothing", "c0", 5, "Contact: <sip:new@h>, <sip:old@h>", Err((500, vec![]))),
        ("all or nothing, too brief", "c1", 1, "Contact: <sip:new@h>, <sip:x@h>;expires=5", Err((423, too_brief()))),
        ("star", "c0", 6, "Contact: *|Expires: 0", Ok(&[])),
        ("star under another Call-ID", "c1", 1, "Contact: *|Expires: 0", Ok(&[])),
        ("star out of order", "c0", 5, "Contact: *|Expires: 0", Err((500, vec![]))),
        ("star without Expires", "c0", 6, "Contact: *", Err((400, vec![]))),
        ("star with time", "c0", 6, "Contact: *|Expires: 60", Err((400, vec![]))),
        ("star beside another", "c0", 6, "Contact: *|Contact: <sip:new@h>|Expires: 0", Err((400, vec![]))),
        ("not a SIP URI", "c1", 1, "Contact: <tel:+15551234567>", Err((400, vec![]))),
        ("bad q", "c1", 1, "Contact: <sip:new@h>;q=2", Err((400, vec![]))),
        ("too many", "c1", 1, &eleven, Err((403, vec![]))),
        (
            "twice in one request",
            "c1",
            1,
            "Contact: <sip:a@h>;expires=60, <sip:a@H>;expires=90",
            Ok(&[old, "<sip:a@h>;expires=90"]),
        ),
    ];
    for (name, call_id, cseq, fields, expected) in rows {
        let mut registrar = Registrar::new();
        send(&mut registrar, T, &request("c0", 5, "Contact: <sip:old@h>"), source(5060)).unwrap();
        let message = request(call_id, *cseq, fields);
        let got = send(&mut registrar, T, &message, source(5060));
        let expected = expected.clone().map(|c| c.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
        assert_eq!(got, expected, "{name}");
        if got.is_err() {
            assert_eq!(uris(&registrar, T), ["sip:old@h"], "{name}: a refusal changes nothing");
        }
    }
}

#[test]
fn the_seconds_left_are_told_and_the_expired_is_gone() {
    let mut registrar = Registrar::new();
    send(&mut registrar, T, &request("c", 1, "Contact: <sip:a@h>;expires=100"), source(1)).unwrap();
    send(&mut registrar, T, &request("c", 1, "Contact: <sip:b@h>;expires=60"), source(1)).unwrap();
    assert_eq!(registrar.deadline(), Some(T + 60 * SECOND));
    let ask = request("c", 2, "");
    let half = Duration::from_millis(500);
    let told = send(&mut registrar, T + 40 * SECOND + half, &ask, source(1)).unwrap();
    assert_eq!(told, ["<sip:a@h>;expires=60", "<sip:b@h>;expires=20"]);
    assert_eq!(uris(&registrar, T + 60 * SECOND), ["sip:a@h"], "expired, though not swept yet");
    let gone = registrar.expire(T + 60 * SECOND);
    assert_eq!(gone, [BindingKey { aor: "alice".into(), contact: "sip:b@h".into(), flow: String::new() }]);
    assert_eq!((registrar.len(), registrar.deadline()), (1, Some(T + 100 * SECOND)));
    registrar.expire(T + 100 * SECOND);
    assert!(registrar.is_empty() && registrar.deadline().is_none() && registrar.records.is_empty());
}

#[test]
fn a_refresh_moves_the_deadline_and_leaves_one_binding() {
    let mut registrar = Registrar::new();
    for cseq in 1..=50 {
        let now = T + u32::from(cseq as u16) * SECOND;
        send(&mut registrar, now, &request("c", cseq, "Contact: <sip:a@h>;expires=60"), source(1)).unwrap();
        assert_eq!((registrar.len(), registrar.deadline()), (1, Some(now + 60 * SECOND)));
    }
    assert!(registrar.expire(T + 60 * SECOND).is_empty());
}

#[test]
fn contacts_are_ordered_by_q_then_by_recency() {
    let mut registrar = Registrar::new();
    for (i, contact) in ["<sip:a@h>;q=0.2", "<sip:b@h>", "<sip:c@h>;q=0.9", "<sip:d@h>"].iter().enumerate() {
        let message = request(&format!("c{i}"), 1, &format!("Contact: {contact}"));
        send(&mut registrar, T + i as u32 * SECOND, &message, source(1)).unwrap();
    }
    assert_eq!(uris(&registrar, T + 5 * SECOND), ["sip:d@h", "sip:b@h", "sip:c@h", "sip:a@h"]);
}

#[test]
fn a_binding_keeps_what_is_needed_to_reach_the_client() {
    let mut registrar = Registrar::new();
    let fields = "Contact: <sip:a@10.0.0.1>;q=0.5;+sip.instance=\"<urn:uuid:1>\"|User-Agent: Phone 1|Path: <sip:p1;lr>|Path: <sip:p2;lr>";
    send(&mut registrar, T, &request("c", 7, fields), source(4040)).unwrap();
    let binding = registrar.lookup(T, "ALICE")[0];
    assert_eq!((binding.source, binding.cseq, binding.q_thousandths), (source(4040), 7, 500));
    assert_eq!((binding.call_id.as_str(), binding.user_agent.as_deref()), ("c", Some("Phone 1")));
    assert_eq!(binding.instance.as_deref(), Some("<urn:uuid:1>"));
    assert_eq!(binding.path, ["<sip:p1;lr>", "<sip:p2;lr>"]);
    assert!(registrar.lookup(T, "bob").is_empty());
}

#[test]
fn one_instance_has_one_contact() {
    let mut registrar = Registrar::new();
    for (call_id, port) in [("c1", 1111), ("c2", 2222)] {
        let fields = format!("Contact: <sip:a@h:{port}>;+sip.instance=\"<urn:uuid:1>\"");
        send(&mut registrar, T, &request(call_id, 1, &fields), source(port)).unwrap();
    }
    assert_eq!(uris(&registrar, T), ["sip:a@h:2222"]);
    assert_eq!(registrar.len(), 1);
}

#[test]
fn at_the_limit_a_flow_pushes_out_its_own_oldest_contact_and_nobody_elses() {
    let mut registrar = Registrar::new();
    let bind = |registrar: &mut Registrar, i: u32, flow: u16| {
        let message = request(&format!("c{i}"), 1, &format!("Contact: <sip:n{i}@h>"));
        send(registrar, T + i * SECOND, &message, source(flow))
    };
    for i in 0..limits::CONTACTS_PER_AOR_DEFAULT as u32 {
        bind(&mut registrar, i, if i < 3 { 1 } else { 2 }).unwrap();
    }
    assert_eq!(bind(&mut registrar, 50, 9), Err((403, vec![])), "a new flow finds no room");
    bind(&mut registrar, 51, 1).unwrap();
    let now = T + 60 * SECOND;
    assert_eq!(registrar.len(), limits::CONTACTS_PER_AOR_DEFAULT);
    assert!(!uris(&registrar, now).contains(&"sip:n0@h") && uris(&registrar, now).contains(&"sip:n51@h"));
}

#[test]
fn a_change_takes_effect_when_committed_and_never_when_aborted() {
    let mut registrar = Registrar::new();
    let prepare = |registrar: &mut Registrar, cseq| match registrar.register(
        T,
        "alice",
        &request("c", cseq, "Contact: <sip:a@h>"),
        source(1),
        &Policy::default(),
    ) {
        Outcome::Updated(prepared) => prepared,
        other => panic!("{other:?}"),
    };
    let lost = prepare(&mut registrar, 1);
    assert!(registrar.lookup(T, "alice").is_empty(), "not durable yet");
    registrar.abort(lost);
    assert!(registrar.is_empty() && registrar.records.is_empty());
    let kept = prepare(&mut registrar, 1);
    assert!(matches!(&kept.changes[..], [BindingChange::Put(b)] if b.key.contact == "sip:a@h"));
    registrar.commit(kept);
    assert_eq!(uris(&registrar, T), ["sip:a@h"]);
}

#[test]
fn a_register_is_judged_as_if_those_on_their_way_to_the_store_were_there() {
    let mut registrar = Registrar::new();
    let policy = Policy::default();
    let mut ask = |cseq, contact: &str| {
        registrar.register(T, "alice", &request("c", cseq, &format!("Contact: {contact}")), source(1), &policy)
    };
    let first = ask(2, "<sip:a@h>");
    let stale = ask(1, "<sip:a@h>;expires=0");
    assert!(matches!(stale, Outcome::Refused(Refused { status: 500, .. })), "{stale:?}");
    let second = ask(3, "<sip:a@h>;expires=0");
    for outcome in [first, second] {
        let Outcome::Updated(prepared) = outcome else { panic!("{outcome:?}") };
        registrar.commit(prepared);
    }
    assert!(registrar.is_empty());
}

#[test]
fn a_restart_restores_what_was_stored() {
    let mut before = Registrar::new();
    send(&mut before, T, &request("c", 9, "Contact: <sip:a@h>;expires=300"), source(1)).unwrap();
    let mut after = Registrar::new();
    for binding in before.lookup(T, "alice") {
        after.restore(Binding::clone(binding));
    }
    assert_eq!(after.lookup(T, "alice"), before.lookup(T, "alice"));
    assert_eq!(after.deadline(), before.deadline());
    let replay = send(&mut after, T, &request("c", 9, "Contact: <sip:a@h>;expires=0"), source(1));
    assert_eq!(replay, Err((500, vec![])), "order survives the restart");
}
