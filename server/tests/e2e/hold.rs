//! One party holds the other, and what that other sees and hears of it (RFC 3264 section 8.4).

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::common::baresip::{Account, Baresip, Namespace, cannot_run};
use crate::common::phone::{Call, direction_of};
use crate::common::tandem::PASSWORD;
use crate::common::{Options, Phone, Tandem, alone, audio};

/// Telephones at a server with these lines in section sip.
fn phones<const N: usize>(sip: &str, names: [&str; N]) -> (Tandem, [Phone; N]) {
    let tandem = Tandem::start_with(Options { sip: sip.to_owned(), ..Options::default() });
    let phones = names.map(|name| Phone::registered(&tandem, name, json!({})));
    (tandem, phones)
}

/// Both say something; how much of it each heard of the other, the left one's words first.
fn talk(left: &Call, right: &Call) -> (f64, f64) {
    let (one, other) = (audio::sweep(2.0, 300.0, 1_500.0), audio::sweep(2.0, 3_000.0, 900.0));
    // Media follows what was agreed a moment later.
    std::thread::sleep(Duration::from_millis(300));
    left.media.play(&one);
    right.media.play(&other);
    std::thread::sleep(Duration::from_millis(3_000));
    (audio::likeness(&one, &right.media.heard()), audio::likeness(&other, &left.media.heard()))
}

fn update(phone: &mut Phone, call: &mut Call, direction: &str) -> u16 {
    let sdp = call.media.sdp(direction);
    phone.within(call, "UPDATE", "Content-Type: application/sdp\r\n", &sdp).status()
}

#[test]
fn the_other_telephone_is_told_and_hears_the_holders_music_until_it_is_taken_back() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob]) = phones("", ["alice", "bob"]);
    let (mut call, mut rung) = alice.talks_to(&mut bob);
    assert_eq!(alice.reinvite(&mut call, "sendonly").status(), 200);
    assert_eq!(bob.reinvited(&rung, "recvonly"), "sendonly");
    let (music, words) = talk(&call, &rung);
    assert!(music >= 0.85, "the holder's music: {music:.2}");
    assert!(words < 0.5, "who is held is not heard: {words:.2}");
    assert_eq!(alice.reinvite(&mut call, "sendrecv").status(), 200);
    assert_eq!(bob.reinvited(&rung, "sendrecv"), "sendrecv");
    let (there, back) = talk(&call, &rung);
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");
    // The callee holds, by UPDATE and without music.
    assert_eq!(update(&mut bob, &mut rung, "inactive"), 200);
    assert_eq!(alice.reinvited(&call, "inactive"), "inactive");
    assert_eq!(update(&mut bob, &mut rung, "sendrecv"), 200);
    assert_eq!(alice.reinvited(&call, "sendrecv"), "sendrecv");
    let (there, back) = talk(&call, &rung);
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
}

#[test]
fn a_call_on_hold_outlives_the_silence_of_both() {
    let (_tandem, [mut alice, mut bob]) = phones("", ["alice", "bob"]);
    let (mut call, mut rung) = alice.talks_to(&mut bob);
    // It says that it sends, and does not: so do many.
    assert_eq!(alice.reinvite(&mut call, "sendonly").status(), 200);
    assert_eq!(bob.reinvited(&rung, "recvonly"), "sendonly");
    call.media.mute();
    rung.media.mute();
    std::thread::sleep(Duration::from_secs(36));
    for (phone, call) in [(&mut alice, &mut call), (&mut bob, &mut rung)] {
        assert_eq!(phone.within(call, "OPTIONS", "", "").status(), 200, "the call is there");
    }
    assert_eq!(alice.reinvite(&mut call, "sendrecv").status(), 200);
    assert_eq!(bob.reinvited(&rung, "sendrecv"), "sendrecv");
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    alice.hung_up(&call);
}

#[test]
fn a_telephone_that_will_not_be_held_keeps_its_call() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob]) = phones("", ["alice", "bob"]);
    let (mut call, rung) = alice.talks_to(&mut bob);
    assert_eq!(alice.reinvite(&mut call, "inactive").status(), 200);
    let offer = bob.expect("INVITE", &rung);
    assert_eq!(direction_of(&offer), "inactive");
    bob.reply(&rung, &offer, 488, "Not Acceptable Here", "");
    assert_eq!(alice.reinvite(&mut call, "sendrecv").status(), 200);
    let (there, back) = talk(&call, &rung);
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");
    assert!(bob.stays_quiet(Duration::from_millis(200)), "it was not held, and is not taken back");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
}

