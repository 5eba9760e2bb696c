//! One party of a bridge holds the other (RFC 3264 section 8.4): what that other is told, and when it is not.

use std::sync::Arc;

use tandem_call::call::{CallInput, CallUpdate, HoldUse};
use tandem_media::control::Clip;
use tandem_media::tone::wait_music;

use crate::world::{DOMAIN, World};

/// What a leg answers to a hold or its end, with the media that a far end gets.
const HOLD: &str = "L1 200 recvonly";
const SILENCE: &str = "L1 200 inactive";
const RESUME: &str = "L1 200 sendrecv";

fn talk() -> World {
    World::talks(HoldUse::Pass)
}

fn music() -> Arc<Clip> {
    wait_music()
}

#[test]
fn a_hold_is_offered_to_the_other_side_and_so_is_its_end() {
    for (hold, said, offered, taken) in [
        ("INVITE hold", HOLD, "sendonly", "recvonly"),
        ("INVITE inactive", SILENCE, "inactive", "inactive"),
        ("INVITE hold-2543", HOLD, "sendonly", "recvonly"),
        ("UPDATE hold", HOLD, "sendonly", "recvonly"),
        ("INVITE declined", "L1 200 sdp", "inactive", "inactive"),
        ("INVITE declined", "L1 200 sdp", "inactive", "declined"),
    ] {
        let mut w = talk();
        w.run(&[
            (&format!("1 {hold}"), &format!("{said}; L2 INVITE 2 {offered}")),
            ("1 ACK", ""),
            (&format!("2 200 {taken}"), "L2 ACK 2"),
            ("1 INVITE sdp", &format!("{RESUME}; L2 INVITE 3 sendrecv")),
            ("1 ACK", ""),
            ("2 200 sdp", "L2 ACK 3"),
            ("1 BYE", "L1 200; L2 BYE; finished"),
        ]);
        w.over(&["inbound completed 200 0s", "outbound-dial completed 200 0s"]);
    }
}

#[test]
fn who_puts_its_audio_away_while_held_keeps_its_call() {
    talk().run(&[
        ("1 INVITE hold", &format!("{HOLD}; L2 INVITE 2 sendonly")),
        ("1 ACK", ""),
        ("2 200 declined", "L2 ACK 2"),
        ("1 INVITE sdp", &format!("{RESUME}; L2 INVITE 3 sendrecv")),
        ("1 ACK", ""),
        ("2 200 sdp", "L2 ACK 3"),
        ("1 BYE", "L1 200; L2 BYE; finished"),
    ]);
}

#[test]
fn the_callee_holds_as_well_as_the_caller() {
    talk().run(&[
        ("2 INVITE inactive", "L2 200 inactive; L1 INVITE 1 inactive"),
        ("2 ACK", ""),
        ("1 200 inactive", "L1 ACK 1"),
        ("2 UPDATE sdp", "L2 200 sendrecv; L1 INVITE 2 sendrecv"),
        ("1 200 sdp", "L1 ACK 2"),
        ("2 BYE", "L2 200; unbridge L1; L1 BYE; finished"),
    ]);
}

#[test]
fn a_holder_that_begins_or_ends_its_music_is_followed() {
    talk().run(&[
        ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 2 sendonly")),
        ("2 200 recvonly", "L2 ACK 2"),
        ("1 UPDATE inactive", &format!("{SILENCE}; L2 INVITE 3 inactive")),
        ("2 200 inactive", "L2 ACK 3"),
        ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 4 sendonly")),
        ("2 200 recvonly", "L2 ACK 4"),
    ]);
}

