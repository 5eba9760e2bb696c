//! One device has one contact, or flows that it numbers, and rings once whatever it changes (RFC 5626 sections 6 and 7).

use std::collections::BTreeMap;

use tandem_model::{Endpoint, Transport};

use super::flow_tests::{T, request, send, tcp};
use super::*;

const A: &str = "sip:a@10.0.0.4:5060;transport=tcp";
const B: &str = "sip:b@10.0.0.5:5060;transport=tcp";
const BROWSER: &str = "sip:x@df7jal23ls0d.invalid;transport=ws";
const OTHER_BROWSER: &str = "sip:y@p4s9dk2qjw1e.invalid;transport=ws";

fn plain(contact: &str) -> String {
    format!("Contact: <{contact}>")
}

fn named(contact: &str, device: u32) -> String {
    format!("Contact: <{contact}>;+sip.instance=\"<urn:uuid:{device}>\"")
}

fn flow(contact: &str, device: u32, reg_id: u32) -> String {
    format!("Supported: path, outbound|{};reg-id={reg_id}", named(contact, device))
}

/// As an edge proxy passes it on, in whose Path `token` stands for the flow to the client.
fn proxied(fields: &str, token: &str) -> String {
    format!("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp|Path: <sip:{token}@edge.example;lr;ob>|{fields}")
}

fn removal(fields: &str) -> String {
    format!("{fields};expires=0")
}

/// Takes over what was prepared, as the owner's store does.
fn store(stored: &mut BTreeMap<BindingKey, Arc<Binding>>, prepared: &Prepared) {
    for change in &prepared.changes {
        match change {
            BindingChange::Put(binding) => stored.insert(binding.key.clone(), binding.clone()),
            BindingChange::Remove(key) => stored.remove(key),
        };
    }
}

/// Contact and reg-id of what is bound, and how many ring.
fn held(registrar: &Registrar) -> (Vec<(&str, Option<u32>)>, usize) {
    let mut bound: Vec<_> =
        registrar.bindings(T, "alice").into_iter().map(|b| (b.key.contact.as_str(), b.reg_id)).collect();
    bound.sort_unstable();
    (bound, registrar.lookup(T, "alice").len())
}

#[test]
fn a_device_that_begins_or_ceases_to_number_its_flows_rings_once_and_others_are_left_alone() {
    type Row<'a> = (&'a str, Vec<(String, Endpoint)>, &'a [(&'a str, Option<u32>)], usize);
    let elsewhere = Endpoint::new(Transport::Tcp, ([198, 51, 100, 7], 4000).into());
    let rows: Vec<Row<'_>> = vec![
        ("ceases", vec![(flow(A, 1, 1), tcp(1)), (named(A, 1), tcp(1))], &[(A, None)], 1),
        ("ceases, on a new connection", vec![(flow(A, 1, 1), tcp(1)), (named(A, 1), tcp(2))], &[(A, None)], 1),
        ("ceases, with a new contact", vec![(flow(A, 1, 1), tcp(1)), (named(B, 1), elsewhere)], &[(B, None)], 1),
        (
            "ceases, and had two",
            vec![(flow(A, 1, 1), tcp(1)), (flow(A, 1, 2), tcp(2)), (named(A, 1), tcp(3))],
            &[(A, None)],
            1,
        ),
        ("ceases, and is not named any more", vec![(flow(A, 1, 1), tcp(1)), (plain(A), tcp(2))], &[(A, None)], 1),
        ("begins", vec![(named(A, 1), tcp(1)), (flow(A, 1, 1), tcp(1))], &[(A, Some(1))], 1),
        ("begins, with a new contact", vec![(named(A, 1), tcp(1)), (flow(B, 1, 1), elsewhere)], &[(B, Some(1))], 1),
        ("begins, and was not named before", vec![(plain(A), tcp(1)), (flow(A, 1, 1), tcp(2))], &[(A, Some(1))], 1),
        (
            "begins, ceases and begins with two",
            vec![
                (named(A, 1), tcp(1)),
                (flow(A, 1, 1), tcp(1)),
                (named(A, 1), tcp(1)),
                (flow(A, 1, 1), tcp(1)),
                (flow(A, 1, 2), tcp(2)),
            ],
            &[(A, Some(1)), (A, Some(2))],
            1,
        ),
        (
            "through an edge proxy",
            vec![(proxied(&flow(A, 1, 1), "t1"), tcp(9)), (proxied(&plain(A), "t1"), tcp(9))],
            &[(A, None)],
            1,
        ),
        (
            "two behind an edge proxy that number their networks alike",
            vec![(proxied(&flow(A, 1, 1), "t1"), tcp(9)), (proxied(&plain(A), "t2"), tcp(9))],
            &[(A, None), (A, Some(1))],
            2,
        ),
        (
            "another device says so, at the same contact",
            vec![(flow(A, 1, 1), tcp(1)), (named(A, 2), tcp(2))],
            &[(A, None), (A, Some(1))],
            2,
        ),
        (
            "and the other way round",
            vec![(named(A, 2), tcp(2)), (flow(A, 1, 1), tcp(1))],
            &[(A, None), (A, Some(1))],
            2,
        ),
        (
            "two homes that number their networks alike",
            vec![(flow(A, 1, 1), tcp(1)), (plain(A), elsewhere)],
            &[(A, None), (A, Some(1))],
            2,
        ),
        ("two phones behind one NAT", vec![(flow(A, 1, 1), tcp(1)), (plain(B), tcp(2))], &[(A, Some(1)), (B, None)], 2),
        (
            "two phones behind one NAT, of which both keep flows",
            vec![(flow(A, 1, 1), tcp(1)), (flow(A, 2, 1), tcp(2))],
            &[(A, Some(1)), (A, Some(1))],
            2,
        ),
        (
            "two browsers at one address",
            vec![(flow(BROWSER, 1, 1), tcp(1)), (plain(OTHER_BROWSER), tcp(2))],
            &[(BROWSER, Some(1)), (OTHER_BROWSER, None)],
            2,
        ),
        ("removes its contact", vec![(flow(A, 1, 1), tcp(1)), (removal(&named(A, 1)), tcp(1))], &[], 0),
        ("removes another contact", vec![(flow(A, 1, 1), tcp(1)), (removal(&named(B, 1)), tcp(1))], &[(A, Some(1))], 1),
        (
            "another device removes that contact",
            vec![(flow(A, 1, 1), tcp(1)), (removal(&named(A, 2)), tcp(1))],
            &[(A, Some(1))],
            1,
        ),
        (
            "removes one of two flows",
            vec![(flow(A, 1, 1), tcp(1)), (flow(A, 1, 2), tcp(2)), (removal(&flow(A, 1, 1)), tcp(1))],
            &[(A, Some(2))],
            1,
        ),
    ];
    for (name, sent, bound, rings) in rows {
        let (mut registrar, mut stored) = (Registrar::new(), BTreeMap::new());
        for (i, (fields, source)) in sent.iter().enumerate() {
            let message = request(&format!("c{i}"), "10.0.0.4", fields);
            let outcome = registrar.register(T, "alice", &message, *source, &Policy::default());
            let Outcome::Updated(prepared) = outcome else { panic!("{name}: {outcome:?}") };
            store(&mut stored, &prepared);
            registrar.commit(prepared);
        }
        assert_eq!(held(&registrar), (bound.to_vec(), rings), "{name}");
        let mut restarted = Registrar::new();
        stored.into_values().for_each(|binding| restarted.restore(Binding::clone(&binding)));
        assert_eq!(held(&restarted), (bound.to_vec(), rings), "{name}, after a restart");
        assert_eq!(registrar.len(), bound.len(), "{name}: nothing else waits for its expiry");
    }
}

