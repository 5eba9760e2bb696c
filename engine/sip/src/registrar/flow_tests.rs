//! Flows that clients keep (RFC 5626), Path (RFC 3327), contacts behind NATs, and what a policy allows.

use bytes::Bytes;
use tandem_model::{Endpoint, Timestamp, Transport, limits};

use super::*;

pub(super) const T: Timestamp = Timestamp::from_secs(100);

fn flow(transport: Transport, address: &str) -> Endpoint {
    Endpoint::new(transport, address.parse().unwrap())
}

pub(super) fn tcp(port: u16) -> Endpoint {
    flow(Transport::Tcp, &format!("192.0.2.1:{port}"))
}

/// `via`: the client's own sent-by. `fields` are divided by `|`; a `Via` among them is another proxy's.
pub(super) fn request(call_id: &str, via: &str, fields: &str) -> Message {
    let mut text = String::from("REGISTER sip:example.org SIP/2.0\r\n");
    let (vias, others): (Vec<&str>, Vec<&str>) =
        fields.split('|').filter(|f| !f.is_empty()).partition(|f| f.starts_with("Via"));
    vias.iter().for_each(|v| text += &format!("{v}\r\n"));
    text += &format!(
        "Via: SIP/2.0/UDP {via};branch=z9hG4bKa\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.org>;tag=1\r\n\
         To: <sip:alice@example.org>\r\nCall-ID: {call_id}\r\nCSeq: 1 REGISTER\r\n"
    );
    others.iter().for_each(|f| text += &format!("{f}\r\n"));
    text += "Content-Length: 0\r\n\r\n";
    Message::parse(Bytes::from(text)).unwrap()
}

/// Prepares and commits; the status of the answer.
pub(super) fn send(
    registrar: &mut Registrar,
    now: Timestamp,
    message: &Message,
    source: Endpoint,
    policy: &Policy,
) -> u16 {
    match registrar.register(now, "alice", message, source, policy) {
        Outcome::Query { .. } => 200,
        Outcome::Updated(prepared) => {
            registrar.commit(prepared);
            200
        }
        Outcome::Refused(refused) => refused.status,
    }
}

fn contacts(registrar: &Registrar) -> Vec<&str> {
    registrar.lookup(T, "alice").into_iter().map(|b| b.key.contact.as_str()).collect()
}

fn outbound(contact: &str, reg_id: u32) -> String {
    format!("Supported: path, outbound|Contact: <{contact}>;+sip.instance=\"<urn:uuid:1>\";reg-id={reg_id}")
}

/// RFC 5626 section 7.
#[test]
fn the_other_flows_of_a_client_are_known_for_when_one_fails() {
    let mut registrar = Registrar::new();
    for (call_id, reg_id, source) in [("c1", 1, tcp(1)), ("c2", 2, tcp(2)), ("c3", 3, tcp(3))] {
        let message = request(call_id, "192.0.2.1", &outbound("sip:a@192.0.2.1:1;transport=tcp", reg_id));
        assert_eq!(send(&mut registrar, T, &message, source, &Policy::default()), 200);
    }
    let unnumbered = request("c4", "192.0.2.1", "Contact: <sip:a@192.0.2.1:9>");
    assert_eq!(send(&mut registrar, T, &unnumbered, tcp(4), &Policy::default()), 200);
    let all = |registrar: &Registrar| -> Vec<(Option<u32>, Vec<Option<u32>>)> {
        let found = registrar.lookup(T, "alice");
        let mut all: Vec<_> = found
            .into_iter()
            .map(|b| (b.reg_id, registrar.other_flows(T, b).iter().map(|other| other.reg_id).collect::<Vec<_>>()))
            .collect();
        all.iter_mut().for_each(|(_, others)| others.sort());
        all.sort();
        all
    };
    let numbers = |of: &[(Option<u32>, Vec<Option<u32>>)]| {
        let mut numbers: Vec<_> =
            of.iter().flat_map(|(b, others)| others.iter().chain([b])).flatten().copied().collect();
        numbers.sort_unstable();
        numbers
    };
    let found = all(&registrar);
    assert_eq!((found.len(), numbers(&found)), (2, vec![1, 2, 3]), "{found:?}");
    assert_eq!(found[0], (None, vec![]), "who numbers no flows has none");
    registrar.flow_closed(tcp(2));
    assert_eq!(numbers(&all(&registrar)), [1, 3], "a flow that is gone is not tried");
}

