//! Phones come, move and go.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::tandem::PASSWORD;
use crate::common::{Phone, Tandem, digest, eventually};

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
    tandem.endpoint("bob", json!({}));
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);
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
