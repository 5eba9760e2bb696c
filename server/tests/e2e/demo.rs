//! The demo does what it prints.

use std::time::Duration;

use crate::common::{Options, Phone, Tandem, alone, audio};

/// The value behind a word of the printed instructions.
fn printed<'a>(log: &'a str, word: &str, after: &str) -> Option<&'a str> {
    let line = log.lines().find(|l| l.trim_start().starts_with(word) && l.contains(after))?;
    line.split(after).nth(1)?.split_whitespace().next()
}

#[test]
fn its_phones_register_with_the_printed_passwords_and_its_applications_answer() {
    let _turn = alone();
    let mut tandem = Tandem::start_with(Options { demo: true, ..Options::default() });
    let log = tandem.log();
    let password = printed(&log, "user           alice", "password").expect("a password").to_owned();
    assert_eq!(printed(&log, "domain", "domain"), Some(tandem.domain().as_str()), "{log}");
    let bob_password = printed(&log, "user           bob", "password").expect("a password").to_owned();
    let (mut alice, mut bob) = (Phone::new(&tandem, "alice", &password), Phone::new(&tandem, "bob", &bob_password));
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));

    let mut call = alice.invite(&tandem.app_uri("echo"));
    alice.connected(&mut call);
    let words = audio::sweep(1.5, 500.0, 1_900.0);
    // The greeting comes first; what is said over it is not echoed.
    std::thread::sleep(Duration::from_secs(5));
    call.media.play(&words);
    std::thread::sleep(Duration::from_millis(2_300));
    assert!(audio::likeness(&words, &call.media.heard()) >= 0.85);
    assert_eq!(alice.hang_up(&mut call).status(), 200);

    let mut call = alice.invite(&tandem.app_uri("hello"));
    alice.connected(&mut call);
    alice.hung_up_within(&call, Duration::from_secs(30));
    assert!(audio::level(&call.media.heard()) > 50.0, "something was to be heard");

    let mut call = alice.invite(&tandem.app_uri("dial-bob"));
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    alice.hung_up_within(&call, Duration::from_secs(15));

    // Passwords and applications stay as they are over a restart.
    tandem.kill();
    tandem.launch();
    let again = tandem.log();
    let last = again.rsplit("Demo. Set up").next().unwrap_or_default();
    assert_eq!(printed(last, "user           alice", "password"), Some(password.as_str()));
    let mut call = alice.invite(&tandem.app_uri("echo"));
    alice.connected(&mut call);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
}
