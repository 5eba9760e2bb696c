//! Row 11: whoever challenges us and is not who our credentials are for gets none.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{Message, Phone};
use crate::target::Target;

fn challenge(phone: &mut Phone, request: &Message, to: &str, status: u16, realm: &str) {
    let (reason, name) = if status == 401 {
        ("Unauthorized", "WWW-Authenticate")
    } else {
        ("Proxy Authentication Required", "Proxy-Authenticate")
    };
    let text = format!(
        "SIP/2.0 {status} {reason}\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
         {name}: Digest realm=\"{realm}\", nonce=\"0123456789abcdef\", algorithm=MD5, qop=\"auth\"\r\nContent-Length: 0\r\n\r\n",
        request.header("Via"),
        request.header("From"),
        request.call_id(),
        request.header("CSeq")
    );
    phone.send(&text);
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
