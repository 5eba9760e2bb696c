//! The Dial verb: parallel targets, outcomes (laml.md 1.3), status callbacks (2.4) and what the caller hears.

use tandem_call::call::{ApiDocument, CallInput, CallUpdate};

use crate::world::{World, sid_of};

const FROM: &str = "from sip:alice@acme-main.sip.example.test hops 9";

fn dial(attributes: &str, nouns: &str) -> String {
    format!("<Dial action=\"https://app.test/after\" {attributes}>{nouns}</Dial>")
}

fn sip(name: &str) -> String {
    format!("<Sip>sip:{name}@far.test</Sip>")
}

fn called(leg: u8, name: &str) -> String {
    format!("call L{leg} sip:{name}@far.test {FROM}")
}

#[test]
fn outcomes_are_told_to_the_action() {
    for (said, outcome) in [
        ("486", "DialCallStatus=busy DialSipResponseCode=486"),
        ("600", "DialCallStatus=busy DialSipResponseCode=600"),
        ("480", "DialCallStatus=no-answer DialSipResponseCode=480"),
        ("408", "DialCallStatus=no-answer DialSipResponseCode=408"),
        ("487", "DialCallStatus=no-answer DialSipResponseCode=487"),
        ("404", "DialCallStatus=failed DialSipResponseCode=404"),
        ("500", "DialCallStatus=failed DialSipResponseCode=500"),
        ("603", "DialCallStatus=failed DialSipResponseCode=603"),
    ] {
        let mut w = World::app(&dial("answerOnBridge=\"true\"", &sip("a")));
        assert_eq!(w.take(), format!("{}; L1 180; L2 INVITE 1 sendrecv", called(2, "a")));
        w.run(&[(&format!("2 {said}"), &format!("fetch https://app.test/after {outcome}"))]);
        assert_eq!(w.param("CallStatus"), Some("ringing"));
        w.document("<Hangup/>");
    }
}

#[test]
fn a_bridged_dial_tells_its_duration_and_the_call_goes_on() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", &sip("a")));
    w.take();
    w.run(&[
        ("2 180", ""),
        ("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2"),
        ("1 ACK", ""),
        ("+7", ""),
        (
            "2 BYE",
            "L2 200; unbridge L1; fetch https://app.test/after DialCallStatus=completed DialCallDuration=7 DialSipResponseCode=200",
        ),
    ]);
    assert_eq!(w.param("DialBridged"), Some("true"));
    assert_eq!(w.param("DialCallSid").map(str::to_owned), Some(sid_of(&w, "a@far").to_string()));
    assert_eq!(w.param("CallStatus"), Some("in-progress"));
    w.document("");
    assert_eq!(w.take(), "L1 BYE; notify 0 completed 200; finished");
    w.over(&["inbound completed 200 7s", "outbound-dial completed 200 7s"]);
}

#[test]
fn without_answer_on_bridge_the_caller_is_answered_first_and_hears_early_media() {
    let mut w = World::app(&dial("", &sip("a")));
    assert_eq!(w.take(), format!("{}; L1 200 sendrecv; L2 INVITE 1 sendrecv", called(2, "a")));
    w.run(&[("1 ACK", ""), ("2 183 sdp", "bridge L1 L2"), ("2 200 sdp", "L2 ACK 1; bridge L1 L2")]);
}

#[test]
fn the_first_answer_wins_and_the_others_are_cancelled() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", &format!("{}{}", sip("a"), sip("b"))));
    let sent = format!("{}; {}; L1 180; L2 INVITE 1 sendrecv; L3 INVITE 1 sendrecv", called(2, "a"), called(3, "b"));
    assert_eq!(w.take(), sent);
    w.run(&[
        ("2 183 sdp", "bridge L1 L2; L1 183 sendrecv"),
        ("3 183 sdp", ""),
        ("3 200 sdp", "L3 ACK 1; L1 200 sendrecv; bridge L1 L3; L2 CANCEL"),
        ("2 487", ""),
        ("1 ACK", ""),
        (
            "1 BYE",
            "L1 200; tell https://app.test/after DialCallStatus=completed DialCallDuration=0 DialSipResponseCode=200; L3 BYE; notify 0 completed 200; finished",
        ),
    ]);
}

