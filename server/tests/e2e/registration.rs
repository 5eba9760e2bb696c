//! Phones come, move and go.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::address::own_ip;
use crate::common::phone::unique;
use crate::common::tandem::PASSWORD;
use crate::common::{Message, Options, Phone, Tandem, digest, eventually};

fn registered(tandem: &Tandem, id: &Value) -> Value {
    let path = format!("/api/relay/rest/endpoints/sip/{}", id.as_str().expect("an id"));
    tandem.api("GET", &path, None).success()
}

#[test]
fn a_phone_registers_by_digest_and_shows_up_as_registered() {
    let tandem = Tandem::start();
    let alice = tandem.endpoint("alice", json!({}));
    assert_eq!(alice["registered"], json!(false));
    assert_eq!(alice["domain"], json!(tandem.domain()));
    let mut phone = Phone::new(&tandem, "alice", PASSWORD);
    let reply = phone.register();
    assert_eq!(reply.status(), 200, "{reply:?}");
    assert!(reply.header("Contact").contains(&phone.address.to_string()), "{reply:?}");
    assert!(reply.header("Contact").contains("expires=300"), "{reply:?}");
    eventually("alice is shown as registered", Duration::from_secs(2), || {
        (registered(&tandem, &alice["id"])["registered"] == json!(true)).then_some(())
    });
}

#[test]
fn an_unknown_user_and_a_wrong_password_look_the_same_on_the_wire_and_differ_in_the_log() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let wrong = Phone::new(&tandem, "alice", "not it").register();
    let unknown = Phone::new(&tandem, "nobody", "whatever").register();
    assert_eq!(wrong.status(), unknown.status());
    assert!(matches!(wrong.status(), 401 | 403), "{wrong:?}");
    assert_eq!(wrong.start, unknown.start);
    let names = |m: &crate::common::Message| m.headers.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&wrong), names(&unknown));
    let log = tandem.log().to_lowercase().replace('_', " ");
    assert!(log.contains("unknown user") && log.contains("wrong password"), "the log tells them apart");
}

#[test]
fn the_same_authorization_does_not_work_twice() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let mut phone = Phone::new(&tandem, "alice", PASSWORD);
    let registrar = format!("sip:{}", phone.domain);
    let contact = format!("Contact: <{}>\r\nExpires: 300\r\n", phone.contact());
    let challenge = phone.ask_registrar(&contact);
    assert_eq!(challenge.status(), 401);
    let proof = format!("Authorization: {}\r\n{contact}", phone.answer(&challenge, "REGISTER", &registrar));
    assert_eq!(phone.ask_registrar(&proof).status(), 200);
    // Somebody listened and says the same again.
    let again = phone.ask_registrar(&proof);
    assert_eq!(again.status(), 401, "{again:?}");
}

#[test]
fn sha_256_is_offered_and_a_phone_may_answer_with_it() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let mut phone = Phone::new(&tandem, "alice", PASSWORD);
    let registrar = format!("sip:{}", phone.domain);
    let contact = format!("Contact: <{}>\r\nExpires: 300\r\n", phone.contact());
    let challenge = phone.ask_registrar(&contact);
    let all = challenge.all("WWW-Authenticate");
    let sha256 = all.iter().find(|c| c.contains("SHA-256")).unwrap_or_else(|| panic!("not offered: {all:?}"));
    let answer = digest::answer(sha256, "REGISTER", &registrar, "alice", PASSWORD);
    let reply = phone.ask_registrar(&format!("Authorization: {answer}\r\n{contact}"));
    assert_eq!(reply.status(), 200, "{reply:?}");
}

