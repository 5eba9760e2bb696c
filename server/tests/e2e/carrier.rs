//! Calls to numbers leave through carriers.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::address::{free_port, own_ip};
use crate::common::sipp::Sipp;
use crate::common::{AppServer, Options, Phone, Reply, Tandem, digest, eventually};

fn caller(policy: &str) -> (Tandem, Phone) {
    let tandem = Tandem::start();
    let alice = Phone::registered(&tandem, "alice", json!({"outbound_policy": policy, "send_as": "+15550100200"}));
    (tandem, alice)
}

fn number(tandem: &Tandem) -> String {
    format!("sip:+15551234567@{}", tandem.domain())
}

#[test]
fn a_carrier_that_demands_digest_gets_the_call() {
    let (tandem, mut alice) = caller("passthrough");
    let carrier = Sipp::start("carrier_digest", own_ip(), None, &[]);
    let login = json!({"username": "trunk-user", "password": "trunk-password"});
    let stored = tandem.carrier("main", carrier.address, login);
    assert!(stored.get("password").is_none(), "a password is never shown: {stored}");
    let mut call = alice.invite(&number(&tandem));
    alice.connected(&mut call);
    let report = carrier.report();
    assert!(report.contains("INVITE sip:+15551234567@"), "{report}");
    let proof = report.lines().find_map(|l| l.strip_prefix("Proxy-Authorization: ")).expect("credentials");
    assert!(digest::proves(proof, "INVITE", "trunk-user", "trunk-password"), "{proof}");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    carrier.succeeded();
}

#[test]
fn the_next_carrier_is_tried_when_the_first_has_no_room() {
    let (tandem, mut alice) = caller("passthrough");
    let full = Sipp::start("carrier_refuses", own_ip(), None, &[]);
    let free = Sipp::start("carrier_answers", own_ip(), None, &[]);
    tandem.carrier("second", free.address, json!({"priority": 2}));
    tandem.carrier("first", full.address, json!({"priority": 1}));
    let mut call = alice.invite(&number(&tandem));
    alice.connected(&mut call);
    full.succeeded();
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    free.succeeded();
}

#[test]
fn a_blocked_endpoint_gets_403_at_once_and_the_carrier_nothing() {
    let (tandem, mut alice) = caller("block");
    let mut carrier = Phone::new(&tandem, "carrier", "");
    tandem.carrier("main", carrier.address, json!({}));
    let since = Instant::now();
    let mut call = alice.invite(&number(&tandem));
    assert_eq!(alice.outcome(&mut call).status(), 403);
    assert!(since.elapsed() < Duration::from_secs(2), "{:?}", since.elapsed());
    assert!(carrier.stays_quiet(Duration::from_millis(300)));
}

#[test]
fn a_carrier_is_changed_and_removed_by_rest() {
    let tandem = Tandem::start();
    let made = tandem.carrier("main", tandem.sip, json!({"allow_from": ["192.0.2.0/24"], "priority": 3}));
    let path = format!("/api/tandem/carriers/{}", made["id"].as_str().expect("an id"));
    let changed = tandem.api("PUT", &path, Some(json!({"patterns": ["+44*"]}))).success();
    assert_eq!((&changed["patterns"], &changed["priority"]), (&json!(["+44*"]), &json!(3)));
    assert_eq!(tandem.api("GET", &path, None).success(), changed);
    assert_eq!(tandem.api("DELETE", &path, None).status, 204);
    assert_eq!(tandem.api("GET", &path, None).status, 404);
    assert_eq!(tandem.api("POST", "/api/tandem/carriers", Some(json!({"name": "x", "uri": "tel:1"}))).status, 422);
}

