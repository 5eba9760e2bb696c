//! Row 4: floods of each method, from one source and from many, beside a call.

use std::time::{Duration, Instant};

use crate::common::{alone, audio, eventually};
use crate::size::{count, soaking};
use crate::stranger::Stranger;
use crate::target::{FLOOD_GROWTH_KIB_MAX, Target};

const METHODS: [&str; 7] = ["REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "INVITE", "OPTIONS"];
/// Promised: the usual rate returns within this time of the end.
const RECOVERY: Duration = Duration::from_secs(10);

#[test]
fn floods_of_every_method_from_one_source_leave_a_call_its_sound() {
    flood(1);
}

#[test]
fn floods_of_every_method_from_many_sources_leave_a_call_its_sound() {
    flood(count(200, 10_000));
}

fn flood(sources: usize) {
    let _turn = alone();
    let mut target = Target::start();
    let mut call = target.alice.invite(&target.bob.uri());
    let mut rung = target.bob.ringing();
    target.bob.answer_call(&mut rung);
    target.alice.connected(&mut call);
    let words = audio::sweep(2.0, 400.0, 1_800.0);
    let server = target.tandem.sip;
    // No more sockets than a process may have: sources share them by turns.
    let mut strangers: Vec<Stranger> =
        (0..sources.min(800)).map(|n| Stranger::at(0x1_0000 + n as u32, server)).collect();
    let (mut said, mut next) = (0u64, 0u32);
    for method in METHODS {
        let heard_before = rung.media.heard().len();
        call.media.play(&words);
        let uri = target.tandem.app_uri("closed-to-all").replace("sip:anything", "sip:bob");
        let end = Instant::now() + if soaking() { Duration::from_secs(90) } else { Duration::from_millis(2_300) };
        let mut at = Instant::now();
        while Instant::now() < end {
            for _ in 0..20 {
                next += 1;
                let slot = next as usize % strangers.len();
                if sources > strangers.len() && next.is_multiple_of(64) {
                    strangers[slot] = Stranger::at(0x1_0000 + next % sources as u32, server);
                }
                let text = strangers[slot].request(method, &uri, "", "");
                strangers[slot].say(text.as_bytes());
                said += 1;
            }
            // 20,000 a second.
            at += Duration::from_millis(1);
            if let Some(wait) = at.checked_duration_since(Instant::now()) {
                std::thread::sleep(wait);
            }
        }
        let heard = rung.media.heard();
        let likeness = audio::likeness(&words, &heard[heard_before.min(heard.len())..]);
        assert!(likeness >= 0.85, "{likeness} of the sound came through a flood of {method}");
    }
    println!("{said} messages from {sources} sources");
    target.serves_again(RECOVERY);
    assert_eq!(target.alice.hang_up(&mut call).status(), 200);
    target.bob.hung_up(&rung);
    eventually("no leg is left", RECOVERY, || (target.tandem.metric("tandem_legs_live", "") < 1.0).then_some(()));
    target.unharmed_within(&format!("after {said} messages from {sources} sources"), FLOOD_GROWTH_KIB_MAX);
}