#[test]
fn contacts_accumulate_are_listed_and_go_one_by_one_or_all_at_once() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let mut desk = Phone::new(&tandem, "alice", PASSWORD);
    let mut mobile = Phone::new(&tandem, "alice", PASSWORD);
    assert_eq!(desk.register().status(), 200);
    let both = mobile.register();
    let contacts = both.all("Contact").join(",");
    assert!(contacts.contains(&desk.contact()) && contacts.contains(&mobile.contact()), "{contacts}");

    let query = desk.register_with("");
    assert_eq!(query.status(), 200);
    assert_eq!(query.all("Contact").join(",").matches("sip:alice@").count(), 2, "{query:?}");

    let left = desk.register_with(&format!("Contact: <{}>;expires=0\r\n", desk.contact()));
    let contacts = left.all("Contact").join(",");
    assert!(!contacts.contains(&desk.contact()) && contacts.contains(&mobile.contact()), "{contacts}");

    let none = desk.register_with("Contact: *\r\nExpires: 0\r\n");
    assert_eq!(none.status(), 200);
    assert_eq!(none.header("Contact"), "");
}

#[test]
fn a_phone_that_registered_just_before_a_kill_is_reached_after_the_restart() {
    let mut tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let mut bob = Phone::registered(&tandem, "bob", json!({}));
    tandem.kill();
    tandem.launch();
    let mut alice = Phone::new(&tandem, "alice", PASSWORD);
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
}

/// The contacts that REST lists.
fn contacts(tandem: &Tandem) -> Vec<Value> {
    let list = tandem.api("GET", "/api/tandem/registrations", None).success();
    list["data"].as_array().cloned().unwrap_or_default()
}

#[test]
fn algorithms_are_offered_in_the_order_of_the_setting_and_each_may_be_answered() {
    let sip = "digest = [\"sha-512-256\", \"sha-256\", \"md5\"]\n".into();
    let tandem = Tandem::start_with(Options { sip, ..Options::default() });
    tandem.endpoint("alice", json!({}));
    let mut phone = Phone::new(&tandem, "alice", PASSWORD);
    let registrar = format!("sip:{}", phone.domain);
    let contact = format!("Contact: <{}>\r\nExpires: 300\r\n", phone.contact());
    for (at, algorithm) in ["SHA-512-256", "SHA-256", "MD5"].into_iter().enumerate() {
        let challenge = phone.ask_registrar(&contact);
        let all = challenge.all("WWW-Authenticate");
        assert_eq!(digest::param(all[at], "algorithm").as_deref(), Some(algorithm), "{all:?}");
        let answer = digest::answer(all[at], "REGISTER", &registrar, "alice", PASSWORD);
        let reply = phone.ask_registrar(&format!("Authorization: {answer}\r\n{contact}"));
        assert_eq!(reply.status(), 200, "{algorithm}: {reply:?}");
    }
}

#[test]
fn who_guesses_passwords_is_refused_while_the_owner_registers_from_elsewhere() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let mut guesser = Phone::new(&tandem, "alice", "guess");
    let statuses: Vec<u16> = (0..12).map(|_| guesser.register().status()).collect();
    assert_eq!(statuses[..10], [401; 10], "{statuses:?}");
    assert_eq!(statuses[10..], [403; 2], "{statuses:?}");
    guesser.password = PASSWORD.into();
    assert_eq!(guesser.register().status(), 403, "a guess that is right looks like the others");
    let mut owner = Phone::new(&tandem, "alice", PASSWORD);
    assert_ne!(owner.address.ip(), guesser.address.ip());
    assert_eq!(owner.register().status(), 200);
    assert_eq!(tandem.metric("tandem_logins_refused_total", "wrong_password"), 10.0);
    assert_eq!(tandem.metric("tandem_logins_refused_total", "too_many_failures"), 3.0);
}

#[test]
fn a_wrong_domain_looks_like_a_wrong_password_and_the_log_knows_better() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let wrong = Phone::new(&tandem, "alice", "not it").register();
    let mut lost = Phone::new(&tandem, "alice", PASSWORD);
    lost.domain = "other.example".into();
    let foreign = lost.register();
    assert_eq!(foreign.start, wrong.start);
    let names = |m: &Message| m.headers.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(&foreign), names(&wrong));
    assert!(tandem.log().contains("REGISTER for a domain that is not ours"));
    assert_eq!(tandem.metric("tandem_logins_refused_total", "wrong_domain"), 1.0);
}