#[test]
fn a_carriers_call_reaches_a_phone_and_a_phone_at_the_same_address_still_calls_as_itself() {
    let (tandem, mut alice) = caller("passthrough");
    let carrier = Sipp::start("carrier_answers", own_ip(), None, &[]);
    tandem.carrier("main", carrier.address, json!({"allow_from": ["127.0.0.0/8"]}));

    let mut trunk = Phone::new(&tandem, "+15557654321", "");
    trunk.domain = "carrier.example".to_owned();
    let mut call = trunk.invite(&alice.uri());
    let mut rung = alice.ringing();
    alice.answer_call(&mut rung);
    trunk.connected(&mut call);
    assert_eq!(trunk.hang_up(&mut call).status(), 200);
    alice.hung_up(&rung);

    let mut out = trunk.invite(&number(&tandem));
    assert_eq!(trunk.outcome(&mut out).status(), 403, "a carrier may not be used to reach another");

    let mut call = alice.invite(&number(&tandem));
    alice.connected(&mut call);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    carrier.succeeded();
}

/// Carriers of several addresses are asked at one, answer from another and hang up from a third.
#[test]
fn a_carrier_speaks_from_any_of_its_addresses_and_nobody_else_speaks_for_it() {
    let (tandem, mut alice) = caller("passthrough");
    let [mut carrier, mut other, mut third, mut stranger] = [(); 4].map(|()| Phone::new(&tandem, "gw", ""));
    let addresses = [carrier.address, other.address, third.address].map(|address| format!("{}/32", address.ip()));
    tandem.carrier("main", carrier.address, json!({"allow_from": addresses}));
    let mut call = alice.invite(&number(&tandem));
    let mut rung = carrier.ringing();
    stranger.reply(&rung, &rung.invite, 486, "Busy Here", "");
    other.answer_call(&mut rung);
    alice.connected(&mut call);
    assert_eq!(stranger.hang_up(&mut rung).status(), 481);
    assert_eq!(third.hang_up(&mut rung).status(), 200);
    alice.hung_up(&call);
}

fn path(carrier: &Value) -> String {
    format!("/api/tandem/carriers/{}", carrier["id"].as_str().expect("an id"))
}

/// Waits until the state that REST shows is as wanted.
#[track_caller]
fn becomes(tandem: &Tandem, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, Duration::from_secs(20), || {
        Some(tandem.api("GET", path, None).success()["state"].clone()).filter(&wanted)
    })
}

#[test]
fn a_registration_is_made_with_credentials_refreshed_in_time_and_taken_back() {
    let tandem = Tandem::start();
    let registrar = Sipp::start("carrier_registrar", own_ip(), None, &[]);
    let account = json!({"register": true, "username": "trunk-user", "password": "trunk-password"});
    let path = path(&tandem.carrier("main", registrar.address, account));
    let registered = |s: &Value| s["registration"]["state"] == "registered";
    becomes(&tandem, &path, "registered", registered);
    assert_eq!(tandem.metric("tandem_carrier_registered", "main"), 1.0);
    // The refresh, which is granted longer.
    becomes(&tandem, &path, "refreshed", |s| s["registration"]["expires_secs"].as_u64().is_some_and(|secs| secs > 60));
    let report = registrar.report();
    // Repeated ones once.
    let proofs: BTreeSet<_> = report.lines().filter_map(|l| l.strip_prefix("Authorization: ")).collect();
    assert_eq!(proofs.len(), 3, "{report}");
    for proof in proofs {
        assert!(digest::proves(proof, "REGISTER", "trunk-user", "trunk-password"), "{proof}");
    }
    assert_eq!(tandem.api("DELETE", &path, None).status, 204);
    registrar.succeeded();
}

#[test]
fn a_registration_is_taken_back_before_the_server_ends() {
    let mut tandem = Tandem::start();
    let registrar = Sipp::start("carrier_registrar", own_ip(), None, &[]);
    let account = json!({"register": true, "username": "trunk-user", "password": "trunk-password"});
    let path = path(&tandem.carrier("main", registrar.address, account));
    becomes(&tandem, &path, "refreshed", |s| s["registration"]["expires_secs"].as_u64().is_some_and(|secs| secs > 60));
    tandem.terminate();
    assert!(tandem.ended(Duration::from_secs(10)).success());
    registrar.succeeded();
}

