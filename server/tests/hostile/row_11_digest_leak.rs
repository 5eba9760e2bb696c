//! Row 11: whoever challenges us and is not who our credentials are for gets none.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{Message, Phone, digest};
use crate::stranger::Stranger;
use crate::target::Target;

fn challenge(phone: &mut Phone, request: &Message, to: &str, status: u16, realm: &str) {
    phone.send(&response(request, to, status, &asking(status, "Digest", realm)));
}

fn asking(status: u16, scheme: &str, realm: &str) -> String {
    let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    format!("{name}: {scheme} realm=\"{realm}\", nonce=\"0123456789abcdef\", algorithm=MD5, qop=\"auth\"\r\n")
}

fn response(request: &Message, to: &str, status: u16, headers: &str) -> String {
    format!(
        "SIP/2.0 {status} No\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}Content-Length: 0\r\n\r\n",
        request.header("Via"),
        request.header("From"),
        request.call_id(),
        request.header("CSeq")
    )
}

fn proved(message: &Message) -> bool {
    !message.header("Authorization").is_empty() || !message.header("Proxy-Authorization").is_empty()
}

/// What comes to a phone, and whether any of it has credentials in it.
#[track_caller]
fn nothing_proved(phone: &mut Phone, what: &str) {
    let end = Instant::now() + Duration::from_millis(400);
    while Instant::now() < end {
        let _ = phone.stays_quiet(Duration::from_millis(100));
        let leaked = phone.seen().iter().any(|m| m.is_request() && proved(m));
        assert!(!leaked, "{what}: credentials were sent");
    }
}

#[test]
fn a_phone_that_challenges_our_invite_or_bye_gets_no_credentials() {
    let mut target = Target::start();
    // There are credentials to be had: the carrier's.
    target.tandem.carrier(
        "paid",
        target.trunk.address,
        json!({"username": "trunk-user", "password": "trunk-password"}),
    );
    for (status, realm) in [(401, "test.example"), (407, "carrier.example"), (407, "127.0.0.1"), (401, "")] {
        let mut call = target.alice.invite(&target.bob.uri());
        let rung = target.bob.ringing();
        challenge(&mut target.bob, &rung.invite.clone(), &rung.local.clone(), status, realm);
        nothing_proved(&mut target.bob, "INVITE");
        assert!(target.alice.outcome(&mut call).status() >= 400);

        let mut call = target.alice.invite(&target.bob.uri());
        let mut rung = target.bob.ringing();
        target.bob.answer_call(&mut rung);
        target.alice.connected(&mut call);
        assert_eq!(target.alice.hang_up(&mut call).status(), 200);
        let bye = target.bob.expect("BYE", &rung);
        challenge(&mut target.bob, &bye, bye.header("To"), status, realm);
        nothing_proved(&mut target.bob, "BYE");
    }
    target.unharmed("after challenges by a phone");
}

/// A carrier of ours that wants to be registered with, and its first REGISTER.
fn registrar(target: &Target, name: &str, realm: Option<&str>) -> (Phone, Message) {
    let mut registrar = Phone::new(&target.tandem, name, "");
    let mut account = json!({"register": true, "username": "trunk-user", "password": "trunk-password"});
    account["realm"] = json!(realm);
    target.tandem.carrier(name, registrar.address, account);
    let first = registrar.wait("a REGISTER", Duration::from_secs(5), |m| m.method() == "REGISTER");
    assert!(!proved(&first), "credentials before anybody asked");
    (registrar, first)
}

#[test]
fn a_registrar_gets_credentials_for_the_carriers_realm_alone() {
    let mut target = Target::start();
    for (n, (status, scheme, realm)) in [
        (401, "Digest", "elsewhere.example"),
        (407, "Digest", "elsewhere.example"),
        (401, "Digest", "carrier.example.elsewhere.example"),
        (401, "Digest", ""),
        // No step down to a password in the clear.
        (401, "Basic", "carrier.example"),
        (407, "Basic", "carrier.example"),
    ]
    .into_iter()
    .enumerate()
    {
        let (mut phone, first) = registrar(&target, &format!("wrong{n}"), Some("carrier.example"));
        phone.send(&response(&first, &format!("{};tag=r", first.header("To")), status, &asking(status, scheme, realm)));
        nothing_proved(&mut phone, &format!("REGISTER, {status} {scheme} {realm}"));
    }
    let (mut phone, first) = registrar(&target, "right", Some("carrier.example"));
    challenge(&mut phone, &first, &format!("{};tag=r", first.header("To")), 401, "carrier.example");
    let second = phone.wait("credentials", Duration::from_secs(5), proved);
    assert!(digest::proves(second.header("Authorization"), "REGISTER", "trunk-user", "trunk-password"));
    target.unharmed("after challenges by registrars");
}

#[test]
fn who_answers_a_register_from_elsewhere_gets_no_credentials() {
    let mut target = Target::start();
    let (mut phone, first) = registrar(&target, "spoofed", None);
    let to = format!("{};tag=r", first.header("To"));
    // Somebody who knows the request, at another address, for a realm that may be the carrier's.
    let mut other = Stranger::at(0x1101, target.tandem.sip);
    for status in [401, 407] {
        other.say(response(&first, &to, status, &asking(status, "Digest", "carrier.example")).as_bytes());
    }
    let heard = other.hear(Duration::from_millis(400));
    assert!(heard.is_none_or(|m| !proved(&m)));
    nothing_proved(&mut phone, "REGISTER, challenged from elsewhere");
    target.unharmed("after a challenge from elsewhere");
}

#[test]
fn a_register_is_not_redirected() {
    let mut target = Target::start();
    for status in [300, 301, 302, 305, 380] {
        let (mut phone, first) = registrar(&target, &format!("moved{status}"), None);
        let mut elsewhere = Stranger::at(0x1102, target.tandem.sip);
        let headers = format!(
            "Contact: <sip:{};transport=udp>\r\n{}",
            elsewhere.address,
            asking(401, "Digest", "carrier.example")
        );
        phone.send(&response(&first, &format!("{};tag=r", first.header("To")), status, &headers));
        assert!(elsewhere.hear(Duration::from_millis(200)).is_none(), "{status}: a REGISTER went elsewhere");
        nothing_proved(&mut phone, &format!("REGISTER, {status}"));
    }
    target.unharmed("after redirections of REGISTER");
}