#[test]
fn rest_lists_who_is_registered_page_by_page_and_takes_one_away() {
    let tandem = Tandem::start();
    for name in ["alice", "bob", "carol"] {
        tandem.endpoint(name, json!({}));
        let mut phone = Phone::new(&tandem, name, PASSWORD);
        let more =
            format!("Contact: <{}>;q=0.5;+sip.instance=\"<urn:uuid:{name}>\"\r\nExpires: 300\r\n", phone.contact());
        assert_eq!(phone.register_with(&more).status(), 200);
    }
    let listed =
        eventually("all are listed", Duration::from_secs(2), || Some(contacts(&tandem)).filter(|list| list.len() == 3));
    assert_eq!(listed[0]["username"], "alice");
    assert_eq!(
        (&listed[0]["q"], &listed[0]["reachable"], &listed[0]["behind_nat"]),
        (&json!(0.5), &json!(true), &json!(false))
    );
    assert_eq!(listed[0]["instance"], "<urn:uuid:alice>");
    assert!(listed[0]["user_agent"].as_str().is_some_and(|agent| agent.starts_with("Text Phone")), "{listed:?}");
    assert!(listed[0]["expires_secs"].as_u64().is_some_and(|s| (290..=300).contains(&s)), "{listed:?}");
    let page = tandem.api("GET", "/api/tandem/registrations?page_size=2", None).success();
    assert_eq!(page["data"].as_array().map(Vec::len), Some(2));
    let next = page["links"]["next"].as_str().expect("a next page").to_owned();
    assert_eq!(tandem.api("GET", &next, None).success()["data"][0]["username"], "carol");

    let path = format!("/api/tandem/registrations/{}", listed[1]["id"].as_str().expect("an id"));
    assert_eq!(tandem.api("GET", &path, None).success()["username"], "bob");
    assert_eq!(tandem.api("DELETE", &path, None).status, 204);
    assert_eq!(tandem.api("DELETE", &path, None).status, 404);
    assert_eq!(contacts(&tandem).len(), 2);
    assert_eq!(tandem.metric("tandem_registrar_total", "registered"), 3.0);
    assert_eq!(tandem.metric("tandem_registrar_total", "removed"), 1.0);
    assert_eq!(tandem.metric("tandem_registrations", ""), 2.0);
}

#[test]
fn an_endpoint_has_as_many_contacts_as_it_may() {
    let tandem = Tandem::start();
    for (name, overflow, status, left) in
        [("alice", "refuse", 403, "the first"), ("bob", "replace_oldest", 200, "the second")]
    {
        tandem.endpoint(name, json!({"max_contacts": 1, "contact_overflow": overflow}));
        let mut first = Phone::new(&tandem, name, PASSWORD);
        let mut second = Phone::new(&tandem, name, PASSWORD);
        assert_eq!(first.register().status(), 200);
        assert_eq!(second.register().status(), status, "{overflow}");
        let list = first.register_with("").all("Contact").join(",");
        assert_eq!(list.contains(&first.contact()), left == "the first", "{overflow}: {list}");
        assert_eq!(list.contains(&second.contact()), left == "the second", "{overflow}: {list}");
    }
}

#[test]
fn a_contact_that_leads_back_here_or_to_a_carrier_is_refused() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let carrier = Phone::new(&tandem, "carrier", "");
    tandem.carrier("main", carrier.address, json!({}));
    let mut phone = Phone::new(&tandem, "alice", PASSWORD);
    for contact in [
        format!("sip:bob@{}", tandem.sip),
        format!("sip:bob@{}", tandem.domain()),
        format!("sip:+15551234567@{}", carrier.address),
    ] {
        let reply = phone.register_with(&format!("Contact: <{contact}>\r\nExpires: 300\r\n"));
        assert_eq!(reply.status(), 403, "{contact}");
    }
    assert_eq!(phone.register().status(), 200);
}