#[test]
fn nobody_answers_in_time_is_no_answer_even_after_a_busy() {
    let mut w = World::app(&dial("answerOnBridge=\"true\" timeout=\"10\"", &format!("{}{}", sip("a"), sip("b"))));
    w.take();
    w.run(&[("2 486", ""), ("+9", "")]);
    let said = w.step("+1");
    assert_eq!(said, "fetch https://app.test/after DialCallStatus=no-answer DialSipResponseCode=487; L3 CANCEL");
}

#[test]
fn a_document_that_ends_after_a_failed_dial_passes_the_failure_on() {
    for (said, heard) in
        [("486", "486"), ("404", "404"), ("603", "603"), ("480", "480"), ("302", "480"), ("407", "502")]
    {
        let mut w = World::app(&format!("<Dial answerOnBridge=\"true\">{}</Dial>", sip("a")));
        w.take();
        let said = w.step(&format!("2 {said}"));
        assert!(said.starts_with(&format!("L1 {heard}; ")) && said.ends_with("; finished"), "{said}");
    }
    let mut w = World::app(&format!("<Dial answerOnBridge=\"true\" timeout=\"5\">{}</Dial>", sip("a")));
    w.take();
    w.run(&[("+5", "L1 480; L2 CANCEL; notify 0 no-answer 480"), ("2 487", "finished")]);
}

#[test]
fn a_later_verb_takes_the_place_of_the_failure() {
    let mut w = World::app(&format!("<Dial answerOnBridge=\"true\">{}</Dial><Reject/>", sip("a")));
    w.take();
    w.run(&[("2 486", "L1 404; notify 0 no-answer 404; finished")]);
    let mut w =
        World::app(&format!("<Dial answerOnBridge=\"true\">{}</Dial><Play>https://app.test/a.wav</Play>", sip("a")));
    w.take();
    w.run(&[("2 486", "L1 200 sendrecv; play L1 1"), ("1 ACK", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn children_tell_each_step_of_their_own() {
    let noun = "<Sip statusCallback=\"https://app.test/child\" \
                statusCallbackEvent=\"initiated ringing answered completed\">sip:a@far.test</Sip>";
    let mut w = World::app(&dial("answerOnBridge=\"true\"", noun));
    assert_eq!(w.take(), format!("{}; notify 0 initiated; L1 180; L2 INVITE 1 sendrecv", called(2, "a")));
    w.run(&[
        ("2 180", "notify 1 ringing"),
        ("2 183", ""),
        ("2 200 sdp", "L2 ACK 1; notify 2 in-progress; L1 200 sendrecv; bridge L1 L2"),
        ("1 ACK", ""),
        ("+2", ""),
    ]);
    assert_eq!(w.param("Direction"), Some("outbound-dial"));
    assert!(w.param("ParentCallSid").is_some());
    let end = w.step("2 BYE");
    assert!(end.contains("notify 3 completed 200"), "{end}");
    for (name, value) in [
        ("CallDuration", "2"),
        ("CallbackSource", "call-progress-events"),
        ("HangupDirection", "inbound"),
        ("HangupBy", "sip:a@far.test"),
        ("SipInviteResultPhrase", "OK"),
    ] {
        assert_eq!(w.param(name), Some(value), "{name}");
    }
    let mut w = World::app(&dial("answerOnBridge=\"true\" timeout=\"5\"", noun));
    w.take();
    let end = w.step("+5");
    assert!(!end.contains("notify"), "the leg is not settled before its INVITE is: {end}");
    w.run(&[("2 487", "notify 1 no-answer 487")]);
    assert_eq!(w.param("CallDuration"), None);
    assert_eq!(w.param("HangupDirection"), Some("outbound"));
    assert_eq!(w.param("HangupBy"), Some("sip:alice@acme-main.sip.example.test"));
}

#[test]
fn digits_are_sent_before_the_bridge() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", "<Number sendDigits=\"ww1\">+15551234567</Number>"));
    w.take();
    w.hold_plays = true;
    w.run(&[
        ("2 180", ""),
        ("2 200 sdp", "L2 ACK 1; digits L2 ww1"),
        ("2 play-done 1", "L1 200 sendrecv; bridge L1 L2"),
    ]);
}

#[test]
fn the_star_key_drops_the_callee() {
    let mut w = World::app(&dial("hangupOnStar=\"true\"", &sip("a")));
    w.take();
    w.run(&[("1 ACK", ""), ("2 200 sdp", "L2 ACK 1; bridge L1 L2"), ("1 digit 5", "")]);
    let end = w.step("1 digit *");
    assert!(end.starts_with("L2 BYE") || end.contains("L2 BYE"), "{end}");
    assert!(end.contains("DialCallStatus=completed"), "{end}");
}

#[test]
fn the_time_limit_ends_the_bridge_and_not_the_call() {
    let mut w = World::app(&dial("timeLimit=\"20\"", &sip("a")));
    w.take();
    w.run(&[("1 ACK", ""), ("2 200 sdp", "L2 ACK 1; bridge L1 L2"), ("+19", "")]);
    let end = w.step("+1");
    assert!(end.contains("L2 BYE") && end.contains("DialCallStatus=completed DialCallDuration=20"), "{end}");
    assert!(!end.contains("L1 BYE"), "{end}");
}

#[test]
fn the_caller_leaves_while_it_rings_or_talks() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", &sip("a")));
    w.take();
    w.run(&[
        (
            "1 cancelled",
            "L1 487; tell https://app.test/after DialCallStatus=canceled; L2 CANCEL; notify 0 no-answer 487",
        ),
        ("2 487", "finished"),
    ]);
    let mut w = World::app(&dial("", &sip("a")));
    w.take();
    w.run(&[("1 ACK", ""), ("2 200 sdp", "L2 ACK 1; bridge L1 L2")]);
    w.run(&[(
            "1 BYE",
            "L1 200; tell https://app.test/after DialCallStatus=completed DialCallDuration=0 DialSipResponseCode=200; L2 BYE; notify 0 completed 200; finished",
        )]);
}

