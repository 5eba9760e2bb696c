use super::{ScriptConfig, check, check_with};
use crate::instruction::QueueResult;
use crate::{Dialect, Role};

pub(super) const RESULTS: [QueueResult; 9] = [
    QueueResult::Bridged,
    QueueResult::BridgingInProgress,
    QueueResult::Error,
    QueueResult::Hangup,
    QueueResult::Leave,
    QueueResult::Redirected,
    QueueResult::RedirectedFromBridged,
    QueueResult::QueueFull,
    QueueResult::SystemError,
];

/// What an Enqueue becomes.
#[track_caller]
fn check_enqueue(enqueue: &str, warnings: &[u32], expected: &str) {
    let warnings: String = warnings.iter().map(|code| format!("> warn {code} line 1\n")).collect();
    check(
        &format!("<Response>{enqueue}</Response>"),
        &format!("{warnings}> answer\n> enqueue {expected}\n< queue leave 1\n> finished"),
    );
}

#[test]
fn an_enqueue_waits_with_music_or_with_a_document() {
    check_enqueue("<Enqueue>support</Enqueue>", &[], "\"support\"");
    check_enqueue("<Enqueue>\n  The  help\tdesk \n</Enqueue>", &[], "\"The help desk\"");
    check_enqueue(
        r#"<Enqueue waitUrl="w?a=1" waitUrlMethod="GET" maxQueueSize="7">q</Enqueue>"#,
        &[],
        "\"q\" wait GET https://app.example/calls/w?a=1 at most 7 new 7",
    );
    check_enqueue(r#"<Enqueue waitUrl="">q</Enqueue>"#, &[], "\"q\"");
    check_enqueue(r#"<Enqueue waitUrl="ftp://x/" waitUrlMethod="PUT">q</Enqueue>"#, &[13221, 21402], "\"q\"");
    check_enqueue(r#"<Enqueue maxQueueSize="6000">q</Enqueue>"#, &[20422], "\"q\" at most 5000 new 5000");
    check_enqueue(r#"<Enqueue maxQueueSize="0">q</Enqueue>"#, &[20422], "\"q\" at most 1 new 1");
    check_enqueue(r#"<Enqueue colour="red">q</Enqueue>"#, &[20422], "\"q\"");
}

#[test]
fn tasks_of_another_provider_are_refused_with_a_warning_and_the_call_waits() {
    check_enqueue(r#"<Enqueue workflowSid="WW1">q</Enqueue>"#, &[10001], "\"q\"");
    check_enqueue(r#"<Enqueue>q<Task priority="1">{}</Task></Enqueue>"#, &[13750], "\"q\"");
    check_enqueue("<Enqueue>q<Say>x</Say></Enqueue>", &[13215], "\"q\"");
}

#[test]
fn a_queue_of_the_twilio_dialect_has_a_size_unless_it_says_one() {
    let twilio = || ScriptConfig { dialect: Dialect::Twilio, ..ScriptConfig::default() };
    check_with(twilio(), "< doc <Response><Enqueue>q</Enqueue></Response>\n> answer\n> enqueue \"q\" new 100");
    check_with(
        twilio(),
        "< doc <Response><Enqueue maxQueueSize=\"2\">q</Enqueue></Response>\n> answer\n> enqueue \"q\" at most 2 new 2",
    );
}

#[test]
fn the_action_is_told_how_the_call_left_the_queue_and_replaces_the_document() {
    let document = r#"<Response><Enqueue action="after" method="GET">q</Enqueue><Say>never</Say></Response>"#;
    let start = "> answer\n> enqueue \"q\" then GET https://app.example/calls/after";
    for result in RESULTS {
        let sid = if result == QueueResult::SystemError { "" } else { " QueueSid=queue" };
        let name = result.as_str();
        check(
            document,
            &format!(
                "{start}\n< queue {name} 12\n\
                 > fetch GET https://app.example/calls/after QueueResult={name}{sid} QueueTime=12"
            ),
        );
    }
    // Keys are for the wait document.
    check(document, &format!("{start}\n< keys 12*#"));
}

#[test]
fn without_an_action_the_next_verb_runs() {
    check(
        "<Response><Enqueue>q</Enqueue><Hangup/></Response>",
        "> answer\n> enqueue \"q\"\n< queue bridged 3\n> hangup",
    );
}

#[test]
fn an_action_is_told_of_a_caller_who_hung_up_and_its_answer_does_nothing() {
    check(
        r#"<Response><Enqueue action="after">q</Enqueue></Response>"#,
        "> answer\n> enqueue \"q\" then POST https://app.example/calls/after\n< hungup\n< queue hangup 4\n\
         > tell POST https://app.example/calls/after QueueResult=hangup QueueSid=queue QueueTime=4",
    );
    check("<Response><Enqueue>q</Enqueue></Response>", "> answer\n> enqueue \"q\"\n< hungup");
}

#[test]
fn rest_takes_a_call_out_of_the_queue() {
    check(
        "<Response><Enqueue>q</Enqueue></Response>",
        "> answer\n> enqueue \"q\"\n< redirect https://app.example/other\n> give up queue\n\
         > fetch GET https://app.example/other",
    );
}

#[test]
fn a_queue_without_a_name_is_an_error_of_the_document() {
    let long = "n".repeat(65);
    for name in ["", "  \n ", long.as_str()] {
        check(
            &format!(r#"<Response><Enqueue action="after">{name}</Enqueue></Response>"#),
            "> warn 20422 line 1\n> answer\n\
             > fetch POST https://app.example/calls/after QueueResult=error QueueTime=0",
        );
        check(
            &format!("<Response><Dial><Queue>{name}</Queue></Dial><Hangup/></Response>"),
            "> warn 20422 line 1\n> answer\n> hangup",
        );
    }
}

#[test]
fn a_wait_document_may_leave_and_others_may_not() {
    let waiting = || ScriptConfig { answered: true, role: Role::QueueWait, ..ScriptConfig::default() };
    check_with(
        waiting(),
        "< doc <Response><Say>one</Say><Gather numDigits=\"1\"/><Leave/><Say>never</Say></Response>\n\
         > prompt 1 say woman en-US \"one\"\n< ended 1\n< keys 1\n> fetch POST https://app.example/calls/start Digits=1\n\
         < doc <Response><Leave/></Response>\n> leave",
    );
    check("<Response><Leave/><Hangup/></Response>", "> warn 13238 line 1\n> answer\n> hangup");
    for verb in ["<Dial>1</Dial>", "<Enqueue>q</Enqueue>", "<Record/>", "<Reject/>", "<Echo/>"] {
        check_with(waiting(), &format!("< doc <Response>{verb}</Response>\n> warn 13238 line 1\n> finished"));
    }
}

#[test]
fn a_wait_document_that_cannot_be_had_apologises_to_nobody() {
    let waiting = ScriptConfig { answered: true, role: Role::QueueWait, ..ScriptConfig::default() };
    check_with(waiting, "< fail 11200\n> warn 11200\n> no document");
}

#[test]
fn a_dial_of_a_queue_stands_alone() {
    let queue = |inner: &str, dial: &str| {
        check(
            &format!("<Response><Dial timeout=\"20\">{inner}</Dial></Response>"),
            &format!("{dial}\n< dialled no-answer\n> finished"),
        );
    };
    queue("<Queue>support</Queue>", "> answer\n> dial 20+14400s | queue \"support\"");
    queue(
        r#"<Queue url="next" method="GET">support</Queue>"#,
        "> answer\n> dial 20+14400s | queue \"support\" tell GET https://app.example/calls/next",
    );
    queue(
        r#"<Queue reservationSid="WR1" postWorkActivitySid="WA1">support</Queue>"#,
        "> warn 10001 line 1\n> warn 10001 line 1\n> answer\n> dial 20+14400s | queue \"support\"",
    );
    check(
        "<Response><Dial referUrl=\"r\"><Queue>q</Queue></Dial></Response>",
        "> warn 10001 line 1\n> answer\n> dial 30+14400s refer POST https://app.example/calls/r | queue \"q\"",
    );
    for mixed in ["<Queue>q</Queue><Number>1</Number>", "<Queue>q</Queue><Queue>r</Queue>", "1<Queue>q</Queue>"] {
        check(
            &format!("<Response><Dial>{mixed}</Dial><Hangup/></Response>"),
            "> warn 13215 line 1\n> answer\n> hangup",
        );
    }
}

#[test]
fn the_action_of_an_agents_dial_is_told_whom_it_talked_to_and_how_long_that_one_had_waited() {
    check(
        r#"<Response><Dial action="after"><Queue>q</Queue></Dial></Response>"#,
        "> answer\n> dial 30+14400s | queue \"q\"\n< dialled queue\n\
         > fetch POST https://app.example/calls/after DialCallStatus=completed DialCallSid=queued DialCallDuration=7 \
         DialBridged=true QueueSid=queue QueueTime=5",
    );
}