#[test]
fn each_numbered_flow_of_a_client_has_one_binding_whatever_its_contact() {
    let mut registrar = Registrar::new();
    let policy = Policy::default();
    for (call_id, contact, reg_id, source, bound) in [
        ("c1", "sip:a@192.0.2.1:1;transport=tcp", 1, tcp(1), 1),
        ("c2", "sip:a@192.0.2.1:1;transport=tcp", 2, tcp(2), 2),
        // The first flow broke and was made anew.
        ("c3", "sip:a@192.0.2.1:3;transport=tcp", 1, tcp(3), 2),
    ] {
        let message = request(call_id, "192.0.2.1", &outbound(contact, reg_id));
        assert_eq!(send(&mut registrar, T, &message, source, &policy), 200);
        assert_eq!(registrar.len(), bound, "{contact} {reg_id}");
    }
    let mut held: Vec<_> = registrar.bindings(T, "alice").iter().map(|b| (b.reg_id, b.source)).collect();
    held.sort_by_key(|(reg_id, _)| *reg_id);
    assert_eq!(held, [(Some(1), tcp(3)), (Some(2), tcp(2))]);
    assert_eq!(registrar.lookup(T, "alice").len(), 1, "a call rings one client once");
    assert!(registrar.lookup(T, "alice")[0].is_over_flow());

    let unnumbered = request("c4", "192.0.2.1", "Contact: <sip:a@192.0.2.1:9>");
    assert_eq!(send(&mut registrar, T, &unnumbered, tcp(4), &policy), 200);
    assert_eq!(registrar.lookup(T, "alice").len(), 2, "another client beside it");

    let gone = request("c5", "192.0.2.1", &format!("{};expires=0", outbound("sip:other@h", 2)));
    assert_eq!(send(&mut registrar, T, &gone, tcp(2), &policy), 200);
    assert_eq!(registrar.bindings(T, "alice").iter().filter(|b| b.reg_id == Some(2)).count(), 0);
}

/// RFC 5626 section 6.
#[test]
fn a_reg_id_counts_where_the_first_hop_keeps_flows() {
    let contact = "Contact: <sip:a@h>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    let proxy = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp";
    for (name, fields, status, reg_id) in [
        ("direct", format!("Supported: outbound|{contact}"), 200, Some(1)),
        ("not asked for", contact.to_owned(), 200, None),
        ("a proxy that keeps none", format!("Supported: outbound|{contact}|{proxy}"), 439, None),
        ("a proxy with Path and no ob", format!("Supported: outbound|{contact}|{proxy}|Path: <sip:p1;lr>"), 439, None),
        ("an edge proxy", format!("Supported: outbound|{contact}|{proxy}|Path: <sip:p1;lr;ob>"), 200, Some(1)),
        (
            "an edge proxy, and one behind it",
            format!("Supported: outbound|{contact}|{proxy}|Path: <sip:p2;lr>, <sip:p1;lr;ob>"),
            200,
            Some(1),
        ),
        (
            "ob of the wrong proxy",
            format!("Supported: outbound|{contact}|{proxy}|Path: <sip:p2;lr;ob>|Path: <sip:p1;lr>"),
            439,
            None,
        ),
        ("without an instance", "Supported: outbound|Contact: <sip:a@h>;reg-id=1".to_owned(), 200, None),
        ("zero", format!("Supported: outbound|{}", contact.replace("id=1", "id=0")), 400, None),
        ("too large", format!("Supported: outbound|{}", contact.replace("id=1", "id=2147483648")), 400, None),
        ("two at once", format!("Supported: outbound|{contact}|{}", contact.replace("id=1", "id=2")), 400, None),
    ] {
        let mut registrar = Registrar::new();
        let message = request("c", "192.0.2.1", &fields);
        assert_eq!(send(&mut registrar, T, &message, tcp(1), &Policy::default()), status, "{name}");
        let bound = registrar.bindings(T, "alice").first().map(|b| b.reg_id);
        assert_eq!(bound, (status == 200).then_some(reg_id), "{name}");
    }
}