#[test]
fn both_hold_and_each_takes_back_its_own() {
    talk().run(&[
        ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 2 sendonly")),
        ("2 200 recvonly", "L2 ACK 2"),
        ("2 UPDATE hold", "L2 200 inactive; L1 INVITE 1 sendonly"),
        // It holds too, and takes nothing.
        ("1 200 inactive", "L1 ACK 1"),
        ("1 UPDATE sdp", "L1 200 sendonly; L2 INVITE 3 sendrecv"),
        ("2 200 hold", "L2 ACK 3"),
        ("2 UPDATE sdp", "L2 200 sendrecv; L1 INVITE 2 sendrecv"),
        ("1 200 sdp", "L1 ACK 2"),
    ]);
    // Without music on either side.
    talk().run(&[
        ("1 UPDATE inactive", &format!("{SILENCE}; L2 INVITE 2 inactive")),
        ("2 200 inactive", "L2 ACK 2"),
        // A telephone that is held and says so once more, or holds too: which of them shows when it is taken back.
        ("2 UPDATE inactive", "L2 200 inactive"),
        ("1 UPDATE sdp", &format!("{RESUME}; L2 INVITE 3 sendrecv")),
        ("2 200 inactive", "L2 ACK 3; L1 INVITE 1 inactive"),
        ("1 200 inactive", "L1 ACK 1"),
        ("2 UPDATE sdp", "L2 200 sendrecv; L1 INVITE 2 sendrecv"),
        ("1 200 sdp", "L1 ACK 2"),
    ]);
}

#[test]
fn refreshes_are_passed_on_to_nobody() {
    talk().run(&[
        ("1 INVITE sdp Supported:timer Session-Expires:1800", RESUME),
        ("1 ACK", ""),
        ("2 UPDATE contact=<sip:bob@203.0.113.9:5070>", "L2 200"),
        ("1 UPDATE pcma", RESUME),
        ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 2 sendonly @UDP:203.0.113.9:5070")),
        ("2 200 recvonly", "L2 ACK 2"),
        ("1 INVITE hold Supported:timer Session-Expires:1800", HOLD),
        ("1 ACK", ""),
        ("2 INVITE recvonly Supported:timer Session-Expires:1800", "L2 200 sendonly"),
        ("2 ACK", ""),
    ]);
}

#[test]
fn a_hold_waits_for_what_the_other_side_is_negotiating() {
    // The other side's own offer has no ACK so far.
    let mut w = talk();
    w.run(&[
        ("2 INVITE pcma", "L2 200 sendrecv"),
        ("1 UPDATE hold", HOLD),
        ("2 ACK", ""),
        ("+4", "L2 INVITE 2 sendonly"),
        // And one of ours that was held back is followed by what came after it.
        ("1 UPDATE sdp", RESUME),
        ("2 200 recvonly", "L2 ACK 2; L2 INVITE 3 sendrecv"),
        ("2 200 sdp", "L2 ACK 3"),
    ]);
    // RFC 3261 section 14.1: both asked at once.
    talk().run(&[
        ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 2 sendonly")),
        ("2 INVITE sdp", "L2 491"),
        ("2 491", ""),
        ("2 INVITE sdp", "L2 200 sendrecv"),
        ("2 ACK", ""),
        ("+4", "L2 INVITE 3 sendonly"),
        ("2 200 recvonly", "L2 ACK 3"),
    ]);
    // What is over before it could be told is not told.
    talk().run(&[
        ("2 INVITE sdp", "L2 200 sendrecv"),
        ("1 UPDATE hold", HOLD),
        ("1 UPDATE sdp", RESUME),
        ("2 ACK", ""),
        ("+10", ""),
    ]);
}

#[test]
fn a_refusal_ends_no_call() {
    for refusal in ["488", "403", "415", "503"] {
        talk().run(&[
            ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 2 sendonly")),
            (&format!("2 {refusal}"), ""),
            ("+40", ""),
            // It never was on hold.
            ("1 UPDATE sdp", RESUME),
            ("1 UPDATE inactive", &format!("{SILENCE}; L2 INVITE 3 inactive")),
            ("2 200 inactive", "L2 ACK 3"),
            ("1 BYE", "L1 200; L2 BYE; finished"),
        ]);
    }
    // RFC 3261 section 14.1: it keeps refusing until we leave it at that.
    let mut w = talk();
    w.step("1 UPDATE hold");
    for _ in 0..20 {
        w.try_step("2 491");
        w.step("+5");
    }
    w.run(&[("1 UPDATE sdp", RESUME), ("2 BYE", "L2 200; unbridge L1; L1 BYE; finished")]);
}

