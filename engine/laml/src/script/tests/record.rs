//! Record, Refer, and what is told after the caller has hung up.

use super::{ScriptConfig, check, check_with};
use crate::role::Dialect;

fn twilio() -> ScriptConfig {
    ScriptConfig { dialect: Dialect::Twilio, ..ScriptConfig::default() }
}

#[test]
fn a_recording_begins_after_the_beep_and_a_key_ends_it() {
    check(
        r#"<Response><Record action="got" maxLength="60" timeout="7" finishOnKey='#'/><Say>never</Say></Response>"#,
        "> answer
        > prompt 1 beep
        < ended 1
        > record 1 mono inbound trim max=60 silence=7
        < keys 5
        < keys #
        > stop record 1
        < keys #
        < recorded 1 12
        > fetch POST https://app.example/calls/got RecordingUrl=https://switch.example/rec RecordingSid=rec RecordingDuration=12 Digits=#",
    );
}

#[test]
fn how_to_record_is_read_from_its_attributes() {
    check(
        r#"<Response><Record playBeep="false" method="GET" trim="do-not-trim" timeout="0" transcribe="true" storageUrl="/store" storageUrlMethod="PUT" recordingStatusCallback="cb" recordingStatusCallbackMethod="GET" recordingStatusCallbackEvent="in-progress completed absent"/></Response>"#,
        "> answer
        > record 1 mono inbound max=3600 callback GET https://app.example/calls/cb ica store Put https://app.example/store transcribe
        < unrecorded 1 0
        > fetch GET https://app.example/calls/start RecordingDuration=0",
    );
    check(
        r#"<Response><Record playBeep="false" trim="some" maxLength="99999" finishOnKey="1x" transcribeCallback="text" recordingStatusCallback="cb" recordingStatusCallbackEvent="done" storageUrlMethod="GET"/></Response>"#,
        "> warn 20422 line 1
        > warn 13699 line 1
        > warn 13621 line 1
        > warn 13221 line 1
        > warn 20422 line 1
        > answer
        > record 1 mono inbound trim max=14400 silence=5 callback POST https://app.example/calls/cb c transcribe https://app.example/calls/text
        < keys 1
        > stop record 1
        < wait 10000
        > fetch POST https://app.example/calls/start RecordingDuration=0 Digits=1",
    );
}

#[test]
fn an_empty_recording_is_told_in_one_dialect_and_passed_over_in_the_other() {
    let script = r#"<Response><Record playBeep="false"/><Hangup/></Response>"#;
    check(
        script,
        "> answer
        > record 1 mono inbound trim max=3600 silence=5
        < unrecorded 1 0
        > fetch POST https://app.example/calls/start RecordingDuration=0",
    );
    check_with(
        twilio(),
        &format!(
            "< doc {script}
            > answer
            > record 1 mono inbound trim max=3600 silence=5
            < unrecorded 1 0
            > hangup"
        ),
    );
}

#[test]
fn who_hangs_up_on_a_recording_leaves_it_to_the_action() {
    let script = r#"<Response><Record playBeep="false" action="got"/></Response>"#;
    check(
        script,
        "> answer
        > record 1 mono inbound trim max=3600 silence=5
        < hungup
        < redirect https://app.example/other
        < recorded 1 4
        > tell POST https://app.example/calls/got RecordingUrl=https://switch.example/rec RecordingSid=rec RecordingDuration=4",
    );
    check_with(
        twilio(),
        &format!(
            "< doc {script}
            > answer
            > record 1 mono inbound trim max=3600 silence=5
            < hungup
            < recorded 1 4
            > tell POST https://app.example/calls/got RecordingUrl=https://switch.example/rec RecordingSid=rec RecordingDuration=4 Digits=hangup"
        ),
    );
    check("<Response><Record/></Response>", "> answer\n> prompt 1 beep\n< hungup");
}

#[test]
fn another_document_ends_a_recording() {
    check(
        r#"<Response><Record playBeep="false"/></Response>"#,
        "> answer
        > record 1 mono inbound trim max=3600 silence=5
        < redirect https://app.example/other
        > stop record 1
        > fetch GET https://app.example/other
        < recorded 1 3",
    );
}