/// RFC 3261 section 12.2.1.2.
#[test]
fn a_telephone_that_no_longer_knows_its_call_when_it_is_held_ends_it() {
    for (status, reason) in [(481, "Call/Transaction Does Not Exist"), (408, "Request Timeout")] {
        let (_tandem, [mut alice, mut bob]) = phones("", ["alice", "bob"]);
        let (mut call, rung) = alice.talks_to(&mut bob);
        assert_eq!(alice.reinvite(&mut call, "inactive").status(), 200);
        let offer = bob.expect("INVITE", &rung);
        bob.reply(&rung, &offer, status, reason, "");
        alice.hung_up(&call);
        bob.hung_up(&rung);
    }
}

/// As telephones transfer: hold, REFER, BYE.
#[test]
fn who_is_transferred_from_hold_hears_it_ring_and_talks_to_the_new_party() {
    let _turn = alone();
    let (_tandem, [mut alice, mut bob, mut carol]) = phones("", ["alice", "bob", "carol"]);
    let (mut call, mut with_bob) = alice.talks_to(&mut bob);
    assert_eq!(alice.reinvite(&mut call, "inactive").status(), 200);
    assert_eq!(bob.reinvited(&with_bob, "inactive"), "inactive");
    assert_eq!(alice.within(&mut call, "REFER", &format!("Refer-To: <{}>\r\n", carol.uri()), "").status(), 202);
    let mut rung = carol.ringing();
    let before = with_bob.media.heard().len();
    assert_eq!(bob.reinvited(&with_bob, "sendrecv"), "sendrecv");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    std::thread::sleep(Duration::from_secs(1));
    let heard = audio::level(&with_bob.media.heard()[before..]);
    assert!(heard > 100.0, "it rings: {heard:.0}");
    carol.answer_call(&mut rung);
    let (there, back) = talk(&with_bob, &rung);
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");
    assert_eq!(bob.hang_up(&mut with_bob).status(), 200);
    carol.hung_up(&rung);
}

#[test]
fn with_music_the_other_hears_the_operators_file_over_and_over_and_is_not_asked() {
    let _turn = alone();
    let music = audio::sweep(2.0, 600.0, 1_800.0);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hold-{}.wav", std::process::id()));
    std::fs::write(&file, audio::wav(&music)).expect("a file of music");
    let sip = format!("hold = \"music\"\nhold_music = \"{}\"\n", file.display());
    let (_tandem, [mut alice, mut bob]) = phones(&sip, ["alice", "bob"]);
    let (mut call, rung) = alice.talks_to(&mut bob);
    assert_eq!(alice.reinvite(&mut call, "sendonly").status(), 200);
    let before = rung.media.heard().len();
    let hers = audio::sweep(2.0, 3_000.0, 900.0);
    call.media.play(&hers);
    std::thread::sleep(Duration::from_millis(5_000));
    let heard = rung.media.heard().split_off(before);
    let (played, of_hers) = (audio::likeness(&music, &heard), audio::likeness(&hers, &heard));
    assert!(played >= 0.85 && of_hers < 0.5, "the music {played:.2}, the holder's {of_hers:.2}");
    assert!(audio::level(&heard[heard.len() - audio::RATE..]) > 1_000.0, "it begins again");
    assert!(bob.stays_quiet(Duration::from_millis(100)), "nothing is asked of bob");
    assert_eq!(alice.reinvite(&mut call, "sendrecv").status(), 200);
    let (there, back) = talk(&call, &rung);
    assert!(there >= 0.85 && back >= 0.85, "{there:.2} there, {back:.2} back");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
    let _ = std::fs::remove_file(file);
}

#[test]
fn a_real_telephone_that_holds_is_passed_on() {
    if let Some(why) = cannot_run() {
        return eprintln!("skipped: {why}");
    }
    let _turn = alone();
    let namespace = Namespace::new();
    let tandem = Tandem::start_with(Options { ip: Some(namespace.outside), ..Options::default() });
    let account = Account {
        user: "alice",
        codec: "pcmu",
        encryption: None,
        says: "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve.",
        voice: "en",
    };
    for user in ["alice", "bob"] {
        tandem.endpoint(user, json!({}));
    }
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    assert_eq!(bob.register().status(), 200);
    let alice = Baresip::start(&namespace, &tandem, &account, Some(&bob.uri()));
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    std::thread::sleep(Duration::from_millis(500));
    alice.tell("/hold");
    let held = bob.reinvited(&rung, "recvonly");
    assert!(matches!(held.as_str(), "sendonly" | "inactive"), "{held}");
    alice.tell("/resume");
    assert_eq!(bob.reinvited(&rung, "sendrecv"), "sendrecv");
    assert_eq!(bob.hang_up(&mut rung).status(), 200);
    alice.finish();
}
