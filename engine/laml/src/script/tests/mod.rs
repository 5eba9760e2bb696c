//! Scripts as text: lines beginning with `<` are inputs, those with `>` the instructions that follow.

mod conference;
mod dial;
mod fetch;
mod gather;
mod queue;
mod random;
mod record;
mod stream;
mod takeover;
mod verbs;

use std::time::Duration;

use tandem_model::Timestamp;

use super::{Script, ScriptConfig};
use crate::instruction::*;

pub(super) const START: &str = "https://app.example/calls/start";
pub(super) const APOLOGY: &str =
    "say woman en-US \"Sorry, this call cannot be continued because of an application problem. Goodbye.\"";
const FALLBACK: &str = "https://spare.example/fallback";

/// A trace holds a document on one line: `⏎` stands for its line breaks.
///
/// Runs `document` as the first of an unanswered call, feeds the `<` lines and compares the whole trace.
#[track_caller]
fn check(document: &str, trace: &str) {
    let document = document.replace('\n', "⏎");
    check_with(ScriptConfig::default(), &format!("< doc {document}\n{trace}"));
}

/// As [`check`], from the first fetch on; the fetch itself is not in the trace.
#[track_caller]
fn check_with(config: ScriptConfig, trace: &str) {
    let mut script = Script::new(config);
    script.start_fetch(Timestamp::ZERO, START.to_owned(), Method::Post, None);
    assert_eq!(script.poll().map(|i| write(&i)).as_deref(), Some("fetch POST https://app.example/calls/start"));
    compare(&mut script, trace);
}

#[track_caller]
fn check_with_fallback(trace: &str) {
    let mut script = Script::new(ScriptConfig::default());
    let fallback = Some((FALLBACK.to_owned(), Method::Get));
    script.start_fetch(Timestamp::ZERO, START.to_owned(), Method::Post, fallback);
    script.poll();
    compare(&mut script, trace);
}

#[track_caller]
fn compare(script: &mut Script, trace: &str) {
    let mut now = Timestamp::ZERO;
    let mut found = String::new();
    let expected: String = trace.lines().map(|l| format!("{}\n", l.trim())).filter(|l| l.len() > 1).collect();
    for line in expected.lines().filter_map(|l| l.strip_prefix("< ")) {
        found.push_str(&format!("< {line}\n"));
        apply(script, &mut now, line);
        while let Some(instruction) = script.poll() {
            found.push_str(&format!("> {}\n", write(&instruction)));
        }
    }
    assert_eq!(found, expected, "\n--- found\n{found}--- expected\n{expected}");
    let ended = |l: &str| {
        l == "> finished"
            || l == "> hangup"
            || l == "> leave"
            || l == "> no document"
            || l.starts_with("> reject")
            || l == "< hungup"
    };
    assert_eq!(script.is_finished(), expected.lines().any(ended), "is_finished after\n{found}");
}

fn apply(script: &mut Script, now: &mut Timestamp, line: &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let input = match word {
        "doc" => document(START, "text/xml", rest),
        "doc-at" => {
            let (url, xml) = rest.split_once(' ').expect("doc-at URL XML");
            document(url, "application/xml; charset=utf-8", xml)
        }
        "fail" => {
            Input::Document(Err(FetchFailure { code: rest.parse().expect("a code"), message: "failed".to_owned() }))
        }
        "ended" => Input::PromptEnded { id: PromptId(rest.parse().expect("an id")), result: Ok(()) },
        "broken" => Input::PromptEnded {
            id: PromptId(rest.parse().expect("an id")),
            result: Err(PromptFailure { code: 13_420, message: "not audio".to_owned() }),
        },
        "keys" => {
            for key in rest.chars() {
                script.handle(*now, Input::Digit(key));
            }
            return;
        }
        "began" => Input::Heard(Heard::Began { id: ListenId(rest.parse().expect("an id")) }),
        "words" | "deaf" => {
            let (id, text) = rest.split_once(' ').unwrap_or((rest, ""));
            let id = ListenId(id.parse().expect("an id"));
            let failure = ListenFailure { code: text.parse().unwrap_or(10_001), message: "no recogniser".to_owned() };
            let utterance = Utterance { text: text.to_owned(), confidence: Some(0.875) };
            let result = if word == "deaf" { Err(failure) } else { Ok(utterance) };
            Input::Heard(Heard::Ended { id, result })
        }
        "dialled" => Input::DialEnded(outcome(rest)),
        "streamed" => stream::ended(rest),
        "recorded" | "unrecorded" => {
            let (id, secs) = rest.split_once(' ').expect("an id and seconds");
            let recording = RecordingRef { sid: "rec".to_owned(), url: "https://switch.example/rec".to_owned() };
            Input::RecordingEnded(RecordingEnded {
                id: RecordingId(id.parse().expect("an id")),
                recording: (word == "recorded").then_some(recording),
                duration: Duration::from_secs(secs.parse().expect("seconds")),
            })
        }
        "referred" => {
            let (status, codes) = rest.split_once(' ').expect("a status and codes");
            let mut codes = codes.split(' ').map(|code| code.parse().ok());
            let status = match status {
                "in-progress" => ReferStatus::InProgress,
                "busy" => ReferStatus::Busy,
                other => panic!("no outcome {other}"),
            };
            let (response_code, notified_code) = (codes.next().flatten(), codes.next().flatten());
            Input::ReferEnded(ReferOutcome { status, response_code, notified_code })
        }
        "queue" => {
            let (result, secs) = rest.split_once(' ').expect("a result and seconds");
            Input::Queue(QueueEvent::Ended(QueueOutcome {
                result: queue::RESULTS.into_iter().find(|r| r.as_str() == result).expect("a result"),
                queue_sid: (result != "system-error").then(|| "queue".to_owned()),
                waited: Duration::from_secs(secs.parse().expect("seconds")),
            }))
        }
        "hungup" => Input::HungUp,
        "redirect" => Input::Redirect { url: rest.to_owned(), method: Method::Get },
        "replace" => Input::Replace { xml: rest.to_owned() },
        "wait" => {
            *now = *now + Duration::from_millis(rest.parse().expect("milliseconds"));
            script.expire(*now);
            return;
        }
        other => panic!("no input {other}"),
    };
    script.handle(*now, input);
}