#[test]
fn a_wrong_password_and_a_foreign_realm_are_shown_and_not_insisted_on() {
    let tandem = Tandem::start();
    let mut carrier = Phone::new(&tandem, "registrar", "");
    let account = json!({"register": true, "username": "u", "password": "p", "realm": "carrier.example"});
    let path = path(&tandem.carrier("main", carrier.address, account));
    let request = carrier.wait("a REGISTER", Duration::from_secs(5), |m| m.method() == "REGISTER");
    let challenge = "WWW-Authenticate: Digest realm=\"elsewhere.example\", nonce=\"n\"\r\n";
    answer(&carrier, &request, "401 Unauthorized", challenge);
    let state = becomes(&tandem, &path, "failed", |s| s["registration"]["state"] == "failed");
    assert!(state["registration"]["error"].as_str().is_some_and(|e| e.contains("realm")), "{state}");
    assert!(state["registration"]["retry_secs"].as_u64().is_some_and(|secs| secs >= 60), "{state}");
    assert!(carrier.stays_quiet(Duration::from_millis(500)), "nothing is proved to another realm");
}

/// A response without a body.
fn answer(phone: &Phone, request: &crate::common::Message, status: &str, headers: &str) {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        for value in request.all(name) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    phone.send(&format!("{text}To: {};tag=x\r\n{headers}Content-Length: 0\r\n\r\n", request.header("To")));
}

#[test]
fn a_connection_that_breaks_is_registered_over_again_at_once() {
    let tandem = Tandem::start();
    let listener = TcpListener::bind((own_ip(), 0)).expect("the registrar's port");
    let address = listener.local_addr().expect("its address");
    let account = json!({"register": true, "username": "u", "uri": format!("sip:{address};transport=tcp")});
    let path = path(&tandem.carrier("main", address, account));
    let mut first = accepted(&listener);
    grant(&mut first, 3);
    // The refresh comes over the same connection, which has proved its worth by then.
    grant(&mut first, 600);
    becomes(&tandem, &path, "refreshed", |s| s["registration"]["expires_secs"].as_u64().is_some_and(|secs| secs > 60));
    drop(first);
    // Without the break the next REGISTER would come after 450 seconds.
    let mut second = accepted(&listener);
    grant(&mut second, 600);
    // It stays open: a connection that breaks as soon as it is made is a failure, and shown as one.
    becomes(&tandem, &path, "registered", |s| s["registration"]["state"] == "registered");
}

/// The next connection, within ten seconds.
fn accepted(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).expect("not to block");
    let stream = eventually("a connection", Duration::from_secs(10), || listener.accept().ok()).0;
    stream.set_nonblocking(false).expect("to block");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

/// Reads a REGISTER and grants it.
fn grant(stream: &mut TcpStream, secs: u32) {
    let (mut text, mut byte) = (String::new(), [0]);
    while !text.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a REGISTER");
        // Line ends between messages keep a connection alive (RFC 5626 section 4.4.1).
        if !(text.is_empty() && byte[0].is_ascii_whitespace()) {
            text.push(char::from(byte[0]));
        }
    }
    let request = crate::common::Message::parse(&text).expect("a message");
    assert_eq!(request.method(), "REGISTER", "{text}");
    let mut reply = "SIP/2.0 200 OK\r\n".to_owned();
    for name in ["Via", "From", "Call-ID", "CSeq"] {
        reply.push_str(&format!("{name}: {}\r\n", request.header(name)));
    }
    reply.push_str(&format!("To: {};tag=x\r\nExpires: {secs}\r\nContent-Length: 0\r\n\r\n", request.header("To")));
    stream.write_all(reply.as_bytes()).expect("to answer");
}

