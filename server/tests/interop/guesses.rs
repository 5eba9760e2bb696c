//! Passwords guessed through the proxy: who is not heard any more, and that the owner is.

use crate::common::phone::unique;
use crate::common::tandem::PASSWORD;
use crate::common::{Phone, digest};
use crate::proxy::{Cluster, domain, registered_at};

/// Registers with credentials from this phone and waits for nothing.
fn try_to_register(phone: &mut Phone) {
    let contact = format!("Contact: <{}>\r\n", phone.contact());
    let challenge = phone.ask_registrar(&contact);
    let domain = domain();
    let proof = phone.answer(&challenge, "REGISTER", &format!("sip:{domain}"));
    phone.send(&format!(
        "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bK{}\r\nMax-Forwards: 70\r\nFrom: \
         <sip:{user}@{domain}>;tag=z\r\nTo: <sip:{user}@{domain}>\r\nCall-ID: {}\r\nCSeq: 1 \
         REGISTER\r\n{contact}Authorization: {proof}\r\nContent-Length: 0\r\n\r\n",
        phone.address,
        unique("b"),
        unique("late"),
        user = phone.user,
    ));
}

/// With credentials, however right, it is too late from there; not so for the owner.
fn unheard_while_the_owner_is_heard(cluster: &Cluster, guesser: &mut Phone, owner: &mut Phone) {
    guesser.user = owner.user.clone();
    guesser.password = PASSWORD.into();
    try_to_register(guesser);
    assert_eq!(owner.register().status(), 200);
    let found = registered_at(&cluster.first, &owner.user).expect("the owner is registered");
    assert!(!found["contacts"].to_string().contains(&guesser.address.to_string()), "{found}");
}

#[test]
fn who_guesses_many_names_is_not_heard_and_their_owners_are() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    let mut owner = cluster.phone("alice");
    assert_eq!(owner.register().status(), 200);
    let mut guesser = cluster.phone("nobody");
    for n in 0..30 {
        guesser.user = format!("user{n}");
        let reply = guesser.register();
        assert!(matches!(reply.status(), 401 | 403), "{reply:?}");
    }
    unheard_while_the_owner_is_heard(&cluster, &mut guesser, &mut owner);
}

#[test]
fn who_guesses_one_password_is_not_heard_from_anywhere_and_the_owner_is() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    let mut owner = cluster.phone("alice");
    assert_eq!(owner.register().status(), 200);
    for _ in 0..5 {
        // Each from another address.
        let mut guesser = cluster.phone("alice");
        guesser.password = "guess".into();
        let reply = guesser.register();
        assert!(matches!(reply.status(), 401 | 403), "{reply:?}");
    }
    let mut guesser = cluster.phone("alice");
    unheard_while_the_owner_is_heard(&cluster, &mut guesser, &mut owner);
}

/// The nodes alone count: by the client, and whatever the client says of itself.
#[test]
fn nodes_refuse_a_guesser_behind_the_proxy_and_the_owner_elsewhere_goes_on() {
    let cluster = Cluster::start_configured("#!define GUESSES_MAX 1000000\n#!define FAILURES_MAX 1000000\n");
    cluster.endpoint("alice");
    let mut guesser = cluster.phone("alice");
    guesser.password = "guess".into();
    let mut refused = 0;
    for n in 1..=20 {
        let (call_id, domain) = (unique("guess"), domain());
        let challenge = guesser.ask_registrar("");
        let proof = guesser.answer(&challenge, "REGISTER", &format!("sip:{domain}"));
        // Not where it is, in every way that might be believed.
        guesser.send(&format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport=9;received=203.0.113.{n};branch=z9hG4bK{}\r\nMax-Forwards: \
             70\r\nFrom: <sip:alice@{domain}>;tag=z\r\nTo: <sip:alice@{domain}>\r\nCall-ID: {call_id}\r\nCSeq: 1 \
             REGISTER\r\nContact: <{}>\r\nAuthorization: {proof}\r\nContent-Length: 0\r\n\r\n",
            guesser.address,
            unique("b"),
            guesser.contact(),
        ));
        refused += u32::from(guesser.final_response(&call_id, 1).status() == 403);
    }
    assert!(refused >= 5, "{refused} of 20 guesses were refused");
    guesser.password = PASSWORD.into();
    assert_eq!(guesser.register().status(), 403, "a right password is too late from there");
    let mut owner = cluster.phone("alice");
    assert_eq!(owner.register().status(), 200);
}