#[test]
fn targets_that_cannot_be_reached_fail_without_a_leg() {
    for noun in ["<Number>+4930123</Number>", "<Sip>sip:carol@acme-main.sip.example.test</Sip>"] {
        let mut w = World::app(&dial("answerOnBridge=\"true\"", noun));
        let said = w.take();
        let status = if noun.contains("carol") { "no-answer" } else { "failed" };
        assert!(said.ends_with(&format!("fetch https://app.test/after DialCallStatus={status}; L1 180")), "{said}");
        assert_eq!(w.param("DialCallSid"), None);
    }
}

#[test]
fn the_next_carrier_is_tried_and_counts() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", "<Number>+15551234567</Number>"));
    w.take();
    let next = w.step("2 503");
    assert!(next.contains("call L3 sip:+15551234567@two.carrier.test"), "{next}");
    w.run(&[("3 486", "fetch https://app.test/after DialCallStatus=busy")]);
}

#[test]
fn rest_redirects_a_dialling_call() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", &sip("a")));
    w.take();
    let document = ApiDocument::Inline("<Response><Reject reason=\"busy\"/></Response>".into());
    let said = w.input(CallInput::Update(CallUpdate::Document(document)));
    assert_eq!(said, "L1 486; L2 CANCEL; notify 0 busy 486");
    w.run(&[("2 487", "finished")]);
}