/// RFC 3327 section 5.3.
#[test]
fn a_path_is_kept_and_given_back_to_who_understands_it() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let mut phone = Phone::new(&tandem, "alice", PASSWORD);
    let contact = format!("Contact: <{}>\r\nExpires: 300\r\n", phone.contact());
    let path = "Path: <sip:edge2.example;lr>\r\nPath: <sip:edge1.example;lr>\r\n";
    let understood = phone.register_with(&format!("Supported: path\r\nRequire: path\r\n{path}{contact}"));
    assert_eq!(understood.status(), 200, "{understood:?}");
    assert_eq!(understood.all("Path"), ["<sip:edge2.example;lr>", "<sip:edge1.example;lr>"]);
    let silent = phone.register_with(&format!("{path}{contact}"));
    assert_eq!((silent.status(), silent.header("Path")), (200, ""));
    let listed = eventually("it is listed", Duration::from_secs(2), || contacts(&tandem).pop());
    assert_eq!(listed["path"], json!(["<sip:edge2.example;lr>", "<sip:edge1.example;lr>"]));
}

#[test]
fn phones_are_told_the_route_for_their_requests() {
    let sip = "service_route = [\"<sip:proxy.example;lr>\"]\n".into();
    let tandem = Tandem::start_with(Options { sip, ..Options::default() });
    tandem.endpoint("alice", json!({}));
    let reply = Phone::new(&tandem, "alice", PASSWORD).register();
    assert_eq!(reply.all("Service-Route"), ["<sip:proxy.example;lr>"]);
}

/// RFC 5626 sections 6 and 7.
#[test]
fn a_flow_that_its_phone_keeps_is_forgotten_with_its_connection() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    let uri = format!("sip:alice@{}", tandem.domain());
    let registrar = format!("sip:{}", tandem.domain());
    let mut stream = TcpStream::connect(tandem.sip).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    let mut ask = |cseq: u32, authorization: &str| -> Message {
        let text = format!(
            "REGISTER {registrar} SIP/2.0\r\nVia: SIP/2.0/TCP 10.9.8.7;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n\
             From: <{uri}>;tag=1\r\nTo: <{uri}>\r\nCall-ID: flow\r\nCSeq: {cseq} REGISTER\r\n\
             Supported: path, outbound\r\nRequire: outbound\r\nExpires: 300\r\n\
             Contact: <sip:alice@10.9.8.7:5060;transport=tcp>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\r\n\
             {authorization}Content-Length: 0\r\n\r\n",
            unique("b")
        );
        stream.write_all(text.as_bytes()).expect("to send");
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 4_096];
            let n = stream.read(&mut piece).expect("an answer");
            assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&got));
            got.extend_from_slice(&piece[..n]);
        }
        Message::parse(std::str::from_utf8(&got).expect("text")).expect("a SIP message")
    };
    let challenge = ask(1, "");
    let answer = digest::answer(challenge.header("WWW-Authenticate"), "REGISTER", &registrar, "alice", PASSWORD);
    let reply = ask(2, &format!("Authorization: {answer}\r\n"));
    assert_eq!(reply.status(), 200, "{reply:?}");
    assert_eq!((reply.header("Require"), reply.header("Flow-Timer")), ("outbound", "120"));
    assert!(reply.header("Contact").contains("reg-id=1"), "{reply:?}");
    let listed = eventually("it is listed", Duration::from_secs(2), || contacts(&tandem).pop());
    assert_eq!((&listed["reg_id"], &listed["transport"]), (&json!(1), &json!("TCP")));
    drop(stream);
    // A peer that ends its half is given five seconds to hear what it asked before.
    eventually("it is gone", Duration::from_secs(15), || contacts(&tandem).is_empty().then_some(()));
}