/// RFC 3261 section 12.2.1.2: the dialog is gone, and with it the call.
#[test]
fn who_no_longer_knows_the_dialog_or_does_not_answer_ends_the_call() {
    for lost in ["481", "408", "timeout"] {
        talk().run(&[
            ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 2 sendonly")),
            (&format!("2 {lost}"), "unbridge L1; L1 BYE; L2 BYE; finished"),
        ]);
        // As well when it is taken back.
        talk().run(&[
            ("1 UPDATE hold", &format!("{HOLD}; L2 INVITE 2 sendonly")),
            ("2 200 recvonly", "L2 ACK 2"),
            ("1 UPDATE sdp", &format!("{RESUME}; L2 INVITE 3 sendrecv")),
            (&format!("2 {lost}"), "unbridge L1; L1 BYE; L2 BYE; finished"),
        ]);
    }
}

#[test]
fn who_hangs_up_while_one_holds_ends_the_call_and_nothing_else() {
    for (hold, who, end) in [
        ("1 UPDATE hold", "1 BYE", "L1 200; L2 BYE; finished"),
        ("1 UPDATE hold", "2 BYE", "L2 200; unbridge L1; L1 BYE; finished"),
        ("2 UPDATE hold", "1 BYE", "L1 200; L2 BYE; finished"),
        ("2 UPDATE hold", "2 BYE", "L2 200; unbridge L1; L1 BYE; finished"),
    ] {
        // With the other side's answer outstanding, and with it.
        talk().run(&[(hold, &held(hold)), (who, end)]);
        let other = if hold.starts_with('1') { "2 200 recvonly" } else { "1 200 recvonly" };
        let mut w = talk();
        w.step(hold);
        w.step(other);
        w.run(&[(who, end)]);
    }
    let mut w = talk();
    w.step("1 UPDATE hold");
    assert_eq!(w.input(CallInput::Update(CallUpdate::Complete)), "L1 BYE; L2 BYE; finished");
}

fn held(hold: &str) -> String {
    if hold.starts_with('1') {
        format!("{HOLD}; L2 INVITE 2 sendonly")
    } else {
        "L2 200 recvonly; L1 INVITE 1 sendonly".to_owned()
    }
}

#[test]
fn a_hold_while_it_rings_is_told_once_there_is_somebody_to_tell() {
    let mut w =
        World::app("<Play>https://app.test/a.wav</Play><Dial><Sip>sip:bob@acme-main.sip.example.test</Sip></Dial>");
    w.take();
    w.step("1 ACK");
    assert_eq!(w.step("1 UPDATE hold"), HOLD);
    w.step("2 180");
    let said = w.step("2 200 sdp");
    assert_eq!(said, "L2 ACK 1; bridge L1 L2; L2 INVITE 2 sendonly");
    w.run(&[("2 200 recvonly", "L2 ACK 2"), ("1 UPDATE sdp", &format!("{RESUME}; L2 INVITE 3 sendrecv"))]);
}

#[test]
fn a_hold_that_ends_while_it_rings_is_told_to_nobody() {
    let mut w =
        World::app("<Play>https://app.test/a.wav</Play><Dial><Sip>sip:bob@acme-main.sip.example.test</Sip></Dial>");
    w.take();
    w.step("1 ACK");
    w.run(&[("1 UPDATE hold", HOLD), ("1 UPDATE sdp", RESUME), ("2 200 sdp", "L2 ACK 1; bridge L1 L2")]);
}

#[test]
fn documents_conferences_and_queues_are_told_of_no_hold() {
    for document in [
        "<Gather timeout=\"60\"/>",
        "<Play loop=\"0\">https://app.test/a.wav</Play>",
        "<Dial><Conference>room</Conference></Dial>",
        "<Enqueue>line</Enqueue>",
        "<Dial><Queue>line</Queue></Dial>",
    ] {
        let mut w = World::app_playing(document);
        w.take();
        w.step("1 ACK");
        w.run(&[("1 UPDATE hold", HOLD), ("1 UPDATE sdp", RESUME)]);
    }
}