#[test]
fn what_stood_on_a_connection_goes_with_it() {
    let mut registrar = Registrar::new();
    let policy = Policy::default();
    let flowing = request("c1", "192.0.2.1", &outbound("sip:a@192.0.2.1;transport=tcp", 1));
    let behind_nat = request("c2", "10.0.0.4", "Contact: <sip:nat@10.0.0.4:5060;transport=tcp>");
    let public = request("c3", "192.0.2.1", "Contact: <sip:open@192.0.2.1:5060;transport=tcp>");
    let elsewhere = request("c4", "10.0.0.4", "Contact: <sip:other@10.0.0.4:5060;transport=tcp>");
    for (message, port) in [(&flowing, 1), (&behind_nat, 1), (&public, 1), (&elsewhere, 2)] {
        assert_eq!(send(&mut registrar, T, message, tcp(port), &policy), 200);
    }
    let closed = registrar.flow_closed(tcp(1));
    let names = |keys: &[BindingKey]| keys.iter().map(|k| k.contact.clone()).collect::<Vec<_>>();
    assert_eq!(names(&closed.removed), ["sip:a@192.0.2.1;transport=tcp"]);
    assert_eq!(names(&closed.unreachable), ["sip:nat@10.0.0.4:5060;transport=tcp"]);
    let mut left = contacts(&registrar);
    left.sort_unstable();
    assert_eq!(left, ["sip:open@192.0.2.1:5060;transport=tcp", "sip:other@10.0.0.4:5060;transport=tcp"]);
    assert_eq!(registrar.flow_closed(tcp(1)), FlowClosed::default(), "said once");

    // It comes back over another connection.
    let again = request("c5", "10.0.0.4", "Contact: <sip:nat@10.0.0.4:5060;transport=tcp>");
    assert_eq!(send(&mut registrar, T, &again, tcp(3), &policy), 200);
    assert_eq!(contacts(&registrar).len(), 3);
    registrar.flow_closed(tcp(2));
    assert!(registrar.expire(T + std::time::Duration::from_secs(3_600)).len() == 3 && registrar.streams.is_empty());
}

#[test]
fn contacts_that_do_not_answer_are_tried_when_no_other_is_left() {
    let mut registrar = Registrar::new();
    for (call_id, contact) in [("c1", "sip:a@h"), ("c2", "sip:b@h")] {
        let message = request(call_id, "192.0.2.1", &format!("Contact: <{contact}>"));
        send(&mut registrar, T, &message, tcp(1), &Policy::default());
    }
    let key = |contact: &str| BindingKey { aor: "alice".into(), contact: contact.into(), flow: String::new() };
    assert!(registrar.set_reachable(&key("sip:a@h"), false));
    assert!(!registrar.set_reachable(&key("sip:a@h"), false), "nothing new");
    assert_eq!(contacts(&registrar), ["sip:b@h"]);
    registrar.set_reachable(&key("sip:b@h"), false);
    assert_eq!(contacts(&registrar).len(), 2);
    registrar.set_reachable(&key("sip:a@h"), true);
    assert_eq!(contacts(&registrar), ["sip:a@h"]);
    assert!(!registrar.set_reachable(&key("sip:c@h"), true), "no such contact");
}

#[test]
fn a_client_is_behind_a_nat_when_its_own_address_leads_nowhere() {
    for (name, contact, via, source, behind) in [
        ("at home", "sip:a@192.0.2.1:5060", "192.0.2.1:5060", "192.0.2.1:5060", false),
        ("another port of its own", "sip:a@192.0.2.1:7000", "192.0.2.1:5060", "192.0.2.1:5060", false),
        ("private behind public", "sip:a@10.0.0.4:5060", "10.0.0.4:5060", "192.0.2.1:4000", true),
        ("shared address space", "sip:a@100.64.1.1", "h", "192.0.2.1:4000", true),
        ("private behind private", "sip:a@172.17.0.2:5060", "172.17.0.2", "10.0.0.1:4000", true),
        ("one private network", "sip:a@10.0.0.4:5060", "10.0.0.9", "10.0.0.9:5060", false),
        ("another public host, told so", "sip:a@198.51.100.7", "192.0.2.1", "192.0.2.1:5060", false),
        ("a browser", "sip:x@df7jal23ls0d.invalid;transport=ws", "df7jal23ls0d.invalid", "192.0.2.1:4000", true),
        ("a name", "sip:a@phone.example", "phone.example", "192.0.2.1:4000", false),
        ("IPv6", "sip:a@[fd00::4]:5060", "[fd00::4]:5060", "[2001:db8::1]:4000", true),
    ] {
        let mut registrar = Registrar::new();
        let message = request("c", via, &format!("Contact: <{contact}>"));
        let source = flow(Transport::Udp, source);
        assert_eq!(send(&mut registrar, T, &message, source, &Policy::default()), 200, "{name}");
        assert_eq!(registrar.lookup(T, "alice")[0].is_over_flow(), behind, "{name}");
        let through_proxy = request("c", via, &format!("Contact: <{contact}>|Path: <sip:p.example;lr>"));
        let mut registrar = Registrar::new();
        send(&mut registrar, T, &through_proxy, source, &Policy::default());
        assert!(!registrar.lookup(T, "alice")[0].is_over_flow(), "{name}: the proxy's business");
    }
}

