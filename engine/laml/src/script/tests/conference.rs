use super::{ScriptConfig, check, check_with};
use crate::role::{Dialect, Role};

#[track_caller]
fn check_room(dial: &str, warnings: &[u32], expected: &str) {
    let warnings: String = warnings.iter().map(|code| format!("> warn {code} line 1\n")).collect();
    check(
        &format!("<Response>{dial}</Response>"),
        &format!("{warnings}> answer\n> dial 30+14400s | {expected}\n< dialled answered\n> finished"),
    );
}

#[test]
fn a_conference_is_named_and_has_its_defaults() {
    check_room("<Dial><Conference> Stand up </Conference></Dial>", &[], r#"room "Stand up""#);
}

#[test]
fn attributes_of_conference() {
    for (attributes, expected) in [
        (r#"muted="true""#, "muted"),
        (r#"beep="false""#, "beep=Never"),
        (r#"beep="onEnter""#, "beep=Enter"),
        (r#"beep="onExit""#, "beep=Exit"),
        (r#"startConferenceOnEnter="false" endConferenceOnExit="true""#, "no-start ends"),
        (r#"maxParticipants="3""#, "max=3"),
        (r#"waitUrl="w" waitMethod="GET""#, "wait GET https://app.example/calls/w"),
        (r#"waitUrl="""#, "silence"),
        (r#"record="record-from-start" trim="do-not-trim""#, "record untrimmed"),
        (r#"coach="x""#, "coach=x"),
        (r#"participantLabel="chair""#, "label=\"chair\""),
        (r#"eventCallbackUrl="/e""#, "end https://app.example/e"),
        (
            r#"recordingStatusCallback="/r" recordingStatusCallbackMethod="GET" recordingStatusCallbackEvent="in-progress failed""#,
            "recording GET https://app.example/r [1, 0, 1]",
        ),
        (r#"recordingStatusCallback="/r""#, "recording POST https://app.example/r [0, 1, 1]"),
        (
            r#"statusCallback="/s" statusCallbackMethod="GET" statusCallbackEvent="start end join leave mute hold speaker""#,
            "callback GET https://app.example/s ConferenceEvents { start: true, end: true, join: true, leave: true, mute: true, hold: true, speaker: true, modify: false, announcement: false }",
        ),
    ] {
        check_room(
            &format!("<Dial><Conference {attributes}>a</Conference></Dial>"),
            &[],
            &format!("room \"a\" {expected}"),
        );
    }
}

#[test]
fn what_cannot_be_read_is_warned_about_and_left_at_its_default() {
    for (attributes, code) in [
        (r#"muted="perhaps""#, 16002),
        (r#"beep="loud""#, 16002),
        (r#"record="always""#, 16002),
        (r#"maxParticipants="0""#, 16002),
        (r#"maxParticipants="251""#, 16002),
        (r#"trim="a bit""#, 13699),
        (r#"waitMethod="PUT""#, 13221),
        (r#"colour="red""#, 20422),
        (r#"region="us1""#, 10001),
        (r#"jitterBufferSize="small""#, 10001),
        (r#"recordingConfigurationId="x""#, 10001),
    ] {
        check_room(&format!("<Dial><Conference {attributes}>a</Conference></Dial>"), &[code], r#"room "a""#);
    }
    check_room(r#"<Dial><Conference jitterBufferSize="large">a</Conference></Dial>"#, &[], r#"room "a""#);
    check_room("<Dial><Conference>a<Say>b</Say></Conference></Dial>", &[13215], r#"room "a""#);
    check_room(r#"<Dial record="true"><Conference>a</Conference></Dial>"#, &[10001], r#"room "a""#);
}

#[test]
fn callbacks_of_no_event_and_events_that_do_not_exist_are_warned_about() {
    let none = "ConferenceEvents { start: false, end: false, join: false, leave: false, mute: false, hold: false, speaker: false, modify: false, announcement: false }";
    check_room(
        r#"<Dial><Conference statusCallback="/s">a</Conference></Dial>"#,
        &[16002],
        &format!("room \"a\" callback POST https://app.example/s {none}"),
    );
    check_room(
        r#"<Dial><Conference statusCallback="/s" statusCallbackEvent="modify">a</Conference></Dial>"#,
        &[21626, 16002],
        &format!("room \"a\" callback POST https://app.example/s {none}"),
    );
    check_room(
        r#"<Dial><Conference recordingStatusCallback="/r" recordingStatusCallbackEvent="begun">a</Conference></Dial>"#,
        &[13621],
        "room \"a\" recording POST https://app.example/r [0, 1, 1]",
    );
}

#[test]
fn a_conference_stands_alone_and_has_a_name() {
    for (dial, code) in [
        ("<Conference>a</Conference><Number>1</Number>", 13000),
        ("<Conference>a</Conference><Conference>b</Conference>", 13000),
        ("<Conference/>", 16002),
        (&format!("<Conference>{}</Conference>", "n".repeat(65)), 16002),
    ] {
        check(
            &format!("<Response><Dial>{dial}</Dial></Response>"),
            &format!("> warn {code} line 1\n> answer\n> finished"),
        );
    }
}

/// laml.md 1.3: a conference was answered, not completed.
#[test]
fn the_action_is_told_that_it_was_answered() {
    check(
        r#"<Response><Dial action="a"><Conference>x</Conference></Dial></Response>"#,
        "> answer
         > dial 30+14400s | room \"x\"
         < dialled answered
         > fetch POST https://app.example/calls/a DialCallStatus=answered DialCallDuration=7 DialBridged=false",
    );
}

/// A wait document that cannot be had ends by itself: nobody is told to be sorry.
#[test]
fn documents_that_accompany_a_conference_never_apologise() {
    for role in [Role::ConferenceWait, Role::Announce] {
        let config = ScriptConfig { answered: true, role, dialect: Dialect::Twilio, ..ScriptConfig::default() };
        check_with(
            config,
            "< fail 11200
             > warn 11200
             > no document",
        );
    }
}

#[test]
fn a_conference_may_be_streamed() {
    check_room(
        r#"<Dial><Conference streamUrl="wss://ears.example/a">a</Conference></Dial>"#,
        &[],
        "room \"a\" stream wss://ears.example/a",
    );
    check_room(
        r#"<Dial><Conference streamUrl="wss://x.example/">a<Stream url="wss://ears.example/b" name="n" codec="L16@16000h"/></Conference></Dial>"#,
        &[],
        "room \"a\" stream wss://ears.example/b",
    );
    check_room(
        r#"<Dial><Conference>a<Stream url="wss://ears.example/b" bidir="true"/><Say>x</Say></Conference></Dial>"#,
        &[10001, 13215],
        "room \"a\" stream wss://ears.example/b",
    );
    check_room(
        r#"<Dial><Conference streamUrl="http://ears.example/a">a</Conference></Dial>"#,
        &[31922],
        "room \"a\" stream  InvalidUrl",
    );
}
