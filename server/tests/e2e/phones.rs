//! Real phones that share no codec talk through the switch.

use std::time::Duration;

use serde_json::json;

use crate::common::baresip::{Account, Baresip, Namespace, cannot_run};
use crate::common::{Options, Tandem, alone, audio, eventually};

/// One phone speaks PCMU alone, the other Opus alone, `encryption` on the former; both must hear the other.
fn talk(encryption: Option<&'static str>) {
    if let Some(why) = cannot_run() {
        eprintln!("skipped: {why}");
        return;
    }
    let _turn = alone();
    let (left, right) = (Namespace::new(), Namespace::new());
    let tandem = Tandem::start_with(Options { ip: Some(left.outside), ..Options::default() });
    let narrow = Account {
        user: "alice",
        codec: "pcmu",
        encryption,
        says: "The first telephone reads this sentence to the second one, and then it counts: one, two, three, four, \
               five, six, seven, eight, nine, ten, eleven, twelve.",
        voice: "en",
    };
    let wide = Account {
        user: "bob",
        codec: "opus/48000/2",
        encryption: None,
        says: "Here the other telephone answers with words of its own: monday, tuesday, wednesday, thursday, friday, \
               spring, summer, autumn, winter, north, south, east and west.",
        voice: "en+f3",
    };
    for account in [&narrow, &wide] {
        tandem.endpoint(account.user, json!({}));
    }
    let bob = Baresip::start(&right, &tandem, &wide, None);
    registered(&tandem, "bob", &bob);
    let alice = Baresip::start(&left, &tandem, &narrow, Some(&format!("sip:bob@{}", tandem.domain())));
    eventually("the call is answered", Duration::from_secs(15), || {
        let calls = tandem.calls();
        (calls.iter().filter(|c| c["status"] == "in-progress").count() >= 2).then_some(())
    });
    std::thread::sleep(Duration::from_millis(10_500));
    let (hers, his) = (alice.said(), bob.said());
    let log = (alice.log(), bob.log());
    let (alice_heard, bob_heard) = (alice.finish(), bob.finish());
    let to_bob = audio::likeness(&hers[..hers.len().min(9 * audio::RATE)], &bob_heard);
    let to_alice = audio::likeness(&his[..his.len().min(9 * audio::RATE)], &alice_heard);
    eprintln!("alice → bob {to_bob:.3}, bob → alice {to_alice:.3}");
    assert!(
        to_bob >= 0.85 && to_alice >= 0.85,
        "alice → bob {to_bob:.3}, bob → alice {to_alice:.3}\n{}\n{}",
        log.0,
        log.1
    );
}

fn registered(tandem: &Tandem, user: &str, phone: &Baresip) {
    let path = format!("/api/relay/rest/endpoints/sip?filter_username={user}");
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while tandem.api("GET", &path, None).success()["data"][0]["registered"] != json!(true) {
        assert!(std::time::Instant::now() < end, "{user} does not register:\n{}", phone.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_pcmu_phone_and_an_opus_phone_hear_each_other() {
    talk(None);
}

#[test]
fn a_phone_with_encrypted_media_and_a_plain_opus_phone_hear_each_other() {
    talk(Some("srtp-mand"));
}