#[test]
fn a_policy_sets_the_bounds() {
    let policy = Policy {
        expires_secs_min: 30,
        expires_secs_max: 120,
        expires_secs_default: 90,
        contacts_max: 2,
        overflow: Overflow::Refuse,
    };
    for (contact, answer) in [
        ("<sip:a@h>", Ok("<sip:a@h>;expires=90")),
        ("<sip:a@h>;expires=30", Ok("<sip:a@h>;expires=30")),
        ("<sip:a@h>;expires=29", Err((423, Some("30")))),
        ("<sip:a@h>;expires=600", Ok("<sip:a@h>;expires=120")),
        ("<sip:a@h>, <sip:b@h>, <sip:c@h>", Err((403, None))),
    ] {
        let message = request("c", "192.0.2.1", &format!("Contact: {contact}"));
        let got = match Registrar::new().register(T, "alice", &message, tcp(1), &policy) {
            Outcome::Updated(prepared) => Ok(prepared.contacts.join("|")),
            Outcome::Refused(r) => Err((r.status, r.headers.first().map(|(_, v)| v.clone()))),
            Outcome::Query { .. } => panic!("{contact} is no query"),
        };
        let expected = answer.map(str::to_owned).map_err(|(s, h)| (s, h.map(str::to_owned)));
        assert_eq!(got, expected, "{contact}");
    }
}

#[test]
fn at_the_limit_a_new_contact_is_refused_or_takes_the_oldest_ones_place() {
    for (overflow, status, left) in
        [(Overflow::Refuse, 403, ["sip:n1@h", "sip:n0@h"]), (Overflow::ReplaceOldest, 200, ["sip:n2@h", "sip:n1@h"])]
    {
        let policy = Policy { contacts_max: 2, overflow, ..Policy::default() };
        let mut registrar = Registrar::new();
        let mut last = 0;
        for i in 0..3_u16 {
            let message = request(&format!("c{i}"), "192.0.2.1", &format!("Contact: <sip:n{i}@h>"));
            let now = T + std::time::Duration::from_secs(i.into());
            last = send(&mut registrar, now, &message, tcp(i + 1), &policy);
        }
        assert_eq!(last, status);
        assert_eq!(contacts(&registrar), left, "{overflow:?}");
    }
}

#[test]
fn no_client_can_fill_the_memory_with_long_values() {
    let long = "x".repeat(limits::PATH_BYTES_MAX);
    for (name, fields, status) in [
        ("Path", format!("Contact: <sip:a@h>|Path: <sip:{long}@h;lr>"), 400),
        ("Path in pieces", format!("Contact: <sip:a@h>{}", "|Path: <sip:a-long-name.example;lr>".repeat(90)), 400),
        ("Path that is none", "Contact: <sip:a@h>|Path: nonsense".to_owned(), 400),
        ("Contact", format!("Contact: <sip:{long}@h>"), 400),
        ("instance", format!("Contact: <sip:a@h>;+sip.instance=\"{long}\""), 400),
        ("User-Agent", format!("Contact: <sip:a@h>|User-Agent: {long}"), 200),
    ] {
        let mut registrar = Registrar::new();
        assert_eq!(
            send(&mut registrar, T, &request("c", "192.0.2.1", &fields), tcp(1), &Policy::default()),
            status,
            "{name}"
        );
        let agent = registrar.lookup(T, "alice").first().and_then(|b| b.user_agent.clone()).unwrap_or_default();
        assert!(agent.len() <= limits::USER_AGENT_BYTES_MAX);
    }
}

#[test]
fn an_operator_takes_one_contact_away() {
    let mut registrar = Registrar::new();
    for (call_id, contact) in [("c1", "sip:a@h"), ("c2", "sip:b@h")] {
        let message = request(call_id, "192.0.2.1", &format!("Contact: <{contact}>"));
        send(&mut registrar, T, &message, tcp(1), &Policy::default());
    }
    let key = BindingKey { aor: "alice".into(), contact: "sip:a@h".into(), flow: String::new() };
    let prepared = registrar.remove_one(&key).unwrap();
    assert_eq!(contacts(&registrar).len(), 2, "not durable yet");
    registrar.commit(prepared);
    assert_eq!(contacts(&registrar), ["sip:b@h"]);
    assert!(registrar.remove_one(&key).is_none());
}
