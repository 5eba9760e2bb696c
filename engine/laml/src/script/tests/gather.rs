use super::check;

#[test]
fn the_first_digit_stops_the_prompts_and_the_last_one_asks_the_action() {
    check(
        r#"<Response><Gather numDigits="3" action="menu"><Say>Press</Say><Play>b.wav</Play></Gather></Response>"#,
        r#"> answer
        > prompt 1 say woman en-US "Press"
        < ended 1
        > prompt 2 play https://app.example/calls/b.wav
        < keys 1
        > stop 2
        < ended 2
        < keys 2
        < keys 3
        > fetch POST https://app.example/calls/menu Digits=123"#,
    );
}

#[test]
fn the_finish_key_is_not_among_the_digits() {
    check(
        "<Response><Gather/></Response>",
        "> answer\n< keys 42#\n> fetch POST https://app.example/calls/start Digits=42 FinishedOnKey=#",
    );
    check(
        r#"<Response><Gather finishOnKey="*" method="GET"/></Response>"#,
        "> answer\n< keys 4#*\n> fetch GET https://app.example/calls/start Digits=4# FinishedOnKey=*",
    );
    check(
        r#"<Response><Gather finishOnKey="" timeout="2"/></Response>"#,
        "> answer\n< keys 4#\n< wait 2000\n> fetch POST https://app.example/calls/start Digits=4#",
    );
    check("<Response><Gather/><Hangup/></Response>", "> answer\n< keys #\n> hangup");
}

#[test]
fn the_timeout_begins_when_the_prompts_are_heard_and_again_with_each_digit() {
    check(
        r#"<Response><Gather timeout="4"><Pause length="2"/><Say>x</Say></Gather><Hangup/></Response>"#,
        r#"> answer
        < wait 2000
        > prompt 1 say woman en-US "x"
        < wait 60000
        < ended 1
        < wait 3999
        < wait 1
        > hangup"#,
    );
    check(
        r#"<Response><Gather timeout="4"/></Response>"#,
        r#"> answer
        < wait 3999
        < keys 1
        < wait 3999
        < keys 2
        < wait 3999
        < wait 1
        > fetch POST https://app.example/calls/start Digits=12"#,
    );
    check("<Response><Gather timeout=\"auto\"/><Hangup/></Response>", "> answer\n< wait 4999\n< wait 1\n> hangup");
    check("<Response><Gather timeout=\"0\"/><Hangup/></Response>", "> answer\n< wait 0\n> hangup");
}

#[test]
fn no_input_goes_on_to_the_next_verb_unless_the_action_wants_to_know() {
    check("<Response><Gather/><Hangup/></Response>", "> answer\n< wait 5000\n> hangup");
    check(
        r#"<Response><Gather actionOnEmptyResult="true" action="/none"/><Hangup/></Response>"#,
        "> answer\n< wait 5000\n> fetch POST https://app.example/none Digits=",
    );
}

#[test]
fn digits_typed_before_are_not_kept() {
    check(
        r#"<Response><Say>x</Say><Gather numDigits="1"/></Response>"#,
        r#"> answer
        > prompt 1 say woman en-US "x"
        < keys 9
        < ended 1
        < keys 1
        > fetch POST https://app.example/calls/start Digits=1"#,
    );
}

#[test]
fn a_prompt_that_fails_inside_does_not_end_the_asking() {
    check(
        r#"<Response><Gather numDigits="1"><Play>a</Play></Gather></Response>"#,
        r#"> answer
        > prompt 1 play https://app.example/calls/a
        < broken 1
        > warn 13420 line 1
        < keys 7
        > fetch POST https://app.example/calls/start Digits=7"#,
    );
}

#[test]
fn an_endless_prompt_is_ended_by_a_key_alone() {
    check(
        r#"<Response><Gather numDigits="1"><Play loop="0">a</Play></Gather></Response>"#,
        r#"> answer
        > prompt 1 play https://app.example/calls/a for ever
        < wait 3600000
        < keys 7
        > stop 1
        > fetch POST https://app.example/calls/start Digits=7
        < ended 1"#,
    );
}