#[test]
fn a_new_dial_begins_while_the_old_one_dies_away() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", &sip("a")));
    w.take();
    let again = format!("<Response><Dial answerOnBridge=\"true\">{}</Dial></Response>", sip("b"));
    let said = w.input(CallInput::Update(CallUpdate::Document(ApiDocument::Inline(again))));
    assert_eq!(said, format!("{}; L2 CANCEL; L3 INVITE 1 sendrecv", called(3, "b")));
    w.run(&[("2 200 sdp", "L2 ACK 1; L2 BYE"), ("3 486", "L1 486; notify 0 busy 486; finished")]);
}

#[test]
fn rest_ends_one_dialled_leg() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", &sip("a")));
    w.take();
    let sid = sid_of(&w, "a@far");
    let said = w.input(CallInput::EndLeg { sid });
    assert_eq!(said, "fetch https://app.test/after DialCallStatus=canceled DialSipResponseCode=487; L2 CANCEL");
    w.run(&[("2 487", "")]);
    assert_eq!(w.call.rows()[1].status.as_str(), "canceled");
    let mut w = World::app(&dial("", &sip("a")));
    w.take();
    w.run(&[("1 ACK", ""), ("2 200 sdp", "L2 ACK 1; bridge L1 L2")]);
    let sid = sid_of(&w, "a@far");
    let said = w.input(CallInput::EndLeg { sid });
    assert!(said.contains("DialCallStatus=completed") && said.contains("L2 BYE"), "{said}");
}

#[test]
fn a_leg_that_crashes_is_over_for_its_call() {
    let mut w = World::app(&dial("answerOnBridge=\"true\"", &sip("a")));
    w.take();
    let leg = tandem_model::LegId(2);
    let said = w.input(CallInput::LegCrashed { leg });
    assert_eq!(said, "fetch https://app.test/after DialCallStatus=failed DialSipResponseCode=500");
    assert_eq!(w.input(CallInput::LegCrashed { leg }), "");
    let said = w.input(CallInput::LegCrashed { leg: w.call.primary() });
    assert_eq!(said, "notify 0 failed 500; finished");
}

#[test]
fn an_answered_caller_hears_the_callees_telephone_ring_until_somebody_speaks() {
    for (attributes, end) in [("", "2 200 sdp"), ("ringTone=\"fr\"", "2 183 sdp")] {
        let mut w = World::app_playing(&dial(attributes, &sip("a")));
        w.take();
        w.run(&[("1 ACK", ""), ("2 180", "play L1 1"), ("2 180", "")]);
        let bridged = w.step(end);
        assert!(bridged.ends_with("bridge L1 L2"), "the bridge ends what plays: {bridged}");
    }
}

#[test]
fn a_ringback_stops_when_nobody_answers() {
    let mut w = World::app_playing(&dial("", &sip("a")));
    w.take();
    w.run(&[
        ("1 ACK", ""),
        ("2 180", "play L1 1"),
        ("2 486", "stop-play L1 1; fetch https://app.test/after DialCallStatus=busy DialSipResponseCode=486"),
    ]);
    let mut w = World::app_playing(&dial("", &format!("{}{}", sip("a"), sip("b"))));
    w.take();
    w.run(&[("1 ACK", ""), ("2 180", "play L1 1"), ("3 180", ""), ("2 486", "")]);
    let update = CallUpdate::Document(ApiDocument::Inline("<Response><Pause length=\"10\"/></Response>".into()));
    let taken_over = w.input(CallInput::Update(update));
    assert!(taken_over.contains("L3 CANCEL") && taken_over.contains("stop-play L1 1"), "{taken_over}");
}

#[test]
fn a_caller_who_is_not_answered_hears_a_countrys_tone_only_when_the_document_asks() {
    let mut w = World::app_playing(&dial("answerOnBridge=\"true\"", &sip("a")));
    w.take();
    w.run(&[("2 180", "")]);
    let mut w = World::app_playing(&dial("answerOnBridge=\"true\" ringTone=\"uk\"", &sip("a")));
    w.take();
    w.run(&[("2 180", "play L1 1; L1 183 sendrecv"), ("2 200 sdp", "L2 ACK 1; L1 200 sendrecv; bridge L1 L2")]);
}