#[test]
fn a_carrier_whose_503_says_for_how_long_gets_no_call_meanwhile() {
    let (tandem, mut alice) = caller("passthrough");
    let (mut full, mut free) = (Phone::new(&tandem, "full", ""), Phone::new(&tandem, "free", ""));
    let first = path(&tandem.carrier("first", full.address, json!({"priority": 1})));
    tandem.carrier("second", free.address, json!({"priority": 2}));
    let mut call = alice.invite(&number(&tandem));
    let invite = full.wait("the INVITE", Duration::from_secs(5), |m| m.method() == "INVITE");
    answer(&full, &invite, "503 Service Unavailable", "Retry-After: 3600\r\n");
    let rung = free.ringing();
    free.refuse(&rung, 486, "Busy Here");
    assert_eq!(alice.outcome(&mut call).status(), 486);
    let asked = |s: &Value| s["retry_after_secs"].as_u64();
    let state = becomes(&tandem, &first, "left alone", |s| asked(s).is_some());
    assert!(asked(&state).is_some_and(|secs| (500..=600).contains(&secs)) && state["up"] == true, "{state}");
    full.stays_quiet(Duration::from_millis(100));
    let mut call = alice.invite(&number(&tandem));
    let rung = free.ringing();
    free.refuse(&rung, 486, "Busy Here");
    assert_eq!(alice.outcome(&mut call).status(), 486);
    let again = |m: &crate::common::Message| m.method() == "INVITE" && m.call_id() != invite.call_id();
    assert!(!full.seen().iter().any(again) && full.stays_quiet(Duration::from_millis(100)));
}

#[test]
fn an_overloaded_carrier_is_passed_over_until_it_answers_again() {
    let (tandem, mut alice) = caller("passthrough");
    let ip = own_ip();
    let port = free_port(ip);
    let overloaded = Sipp::start("carrier_overloaded", ip, Some(port), &[]);
    let free = Sipp::start("carrier_answers", own_ip(), None, &[]);
    let watched = json!({"priority": 1, "options_interval": 1, "up_after": 1});
    let first = path(&tandem.carrier("first", overloaded.address, watched));
    tandem.carrier("second", free.address, json!({"priority": 2}));
    becomes(&tandem, &first, "down", |s| s["up"] == false);
    overloaded.succeeded();
    assert_eq!(tandem.metric("tandem_carrier_up", "first"), 0.0);
    assert!(tandem.log().contains("carrier is down"));

    let since = Instant::now();
    let mut call = alice.invite(&number(&tandem));
    alice.connected(&mut call);
    assert!(since.elapsed() < Duration::from_secs(5), "the carrier that is down was asked: {:?}", since.elapsed());
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    free.succeeded();

    let _alive = Sipp::start("carrier_options", ip, Some(port), &["-m", "1000"]);
    becomes(&tandem, &first, "up", |s| s["up"] == true);
    assert_eq!(tandem.metric("tandem_carrier_up", "first"), 1.0);
    assert!(tandem.log().contains("carrier is up"));
}

