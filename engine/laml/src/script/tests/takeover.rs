use super::{APOLOGY, ScriptConfig, check, check_with};

const AWAY: &str = "< redirect https://b.example/x";
const FETCH: &str = "> fetch GET https://b.example/x";

#[test]
fn a_redirect_stops_what_runs_and_fetches() {
    check(
        "<Response><Say>x</Say></Response>",
        &format!("> answer\n> prompt 1 say woman en-US \"x\"\n{AWAY}\n> stop 1\n{FETCH}\n< ended 1"),
    );
    check(
        "<Response><Dial>1</Dial></Response>",
        &format!("> answer\n> dial 30+14400s | 1\n{AWAY}\n> cancel dial\n{FETCH}"),
    );
    check("<Response><Echo/></Response>", &format!("> answer\n> echo on\n{AWAY}\n> echo off\n{FETCH}"));
    check("<Response><Pause/></Response>", &format!("{AWAY}\n{FETCH}\n< wait 1000"));
    check(
        "<Response><Gather><Say>x</Say></Gather></Response>",
        &format!("> answer\n> prompt 1 say woman en-US \"x\"\n{AWAY}\n> stop 1\n{FETCH}\n< keys 1#\n< wait 9000"),
    );
    check_with(ScriptConfig::default(), &format!("{AWAY}\n> cancel fetch\n{FETCH}"));
    check_with(
        ScriptConfig::default(),
        &format!("< fail 11200\n> warn 11200\n> answer\n> prompt 1 {APOLOGY}\n{AWAY}\n> stop 1\n{FETCH}\n< ended 1"),
    );
}

#[test]
fn an_inline_document_replaces_what_runs() {
    check(
        "<Response><Dial>1</Dial><Say>never</Say></Response>",
        r#"> answer
        > dial 30+14400s | 1
        < replace <Response><Dial>2</Dial><Hangup/></Response>
        > cancel dial
        > dial 30+14400s | 2
        < dialled canceled
        < dialled busy
        > hangup"#,
    );
    check_with(ScriptConfig::default(), "< replace <Response><Reject/></Response>\n> cancel fetch\n> reject rejected");
    check(
        "<Response><Pause/></Response>",
        &format!("< replace nonsense\n> warn 12100 line 1\n> answer\n> prompt 1 {APOLOGY}\n< ended 1\n> hangup"),
    );
}

#[test]
fn a_redirect_that_is_no_url_changes_nothing() {
    check("<Response><Pause/><Hangup/></Response>", "< redirect next\n> warn 21402\n< wait 1000\n> answer\n> hangup");
}

#[test]
fn a_document_that_was_not_asked_for_changes_nothing() {
    check(
        "<Response><Pause/><Hangup/></Response>",
        "< doc <Response><Reject/></Response>\n< fail 11200\n< wait 1000\n> answer\n> hangup",
    );
}

#[test]
fn a_leg_that_is_gone_ends_the_script_but_for_what_its_action_is_told() {
    check(
        "<Response><Say>x</Say></Response>",
        "> answer\n> prompt 1 say woman en-US \"x\"\n< hungup\n< ended 1\n< redirect https://b.example/\n< replace <Response/>",
    );
    check(
        "<Response><Dial action=\"a\">1</Dial></Response>",
        "> answer\n> dial 30+14400s | 1\n< hungup\n< dialled completed\n> tell POST https://app.example/calls/a DialCallStatus=completed DialCallSid=child DialCallDuration=61 DialBridged=true",
    );
    check("<Response><Echo/></Response>", "> answer\n> echo on\n< hungup\n< wait 99999");
    check("<Response><Pause/></Response>", "< hungup\n< wait 99999");
    check("<Response><Gather/></Response>", "> answer\n< hungup\n< keys 1#");
    check_with(ScriptConfig::default(), "< hungup\n< doc <Response/>");
}