fn document(url: &str, content_type: &str, xml: &str) -> Input {
    Input::Document(Ok(Document {
        url: url.to_owned(),
        content_type: Some(content_type.to_owned()),
        body: xml.replace('⏎', "\n").into_bytes(),
    }))
}

fn outcome_input(status: &str) -> Input {
    Input::DialEnded(outcome(status))
}

fn outcome(status: &str) -> DialOutcome {
    let bare = |status| DialOutcome {
        status,
        call_sid: None,
        duration: None,
        recording: None,
        bridged: false,
        queue: None,
        sip: None,
    };
    match status {
        "completed" => DialOutcome {
            call_sid: Some("child".to_owned()),
            duration: Some(Duration::from_millis(61_900)),
            bridged: true,
            ..bare(DialStatus::Completed)
        },
        "queue" => DialOutcome {
            call_sid: Some("queued".to_owned()),
            duration: Some(Duration::from_secs(7)),
            bridged: true,
            queue: Some(DialQueue { sid: "queue".to_owned(), waited: Duration::from_millis(5_900) }),
            ..bare(DialStatus::Completed)
        },
        "sip" => DialOutcome {
            call_sid: Some("child".to_owned()),
            sip: Some(DialSip {
                call_id: "id@host".to_owned(),
                response_code: 486,
                headers: [("X-Why", "tea"), ("X-Why", "more"), ("X-B", "2")]
                    .map(|(n, v)| (n.to_owned(), v.to_owned()))
                    .to_vec(),
            }),
            ..bare(DialStatus::Busy)
        },
        "answered" => DialOutcome { duration: Some(Duration::from_secs(7)), ..bare(DialStatus::Answered) },
        "busy" => bare(DialStatus::Busy),
        "no-answer" => bare(DialStatus::NoAnswer),
        "canceled" => bare(DialStatus::Canceled),
        other => panic!("no outcome {other}"),
    }
}

