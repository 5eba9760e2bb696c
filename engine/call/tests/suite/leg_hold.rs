//! Hold as the call hears of it (RFC 3264 section 8.4).

use tandem_call::leg::Hold::{Inactive, Off, SendOnly};
use tandem_call::leg::{Hold, LegEffect, LegReport};

use crate::rig::{Rig, spec};

/// What a far end's words, or a command, tell the call of hold.
fn told(rig: &mut Rig, words: &str) -> Vec<Hold> {
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

#[track_caller]
fn tells(rig: &mut Rig, steps: &[(&str, &[Hold])]) {
    for (words, holds) in steps {
        assert_eq!(told(rig, words), *holds, "{words}");
    }
}

fn called() -> Rig {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
    ])
}

#[test]
fn hold_is_told_when_it_begins_when_it_changes_and_when_it_ends() {
    tells(
        &mut called(),
        &[
            ("INVITE hold", &[SendOnly]),
            ("ACK", &[]),
            ("INVITE inactive", &[Inactive]),
            ("ACK", &[]),
            ("UPDATE sdp", &[Off]),
            ("UPDATE pcma", &[]),
            ("UPDATE hold-2543", &[SendOnly]),
            ("INVITE recvonly", &[Off]),
        ],
    );
}

/// RFC 4028 section 7.4, RFC 3261 section 12.2: neither changes the session.
#[test]
fn refreshes_of_session_and_target_are_no_hold() {
    tells(
        &mut called(),
        &[
            ("INVITE sdp Supported:timer Session-Expires:1800", &[]),
            ("ACK", &[]),
            ("UPDATE contact=<sip:alice@203.0.113.9:5070>", &[]),
            ("INVITE hold", &[SendOnly]),
            ("ACK", &[]),
            ("INVITE hold Supported:timer Session-Expires:1800", &[]),
            ("ACK", &[]),
            ("UPDATE", &[]),
            ("INVITE", &[]),
            ("ACK hold", &[]),
        ],
    );
}

#[test]
fn how_a_far_end_answers_our_hold_is_no_hold_of_its_own() {
    tells(
        &mut called(),
        &[
            ("hold", &[]),
            ("200 recvonly", &[]),
            ("mute", &[]),
            ("200 inactive", &[]),
            // A refresh of what it said then.
            ("UPDATE inactive", &[]),
            ("resume", &[]),
            ("200 sdp", &[]),
        ],
    );
}

#[test]
fn port_0_says_nothing_of_a_hold_while_we_hold() {
    tells(&mut called(), &[("hold", &[]), ("200 declined", &[]), ("resume", &[]), ("200 sdp", &[])]);
    let mut both = called();
    tells(&mut both, &[("UPDATE hold", &[SendOnly]), ("hold", &[]), ("200 declined", &[]), ("resume", &[])]);
    tells(&mut both, &[("200 hold", &[]), ("UPDATE sdp", &[Off])]);
    let mut offered = called();
    tells(&mut offered, &[("hold", &[]), ("200 declined", &[]), ("UPDATE declined", &[]), ("resume", &[])]);
    tells(&mut offered, &[("200 sdp", &[]), ("UPDATE declined", &[Inactive]), ("UPDATE sdp", &[Off])]);
    // Once we hold no more, it is a hold of its own, whatever it said before.
    for (answer, before) in [("200 sdp", &[][..]), ("200 hold", &[SendOnly])] {
        let mut away = called();
        tells(&mut away, &[("hold", &[]), (answer, before), ("UPDATE declined", &[]), ("resume", &[])]);
        tells(&mut away, &[("200 declined", &[Inactive]), ("UPDATE sdp", &[Off])]);
    }
}

/// RFC 3264 section 8.2: whoever puts its audio away by itself takes nothing and sends nothing.
#[test]
fn port_0_in_an_offer_is_a_hold_until_the_audio_is_back() {
    tells(
        &mut called(),
        &[
            ("INVITE declined", &[Inactive]),
            ("ACK", &[]),
            ("INVITE declined Supported:timer Session-Expires:1800", &[]),
            ("ACK", &[]),
            ("UPDATE hold", &[SendOnly]),
            ("UPDATE declined", &[Inactive]),
            ("UPDATE sdp", &[Off]),
        ],
    );
}

#[test]
fn both_sides_hold_and_each_lets_go_by_itself() {
    for ours in ["hold", "mute"] {
        tells(
            &mut called(),
            &[
                (ours, &[]),
                ("200 inactive", if ours == "hold" { &[Inactive] } else { &[] }),
                ("UPDATE hold", &[SendOnly]),
                ("resume", &[]),
                // It holds us still.
                ("200 hold", &[]),
                ("UPDATE sdp", &[Off]),
            ],
        );
    }
    tells(
        &mut called(),
        &[
            ("UPDATE hold", &[SendOnly]),
            ("mute", &[]),
            ("200 inactive", &[]),
            ("UPDATE sdp", &[Off]),
            ("resume", &[]),
            ("200 inactive", &[Inactive]),
        ],
    );
}

#[test]
fn a_session_that_begins_one_way_is_no_hold_until_it_changes() {
    let mut rig = Rig::calling(spec()).run(&[("opened", "INVITE 1 sendrecv")]);
    tells(&mut rig, &[("200 hold", &[]), ("UPDATE hold", &[]), ("UPDATE sdp", &[Off]), ("UPDATE hold", &[SendOnly])]);
    let mut rig = Rig::called("inactive").run(&[("opened", "")]);
    tells(&mut rig, &[("answer", &[]), ("ACK", &[]), ("INVITE sdp", &[Off])]);
}
