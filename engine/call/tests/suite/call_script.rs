//! A document drives the call: answering, prompts, digits, refusals, and callbacks of a call that came in.

use tandem_call::call::{ApiDocument, CallInput, CallUpdate};
use tandem_laml::instruction::{Method, PromptFailure, PromptId};

use crate::world::World;

const PLAY: &str = "<Play>https://app.test/a.wav</Play>";

#[test]
fn the_first_request_tells_who_calls() {
    let first = World::first_request();
    assert_eq!(first.param("CallStatus"), Some("ringing"));
    for (name, value) in [
        ("CallSid", "01010101-0101-0101-0101-010101010101"),
        ("AccountSid", "acc"),
        ("Direction", "inbound"),
        ("From", "sip:alice@acme-main.sip.example.test"),
        ("SipUser", "support"),
        ("SipDomain", "acme-app.dapp.example.test"),
        ("SipCallId", "incoming-1"),
        ("SipSourceIp", "203.0.113.9"),
        ("SipHeader_X-Room", "12"),
    ] {
        assert_eq!(first.param(name), Some(value), "{name}");
    }
}

#[test]
fn a_prompt_answers_plays_and_the_call_ends() {
    let mut w = World::app(PLAY);
    assert_eq!(w.take(), "L1 200 sendrecv; play L1 1");
    w.run(&[("+1", "L1 200 sendrecv"), ("1 ACK", "L1 BYE; notify 0 completed 200; finished")]);
    assert_eq!(w.param("CallDuration"), Some("0"), "it was over when the prompt was, not when the ACK came");
    w.over(&["inbound completed 200 0s"]);
}