#[test]
fn a_phone_behind_a_nat_is_asked_reached_by_its_flow_and_missed_when_it_is_silent() {
    let sip = "nat_keepalive_secs = 1\n".into();
    let tandem = Tandem::start_with(Options { sip, ..Options::default() });
    tandem.endpoint("alice", json!({}));
    tandem.endpoint("bob", json!({}));
    let mut alice = Phone::new(&tandem, "alice", PASSWORD);
    let contact = "sip:alice@df7jal23ls0d.invalid";
    assert_eq!(alice.register_with(&format!("Contact: <{contact}>\r\nExpires: 300\r\n")).status(), 200);
    let asked = alice.wait("a question", Duration::from_secs(10), |m| m.is_request() && m.method() == "OPTIONS");
    assert_eq!(asked.request_uri(), contact);
    alice.send(&format!(
        "SIP/2.0 200 OK\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=1\r\nCall-ID: {}\r\nCSeq: {}\r\nContent-Length: 0\r\n\r\n",
        asked.header("Via"),
        asked.header("From"),
        asked.header("To"),
        asked.call_id(),
        asked.header("CSeq")
    ));
    let listed = |what: &str, reachable: bool| {
        eventually(what, Duration::from_secs(20), || {
            contacts(&tandem).pop().filter(|c| c["reachable"] == json!(reachable))
        })
    };
    assert_eq!(listed("alice is there", true)["behind_nat"], json!(true));
    listed("alice went silent", false);
    assert_eq!(tandem.metric("tandem_nat_keepalives_total", "dead"), 1.0);

    // Nobody else is there: she is tried all the same, over the flow that her address says nothing of.
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);
    let mut call = bob.invite(&alice.uri());
    let mut rung = alice.ringing();
    alice.answer_call(&mut rung);
    bob.connected(&mut call);
    assert_eq!(bob.hang_up(&mut call).status(), 200);
    alice.hung_up(&rung);
    assert_eq!(alice.register_with(&format!("Contact: <{contact}>\r\nExpires: 300\r\n")).status(), 200);
    listed("alice is back", true);
}

/// A REGISTER through a proxy at this phone's address, of a client that has these Vias.
fn through_proxy(phone: &mut Phone, below: &str) -> Message {
    let (domain, contact) = (phone.domain.clone(), phone.contact());
    let mut proof = String::new();
    for cseq in 1.. {
        let call_id = unique("behind");
        phone.send(&format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{}\r\n{below}Max-Forwards: 69\r\nFrom: \
             <sip:{user}@{domain}>;tag=z\r\nTo: <sip:{user}@{domain}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} \
             REGISTER\r\nContact: <{contact}>\r\n{proof}Content-Length: 0\r\n\r\n",
            phone.address,
            unique("b"),
            user = phone.user,
        ));
        let reply = phone.final_response(&call_id, cseq);
        if reply.status() != 401 || !proof.is_empty() {
            return reply;
        }
        proof = format!("Authorization: {}\r\n", phone.answer(&reply, "REGISTER", &format!("sip:{domain}")));
    }
    unreachable!()
}

#[test]
fn a_guesser_behind_a_proxy_of_ours_is_refused_alone_and_others_name_no_clients() {
    let ip = own_ip();
    let tandem = Tandem::start_with(Options { sip: format!("proxies = [\"{ip}/32\"]\n"), ..Options::default() });
    tandem.endpoint("alice", json!({}));
    let client = |at: &str| format!("Via: SIP/2.0/UDP 10.0.0.9:5060;received={at};rport=5060;branch=z9hG4bKc\r\n");
    let guessed = |phone: &mut Phone, below: &dyn Fn(u32) -> String| -> usize {
        phone.password = "guess".into();
        let refused = (1..=20).filter(|n| through_proxy(phone, &below(*n)).status() == 403).count();
        phone.password = PASSWORD.into();
        refused
    };
    let mut proxy = Phone::at(ip, &tandem, "alice", PASSWORD);
    assert_eq!(guessed(&mut proxy, &|_| client("203.0.113.1")), 10);
    assert_eq!(through_proxy(&mut proxy, &client("203.0.113.1")).status(), 403, "too late from there");
    assert_eq!(through_proxy(&mut proxy, &client("203.0.113.2")).status(), 200, "the owner is elsewhere");
    // Somebody else says whatever it likes.
    let mut stranger = Phone::new(&tandem, "alice", PASSWORD);
    assert_eq!(guessed(&mut stranger, &|n| client(&format!("198.51.100.{n}"))), 10);
}

