use super::{ScriptConfig, check, check_with};

#[test]
fn an_empty_response_answers_then_ends() {
    check("<Response/>", "> answer\n> finished");
    check("<Response> <!-- nothing --> </Response>", "> answer\n> finished");
    check(r#"<?xml version="1.0" encoding="UTF-8"?><Response></Response>"#, "> answer\n> finished");
}

#[test]
fn verbs_run_from_top_to_bottom_and_the_first_that_speaks_answers() {
    check(
        r#"<Response><Say>Hello</Say><Play loop="0">hold.wav#rt=900</Play><Play digits="1w2" loop="3"/></Response>"#,
        r#"> answer
        > prompt 1 say woman en-US "Hello"
        < ended 1
        > prompt 2 play https://app.example/calls/hold.wav#rt=900 for ever
        < ended 1
        < keys 5
        < ended 2
        > prompt 3 digits 1w2 x3
        < ended 3
        > finished"#,
    );
}

#[test]
fn a_prompt_that_fails_is_warned_about_and_the_next_verb_runs() {
    check(
        "<Response><Play>a.txt</Play><Say>on</Say></Response>",
        r#"> answer
        > prompt 1 play https://app.example/calls/a.txt
        < broken 1
        > warn 13420 line 1
        > prompt 2 say woman en-US "on"
        < ended 2
        > finished"#,
    );
}

#[test]
fn a_leading_pause_lets_it_ring() {
    check(r#"<Response><Pause length="3"/><Reject reason="busy"/></Response>"#, "< wait 2999\n< wait 1\n> reject busy");
    check(r#"<Response><Pause/><Hangup/></Response>"#, "< wait 1000\n> answer\n> hangup");
    check(r#"<Response><Pause length="0"/></Response>"#, "> answer\n> finished");
    check("<Response><Reject/></Response>", "> reject rejected");
    check("<Response><Hangup/><Say>never</Say></Response>", "> answer\n> hangup");
    check("<Response><Redirect>next</Redirect></Response>", "> fetch POST https://app.example/calls/next");
}

#[test]
fn reject_on_an_answered_leg_hangs_up() {
    check(
        "<Response><Say>x</Say><Reject/></Response>",
        "> answer\n> prompt 1 say woman en-US \"x\"\n< ended 1\n> warn 10000 line 1\n> hangup",
    );
    let answered = ScriptConfig { answered: true, ..ScriptConfig::default() };
    check_with(answered, "< doc <Response><Reject/></Response>\n> warn 10000 line 1\n> hangup");
}

#[test]
fn a_leg_that_is_answered_already_is_not_answered_again() {
    let answered = ScriptConfig { answered: true, ..ScriptConfig::default() };
    check_with(
        answered,
        "< doc <Response><Say>x</Say></Response>\n> prompt 1 say woman en-US \"x\"\n< ended 1\n> finished",
    );
}

#[test]
fn echo_runs_for_its_time() {
    check(
        r#"<Response><Echo timeout="5"/></Response>"#,
        "> answer\n> echo on\n< keys 1#\n< wait 4999\n< wait 1\n> echo off\n> finished",
    );
    check(
        r#"<Response><Echo timeout="4"/></Response>"#,
        "> warn 20422 line 1\n> answer\n> echo on\n< wait 5000\n> echo off\n> finished",
    );
    check("<Response><Echo/></Response>", "> answer\n> echo on\n< wait 59999\n< wait 1\n> echo off\n> finished");
}

#[test]
fn verbs_that_are_not_here_yet_are_passed_over_with_a_warning() {
    for verb in crate::verbs::VERBS_NOT_YET {
        check(&format!("<Response><{verb}/><Hangup/></Response>"), "> warn 13750 line 1\n> answer\n> hangup");
    }
}

#[test]
fn redirect_takes_its_method_and_an_empty_one_asks_again() {
    check(
        r#"<Response><Redirect method="GET">https://b.example/x?a=1&amp;b=2#tt=900</Redirect></Response>"#,
        "> fetch GET https://b.example/x?a=1&b=2#tt=900",
    );
    check("<Response><Redirect> </Redirect></Response>", "> fetch POST https://app.example/calls/start");
    check(
        r#"<Response><Redirect method="PUT"/></Response>"#,
        "> warn 13221 line 1\n> fetch POST https://app.example/calls/start",
    );
}

/// One prompt, its warnings first.
#[track_caller]
fn check_prompt(verb: &str, warnings: &[u32], prompt: &str) {
    let warnings: String = warnings.iter().map(|code| format!("> warn {code} line 1\n")).collect();
    check(
        &format!("<Response>{verb}</Response>"),
        &format!("{warnings}> answer\n> prompt 1 {prompt}\n< ended 1\n> finished"),
    );
}

#[test]
fn attributes_of_say_and_play() {
    check_prompt(r#"<Say voice="Polly.Amy" language="en-GB" loop="2">a</Say>"#, &[], r#"say Polly.Amy en-GB "a" x2"#);
    check_prompt(r#"<Say Voice="man" speed="2">a</Say>"#, &[20422, 20422], r#"say woman en-US "a""#);
    check_prompt(r#"<Say loop="-1">a</Say>"#, &[20422], r#"say woman en-US "a" for ever"#);
    check_prompt(r#"<Say loop="many">a</Say>"#, &[20422], r#"say woman en-US "a""#);
    check_prompt("<Say> two \n  words </Say>", &[], r#"say woman en-US "two words""#);
    check_prompt("<Say>a &amp; b <![CDATA[<c>]]></Say>", &[], r#"say woman en-US "a &amp; b &lt;c&gt;""#);
    check_prompt(r#"<Play digits="wwww9a*#"/>"#, &[], "digits wwww9A*#");
    check_prompt("<Play>http://cdn.example/a.mp3</Play>", &[], "play http://cdn.example/a.mp3");
    check_prompt("<Play>a.wav<b/></Play>", &[13215], "play https://app.example/calls/a.wav");
}

#[test]
fn ssml_is_checked_and_handed_on() {
    let say = |inner: &str, warnings: &[u32], text: &str| {
        check_prompt(&format!("<Say>{inner}</Say>"), warnings, &format!("say woman en-US {text:?}"));
    };
    say(r#"Wait<break time="2s"/>now"#, &[], r#"Wait<break time="2000"/>now"#);
    say(
        r#"a<break time="11s"/>b<break time="soon"/>"#,
        &[13215, 13215],
        r#"a<break time="10000"/>b<break strength="medium"/>"#,
    );
    say(r#"a<break strength="x-strong"/>b"#, &[], r#"a<break strength="x-strong"/>b"#);
    say("<p>One</p><s>Two!</s>Three", &[], "<p>One</p><s>Two!</s>Three");
    say(r#"the <sub alias="World Wide Web">WWW</sub>"#, &[], "the World Wide Web");
    say(
        r#"<prosody rate="SLOW" volume="+6dB" pitch="odd"><emphasis>hi</emphasis></prosody>"#,
        &[13215],
        r#"<prosody rate="slow" volume="+6db"><emphasis level="moderate">hi</emphasis></prosody>"#,
    );
    say(r#"<lang xml:lang="fr-FR">ça va</lang>"#, &[], r#"<lang tag="fr-FR">ça va</lang>"#);
    say(r#"<lang xml:lang="&quot;>x">a</lang>"#, &[13215], "a");
    say(
        r#"<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>"#,
        &[],
        r#"<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>"#,
    );
    say(
        r#"<say-as interpret-as="date" format="mdy">1/2/2026</say-as> <say-as interpret-as="tune">x</say-as>"#,
        &[13215],
        r#"<say-as as="date" format="mdy">1/2/2026</say-as> x"#,
    );
    say("<blink>hi</blink>", &[13215], "hi");
    say("<break/>hi", &[], r#"<break strength="medium"/>hi"#);
}

#[test]
fn a_voice_that_laml_does_not_have_is_warned_about() {
    check_prompt(r#"<Say voice="robot">a</Say>"#, &[20422], r#"say woman en-US "a""#);
    check_prompt(r#"<Say voice="gcloud.de-DE-Wavenet-A">a</Say>"#, &[], r#"say gcloud.de-DE-Wavenet-A en-US "a""#);
}

#[test]
fn say_reads_at_most_4096_characters() {
    let fits = "ä".repeat(4096);
    check_prompt(&format!("<Say>{fits}</Say>"), &[], &format!("say woman en-US {fits:?}"));
    check_prompt(&format!("<Say>{fits}z</Say>"), &[20422], &format!("say woman en-US {fits:?}"));
}

#[test]
fn a_verb_with_nothing_to_do_is_passed_over() {
    for (verb, code) in [
        ("<Say/>", 20422),
        ("<Say><p> </p></Say>", 20422),
        ("<Play/>", 21455),
        ("<Play>ftp://a/b</Play>", 21455),
        ("<Play>http://</Play>", 21455),
        (r#"<Play digits="12x"/>"#, 13222),
        (r#"<Play digits=""/>"#, 13222),
    ] {
        check(&format!("<Response>{verb}<Hangup/></Response>"), &format!("> warn {code} line 1\n> answer\n> hangup"));
    }
}

#[test]
fn warnings_name_the_line_and_end_at_a_hundred() {
    check(
        "\n\n<Response>\n<Pay/>\n\n<Sms\n/><Hangup/></Response>",
        "> warn 13750 line 4\n> warn 13750 line 6\n> answer\n> hangup",
    );
    let many = "<Pay/>".repeat(150);
    let shown = "> warn 13750 line 1\n".repeat(100);
    check(&format!("<Response>{many}<Hangup/></Response>"), &format!("{shown}> answer\n> hangup"));
}
