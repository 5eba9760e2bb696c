//! A panic ends at most the call it happened in, politely, while others lose nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{Options, Phone, Tandem, alone, audio, eventually};

/// Two calls; a fault in `place` of the first; the second goes on talking.
fn a_fault_ends_one_call_alone(place: &str) {
    let _turn = alone();
    let tandem = Tandem::start_with(Options { faults: true, ..Options::default() });
    let mut phones: Vec<Phone> =
        ["alice", "bob", "carol", "dave"].map(|name| Phone::registered(&tandem, name, json!({}))).into();
    let mut dave = phones.pop().expect("dave");
    let mut carol = phones.pop().expect("carol");
    let mut bob = phones.pop().expect("bob");
    let mut alice = phones.pop().expect("alice");
    let (hit, hit_rung) = alice.talks_to(&mut bob);
    let (mut spared, spared_rung) = carol.talks_to(&mut dave);
    let legs = tandem.metric("tandem_legs_live", "");
    let words = audio::sweep(4.0, 300.0, 2_200.0);
    spared.media.play(&words);

    let inbound =
        |c: &serde_json::Value| c["direction"] == "inbound" && c["from"].as_str().is_some_and(|f| f.contains("alice"));
    let sid = tandem.wait_call("alice's leg", inbound)["sid"].as_str().expect("a sid").to_owned();
    tandem.api("POST", "/api/tandem/faults", Some(json!({"call_sid": sid, "where": place}))).success();
    let since = Instant::now();
    alice.hung_up(&hit);
    bob.hung_up(&hit_rung);
    eventually("the legs of the call are gone", Duration::from_millis(1_500).saturating_sub(since.elapsed()), || {
        (tandem.metric("tandem_legs_live", "") <= legs - 2.0).then_some(())
    });
    let record = tandem.wait_call("its record is final", |c| c["sid"] == json!(sid) && c["end_time"].is_string());
    assert!(matches!(record["status"].as_str(), Some("completed" | "failed")), "{record}");

    std::thread::sleep(Duration::from_millis(4_600));
    let alike = audio::likeness(&words, &spared_rung.media.heard());
    assert!(alike >= 0.95, "the other call lost nothing: {alike:.3}");
    assert_eq!(carol.hang_up(&mut spared).status(), 200);
    dave.hung_up(&spared_rung);
    // And the server still takes calls from those who were hit.
    let (mut again, again_rung) = alice.talks_to(&mut bob);
    assert_eq!(alice.hang_up(&mut again).status(), 200);
    bob.hung_up(&again_rung);
}

#[test]
fn a_panic_in_a_leg_ends_its_call_alone() {
    a_fault_ends_one_call_alone("leg");
}

#[test]
fn a_panic_in_a_call_ends_it_alone() {
    a_fault_ends_one_call_alone("call");
}

/// A leg's media is made anew from what it was told and where it was: nobody has to hang up.
#[test]
fn a_panic_in_the_media_of_a_leg_is_over_before_it_is_heard() {
    let _turn = alone();
    let tandem = Tandem::start_with(Options { faults: true, ..Options::default() });
    let mut phones = ["alice", "bob"].map(|name| Phone::registered(&tandem, name, json!({})));
    let [alice, bob] = &mut phones;
    let (mut call, rung) = alice.talks_to(bob);
    let sid = tandem.wait_call("alice's leg", |c| c["direction"] == "inbound")["sid"].clone();
    let (hers, his) = (audio::sweep(4.0, 300.0, 2_200.0), audio::sweep(4.0, 2_600.0, 500.0));
    call.media.play(&hers);
    rung.media.play(&his);
    // The packet that fails is lost, and what follows is heard 20 ms earlier: at the end of a piece that is compared, it spoils little.
    std::thread::sleep(Duration::from_millis(1_950));
    tandem.api("POST", "/api/tandem/faults", Some(json!({"call_sid": sid, "where": "media"}))).success();
    std::thread::sleep(Duration::from_millis(2_850));
    assert!(tandem.log().contains("injected into"), "the fault happened");
    let (to_bob, to_alice) = (audio::likeness(&hers, &rung.media.heard()), audio::likeness(&his, &call.media.heard()));
    assert!(to_bob >= 0.85 && to_alice >= 0.85, "alice → bob {to_bob:.2}, bob → alice {to_alice:.2}");
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
    tandem.wait_call("the call is over as any other", |c| c["sid"] == sid && c["status"] == "completed");
}