pub(super) fn write(instruction: &Instruction) -> String {
    match instruction {
        Instruction::Answer => "answer".to_owned(),
        Instruction::Fetch { url, method, params } => {
            let params: String = params.iter().map(|(n, v)| format!(" {n}={v}")).collect();
            format!("fetch {} {url}{params}", method_name(*method))
        }
        Instruction::CancelFetch => "cancel fetch".to_owned(),
        Instruction::Prompt { id, what, repeat } => {
            let what = match what {
                Prompt::Url(url) => format!("play {url}"),
                Prompt::Speech { text, voice, language } => format!("say {voice} {language} {text:?}"),
                Prompt::Digits(digits) => format!("digits {digits}"),
                Prompt::Beep => "beep".to_owned(),
            };
            let repeat = match repeat {
                Repeat::Times(1) => String::new(),
                Repeat::Times(n) => format!(" x{n}"),
                Repeat::Forever => " for ever".to_owned(),
            };
            format!("prompt {} {what}{repeat}", id.0)
        }
        Instruction::StopPrompt { id } => format!("stop {}", id.0),
        Instruction::Listen(ListenCommand::Start { id, how }) => write_listening(*id, how),
        Instruction::Listen(ListenCommand::Finish { id }) => format!("finish listening {}", id.0),
        Instruction::Listen(ListenCommand::Stop { id }) => format!("stop listening {}", id.0),
        Instruction::Dial(dial) => write_dial(dial),
        Instruction::CancelDial => "cancel dial".to_owned(),
        Instruction::Echo { on } => format!("echo {}", if *on { "on" } else { "off" }),
        Instruction::Denoise { on } => format!("denoise {}", if *on { "on" } else { "off" }),
        Instruction::Stream(command) => stream::write(command),
        Instruction::Reject { reason: RejectReason::Busy } => "reject busy".to_owned(),
        Instruction::Reject { reason: RejectReason::Rejected } => "reject rejected".to_owned(),
        Instruction::Hangup => "hangup".to_owned(),
        Instruction::Warn { code, line, .. } => match line {
            Some(line) => format!("warn {code} line {line}"),
            None => format!("warn {code}"),
        },
        Instruction::Recording(RecordingCommand::Start { id, what }) => {
            format!("record {} {}", id.0, write_recording(what))
        }
        Instruction::Recording(RecordingCommand::Stop { id }) => format!("stop record {}", id.0),
        Instruction::Refer(refer) => {
            let headers: String = refer.headers.iter().map(|(n, v)| format!(" {n}:{v}")).collect();
            format!("refer {}{headers}", refer.to)
        }
        Instruction::Leave => "leave".to_owned(),
        Instruction::NoDocument => "no document".to_owned(),
        Instruction::Queue(QueueCommand::Enqueue(enqueue)) => write_enqueue(enqueue),
        Instruction::Queue(QueueCommand::GiveUp) => "give up queue".to_owned(),
        Instruction::Tell { url, method, params } => {
            let params: String = params.iter().map(|(n, v)| format!(" {n}={v}")).collect();
            format!("tell {} {url}{params}", method_name(*method))
        }
        Instruction::Finished => "finished".to_owned(),
    }
}

fn write_enqueue(enqueue: &Enqueue) -> String {
    let mut out = format!("enqueue {:?}", enqueue.name);
    out.extend(enqueue.wait.iter().map(|(url, method)| format!(" wait {} {url}", method_name(*method))));
    out.extend(enqueue.size_max.iter().map(|n| format!(" at most {n}")));
    out.extend(enqueue.new_size_max.iter().map(|n| format!(" new {n}")));
    out.extend(enqueue.action.iter().map(|(url, method)| format!(" then {} {url}", method_name(*method))));
    out
}

fn write_recording(what: &Recording) -> String {
    let mut out = format!("{:?} {:?}", what.channels, what.track).to_lowercase();
    if what.trim {
        out.push_str(" trim");
    }
    out.extend(what.max.iter().map(|max| format!(" max={}", max.as_secs())));
    out.extend(what.silence.iter().map(|silence| format!(" silence={}", silence.as_secs())));
    if let Some(callback) = &what.callback {
        let events: String = [(callback.in_progress, 'i'), (callback.completed, 'c'), (callback.absent, 'a')]
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, letter)| letter)
            .collect();
        out.push_str(&format!(" callback {} {} {events}", method_name(callback.method), callback.url));
    }
    out.extend(what.storage.iter().map(|(url, how)| format!(" store {how:?} {url}")));
    if let Some(transcribe) = &what.transcribe {
        out.push_str(" transcribe");
        out.extend(transcribe.callback.iter().map(|(url, _)| format!(" {url}")));
    }
    out
}

fn write_listening(id: ListenId, how: &Listening) -> String {
    let mut out = format!("listen {} {}", id.0, how.language);
    match how.end_silence {
        Some(silence) => out.push_str(&format!(" {}s", silence.as_secs())),
        None => out.push_str(" auto"),
    }
    if how.speech_max != Duration::from_secs(60) {
        out.push_str(&format!(" max={}s", how.speech_max.as_secs()));
    }
    out.extend(how.hints.iter().map(|hint| format!(" hint={hint:?}")));
    out.extend(how.model.iter().map(|model| format!(" model={model}")));
    for (name, on) in [("enhanced", how.enhanced), ("uncensored", !how.profanity_filter), ("debug", how.debug)] {
        if on {
            out.push_str(&format!(" {name}"));
        }
    }
    if let Some((url, method)) = &how.partials {
        out.push_str(&format!(" partials {} {url}", method_name(*method)));
    }
    out
}