#[test]
fn hangup_first_answers_and_then_ends() {
    let mut w = World::app("<Hangup/>");
    assert_eq!(w.take(), "L1 200 sendrecv");
    w.run(&[("1 ACK", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn an_empty_document_answers_and_then_ends() {
    let mut w = World::app("");
    assert_eq!(w.take(), "L1 200 sendrecv");
    w.run(&[("1 ACK", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn hangup_waits_for_a_late_offers_answer() {
    let mut w = World::app_offered("<Hangup/>", "");
    assert_eq!(w.take(), "L1 200 sendrecv");
    w.run(&[("1 ACK sdp", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn rejections_have_their_codes() {
    for (verb, heard, status) in [("<Reject/>", 404, "no-answer"), ("<Reject reason=\"busy\"/>", 486, "busy")] {
        let mut w = World::app(verb);
        assert_eq!(w.take(), format!("L1 {heard}; notify 0 {status} {heard}; finished"));
        w.over(&[&format!("inbound {status} {heard} 0s")]);
    }
}

#[test]
fn a_pause_does_not_answer_and_the_caller_may_leave_during_it() {
    let mut w = World::app("<Pause length=\"5\"/><Reject/>");
    assert_eq!(w.take(), "");
    w.run(&[("+5", "L1 404; notify 0 no-answer 404; finished")]);
    let mut w = World::app("<Pause length=\"5\"/><Reject/>");
    w.run(&[("1 cancelled", "L1 487; notify 0 no-answer 487; finished"), ("+60", "")]);
}

#[test]
fn a_prompt_before_the_answer_waits_for_it() {
    let mut w = World::app_offered(PLAY, "");
    assert_eq!(w.take(), "L1 200 sendrecv");
    w.run(&[("1 ACK sdp", "play L1 1; L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn a_key_stops_gathers_prompt_and_the_digits_are_told() {
    let gather =
        "<Gather numDigits=\"2\" action=\"https://app.test/digits\"><Play>https://app.test/a.wav</Play></Gather>";
    let mut w = World::app_playing(gather);
    assert_eq!(w.take(), "L1 200 sendrecv; play L1 1");
    w.run(&[
        ("1 ACK", ""),
        ("1 digit 4", "stop-play L1 1"),
        ("1 digit 2", "fetch https://app.test/digits Digits=42"),
        ("1 digit 9", ""),
    ]);
    w.document(PLAY);
    assert_eq!(w.take(), "play L1 2");
    w.run(&[("1 play-done 1", ""), ("1 play-done 2", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn gather_waits_after_its_prompt_and_then_falls_through() {
    let gather = "<Gather timeout=\"3\" action=\"https://app.test/digits\"><Play>https://app.test/a.wav</Play></Gather><Reject/>";
    let mut w = World::app_playing(gather);
    w.take();
    w.run(&[("1 ACK", ""), ("+30", ""), ("1 play-done 1", ""), ("+2", "")]);
    assert!(w.step("+1").starts_with("warn "), "Reject of an answered call is warned about");
    assert_eq!(w.finished, 1);
}

#[test]
fn the_caller_leaves_during_a_prompt() {
    let mut w = World::app_playing(PLAY);
    w.take();
    w.run(&[("1 ACK", ""), ("1 BYE", "L1 200; notify 0 completed 200; finished")]);
}

#[test]
fn rest_replaces_the_document_of_a_prompt_that_plays() {
    let mut w = World::app_playing("<Play loop=\"0\">https://app.test/a.wav</Play>");
    w.take();
    w.run(&[("1 ACK", "")]);
    let document = ApiDocument::Inline(format!("<Response>{PLAY}</Response>"));
    assert_eq!(w.input(CallInput::Update(CallUpdate::Document(document))), "stop-play L1 1; play L1 2");
    w.run(&[("1 play-done 2", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn rest_redirects_during_a_fetch() {
    let mut w = World::first_request();
    w.take();
    let document = ApiDocument::Url("https://app.test/other".into(), Method::Post);
    assert_eq!(
        w.input(CallInput::Update(CallUpdate::Document(document))),
        "cancel-fetch; fetch https://app.test/other"
    );
}

#[test]
fn a_prompt_that_cannot_be_loaded_is_passed_over() {
    let mut w = World::app_without_audio(PLAY);
    w.take();
    let failure = PromptFailure { code: 13_420, message: "no audio".into() };
    let said = w.input(CallInput::PromptLoaded { run: w.last_run, id: PromptId(1), result: Err(failure) });
    assert!(said.starts_with("warn 13420"), "{said}");
    w.run(&[("1 ACK", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn without_a_document_the_caller_hears_an_apology() {
    let mut w = World::first_request();
    w.take();
    assert_eq!(w.no_document(), "warn 11200; L1 200 sendrecv; play L1 1");
    w.run(&[("1 ACK", "L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn echo_begins_with_the_answer() {
    let mut w = World::app_offered("<Echo timeout=\"5\"/>", "");
    assert_eq!(w.take(), "L1 200 sendrecv");
    w.run(&[("1 ACK sdp", "echo L1 true"), ("+5", "echo L1 false; L1 BYE; notify 0 completed 200; finished")]);
}

#[test]
fn an_inbound_call_without_a_usable_offer_is_refused_and_told_as_failed() {
    let mut w = World::app_offered(PLAY, "g729");
    assert_eq!(w.take(), "L1 488; notify 0 failed 488; finished");
    w.over(&["inbound failed 488 0s"]);
}

#[test]
fn silence_ends_the_call() {
    let mut w = World::app_playing(PLAY);
    w.take();
    w.run(&[("1 ACK", ""), ("1 rtp-timeout", "L1 BYE; notify 0 completed 200; finished")]);
    assert_eq!(w.param("HangupDirection"), Some("outbound"));
}

#[test]
fn the_longest_call_ends_whatever_plays() {
    let mut w = World::app_playing("<Play loop=\"0\">https://app.test/a.wav</Play>");
    w.take();
    w.run(&[("1 ACK", ""), ("+19999", ""), ("+1", "L1 BYE; notify 0 completed 200; finished")]);
    w.over(&["inbound completed 200 20000s"]);
}

#[test]
fn a_gather_takes_digits_that_come_in_info() {
    let mut w = World::app("<Gather numDigits=\"2\" action=\"https://app.test/digits\"/>");
    w.take();
    w.run(&[
        ("1 ACK", ""),
        ("1 INFO signal=5", "L1 200"),
        ("1 INFO signal=10", "L1 200; fetch https://app.test/digits Digits=5*"),
    ]);
}
