use tandem_model::Timestamp;

use super::{APOLOGY, ScriptConfig, apply, check, check_with, check_with_fallback, write};
use crate::instruction::{Document, Input};
use crate::script::Script;

#[test]
fn relative_urls_resolve_against_the_document_they_stand_in() {
    check_with(
        ScriptConfig::default(),
        r#"< doc-at https://moved.example/a/b <Response><Redirect>c</Redirect></Response>
        > fetch POST https://moved.example/a/c
        < doc-at https://moved.example/a/c <Response><Play>d</Play></Response>
        > answer
        > prompt 1 play https://moved.example/a/d"#,
    );
}

#[test]
fn a_document_that_cannot_be_had_is_replaced_by_the_fallback() {
    check_with_fallback(
        r#"< fail 11200
        > warn 11200
        > fetch GET https://spare.example/fallback ErrorCode=11200 ErrorUrl=https://app.example/calls/start
        < doc-at https://spare.example/fallback <Response><Play>sorry.wav</Play></Response>
        > answer
        > prompt 1 play https://spare.example/sorry.wav"#,
    );
    check_with_fallback(
        r#"< doc <Response><Shout/></Response>
        > warn 12100 line 1
        > fetch GET https://spare.example/fallback ErrorCode=12100 ErrorUrl=https://app.example/calls/start"#,
    );
}

#[test]
fn the_fallback_is_there_for_later_documents_too_but_once_for_each() {
    check_with_fallback(&format!(
        r#"< doc <Response><Redirect>next#rt=500</Redirect></Response>
        > fetch POST https://app.example/calls/next#rt=500
        < fail 11217
        > warn 11217
        > fetch GET https://spare.example/fallback ErrorCode=11217 ErrorUrl=https://app.example/calls/next
        < fail 11210
        > warn 11210
        > answer
        > prompt 1 {APOLOGY}
        < ended 1
        > hangup"#
    ));
}

#[test]
fn with_no_fallback_the_caller_hears_the_apology_and_is_hung_up() {
    for failure in ["< fail 11200\n> warn 11200", "< doc <Respon\n> warn 12100 line 1"] {
        check_with(
            ScriptConfig::default(),
            &format!("{failure}\n> answer\n> prompt 1 {APOLOGY}\n< keys 1\n< ended 7\n< broken 1\n> hangup"),
        );
    }
    check(
        "<Response><Redirect>ftp://x/</Redirect><Say>never</Say></Response>",
        &format!("> warn 21402 line 1\n> answer\n> prompt 1 {APOLOGY}\n< ended 1\n> hangup"),
    );
}

#[test]
fn an_apology_whose_end_is_never_reported_is_hung_up() {
    check_with(
        ScriptConfig::default(),
        &format!(
            "< fail 11200\n> warn 11200\n> answer\n> prompt 1 {APOLOGY}\n< wait 29999\n< wait 1\n> stop 1\n> hangup"
        ),
    );
}

#[test]
fn documents_that_lead_to_one_another_for_ever_are_stopped() {
    let config = ScriptConfig { documents_max: 3, ..ScriptConfig::default() };
    check_with(
        config,
        &format!(
            r#"< doc <Response><Redirect/></Response>
            > fetch POST https://app.example/calls/start
            < doc <Response><Redirect/></Response>
            > fetch POST https://app.example/calls/start
            < doc <Response><Redirect/></Response>
            > warn 11215
            > answer
            > prompt 1 {APOLOGY}
            < ended 1
            > hangup"#
        ),
    );
}

#[test]
fn a_reply_needs_the_content_type_of_a_document() {
    for (content_type, taken) in [
        (Some("text/xml"), true),
        (Some("application/xml; charset=UTF-8"), true),
        (Some("Text/HTML"), true),
        (Some("application/vnd.any; q=1"), false),
        (Some("text/plain"), false),
        (Some("audio/mpeg"), false),
        (Some("/xml"), false),
        (Some(""), false),
        (None, false),
    ] {
        let mut script = Script::new(ScriptConfig::default());
        script.start_fetch(Timestamp::ZERO, super::START.to_owned(), Default::default(), None);
        script.poll();
        let document = Document {
            url: super::START.to_owned(),
            content_type: content_type.map(str::to_owned),
            body: b"<Response/>".to_vec(),
        };
        script.handle(Timestamp::ZERO, Input::Document(Ok(document)));
        let first = script.poll().map(|i| write(&i));
        assert_eq!(first.as_deref(), Some(if taken { "answer" } else { "warn 12300" }), "{content_type:?}");
    }
}

#[test]
fn an_inline_document_has_no_url_to_resolve_against() {
    let mut script = Script::new(ScriptConfig::default());
    script.start_document(
        Timestamp::ZERO,
        r#"<Response><Play>a</Play><Gather timeout="1"/><Redirect>http://a.example/b</Redirect></Response>"#,
    );
    let mut now = Timestamp::ZERO;
    let mut trace = Vec::new();
    for input in ["keys 1", "wait 1000"] {
        trace.extend(std::iter::from_fn(|| script.poll()).map(|i| write(&i)));
        apply(&mut script, &mut now, input);
    }
    trace.extend(std::iter::from_fn(|| script.poll()).map(|i| write(&i)));
    assert_eq!(trace, ["warn 21455 line 1", "warn 21402 line 1", "answer", "fetch POST http://a.example/b"]);
}
