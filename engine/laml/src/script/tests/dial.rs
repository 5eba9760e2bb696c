use super::{ScriptConfig, check, check_with};

/// What a Dial becomes, and that its end is the script's.
#[track_caller]
fn check_dial(dial: &str, warnings: &[u32], expected: &str) {
    let warnings: String = warnings.iter().map(|code| format!("> warn {code} line 1\n")).collect();
    check(
        &format!("<Response>{dial}</Response>"),
        &format!("{warnings}> answer\n> dial {expected}\n< dialled busy\n> finished"),
    );
}

#[test]
fn numbers_are_dialled_as_written() {
    check_dial("<Dial>+1 (555) 123-0000</Dial>", &[], "30+14400s | +15551230000");
    check_dial("<Dial><Number>+15551230000</Number><Number>2</Number></Dial>", &[], "30+14400s | +15551230000 | 2");
    check_dial(
        r#"<Dial><Number sendDigits="ww12#" url="w" method="GET">1</Number></Dial>"#,
        &[],
        "30+14400s | 1 digits=ww12# whisper GET https://app.example/calls/w",
    );
    check_dial(r#"<Dial><Number sendDigits="12z">1</Number></Dial>"#, &[13222], "30+14400s | 1");
    check_dial(r#"<Dial><Number byoc="x" colour="red">1</Number></Dial>"#, &[10001, 20422], "30+14400s | 1");
}

#[test]
fn attributes_of_dial() {
    check_dial(
        r#"<Dial timeout="20" timeLimit="60" callerId="any+-_.," callerName="A B" hangupOnStar="true">1</Dial>"#,
        &[],
        r#"20+60s hangupOnStar id="any+-_.," name="A B" | 1"#,
    );
    check_dial(r#"<Dial timeout="4">1</Dial>"#, &[20422], "5+14400s | 1");
    check_dial(r#"<Dial timeout="601">1</Dial>"#, &[20422], "600+14400s | 1");
    check_dial(r#"<Dial timeout="99999999999999999999">1</Dial>"#, &[20422], "30+14400s | 1");
    check_dial(r#"<Dial callerId="a b">1</Dial>"#, &[21212], "30+14400s | 1");
    check_dial(r#"<Dial callerId="a&#13;&#10;Via:x">1</Dial>"#, &[21212], "30+14400s | 1");
    check_dial(r#"<Dial answeronbridge="true">1</Dial>"#, &[20422], "30+14400s | 1");
    check_dial(r#"<Dial hangupOnStar="yes">1</Dial>"#, &[20422], "30+14400s | 1");
    let seventy = "n".repeat(70);
    let expected = format!("30+14400s name={seventy:?} | 1");
    check_dial(&format!(r#"<Dial callerName="{seventy}">1</Dial>"#), &[], &expected);
    check_dial(&format!(r#"<Dial callerName="{seventy}x">1</Dial>"#), &[20422], &expected);
}

#[test]
fn a_ring_tone_is_a_countrys() {
    check_dial(r#"<Dial ringTone="us-old">1</Dial>"#, &[], "30+14400s ring=us-old | 1");
    check_dial(r#"<Dial ringTone=" FR ">1</Dial>"#, &[], "30+14400s ring=fr | 1");
    check_dial(r#"<Dial ringTone="atlantis">1</Dial>"#, &[20422], "30+14400s | 1");
    let listed = crate::verbs::dial::SPEC.attributes.iter().find(|a| a.name == "ringTone").expect("an attribute");
    for country in tandem_model::Country::ALL {
        assert!(listed.values.split([' ', ';']).any(|code| code == country.code()), "{country:?}");
    }
}

#[test]
fn every_attribute_that_does_nothing_yet_is_warned_about_once() {
    use crate::attributes::Support;
    for attribute in crate::verbs::dial::SPEC.attributes.iter().filter(|a| a.support == Support::LeftOut) {
        check_dial(&format!(r#"<Dial {}="x">1</Dial>"#, attribute.name), &[10001], "30+14400s | 1");
    }
}

#[test]
fn what_asks_for_nothing_is_not_warned_about() {
    check_dial(r#"<Dial record="do-not-record" trim="do-not-trim" sequential="false">1</Dial>"#, &[], "30+14400s | 1");
}

#[test]
fn sip_uris_carry_headers_credentials_and_codecs() {
    check_dial(
        r#"<Dial><Sip username="u" password="p w" codecs="opus, PCMU,OPUS">
              sip:a@b.example;transport=tcp?X-A=1&amp;b=%2B2
           </Sip></Dial>"#,
        &[],
        "30+14400s | sip:a@b.example;transport=tcp X-A:1 X-b:+2 user=u password=p w OPUS PCMU",
    );
    check_dial("<Dial><Sip>a@b:1060</Sip><Sip>sips:c@d</Sip></Dial>", &[], "30+14400s | sip:a@b:1060 | sips:c@d");
    check_dial(r#"<Dial><Sip codecs="L16@24000H,g722">a@b</Sip></Dial>"#, &[], "30+14400s | sip:a@b L16@24000H G722");
    check_dial(r#"<Dial><Sip codecs="PCMU,MP3">a@b</Sip></Dial>"#, &[53404], "30+14400s | sip:a@b");
    check_dial("<Dial><Sip>a@b?X-A=%0d%0a</Sip></Dial>", &[13243], "30+14400s | sip:a@b");
    check_dial("<Dial><Sip>a@b</Sip><Sip>a@@b</Sip><Sip/></Dial>", &[13243, 13254], "30+14400s | sip:a@b");
}

#[test]
fn status_callbacks_name_their_events() {
    check_dial(
        r#"<Dial><Sip statusCallback="/cb" statusCallbackMethod="GET" statusCallbackEvent="initiated  ringing answered completed">a@b</Sip></Dial>"#,
        &[],
        "30+14400s | sip:a@b callback GET https://app.example/cb irac",
    );
    check_dial(
        r#"<Dial><Number statusCallback="/cb">1</Number></Dial>"#,
        &[],
        "30+14400s | 1 callback POST https://app.example/cb c",
    );
    check_dial(
        r#"<Dial><Number statusCallback="/cb" statusCallbackEvent="answered picked">1</Number></Dial>"#,
        &[21626],
        "30+14400s | 1 callback POST https://app.example/cb a",
    );
    check_dial(
        r#"<Dial><Number statusCallback="/cb" statusCallbackEvent="picked">1</Number></Dial>"#,
        &[21626],
        "30+14400s | 1 callback POST https://app.example/cb c",
    );
    check_dial(r#"<Dial><Number statusCallback="ftp://x/">1</Number></Dial>"#, &[21402], "30+14400s | 1");
}

#[test]
fn a_dial_with_nothing_to_ring_fails_at_once() {
    for (dial, code) in [
        ("", 13223),
        ("alice", 13223),
        ("sip:a@b", 13223),
        ("<Number/>", 13223),
        ("<Number>+</Number>", 13223),
        ("<Number>1234567890123456789012345</Number>", 13223),
        ("<Sip>a@b</Sip><Number>1</Number>", 13215),
        ("<Application>x</Application>", 13750),
        ("<Say>x</Say>", 13215),
    ] {
        let document = format!(r#"<Response><Dial action="after">{dial}</Dial></Response>"#);
        check(
            &document,
            &format!(
                "> warn {code} line 1\n\
                 > fetch POST https://app.example/calls/after DialCallStatus=failed DialBridged=false"
            ),
        );
    }
    for noun in crate::nouns::NOUNS_NOT_YET {
        check(
            &format!("<Response><Dial><{noun}>x</{noun}></Dial><Hangup/></Response>"),
            "> warn 13750 line 1\n> answer\n> hangup",
        );
    }
}

#[test]
fn ten_nouns_ring_and_the_eleventh_does_not() {
    let numbers = |n: usize| (0..n).map(|i| format!("<Number>{i}</Number>")).collect::<String>();
    let ten = "30+14400s | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9";
    check_dial(&format!("<Dial>{}</Dial>", numbers(10)), &[], ten);
    check_dial(&format!("<Dial>{}</Dial>", numbers(11)), &[13215], ten);
}

#[test]
fn the_action_is_told_how_it_ended() {
    let document = r#"<Response><Dial action="after" method="GET">1</Dial><Say>never</Say></Response>"#;
    let start = "> answer\n> dial 30+14400s | 1\n";
    let fetch = "> fetch GET https://app.example/calls/after";
    check(
        document,
        &format!(
            "{start}< dialled completed\n\
             {fetch} DialCallStatus=completed DialCallSid=child DialCallDuration=61 DialBridged=true"
        ),
    );
    check(document, &format!("{start}< dialled no-answer\n{fetch} DialCallStatus=no-answer DialBridged=false"));
    check(document, &format!("{start}< dialled canceled\n{fetch} DialCallStatus=canceled DialBridged=false"));
    check(
        document,
        &format!(
            "{start}< dialled sip\n{fetch} DialCallStatus=busy DialCallSid=child DialBridged=false \
             DialSipCallId=id@host DialSipResponseCode=486 DialSipHeader_X-Why=tea DialSipHeader_X-B=2"
        ),
    );
}

#[test]
fn without_an_action_the_next_verb_runs() {
    check(
        "<Response><Dial>1</Dial><Dial>2</Dial></Response>",
        "> answer\n> dial 30+14400s | 1\n< dialled busy\n> dial 30+14400s | 2\n< dialled completed\n> finished",
    );
}

#[test]
fn answer_on_bridge_leaves_the_caller_ringing() {
    check(
        r#"<Response><Dial answerOnBridge="true">1</Dial></Response>"#,
        "> dial 30+14400s answerOnBridge | 1\n< dialled busy\n> finished",
    );
    check(
        r#"<Response><Dial answerOnBridge="true">1</Dial><Say>x</Say></Response>"#,
        "> dial 30+14400s answerOnBridge | 1\n< dialled busy\n> answer\n> prompt 1 say woman en-US \"x\"\n< ended 1\n> finished",
    );
    check(
        r#"<Response><Dial answerOnBridge="true">1</Dial><Say>x</Say></Response>"#,
        "> dial 30+14400s answerOnBridge | 1\n< dialled completed\n> prompt 1 say woman en-US \"x\"\n< ended 1\n> finished",
    );
    check(
        r#"<Response><Dial answerOnBridge="true">1</Dial><Reject reason="busy"/></Response>"#,
        "> dial 30+14400s answerOnBridge | 1\n< dialled busy\n> reject busy",
    );
}

#[test]
fn a_star_ends_the_dial_once_and_only_where_asked_for() {
    check(
        r#"<Response><Dial hangupOnStar="true">1</Dial></Response>"#,
        "> answer\n> dial 30+14400s hangupOnStar | 1\n< keys 12#\n< keys **\n> cancel dial\n< dialled completed\n> finished",
    );
    check(
        "<Response><Dial>1</Dial></Response>",
        "> answer\n> dial 30+14400s | 1\n< keys *\n< dialled completed\n> finished",
    );
}

#[test]
fn a_whisper_may_not_dial() {
    let whisper = ScriptConfig { answered: true, role: crate::role::Role::Whisper, ..ScriptConfig::default() };
    check_with(whisper, "< doc <Response><Dial>1</Dial><Hangup/></Response>\n> warn 13238 line 1\n> hangup");
}

#[test]
fn a_dial_is_recorded_as_its_attributes_say() {
    check_dial(
        r#"<Dial record="record-from-answer" recordingStatusCallback="cb">1</Dial>"#,
        &[],
        "30+14400s record mono both callback POST https://app.example/calls/cb c | 1",
    );
    check_dial(
        r#"<Dial record="record-from-ringing-dual" trim="trim-silence" recordingTrack="inbound" recordingStorageUrl="s" recordingStorageUrlMethod="PUT" recordingStatusCallback="cb" recordingStatusCallbackMethod="GET" recordingStatusCallbackEvent="absent">1</Dial>"#,
        &[],
        "30+14400s record from ringing dual inbound trim callback GET https://app.example/calls/cb a store Put https://app.example/calls/s | 1",
    );
    check_dial(r#"<Dial record="true" recordingTrack="left">1</Dial>"#, &[20422], "30+14400s record mono both | 1");
    check_dial(r#"<Dial record="false">1</Dial>"#, &[], "30+14400s | 1");
    check_dial(r#"<Dial record="now">1</Dial>"#, &[20422], "30+14400s | 1");
}

#[test]
fn targets_may_ring_one_after_the_other_and_be_referred_to_a_document() {
    check_dial(
        r#"<Dial sequential="true"><Number>1</Number><Number>2</Number></Dial>"#,
        &[],
        "30+14400s one by one | 1 | 2",
    );
    check_dial(
        r#"<Dial referUrl="gone" referMethod="GET">1</Dial>"#,
        &[],
        "30+14400s refer GET https://app.example/calls/gone | 1",
    );
}

#[test]
fn users_of_this_server_are_dialled_by_name() {
    check_dial(
        r#"<Dial><Client url="w" method="GET" statusCallback="s" statusCallbackMethod="GET" statusCallbackEvent="ringing answered">alice</Client></Dial>"#,
        &[],
        "30+14400s | user alice whisper GET https://app.example/calls/w callback GET https://app.example/calls/s ra",
    );
    check_dial("<Dial><Client><Identity>bob</Identity><Parameter/></Client></Dial>", &[13215], "30+14400s | user bob");
    check_dial("<Dial><Verto>carol@acme.verto.example</Verto></Dial>", &[], "30+14400s | user carol");
    check(
        "<Response><Dial><Client>a b</Client><Verto/></Dial></Response>",
        "> warn 13223 line 1\n> warn 13223 line 1\n> answer\n> finished",
    );
}

#[test]
fn a_session_timer_of_a_noun_is_within_reason() {
    check_dial(
        r#"<Dial><Sip sessionTimeout="600">a@b.example</Sip></Dial>"#,
        &[],
        "30+14400s | sip:a@b.example se=600",
    );
    check_dial(r#"<Dial><Sip sessionTimeout="0">a@b.example</Sip></Dial>"#, &[], "30+14400s | sip:a@b.example");
    check_dial(
        r#"<Dial><Sip sessionTimeout="5">a@b.example</Sip></Dial>"#,
        &[20422],
        "30+14400s | sip:a@b.example se=90",
    );
}

#[test]
fn who_answers_is_found_out_where_a_noun_asks() {
    check_dial(
        r#"<Dial><Sip machineDetection="DetectMessageEnd" machineDetectionTimeout="40" machineDetectionSpeechThreshold="3000"
        machineDetectionSpeechEndThreshold="700" machineDetectionSilenceTimeout="2500" amdStatusCallback="/amd"
        amdStatusCallbackMethod="GET">a@b</Sip></Dial>"#,
        &[],
        "30+14400s | sip:a@b amd end [40000, 3000, 700, 2500] GET https://app.example/amd",
    );
    check_dial(
        r#"<Dial><Number machineDetection="Enable">1</Number></Dial>"#,
        &[],
        "30+14400s | 1 amd who [30000, 2400, 1200, 5000]",
    );
    check_dial(
        r#"<Dial><Number machineDetection="Maybe" machineDetectionTimeout="0">1</Number></Dial>"#,
        &[20422, 20422],
        "30+14400s | 1",
    );
}