#[test]
fn a_dials_action_is_told_of_a_caller_who_hung_up() {
    check(
        r#"<Response><Dial action="after">1</Dial></Response>"#,
        "> answer
        > dial 30+14400s | 1
        < hungup
        < dialled canceled
        > tell POST https://app.example/calls/after DialCallStatus=canceled DialBridged=false",
    );
    check("<Response><Dial>1</Dial></Response>", "> answer\n> dial 30+14400s | 1\n< hungup");
}

#[test]
fn a_refer_tells_its_action_how_it_went() {
    check(
        r#"<Response><Refer action="gone" method="GET"><Sip>sip:bob@pbx.example?X-Why=tea%20time</Sip></Refer></Response>"#,
        "> answer
        > refer sip:bob@pbx.example X-Why:tea time
        < referred in-progress 202 200
        > fetch GET https://app.example/calls/gone ReferCallStatus=in-progress ReferSipResponseCode=202 NotifySipResponseCode=200",
    );
    check(
        "<Response><Refer><Sip>bob@pbx.example</Sip></Refer><Hangup/></Response>",
        "> answer
        > refer sip:bob@pbx.example
        < referred busy 486 -
        > hangup",
    );
    check(
        "<Response><Refer action='gone'><ReferSip>bob@pbx.example</ReferSip></Refer></Response>",
        "> answer
        > refer sip:bob@pbx.example
        < hungup
        < referred in-progress 202 -
        > tell POST https://app.example/calls/gone ReferCallStatus=in-progress ReferSipResponseCode=202",
    );
}

#[test]
fn a_caller_sent_elsewhere_is_let_go_in_one_dialect() {
    let script = "<Response><Refer><Sip>bob@pbx.example</Sip></Refer></Response>";
    check(script, "> answer\n> refer sip:bob@pbx.example\n< referred in-progress 202 200\n> finished");
    let twilio_script = format!(
        "< doc {script}
        > answer
        > refer sip:bob@pbx.example
        < referred in-progress 202 200
        > hangup"
    );
    check_with(twilio(), &twilio_script);
}

#[test]
fn a_refer_given_up_does_not_end_the_next() {
    let refer = "<Response><Refer action=\"a\"><Sip>bob@pbx.example</Sip></Refer></Response>";
    check(
        refer,
        "> answer
            > refer sip:bob@pbx.example
            < replace <Response><Refer action='http://a.example/2'><Sip>carol@pbx.example</Sip></Refer></Response>
            > refer sip:carol@pbx.example
            < referred busy 486 -
            < referred in-progress 202 200
            > fetch POST http://a.example/2 ReferCallStatus=in-progress ReferSipResponseCode=202 NotifySipResponseCode=200",
    );
}

#[test]
fn a_refer_without_one_address_is_passed_over() {
    for inside in ["", "bob@pbx.example", "<Sip>a@b.example</Sip><Sip>c@d.example</Sip>", "<Number>1</Number>"] {
        check(&format!("<Response><Refer>{inside}</Refer></Response>"), "> warn 13215 line 1\n> answer\n> finished");
    }
    check("<Response><Refer><Sip>sip:</Sip></Refer></Response>", "> warn 13243 line 1\n> answer\n> finished");
}

#[test]
fn messages_and_payments_are_refused_with_their_error() {
    check(
        r#"<Response><Sms to="+1555" action="sent">Hi</Sms></Response>"#,
        "> warn 10001 line 1
        > warn 13750 line 1
        > fetch POST https://app.example/calls/sent SmsStatus=invalid",
    );
    check(
        r#"<Response><Pay chargeAmount="10" action="paid"/></Response>"#,
        "> warn 10001 line 1
        > warn 13750 line 1
        > fetch POST https://app.example/calls/paid Result=payment-connector-error",
    );
    check(
        "<Response><Sms>Hi</Sms><Pay/><Hangup/></Response>",
        "> warn 13750 line 1\n> warn 13750 line 1\n> answer\n> hangup",
    );
}