#[test]
fn a_carrier_has_no_more_calls_than_channels_and_each_end_gives_one_back() {
    let tandem = Tandem::start_with(Options { faults: true, ..Options::default() });
    let policy = json!({"outbound_policy": "passthrough"});
    let [mut alice, mut bob] = ["alice", "bob"].map(|name| Phone::registered(&tandem, name, policy.clone()));
    let mut carrier = Phone::new(&tandem, "carrier", "");
    let limited = json!({"channels": 1, "allow_from": [carrier.address.ip().to_string()]});
    let path = path(&tandem.carrier("main", carrier.address, limited));
    let free = |s: &Value| s["channels"] == 0;

    let mut call = alice.invite(&number(&tandem));
    let mut rung = carrier.ringing();
    carrier.answer_call(&mut rung);
    alice.connected(&mut call);
    let mut second = bob.invite(&number(&tandem));
    let refused = bob.outcome(&mut second);
    assert_eq!(refused.status(), 503);
    assert!(!refused.header("Retry-After").is_empty(), "{refused:?}");
    carrier.domain = "carrier.example".to_owned();
    let mut inbound = carrier.invite(&alice.uri());
    let refused = carrier.outcome(&mut inbound);
    assert_eq!((refused.status(), refused.header("Retry-After").is_empty()), (503, false), "both directions count");

    assert_eq!(alice.hang_up(&mut call).status(), 200);
    carrier.hung_up(&rung);
    let state = becomes(&tandem, &path, "free after a hang-up", free);
    assert_eq!(state["refused"], 2);

    // A call that crashes gives its channel back too.
    let mut call = bob.invite(&number(&tandem));
    let mut rung = carrier.ringing();
    carrier.answer_call(&mut rung);
    bob.connected(&mut call);
    becomes(&tandem, &path, "in use", |s| s["channels"] == 1);
    let leg =
        tandem.wait_call("the carrier's leg", |c| c["direction"] == "outbound-dial" && c["status"] == "in-progress");
    tandem.api("POST", "/api/tandem/faults", Some(json!({"call_sid": leg["sid"], "where": "leg"}))).success();
    bob.hung_up(&call);
    becomes(&tandem, &path, "free after a crash", free);
    // And one that was never answered.
    let call = alice.invite(&number(&tandem));
    let rung = carrier.ringing();
    carrier.refuse(&rung, 486, "Busy Here");
    let mut call = call;
    assert_eq!(alice.outcome(&mut call).status(), 486);
    becomes(&tandem, &path, "free after a refusal", free);
}

#[test]
fn a_carriers_calls_to_an_application_take_its_channels_and_its_calls_a_second() {
    let tandem = Tandem::start();
    let app = AppServer::start(|_| Reply::laml("<Gather timeout=\"60\"/>"));
    tandem.domain_app("ivr", &app, "/answer", json!({}));
    let mut trunk = Phone::new(&tandem, "+15557654321", "");
    trunk.domain = "carrier.example".to_owned();
    // Without calls a second, for what counted against fifty would count against one.
    let limited = json!({"channels": 1, "calls_per_second": null, "allow_from": [trunk.address.ip().to_string()]});
    let path = path(&tandem.carrier("main", trunk.address, limited));
    let mut call = trunk.invite(&tandem.app_uri("ivr"));
    trunk.connected(&mut call);
    assert_eq!(becomes(&tandem, &path, "in use", |s| s["channels"] == 1)["refused"], 0);
    let mut second = trunk.invite(&tandem.app_uri("ivr"));
    let refused = trunk.outcome(&mut second);
    assert_eq!((refused.status(), refused.header("Retry-After")), (503, "5"));
    assert_eq!(trunk.hang_up(&mut call).status(), 200);
    assert_eq!(becomes(&tandem, &path, "free", |s| s["channels"] == 0)["refused"], 1);

    let changed = json!({"channels": null, "calls_per_second": 1});
    tandem.api("PUT", &path, Some(changed)).success();
    let mut statuses: Vec<_> = (0..2)
        .map(|_| {
            let mut call = trunk.invite(&tandem.app_uri("ivr"));
            trunk.outcome(&mut call).status()
        })
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
}