#[test]
fn digits_without_end_are_ended_at_the_limit() {
    let keys = "1".repeat(128);
    check(
        "<Response><Gather/></Response>",
        &format!("> answer\n< keys {keys}\n> fetch POST https://app.example/calls/start Digits={keys}"),
    );
}

/// A Gather's warnings, and what `12` and then silence lead to.
#[track_caller]
fn check_attributes(attributes: &str, warnings: &[u32], outcome: &str) {
    let warnings: String = warnings.iter().map(|code| format!("> warn {code} line 1\n")).collect();
    check(
        &format!("<Response><Gather {attributes}/><Hangup/></Response>"),
        &format!("{warnings}> answer\n< keys 12\n< wait 5000\n{outcome}"),
    );
}

#[test]
fn attributes_that_cannot_be_read_are_warned_about_and_the_default_is_taken() {
    let digits = "> fetch POST https://app.example/calls/start Digits=12";
    check_attributes(r#"numDigits="x""#, &[20422], digits);
    check_attributes(r#"numDigits="999""#, &[20422], digits);
    check_attributes(r#"timeout="soon""#, &[20422], digits);
    check_attributes(r#"finishOnKey="12""#, &[20422], digits);
    check_attributes(r#"actionOnEmptyResult="1""#, &[20422], digits);
    check_attributes(r#"action="mailto:x@y""#, &[21402], digits);
    check_attributes(r#"method="FETCH""#, &[13221], digits);
    check_attributes(r#"hints="a,b" language="de" speechTimeout="auto" maxSpeechTime="9""#, &[], digits);
    check_attributes(r#"language="?" maxSpeechTime="99" speechTimeout="soon""#, &[20422, 20422, 20422], digits);
    check_attributes(r#"speechModel="video""#, &[20422], digits);
    check_attributes(
        r#"partialResultCallback="mailto:x@y" partialResultCallbackMethod="PUT""#,
        &[13221, 21402],
        digits,
    );
    check_attributes(&format!("hints=\"{},b\"", "x".repeat(101)), &[20422], digits);
    check_attributes(r#"input="smell""#, &[20422], digits);
    check_attributes(r#"bargein="true""#, &[20422], digits);
}

#[test]
fn only_prompts_may_stand_inside() {
    check(
        "<Response><Gather><Hangup/><Say>x</Say></Gather></Response>",
        "> warn 13215 line 1\n> answer\n> prompt 1 say woman en-US \"x\"\n< ended 1\n< wait 5000\n> finished",
    );
}

#[test]
fn speech_interrupts_the_prompts_and_what_was_understood_goes_to_the_action() {
    check(
        r#"<Response><Gather input="dtmf speech" action="menu"><Say>Press or say</Say></Gather></Response>"#,
        r#"> answer
        > prompt 1 say woman en-US "Press or say"
        > listen 1 en-US 5s
        < began 1
        > stop 1
        < wait 60000
        < words 1 sales please
        > fetch POST https://app.example/calls/menu SpeechResult=sales please Confidence=0.875
        < ended 1"#,
    );
}

#[test]
fn the_attributes_of_speech_reach_the_recogniser() {
    check(
        r#"<Response><Gather input="speech" language="de-DE" hints="eins, zwei ,,drei" profanityFilter="false"
        enhanced="true" speechModel="phone_call" speechTimeout="auto" maxSpeechTime="20" debug="true"
        partialResultCallback="part" partialResultCallbackMethod="GET"/></Response>"#,
        r#"> answer
        > listen 1 de-DE auto max=20s hint="eins" hint="zwei" hint="drei" model=phone_call enhanced uncensored debug partials GET https://app.example/calls/part"#,
    );
    check(
        r#"<Response><Gather input="speech" speechTimeout="3" speechModel="whisper-1"/></Response>"#,
        "> answer\n> listen 1 en-US 3s model=whisper-1",
    );
}

#[test]
fn the_timeout_stands_still_while_somebody_speaks_and_goes_on_after_noise() {
    check(
        r#"<Response><Gather input="speech" timeout="4"/><Hangup/></Response>"#,
        r#"> answer
        > listen 1 en-US 4s
        < wait 3000
        < began 1
        < wait 9000
        < words 1
        > listen 2 en-US 4s
        < wait 0
        > stop listening 2
        > hangup"#,
    );
    check(
        r#"<Response><Gather input="speech" timeout="4"/><Hangup/></Response>"#,
        r#"> answer
        > listen 1 en-US 4s
        < wait 1000
        < began 1
        < wait 1000
        < words 1
        > listen 2 en-US 4s
        < wait 1999
        < wait 1
        > stop listening 2
        > hangup"#,
    );
}

#[test]
fn a_key_ends_listening_and_the_keys_count() {
    check(
        r#"<Response><Gather input="dtmf speech" numDigits="2"/></Response>"#,
        r#"> answer
        > listen 1 en-US 5s
        < began 1
        < keys 4
        > stop listening 1
        < words 1
        < keys 2
        > fetch POST https://app.example/calls/start Digits=42"#,
    );
}

#[test]
fn the_finish_key_ends_what_is_being_said() {
    check(
        r#"<Response><Gather input="dtmf speech"/></Response>"#,
        r#"> answer
        > listen 1 en-US 5s
        < began 1
        < keys #
        > finish listening 1
        < keys 1#
        < words 1 yes
        > fetch POST https://app.example/calls/start SpeechResult=yes Confidence=0.875"#,
    );
}

#[test]
fn keys_are_not_heard_where_only_speech_is_asked_for() {
    check(
        r#"<Response><Gather input="speech" actionOnEmptyResult="true"/></Response>"#,
        r#"> answer
        > listen 1 en-US 5s
        < keys 12#
        < wait 5000
        > stop listening 1
        > fetch POST https://app.example/calls/start SpeechResult= Confidence=0.0"#,
    );
}

#[test]
fn without_a_recogniser_it_is_warned_once_and_only_keys_are_heard() {
    check(
        r#"<Response><Gather input="speech" timeout="2"><Say>x</Say></Gather><Gather input="speech" numDigits="1"/></Response>"#,
        r#"> answer
        > prompt 1 say woman en-US "x"
        > listen 1 en-US 2s
        < deaf 1
        > warn 10001 line 1
        < ended 1
        < wait 2000
        < keys 7
        > fetch POST https://app.example/calls/start Digits=7"#,
    );
}

#[test]
fn a_recogniser_that_fails_is_tried_again_by_the_next_gather() {
    check(
        r#"<Response><Gather input="dtmf speech" timeout="2"/><Gather input="speech"/></Response>"#,
        r#"> answer
        > listen 1 en-US 2s
        < deaf 1 20504
        > warn 20504 line 1
        < wait 2000
        > listen 2 en-US 5s"#,
    );
}

#[test]
fn without_barge_in_prompts_are_heard_to_their_end_and_keys_are_kept() {
    check(
        r#"<Response><Gather input="dtmf speech" bargeIn="false" timeout="3"><Say>a</Say><Say>b</Say></Gather></Response>"#,
        r#"> answer
        > prompt 1 say woman en-US "a"
        < keys 1
        < ended 1
        > prompt 2 say woman en-US "b"
        < keys 2
        < ended 2
        < wait 2999
        < wait 1
        > fetch POST https://app.example/calls/start Digits=12"#,
    );
    check(
        r#"<Response><Gather input="dtmf speech" bargeIn="false"><Say>a</Say></Gather></Response>"#,
        r#"> answer
        > prompt 1 say woman en-US "a"
        < ended 1
        > listen 1 en-US 5s
        < began 1
        < words 1 hello
        > fetch POST https://app.example/calls/start SpeechResult=hello Confidence=0.875"#,
    );
}

#[test]
fn a_redirect_from_outside_ends_the_listening() {
    check(
        r#"<Response><Gather input="speech"/></Response>"#,
        r#"> answer
        > listen 1 en-US 5s
        < redirect https://app.example/other
        > stop listening 1
        > fetch GET https://app.example/other"#,
    );
}
