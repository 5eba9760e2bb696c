//! Hold as the call hears of it.

use tandem_call::leg::{LegEffect, LegReport};

use crate::rig::Rig;

/// What a far end's words tell the call of hold.
fn told(rig: &mut Rig, words: &str) -> Vec<bool> {
    let input = rig.peer.says(words);
    rig.leg.handle(rig.now, input);
    let mut told = Vec::new();
    while let Some(effect) = rig.leg.poll() {
        rig.peer.hears(&effect);
        if let LegEffect::Report(LegReport::Held(held)) = effect {
            told.push(held);
        }
    }
    told
}

#[test]
fn hold_is_told_when_it_begins_and_when_it_ends() {
    let mut rig = Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
    ]);
    assert_eq!(told(&mut rig, "INVITE hold"), [true]);
    assert_eq!(told(&mut rig, "ACK"), [] as [bool; 0]);
    assert_eq!(told(&mut rig, "INVITE inactive"), [] as [bool; 0], "still on hold");
    told(&mut rig, "ACK");
    assert_eq!(told(&mut rig, "UPDATE sdp"), [false]);
    assert_eq!(told(&mut rig, "UPDATE pcma"), [] as [bool; 0]);
}
