//! A document listens to its caller (laml.md 1.10).

use tandem_call::call::{CallInput, PartialSpeech, SpeechNews};
use tandem_laml::instruction::{ListenFailure, ListenId, Utterance};

use crate::world::World;

fn heard(w: &mut World, id: u64, news: SpeechNews) -> String {
    w.input(CallInput::Heard { run: w.last_run, id: ListenId(id), news })
}

fn words(text: &str) -> SpeechNews {
    SpeechNews::Ended(Ok(Utterance { text: text.to_owned(), confidence: Some(0.5) }))
}

#[test]
fn listening_begins_with_the_answer_and_speech_interrupts_the_prompt() {
    let mut w = World::app_playing(
        r#"<Gather input="speech" action="/said" language="de"><Play>https://app.test/a.wav</Play></Gather>"#,
    );
    assert_eq!(w.take(), "L1 200 sendrecv; play L1 1; listen L1 1 de");
    assert_eq!(heard(&mut w, 1, SpeechNews::Began), "stop-play L1 1");
    assert_eq!(heard(&mut w, 1, words("guten tag")), "fetch https://app.test/said SpeechResult=guten tag");
    assert_eq!(w.param("Confidence"), Some("0.5"));
    assert_eq!(w.param("CallSid"), Some("01010101-0101-0101-0101-010101010101"));
}

#[test]
fn what_is_understood_meanwhile_is_told_in_order() {
    let mut w = World::app(r#"<Gather input="speech" partialResultCallback="/part"/>"#);
    assert_eq!(w.take(), "L1 200 sendrecv; listen L1 1 en-US");
    heard(&mut w, 1, SpeechNews::Began);
    for (sequence, text) in ["one", "one two"].into_iter().enumerate() {
        let partial = PartialSpeech { stable: "zero".into(), unstable: text.into(), confidence: None };
        assert_eq!(heard(&mut w, 1, SpeechNews::Partial(partial)), format!("notify {sequence} in-progress"));
        assert_eq!(w.param("UnstableSpeechResult"), Some(text));
        assert_eq!((w.param("StableSpeechResult"), w.param("Language")), (Some("zero"), Some("en-US")));
    }
    // Of a listening that is over nothing is told.
    assert_eq!(heard(&mut w, 1, words("one two three")), "fetch https://app.test/start SpeechResult=one two three");
    assert_eq!(heard(&mut w, 1, SpeechNews::Partial(PartialSpeech::default())), "");
}

#[test]
fn a_key_stops_the_listening_and_its_end_changes_nothing() {
    let mut w = World::app(r#"<Gather input="dtmf speech" numDigits="1"/>"#);
    w.take();
    w.step("1 ACK");
    assert_eq!(w.step("1 digit 7"), "stop-listening 1; fetch https://app.test/start Digits=7");
    assert_eq!(heard(&mut w, 1, words("seven")), "");
}

#[test]
fn without_a_recogniser_the_call_is_told_once() {
    let mut w = World::app(r#"<Gather input="speech" timeout="2"/><Gather input="speech" timeout="2"/>"#);
    assert_eq!(w.take(), "L1 200 sendrecv; listen L1 1 en-US");
    w.step("1 ACK");
    let deaf = ListenFailure { code: 10_001, message: "there is none".into() };
    assert_eq!(heard(&mut w, 1, SpeechNews::Ended(Err(deaf))), "warn 10001");
    w.run(&[("+2", ""), ("+2", "L1 BYE; notify 0 completed 200; finished")]);
}
