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
    check_attributes(r#"input="speech""#, &[10001], digits);
    check_attributes(r#"input="dtmf speech" hints="a,b" language="de""#, &[10001, 10001, 10001], digits);
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