fn write_dial(dial: &Dial) -> String {
    let mut out = format!("dial {}+{}s", dial.timeout.as_secs(), dial.time_limit.as_secs());
    for (name, on) in [("answerOnBridge", dial.answer_on_bridge), ("hangupOnStar", dial.hangup_on_star)] {
        if on {
            out.push_str(&format!(" {name}"));
        }
    }
    for (name, value) in [("id", &dial.caller_id), ("name", &dial.caller_name)] {
        if let Some(value) = value {
            out.push_str(&format!(" {name}={value:?}"));
        }
    }
    out.extend(dial.ring_tone.iter().map(|country| format!(" ring={}", country.code())));
    if dial.sequential {
        out.push_str(" one by one");
    }
    if let Some(record) = &dial.record {
        let when = if record.from_ringing { " from ringing" } else { "" };
        out.push_str(&format!(" record{when} {}", write_recording(&record.what)));
    }
    out.extend(dial.refer.iter().map(|(url, method)| format!(" refer {} {url}", method_name(*method))));
    if let DialTo::Queue(queue) = &dial.to {
        out.push_str(&format!(" | queue {:?}", queue.name));
        out.extend(queue.url.iter().map(|(url, method)| format!(" tell {} {url}", method_name(*method))));
    }
    if let DialTo::Conference(room) = &dial.to {
        out.push_str(&format!(" | {}", write_conference(room)));
    }
    for target in dial.targets() {
        match &target.to {
            TargetAddress::Number(number) => out.push_str(&format!(" | {number}")),
            TargetAddress::User(name) => out.push_str(&format!(" | user {name}")),
            TargetAddress::Sip { uri, headers, username, password, codecs, session_expires_secs } => {
                out.push_str(&format!(" | {uri}"));
                out.extend(session_expires_secs.iter().map(|secs| format!(" se={secs}")));
                out.extend(headers.iter().map(|(n, v)| format!(" {n}:{v}")));
                out.extend(username.iter().map(|u| format!(" user={u}")));
                out.extend(password.iter().map(|p| format!(" password={p}")));
                out.extend(codecs.iter().map(|c| format!(" {c}")));
            }
        }
        out.extend(target.send_digits.iter().map(|d| format!(" digits={d}")));
        if let Some((url, method)) = &target.url {
            out.push_str(&format!(" whisper {} {url}", method_name(*method)));
        }
        if let Some(amd) = &target.amd {
            let MachineDetection { timeout, speech_threshold, speech_end_threshold, silence_timeout, .. } =
                amd.as_ref();
            let times = [timeout, speech_threshold, speech_end_threshold, silence_timeout].map(|t| t.as_millis());
            out.push_str(&format!(" amd {} {times:?}", if amd.message_end { "end" } else { "who" }));
            if let Some((url, method)) = &amd.callback {
                out.push_str(&format!(" {} {url}", method_name(*method)));
            }
        }
        if let Some(callback) = &target.status_callback {
            let StatusEvents { initiated, ringing, answered, completed } = callback.events;
            let events: String = [(initiated, 'i'), (ringing, 'r'), (answered, 'a'), (completed, 'c')]
                .iter()
                .filter(|(on, _)| *on)
                .map(|(_, letter)| letter)
                .collect();
            out.push_str(&format!(" callback {} {} {events}", method_name(callback.method), callback.url));
        }
    }
    out
}

/// Only what is not the default.
fn write_conference(room: &Conference) -> String {
    let mut out = format!("room {:?}", room.name);
    for (word, on) in [
        ("muted", room.muted),
        ("no-start", !room.start_on_enter),
        ("ends", room.end_on_exit),
        ("record", room.record),
        ("untrimmed", !room.trim),
    ] {
        if on {
            out.push_str(&format!(" {word}"));
        }
    }
    if room.beep != Beep::Both {
        out.push_str(&format!(" beep={:?}", room.beep));
    }
    if room.max_participants != 250 {
        out.push_str(&format!(" max={}", room.max_participants));
    }
    match &room.wait {
        WaitMusic::BuiltIn => {}
        WaitMusic::Silence => out.push_str(" silence"),
        WaitMusic::Document(url, method) => out.push_str(&format!(" wait {} {url}", method_name(*method))),
    }
    out.extend(room.coach.iter().map(|sid| format!(" coach={sid}")));
    out.extend(room.label.iter().map(|label| format!(" label={label:?}")));
    if let Some(callback) = &room.status_callback {
        out.push_str(&format!(" callback {} {} {:?}", method_name(callback.method), callback.url, callback.events));
    }
    if let Some(callback) = &room.recording_callback {
        let events = [callback.in_progress, callback.completed, callback.failed].map(u8::from);
        out.push_str(&format!(" recording {} {} {events:?}", method_name(callback.method), callback.url));
    }
    out.extend(room.event_callback.iter().map(|url| format!(" end {url}")));
    if let Some(stream) = &room.stream {
        out.push_str(&format!(" stream {}", stream.url));
        out.extend(stream.fault.iter().map(|fault| format!(" {fault:?}")));
    }
    out
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}