#[test]
fn the_document_goes_on_with_a_caller_that_is_taken_back() {
    let mut w = World::app(
        "<Dial action=\"https://app.test/after\" answerOnBridge=\"true\"><Sip>sip:bob@acme-main.sip.example.test</Sip></Dial>",
    );
    w.take();
    w.run(&[
        ("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"),
        ("1 ACK", ""),
        ("2 UPDATE inactive", "L2 200 inactive; L1 INVITE 1 inactive"),
        ("1 200 inactive", "L1 ACK 1"),
    ]);
    let said = w.step("2 BYE");
    assert!(said.starts_with("L2 200; unbridge L1; fetch https://app.test/after"), "{said}");
    assert!(said.ends_with("L1 INVITE 2 sendrecv"), "{said}");
}

/// Legs that are told at once speak in their order.
fn in_order(mut said: [&str; 2]) -> String {
    said.sort_unstable();
    said.join("; ")
}

const REFER: &str = "REFER Refer-To:<sip:carol@far.test>";

/// As telephones transfer: hold, REFER, and the NOTIFY is waited for or not.
#[test]
fn whoever_is_transferred_from_hold_is_on_hold_no_more() {
    for (holder, held) in [(1, 2), (2, 1)] {
        let cseq = if held == 2 { 2 } else { 1 };
        let start = || {
            let mut w = talk();
            w.step(&format!("{holder} UPDATE inactive"));
            w.step(&format!("{held} 200 inactive"));
            w.step(&format!("{holder} {REFER}"));
            w
        };
        let released = format!("L{holder} NOTIFY terminated 200; L{holder} BYE");
        let resumed = format!("L{held} INVITE {} sendrecv", cseq + 1);
        // The holder stays until the target answers: meanwhile the held one hears it ring.
        let mut w = start();
        w.run(&[
            ("3 180", &format!("play L{held} 1; {}", in_order([&format!("L{holder} NOTIFY active 180"), &resumed]))),
            (&format!("{held} 200 sdp"), &format!("L{held} ACK {}", cseq + 1)),
            ("3 200 sdp", &format!("L3 ACK 1; bridge L{held} L3; {released}")),
            ("3 UPDATE hold", &format!("L3 200 recvonly; L{held} INVITE {} sendonly", cseq + 2)),
        ]);
        // It answers without having rung.
        let mut w = start();
        w.run(&[("3 200 sdp", &format!("L3 ACK 1; bridge L{held} L3; {}", in_order([&released, &resumed])))]);
        // Or leaves at once: who waits alone can hear that it rings.
        let mut w = start();
        w.run(&[
            (
                &format!("{holder} BYE"),
                &format!("L{holder} 200; unbridge L{held}; L{held} INVITE {} sendrecv", cseq + 1),
            ),
            (&format!("{held} 200 sdp"), &format!("L{held} ACK {}", cseq + 1)),
            ("3 180", &format!("play L{held} 1")),
            ("3 200 sdp", &format!("L3 ACK 1; bridge L{held} L3")),
            ("3 BYE", &format!("L3 200; unbridge L{held}; L{held} BYE; finished")),
        ]);
        // A target that fails leaves the hold as it was.
        let mut w = start();
        w.run(&[
            ("3 486", &format!("L{holder} NOTIFY terminated 486")),
            (&format!("{holder} UPDATE sdp"), &format!("L{holder} 200 sendrecv; L{held} INVITE {} sendrecv", cseq + 1)),
        ]);
    }
}

#[test]
fn a_party_that_holds_holds_whoever_it_is_transferred_to() {
    let mut w = talk();
    w.step("1 UPDATE hold");
    w.step("2 200 recvonly");
    w.step(&format!("2 {REFER}"));
    w.run(&[
        ("3 200 sdp", "L3 ACK 1; bridge L1 L3; L2 NOTIFY terminated 200; L2 BYE; L3 INVITE 2 sendonly"),
        ("3 200 recvonly", "L3 ACK 2"),
        ("1 UPDATE sdp", &format!("{RESUME}; L3 INVITE 3 sendrecv")),
    ]);
}

