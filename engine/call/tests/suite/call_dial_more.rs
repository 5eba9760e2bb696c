//! What a Dial does beside ringing: whispers (laml.md 1.4), targets one after the other, users by name, recordings (1.3), and
//! documents for who is left after a REFER (1.14).

use crate::world::{World, sid_of};

const FROM: &str = "from sip:alice@acme-main.sip.example.test hops 9";

fn dial(attributes: &str, nouns: &str) -> String {
    format!("<Dial action=\"https://app.test/after\" {attributes}>{nouns}</Dial>")
}

fn sip(attributes: &str, name: &str) -> String {
    format!("<Sip {attributes}>sip:{name}@far.test</Sip>")
}

fn called(leg: u8, name: &str) -> String {
    format!("call L{leg} sip:{name}@far.test {FROM}")
}

/// A caller who hears it ring while the callee hears its document.
fn whispering(attributes: &str) -> World {
    let mut w = World::app(&dial(attributes, &sip("url=\"https://app.test/whisper\" method=\"GET\"", "a")));
    w.take();
    w
}

#[test]
fn a_callee_hears_its_document_before_the_bridge() {
    let mut w = whispering("answerOnBridge=\"true\"");
    w.run(&[("2 200 sdp X-Desk:7", "L2 ACK 1; fetch https://app.test/whisper")]);
    for (name, value) in [("Direction", "outbound-dial"), ("CallStatus", "in-progress"), ("SipHeader_X-Desk", "7")] {
        assert_eq!(w.param(name), Some(value), "{name}");
    }
    assert_eq!(w.param("CallSid").map(str::to_owned), Some(sid_of(&w, "a@far").to_string()));
    assert_eq!(w.param("ParentCallSid"), Some("01010101-0101-0101-0101-010101010101"));
    assert!(w.param("SipCallId").is_some() && w.param("SipUser").is_none(), "{:?}", w.params);
    w.hold_plays = true;
    w.document("<Play>https://app.test/a.wav</Play>");
    assert_eq!(w.take(), "play L2 1");
    w.hold_plays = false;
    assert_eq!(w.play_done(2, 1), "L1 200 sendrecv; bridge L1 L2");
}

#[test]
fn digits_of_the_callee_are_its_documents() {
    let mut w = whispering("");
    w.run(&[("1 ACK", ""), ("2 200 sdp", "L2 ACK 1; fetch https://app.test/whisper")]);
    w.document("<Gather numDigits=\"1\" action=\"https://app.test/take\"/><Hangup/>");
    w.run(&[("1 digit 5", ""), ("2 digit 1", "fetch https://app.test/take Digits=1")]);
    w.document("");
    assert_eq!(w.take(), "bridge L1 L2");
}

#[test]
fn a_document_that_hangs_up_declines_the_call() {
    let mut w = whispering("");
    w.run(&[("1 ACK", ""), ("2 200 sdp", "L2 ACK 1; fetch https://app.test/whisper")]);
    w.document("<Hangup/>");
    assert_eq!(w.take(), "fetch https://app.test/after DialCallStatus=no-answer DialSipResponseCode=200; L2 BYE");
    assert_eq!(w.param("DialBridged"), Some("false"));
}

#[test]
fn a_callee_who_leaves_its_document_declines_too() {
    let mut w = whispering("");
    w.run(&[
        ("1 ACK", ""),
        ("2 200 sdp", "L2 ACK 1; fetch https://app.test/whisper"),
        (
            "2 BYE",
            "L2 200; cancel-fetch; fetch https://app.test/after DialCallStatus=no-answer DialSipResponseCode=200",
        ),
    ]);
}

#[test]
fn a_caller_who_leaves_during_the_whisper_ends_it() {
    let mut w = whispering("");
    w.run(&[
        ("1 ACK", ""),
        ("2 200 sdp", "L2 ACK 1; fetch https://app.test/whisper"),
        (
            "1 BYE",
            "L1 200; tell https://app.test/after DialCallStatus=canceled DialSipResponseCode=200; cancel-fetch; L2 BYE; notify 0 completed 200; finished",
        ),
    ]);
}