#[test]
fn a_flood_behind_a_proxy_of_ours_is_held_to_its_clients_share() {
    let ip = own_ip();
    let options = Options {
        sip: format!("proxies = [\"{ip}\"]\n"),
        config: "[limits]\nunproved_per_second = 5\n".into(),
        ..Options::default()
    };
    let tandem = Tandem::start_with(options);
    let mut proxy = Phone::at(ip, &tandem, "alice", PASSWORD);
    let options = |n: u32, client: &str| {
        format!(
            "OPTIONS sip:{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKf{n}\r\nVia: SIP/2.0/UDP \
             {client};branch=z9hG4bKc{n}\r\nMax-Forwards: 69\r\nFrom: <sip:f@example.org>;tag=f\r\nTo: <sip:f@example.org>\r\n\
             Call-ID: flood{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            tandem.sip, proxy.address
        )
    };
    let heard: Vec<String> = (0..200).map(|n| options(n, "203.0.113.1")).collect();
    let others: Vec<String> = (200..230).map(|n| options(n, &format!("203.0.113.{n}"))).collect();
    heard.iter().chain(&others).for_each(|text| proxy.send(text));
    eventually("others are answered", Duration::from_secs(5), || {
        let _ = proxy.stays_quiet(Duration::from_millis(50));
        let answered = |m: &&Message| m.call_id()[5..].parse::<u32>().is_ok_and(|n| n >= 200);
        (proxy.seen().iter().filter(answered).count() == 30).then_some(())
    });
    let flooder = proxy.seen().iter().filter(|m| m.call_id()[5..].parse::<u32>().is_ok_and(|n| n < 200)).count();
    assert!((1..100).contains(&flooder), "{flooder} of 200 were answered");
}

#[test]
fn a_call_goes_over_the_other_flow_of_a_device_when_one_fails() {
    let tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    tandem.endpoint("bob", json!({}));
    let mut flows = [1, 2].map(|reg_id| {
        let mut flow = Phone::new(&tandem, "alice", PASSWORD);
        let headers = format!(
            "Supported: path, outbound\r\nContact: <{}>;reg-id={reg_id};+sip.instance=\"<urn:uuid:7>\"\r\nExpires: 300\r\n",
            flow.contact()
        );
        assert_eq!(flow.register_with(&headers).status(), 200);
        flow
    });
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    let mut call = bob.invite(&flows[0].uri());
    // The one that was refreshed last, at first.
    let [other, first] = &mut flows;
    let failed = first.wait("an INVITE", Duration::from_secs(5), |m| m.method() == "INVITE");
    assert!(other.stays_quiet(Duration::from_millis(200)), "one flow at a time");
    let echoed = |name: &str| format!("{name}: {}\r\n", failed.header(name));
    let headers: String = ["Via", "From", "Call-ID", "CSeq"].map(echoed).concat();
    let to = failed.header("To");
    first.send(&format!("SIP/2.0 430 Flow Failed\r\n{headers}To: {to};tag=x\r\nContent-Length: 0\r\n\r\n"));
    let mut rung = other.ringing();
    assert_eq!(rung.invite.header("To"), to);
    other.answer_call(&mut rung);
    bob.connected(&mut call);
    assert_eq!(bob.hang_up(&mut call).status(), 200);
    other.hung_up(&rung);
}