/// RFC 7339, as a client.
#[test]
fn a_carrier_that_asks_for_fewer_calls_gets_none_and_keeps_those_it_has() {
    let listed = own_ip();
    let sip = format!("overload_control = [\"{listed}\"]\n");
    let tandem = Tandem::start_with(Options { sip, ..Options::default() });
    let mut alice = Phone::registered(&tandem, "alice", json!({"outbound_policy": "passthrough"}));
    let (mut busy, mut free) = (Phone::at(listed, &tandem, "busy", ""), Phone::new(&tandem, "free", ""));
    let path = path(&tandem.carrier("busy", busy.address, json!({"priority": 1})));
    let mut call = alice.invite(&number(&tandem));
    let mut rung = busy.ringing();
    busy.answer_call(&mut rung);
    alice.connected(&mut call);

    let mut second = alice.invite(&number(&tandem));
    let invite =
        busy.wait("an INVITE", Duration::from_secs(5), |m| m.method() == "INVITE" && m.call_id() != rung.call_id);
    let via = invite.header("Via");
    assert!(via.contains(";oc;oc-algo=\"loss\""), "{via}");
    let mut refusal = "SIP/2.0 486 Busy Here\r\n".to_owned();
    let told = via.replace(";oc;oc-algo=\"loss\"", ";oc=100;oc-algo=\"loss\";oc-validity=60000;oc-seq=1282321615.781");
    refusal.push_str(&format!("Via: {told}\r\n"));
    for name in ["From", "Call-ID", "CSeq"] {
        refusal.push_str(&format!("{name}: {}\r\n", invite.header(name)));
    }
    busy.send(&format!("{refusal}To: {};tag=x\r\nContent-Length: 0\r\n\r\n", invite.header("To")));
    assert_eq!(alice.outcome(&mut second).status(), 486);
    busy.wait("its ACK", Duration::from_secs(5), |m| m.method() == "ACK" && m.call_id() == invite.call_id());

    let mut third = alice.invite(&number(&tandem));
    assert_eq!(alice.outcome(&mut third).status(), 503);
    // The next carrier is asked as after a 503; it has asked for nothing, and is offered nothing.
    tandem.carrier("free", free.address, json!({"priority": 2}));
    let mut fourth = alice.invite(&number(&tandem));
    let taken = free.ringing();
    free.refuse(&taken, 486, "Busy Here");
    assert_eq!(alice.outcome(&mut fourth).status(), 486);
    assert!(!taken.invite.header("Via").contains(";oc"), "it is not listed");
    assert!(busy.stays_quiet(Duration::from_millis(200)), "nothing of them came");
    assert_eq!(tandem.api("GET", &path, None).success()["state"]["up"], true, "that is no failure of the carrier's");
    assert!(tandem.log().contains("calls are kept back"));
    // What belongs to a call goes on.
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    busy.hung_up(&rung);
}

#[test]
fn a_call_to_the_registered_contact_is_the_carriers_and_numbers_come_in_e164() {
    let (tandem, mut alice) = caller("block");
    let mut registrar = Phone::new(&tandem, "registrar", "");
    let policy =
        json!({"register": true, "username": "u", "password": "p", "number_format": "national", "country": "de"});
    let path = path(&tandem.carrier("main", registrar.address, policy));
    let request = registrar.wait("a REGISTER", Duration::from_secs(5), |m| m.method() == "REGISTER");
    answer(&registrar, &request, "200 OK", "Expires: 600\r\n");
    becomes(&tandem, &path, "registered", |s| s["registration"]["state"] == "registered");

    // From an address that is on no list, as carriers send calls from where they like.
    let contact = request.contact();
    let mut edge = Phone::new(&tandem, "edge", "");
    let at = edge.address;
    let invite = |call_id: &str, target: &str| {
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n";
        format!(
            "INVITE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\n\
             From: <sip:030123456@carrier.example>;tag=e\r\nTo: <sip:alice@carrier.example>\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:edge@{at}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len(),
        )
    };
    edge.send(&invite("to-the-contact", &contact));
    let rung = alice.ringing();
    assert!(rung.invite.header("From").contains("sip:+4930123456@"), "{}", rung.invite.header("From"));
    alice.refuse(&rung, 486, "Busy Here");
    edge.wait("486", Duration::from_secs(5), |m| m.status() == 486);
    let guessed = contact.replace(|c: char| c.is_ascii_hexdigit(), "0");
    let guessed = format!("sip:{}@{}", &guessed[4..36], tandem.sip);
    edge.send(&invite("to-a-guess", &guessed));
    edge.wait("a challenge", Duration::from_secs(5), |m| m.status() == 407);
}
