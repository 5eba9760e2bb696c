//! Who answered: a human or a machine (laml.md 1.5, 2.5, 3.6).

use std::time::Duration;

use tandem_call::call::{AmdNews, ApiAmd, ApiDocument, AsyncAmd, CallInput};
use tandem_laml::instruction::Method;
use tandem_media::amd::{AmdConfig, AnsweredBy, Goal};
use tandem_model::LegId;

use crate::world::{World, api_call};

const TOOK: Duration = Duration::from_millis(2_340);

fn calling(goal: Goal, asynchronous: Option<AsyncAmd>) -> World {
    let mut call = api_call("sip:a@far.test", "<Response/>");
    call.document = ApiDocument::Url("https://app.test/first".into(), Method::Post);
    call.amd = Some(Box::new(ApiAmd { config: AmdConfig::new(goal), asynchronous }));
    let mut w = World::api(call);
    w.take();
    w
}

fn asynchronous(partials: bool) -> Option<AsyncAmd> {
    Some(AsyncAmd { url: "https://app.test/amd".into(), method: Method::Post, partials })
}

fn over(w: &mut World, leg: u64, by: AnsweredBy) -> String {
    w.input(CallInput::Amd { leg: LegId(leg), news: AmdNews::Over { by, took: TOOK } })
}

#[test]
fn the_first_document_waits_for_the_answer_and_is_told() {
    let mut w = calling(Goal::WhoAnswered, None);
    w.run(&[("1 200 sdp", "L1 ACK 1; notify 1 in-progress; detect L1 WhoAnswered"), ("+3", "")]);
    assert_eq!(over(&mut w, 1, AnsweredBy::MachineStart), "fetch https://app.test/first AnsweredBy=machine_start");
    w.document("<Redirect>/next</Redirect>");
    assert_eq!(w.take(), "fetch https://app.test/next");
    assert_eq!(w.rows().iter().map(|r| r.answered_by).collect::<Vec<_>>(), [Some("machine")]);
}

#[test]
fn asynchronously_the_document_runs_at_once_and_a_callback_tells() {
    let mut w = calling(Goal::MessageEnd, asynchronous(false));
    w.run(&[("1 200 sdp", "L1 ACK 1; notify 1 in-progress; detect L1 MessageEnd; fetch https://app.test/first")]);
    assert_eq!(w.input(CallInput::Amd { leg: LegId(1), news: AmdNews::Machine { took: TOOK } }), "");
    assert_eq!(over(&mut w, 1, AnsweredBy::MachineEndBeep), "tell https://app.test/amd AnsweredBy=machine_end_beep");
    let names: Vec<&str> = w.params().iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["CallSid", "AccountSid", "AnsweredBy", "MachineDetectionDuration"]);
    assert_eq!(w.param("MachineDetectionDuration"), Some("2340"));
    // A second end is of nothing.
    assert_eq!(over(&mut w, 1, AnsweredBy::Human), "");
}

#[test]
fn partial_results_tell_of_the_machine_before_its_message_ends() {
    let mut w = calling(Goal::MessageEnd, asynchronous(true));
    w.step("1 200 sdp");
    let machine = CallInput::Amd { leg: LegId(1), news: AmdNews::Machine { took: TOOK } };
    assert_eq!(w.input(machine), "tell https://app.test/amd AnsweredBy=machine_start");
    assert_eq!(
        over(&mut w, 1, AnsweredBy::MachineEndSilence),
        "tell https://app.test/amd AnsweredBy=machine_end_silence"
    );
}

#[test]
fn a_party_that_hangs_up_meanwhile_is_unknown() {
    let mut w = calling(Goal::WhoAnswered, asynchronous(false));
    w.step("1 200 sdp");
    let told = w.step("1 BYE");
    assert!(told.contains("stop-detecting L1; tell https://app.test/amd AnsweredBy=unknown"), "{told}");
    assert_eq!(over(&mut w, 1, AnsweredBy::Human), "");
}

#[test]
fn a_noun_of_dial_tells_who_answered_while_the_two_talk() {
    let mut w =
        World::app(r#"<Dial><Sip machineDetection="Enable" amdStatusCallback="/amd">sip:a@far.test</Sip></Dial>"#);
    w.take();
    w.step("1 ACK");
    let told = w.step("2 200 sdp");
    assert!(told.contains("detect L2 WhoAnswered") && told.contains("bridge"), "{told}");
    assert_eq!(over(&mut w, 2, AnsweredBy::Human), "tell https://app.test/amd AnsweredBy=human");
}