#[test]
fn targets_ring_one_after_the_other_until_one_takes_the_call() {
    let mut w = World::app(&dial(
        "sequential=\"true\" timeout=\"10\"",
        &format!("{}{}{}", sip("", "a"), sip("", "b"), sip("", "c")),
    ));
    assert_eq!(w.take(), format!("{}; L1 200 sendrecv; L2 INVITE 1 sendrecv", called(2, "a")));
    w.run(&[
        ("1 ACK", ""),
        ("2 486", &format!("{}; L3 INVITE 1 sendrecv", called(3, "b"))),
        ("+9", ""),
        ("+1", &format!("{}; L3 CANCEL; L4 INVITE 1 sendrecv", called(4, "c"))),
        ("3 487", ""),
        ("4 200 sdp", "L4 ACK 1; bridge L1 L4"),
        (
            "4 BYE",
            "L4 200; unbridge L1; fetch https://app.test/after DialCallStatus=completed DialCallDuration=0 DialSipResponseCode=200",
        ),
    ]);
}

#[test]
fn when_the_last_of_a_sequence_fails_the_dial_has() {
    let mut w = World::app(&dial("sequential=\"true\"", &format!("{}{}", sip("", "a"), sip("", "b"))));
    w.take();
    w.run(&[
        ("1 ACK", ""),
        ("2 404", &format!("{}; L3 INVITE 1 sendrecv", called(3, "b"))),
        ("3 486", "fetch https://app.test/after DialCallStatus=busy DialSipResponseCode=486"),
    ]);
}

#[test]
fn a_user_is_its_registered_telephone() {
    let mut w = World::app(&dial("", "<Client>bob</Client>"));
    assert!(w.take().contains("lookup bob; call L2 sip:bob@"));
    let mut w = World::app(&dial("", "<Client>nobody</Client>"));
    assert_eq!(w.take(), "fetch https://app.test/after DialCallStatus=failed; L1 200 sendrecv");
}

const RECORD: &str =
    "recordingStatusCallback=\"https://app.test/rec\" recordingStatusCallbackEvent=\"in-progress completed\"";

#[test]
fn a_dial_is_recorded_from_its_bridge_on_or_from_its_ringing() {
    let mut w = World::app(&dial(&format!("record=\"record-from-answer-dual\" {RECORD}"), &sip("", "a")));
    w.take();
    w.run(&[
        ("1 ACK", ""),
        ("2 180", "play L1 1"),
        ("2 200 sdp", "L2 ACK 1; bridge L1 L2; record L1 Dual; tell https://app.test/rec RecordingStatus=in-progress"),
    ]);
    let after = "fetch https://app.test/after DialCallStatus=completed DialCallDuration=0 DialSipResponseCode=200";
    let told = "tell https://app.test/rec RecordingStatus=completed RecordingDuration=5";
    w.run(&[("2 BYE", &format!("L2 200; stop-record; unbridge L1; {after}; {told}"))]);
    let url = w.param("RecordingUrl").expect("an address").to_owned();
    assert!(url.starts_with("http://tandem.test/api/laml/2010-04-01/Accounts/acc/Recordings/"), "{url}");

    let mut w = World::app(&dial("record=\"record-from-ringing\" recordingTrack=\"inbound\"", &sip("", "a")));
    w.take();
    w.run(&[("1 ACK", ""), ("2 180", "play L1 1; record L1 Mono(Outbound)"), ("2 200 sdp", "L2 ACK 1; bridge L1 L2")]);
}

#[test]
fn a_call_is_over_when_its_recordings_are() {
    let mut w = World::app("<Record playBeep=\"false\" action=\"https://app.test/got\"/>");
    assert_eq!(w.take(), "L1 200 sendrecv; record L1 Mono(Inbound)");
    w.hold_recordings = true;
    w.run(&[("1 ACK", ""), ("1 BYE", "L1 200; stop-record; notify 0 completed 200")]);
    assert_eq!(w.finished, 0);
    assert_eq!(w.recording_ended(true), "tell https://app.test/got RecordingDuration=5; finished");
    assert_eq!(w.param("CallStatus"), Some("completed"));
}