/// Credentials for alice that a node would judge, were they to reach it; with a wrong password.
fn guess(phone: &mut Phone) -> String {
    let challenge = phone.ask_registrar("");
    let md5 = challenge.all("WWW-Authenticate").into_iter().find(|c| !c.contains("SHA-")).expect("a challenge for MD5");
    digest::answer(md5, "REGISTER", &format!("sip:{}", domain()), "alice", "guess")
}

/// Of a proxy elsewhere on the way, or said to be.
fn foreign(name: &str) -> String {
    format!(
        "Digest username=\"{name}\", realm=\"other.example\", nonce=\"n\", uri=\"sip:{}\", response=\"{}\"",
        domain(),
        "0".repeat(32)
    )
}

#[test]
fn credentials_that_do_not_plainly_name_one_user_reach_no_node() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    let mut guesser = cluster.phone("alice");
    let (wrong, dummy) = (guess(&mut guesser), foreign("nobody"));
    let named = "username=\"alice\"";
    assert!(wrong.contains(named), "{wrong}");
    for credentials in [
        format!("Authorization: {dummy}\r\nAuthorization: {wrong}\r\n"),
        format!("Authorization: {wrong}\r\nauthorization : {dummy}\r\n"),
        format!("Authorization: {dummy}, {wrong}\r\n"),
        format!("Authorization: {}\r\n", wrong.replace(named, "username=\"al\\ice\"")),
        format!("Authorization: {}\r\n", wrong.replace(named, "username=\u{c}\"alice\"")),
        format!("Authorization: {}\r\n", wrong.replace(named, "username=\u{c}alice")),
        format!("Authorization: {wrong}, x=\"\\\", username=\"nobody\", y=\"\"\r\n"),
        format!("Authorization: {wrong}, x=\"\0\\\", username=\"nobody\", y=\"\"\r\n"),
        format!("Authorization: {}\r\n", wrong.replace("username", "user")),
        "Authorization: Basic YWxpY2U6Z3Vlc3M=\r\n".to_owned(),
    ] {
        let reply = guesser.ask_registrar(&credentials);
        assert_eq!(reply.start, "SIP/2.0 400 Credentials Not Clear", "{credentials}");
    }
    let mut owner = cluster.phone("alice");
    assert_eq!(owner.register().status(), 200, "nothing of it counts against her");
}

#[test]
fn a_dummy_in_the_field_that_no_node_reads_hides_no_guess() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    let mut owner = cluster.phone("alice");
    assert_eq!(owner.register().status(), 200);
    for n in 0..5 {
        let mut guesser = cluster.phone("alice");
        let wrong = guess(&mut guesser);
        let dummy = foreign(&format!("nobody{n}"));
        let reply = guesser.ask_registrar(&format!("Proxy-Authorization: {dummy}\r\nAuthorization: {wrong}\r\n"));
        assert!(matches!(reply.status(), 401 | 403), "{reply:?}");
    }
    let mut guesser = cluster.phone("alice");
    unheard_while_the_owner_is_heard(&cluster, &mut guesser, &mut owner);
}

#[test]
fn credentials_for_somebody_elses_realm_keep_nobody_from_registering_and_calling() {
    let cluster = Cluster::start();
    cluster.endpoint("alice");
    cluster.endpoint("bob");
    let (mut alice, mut bob) = (cluster.phone("alice"), cluster.phone("bob"));
    assert_eq!(bob.register().status(), 200);
    let contact = format!("Contact: <{}>\r\n", alice.contact());
    let reply = alice.register_with(&format!("{contact}Proxy-Authorization: {}\r\n", foreign("desk")));
    assert_eq!(reply.status(), 200, "{reply:?}");
    let mut call = alice.invite_with(&bob.uri(), &format!("Authorization: {}\r\n", foreign("desk")));
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
}