#[test]
fn another_telephone_takes_the_holders_place_and_holds_nobody() {
    let mut w = talk();
    w.step("1 UPDATE inactive");
    w.step("2 200 inactive");
    let alice = crate::world::directory().endpoints["alice"].clone();
    let said = w.replaced(1, tandem_call::routing::Caller::Endpoint(alice), |_| {}).expect("it may");
    assert!(said.ends_with("bridge L3 L2; L1 BYE; L2 INVITE 3 sendrecv"), "{said}");
}

#[test]
fn with_music_the_other_side_hears_it_and_its_session_stays() {
    for hold in ["UPDATE hold", "INVITE inactive"] {
        let mut w = World::talks(HoldUse::Music(music()));
        let said = if hold.ends_with("hold") { HOLD } else { SILENCE };
        w.run(&[
            (&format!("1 {hold}"), &format!("{said}; play L2 1; allow-silence L2 true")),
            ("1 ACK", ""),
            ("1 UPDATE hold", HOLD),
            ("1 UPDATE sdp", &format!("{RESUME}; stop-play L2 1; allow-silence L2 false")),
            ("2 UPDATE hold", "L2 200 recvonly; play L1 2; allow-silence L1 true"),
            ("1 UPDATE hold", &format!("{HOLD}; play L2 3; allow-silence L2 true")),
            ("2 UPDATE sdp", "L2 200 sendrecv; stop-play L1 2; allow-silence L1 false"),
            ("1 BYE", "L1 200; L2 BYE; finished"),
        ]);
    }
}

#[test]
fn music_ends_with_the_bridge_and_begins_with_the_next() {
    let mut w = World::talks(HoldUse::Music(music()));
    w.run(&[("1 UPDATE hold", &format!("{HOLD}; play L2 1; allow-silence L2 true"))]);
    w.step(&format!("1 {REFER}"));
    w.run(&[
        ("1 BYE", "L1 200; unbridge L2; stop-play L2 1; allow-silence L2 false"),
        ("3 180", "play L2 2"),
        ("3 200 sdp", "L3 ACK 1; bridge L2 L3"),
        // The bridge has ended what was heard; what holds now is played anew.
        ("3 UPDATE hold", "L3 200 recvonly; play L2 3; allow-silence L2 true"),
    ]);
    let mut w = World::talks(HoldUse::Music(music()));
    w.run(&[("1 UPDATE hold", &format!("{HOLD}; play L2 1; allow-silence L2 true"))]);
    w.step(&format!("2 {REFER}"));
    w.run(&[(
        "3 200 sdp",
        "L3 ACK 1; bridge L1 L3; play L3 2; allow-silence L3 true; L2 NOTIFY terminated 200; L2 BYE",
    )]);
}

#[test]
fn where_hold_is_local_nobody_is_told_and_who_is_held_may_be_silent() {
    World::talks(HoldUse::Local).run(&[
        ("1 UPDATE hold", &format!("{HOLD}; allow-silence L2 true")),
        ("2 UPDATE inactive", "L2 200 inactive; allow-silence L1 true"),
        ("1 UPDATE sdp", &format!("{RESUME}; allow-silence L2 false")),
        ("1 BYE", "L1 200; L2 BYE; finished"),
    ]);
}

#[test]
fn rows_and_callbacks_know_nothing_of_hold() {
    let mut w = World::app(
        "<Dial answerOnBridge=\"true\"><Sip statusCallback=\"https://app.test/s\">sip:bob@acme-main.sip.example.test</Sip></Dial>",
    );
    w.take();
    w.step("2 200 sdp");
    w.step("1 ACK");
    let before: Vec<_> = w.rows().iter().map(|r| format!("{r:?}")).collect();
    w.run(&[
        ("2 UPDATE hold", "L2 200 recvonly; L1 INVITE 1 sendonly"),
        ("1 200 recvonly", "L1 ACK 1"),
        ("2 UPDATE sdp", "L2 200 sendrecv; L1 INVITE 2 sendrecv"),
        ("1 200 sdp", "L1 ACK 2"),
    ]);
    assert_eq!(w.rows().iter().map(|r| format!("{r:?}")).collect::<Vec<_>>(), before);
    assert_eq!(before.len(), 2, "both at {DOMAIN}");
}