#[test]
fn what_gave_its_place_does_not_count_against_the_limit() {
    let policy = Policy { contacts_max: 1, ..Policy::default() };
    let mut registrar = Registrar::new();
    for (call_id, fields, port, status) in [
        ("c1", flow(A, 1, 1), 1, 200),
        ("c2", named(B, 1), 2, 200),
        ("c3", flow(A, 1, 1), 3, 200),
        ("c4", plain(A), 4, 200),
        ("c5", flow(A, 1, 1), 5, 200),
        ("c6", named(A, 2), 6, 403),
        ("c7", flow(A, 1, 2), 7, 403),
    ] {
        let message = request(call_id, "10.0.0.4", &fields);
        assert_eq!(send(&mut registrar, T, &message, tcp(port), &policy), status, "{call_id}");
        assert_eq!(registrar.len(), 1, "{call_id}");
    }
    assert_eq!(held(&registrar), (vec![(A, Some(1))], 1), "a refusal takes nobody's place");
}

/// RFC 3261 section 10.3, step 7.
#[test]
fn an_older_request_of_the_other_kind_does_not_undo_a_newer_one() {
    for (newer, older) in [(named(A, 1), flow(A, 1, 1)), (flow(A, 1, 1), named(A, 1))] {
        let mut registrar = Registrar::new();
        assert_eq!(send(&mut registrar, T, &request("c", "10.0.0.4", &newer), tcp(1), &Policy::default()), 200);
        for late in [older.clone(), removal(&older)] {
            let message = request("c", "10.0.0.4", &late);
            assert_eq!(send(&mut registrar, T, &message, tcp(1), &Policy::default()), 500, "{late}");
        }
        assert_eq!(registrar.len(), 1);
    }
}

/// RFC 5626 section 7: no more than one contact of an instance at a time.
#[test]
fn a_device_that_names_two_contacts_at_once_rings_at_one_and_has_the_other_in_reserve() {
    let mut registrar = Registrar::new();
    let both = format!("{}|{};q=0.5", named(A, 1), named(B, 1));
    assert_eq!(send(&mut registrar, T, &request("c", "10.0.0.4", &both), tcp(1), &Policy::default()), 200);
    let found = registrar.lookup(T, "alice");
    assert_eq!(found.iter().map(|b| b.key.contact.as_str()).collect::<Vec<_>>(), [A]);
    let others = registrar.other_flows(T, found[0]);
    assert_eq!(others.iter().map(|b| b.key.contact.as_str()).collect::<Vec<_>>(), [B]);
}