#[test]
fn a_recorder_that_says_nothing_holds_no_call_for_ever() {
    let mut w = World::app("<Record playBeep=\"false\" action=\"https://app.test/got\"/>");
    w.take();
    w.hold_recordings = true;
    w.run(&[("1 ACK", ""), ("1 BYE", "L1 200; stop-record; notify 0 completed 200"), ("+19", "")]);
    w.run(&[("+1", "tell https://app.test/got RecordingDuration=0; finished")]);
}

#[test]
fn a_key_ends_a_recording_and_the_next_document_goes_on() {
    let mut w = World::app("<Record action=\"https://app.test/got\"/>");
    assert_eq!(w.take(), "L1 200 sendrecv; play L1 1; record L1 Mono(Inbound)");
    w.run(&[("1 ACK", ""), ("1 digit #", "stop-record; fetch https://app.test/got RecordingDuration=5 Digits=#")]);
}

#[test]
fn a_refer_is_told_to_the_action() {
    let mut w = World::app("<Refer action=\"https://app.test/gone\"><Sip>sip:bob@pbx.test</Sip></Refer>");
    assert_eq!(w.take(), "L1 200 sendrecv; L1 REFER 1");
    w.run(&[
        ("1 ACK", ""),
        ("1 202 referral", ""),
        (
            "1 NOTIFY Event:refer Subscription-State:terminated frag=200",
            "L1 200; fetch https://app.test/gone ReferCallStatus=in-progress ReferSipResponseCode=202 NotifySipResponseCode=200",
        ),
    ]);
}

#[test]
fn a_telephone_that_takes_a_refer_and_hangs_up_has_gone() {
    let mut w = World::app("<Refer action=\"https://app.test/gone\"><Sip>sip:bob@pbx.test</Sip></Refer>");
    w.take();
    w.run(&[
        ("1 ACK", ""),
        ("1 202 referral", ""),
        (
            "1 BYE",
            "L1 200; tell https://app.test/gone ReferCallStatus=in-progress ReferSipResponseCode=202; notify 0 completed 200; finished",
        ),
    ]);
}

#[test]
fn a_callees_refer_brings_the_caller_to_a_document() {
    let mut w = World::app(&dial("referUrl=\"https://app.test/moved\"", &sip("", "a")));
    w.take();
    w.run(&[
        ("1 ACK", ""),
        ("2 200 sdp", "L2 ACK 1; bridge L1 L2"),
        (
            "2 REFER Refer-To:<sip:carol@else.test> X-Note:hi",
            "audit transfer to a document; unbridge L1; fetch https://app.test/moved ReferTransferTarget=sip:carol@else.test; L2 202; L2 NOTIFY active 100; L2 NOTIFY terminated 200; L2 BYE",
        ),
    ]);
    assert_eq!(w.param("ReferTransferTarget"), Some("sip:carol@else.test"));
    assert_eq!(w.param("SipHeader_X-Note"), Some("hi"));
    w.document("<Hangup/>");
    assert!(w.take().starts_with("L1 BYE"));
}

#[test]
fn a_callers_refer_brings_the_callee_to_a_document() {
    let mut w = World::app(&dial("referUrl=\"https://app.test/moved\"", &sip("", "a")));
    w.take();
    w.run(&[("1 ACK", ""), ("2 200 sdp", "L2 ACK 1; bridge L1 L2")]);
    let said = w.step("1 REFER Refer-To:<sip:carol@else.test>");
    assert!(said.contains("fetch https://app.test/moved") && said.contains("L1 BYE"), "{said}");
    let direction = w.fetched.iter().find(|(n, _)| n == "Direction").map(|(_, v)| v.as_str());
    assert_eq!(direction, Some("outbound-dial"));
    w.document("<Play>https://app.test/a.wav</Play>");
    assert!(w.take().starts_with("play L2 "));
}

#[test]
fn an_address_may_ask_for_encrypted_media() {
    let mut w = World::app(&dial("", "<Sip>sip:a@far.test;secure=true</Sip>"));
    w.take();
    let spec = w.specs.values().next().expect("an INVITE");
    assert_eq!(spec.media.encryption, tandem_call::directory::Encryption::Required);
}
