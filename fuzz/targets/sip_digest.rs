//! Any text as a challenge, which is answered, and as credentials, which let nobody in.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_model::{SeedEntropy, Timestamp};
use tandem_sip::auth::{Account, Challenge, Challenger, Role};
use tandem_sip::message::{Builder, Message};

fn request() -> Builder {
    Message::request("REGISTER", "sip:example.org")
        .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
        .header("From", "<sip:a@example.org>;tag=1")
        .header("To", "<sip:a@example.org>")
        .header("Call-ID", "1")
        .header("CSeq", "1 REGISTER")
}

fuzz_target!(|text: &str| {
    let mut entropy = SeedEntropy::new(1);
    let account = Account { username: "a\"b\\", password: "secret" };
    if let Some(challenge) = Challenge::strongest(Role::UserAgent, std::iter::once(text)) {
        let (name, value) = challenge.answer("REGISTER", "sip:example.org", account, 1, &mut entropy);
        assert!(!value.contains(['\r', '\n', '\0']));
        // What we answer with is credentials for whoever asked, and a field of a message.
        let message = request().header(name, &value).try_build().expect("an answer is a header field");
        assert_eq!(message.header(name), Some(value.as_str()));
    }
    let mut challenger = Challenger::new("example.org", &mut entropy);
    for role in [Role::UserAgent, Role::Proxy] {
        let Ok(message) = request().header(role.credentials_header(), text).try_build() else { continue };
        let refused = challenger.verify(Timestamp::ZERO, role, &message, |_| None);
        assert!(refused.is_err(), "nobody knows a nonce of ours");
    }
});
