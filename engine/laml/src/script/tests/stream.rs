//! Streams and noise reduction (laml.md 1.15 and 1.16).

use super::{ScriptConfig, check, check_with, method_name};
use crate::instruction::*;

pub(super) fn write(command: &StreamCommand) -> String {
    let stream = match command {
        StreamCommand::Start(stream) => stream,
        StreamCommand::Connect { stream, .. } => stream,
        StreamCommand::Stop { name, line } => return format!("stop stream {name} line {line}"),
        StreamCommand::Disconnect { id } => return format!("disconnect {}", id.0),
    };
    let mut out = match command {
        StreamCommand::Connect { id, .. } => format!("connect {} {}", id.0, stream.url),
        _ => format!("stream {}", stream.url),
    };
    out.extend(stream.name.iter().map(|name| format!(" name={name}")));
    out.push_str(&format!(" {}", stream.track.as_str()));
    match stream.codec {
        StreamCodec::Pcmu => {}
        StreamCodec::L16(rate) => out.push_str(&format!(" L16@{}", rate.0)),
    }
    out.push_str(if stream.realtime { " realtime" } else { "" });
    out.extend(stream.bearer_token.iter().map(|token| format!(" token={token}")));
    if let Some((url, method)) = &stream.status_callback {
        out.push_str(&format!(" callback {} {url}", method_name(*method)));
    }
    out.extend(stream.parameters.iter().map(|(name, value)| format!(" {name}:{value}")));
    out.extend(stream.fault.map(|fault| format!(" fault={}", fault.as_str())));
    out
}

/// `ID`, or `ID FAULT` with the fault that a server which refuses gives.
pub(super) fn ended(text: &str) -> Input {
    let (id, fault) = text.split_once(' ').map_or((text, None), |(id, _)| (id, Some(StreamFault::Refused)));
    let id = ConnectId(id.parse().expect("an id"));
    Input::Stream(StreamEvent::Ended { id, sid: "sid".to_owned(), name: "talk".to_owned(), fault })
}

#[test]
fn start_goes_on_at_once_and_a_document_with_nothing_left_ends_the_call() {
    check(
        "<Response><Start><Stream url=\"wss://a.example/in\"/></Start></Response>",
        "> stream wss://a.example/in inbound_track\n> answer\n> finished",
    );
    check(
        "<Response><Start><Stream url=\"wss://a.example/in\" name=\"n\" track=\"both_tracks\" codec=\"L16@16000h\" \
         realtime=\"true\" authBearerToken=\"t0k\" statusCallback=\"/s\" statusCallbackMethod=\"GET\">\
         <Parameter name=\"a\" value=\"1 &amp; 2\"/><Parameter name=\"b\" value=\"\"/></Stream></Start><Pause/>\
         <Stop><Stream name=\"n\"/></Stop><Hangup/></Response>",
        "> stream wss://a.example/in name=n both_tracks L16@16000 realtime token=t0k callback GET https://app.example/s a:1 & 2 b:
        < wait 1000
        > stop stream n line 1
        > answer
        > hangup",
    );
}

#[test]
fn connect_waits_for_the_far_side_and_then_the_next_verb_runs_or_the_action() {
    let document = "<Response><Connect><Stream url=\"wss://a.example/x\"/></Connect><Say>on</Say></Response>";
    check(
        document,
        "> answer\n> connect 1 wss://a.example/x inbound_track\n< keys 12\n< streamed 7\n< wait 90000\n< streamed 1
        > prompt 1 say woman en-US \"on\"",
    );
    check(
        "<Response><Connect action=\"/over\" method=\"GET\"><Stream url=\"wss://a.example/x\"/></Connect><Say>never</Say></Response>",
        "> answer\n> connect 1 wss://a.example/x inbound_track\n< streamed 1
        > fetch GET https://app.example/over StreamSid=sid StreamName=talk StreamEvent=stream-stopped",
    );
    check(
        "<Response><Connect action=\"/over\"><Stream url=\"wss://a.example/x\"/></Connect></Response>",
        "> answer\n> connect 1 wss://a.example/x inbound_track\n< streamed 1 refused
        > fetch POST https://app.example/over StreamSid=sid StreamName=talk StreamEvent=stream-error StreamError=connection_refused",
    );
}

#[test]
fn rest_takes_a_connected_call_over_and_a_caller_who_hangs_up_ends_it() {
    let document = "<Response><Connect><Stream url=\"wss://a.example/x\"/></Connect></Response>";
    let begin = "> answer\n> connect 1 wss://a.example/x inbound_track\n";
    check(
        document,
        &format!(
            "{begin}< redirect https://b.example/x\n> disconnect 1\n> fetch GET https://b.example/x\n< streamed 1"
        ),
    );
    check(document, &format!("{begin}< hungup\n< streamed 1"));
}

#[test]
fn a_stream_that_cannot_run_is_warned_of_and_carries_its_fault() {
    for (attributes, code, fault) in [
        ("", 31_922, "fault=missing_url"),
        ("url=\"https://a.example/\"", 31_922, "fault=invalid_url"),
        ("url=\"wss://a.example/?x=1\"", 31_922, "fault=invalid_url"),
        ("url=\"wss://a.example/ \"", 31_922, "fault=invalid_url"),
    ] {
        check(
            &format!("<Response><Start><Stream {attributes}/></Start></Response>"),
            &format!("> warn {code} line 1\n> stream  inbound_track {fault}\n> answer\n> finished"),
        );
    }
    for (attributes, code, fault) in [
        ("track=\"left\"", 20_422, "fault=invalid_track"),
        ("codec=\"OPUS\"", 53_404, "fault=codec_error"),
        ("authBearerToken=\"a b\"", 20_422, "token=a b fault=general_error"),
    ] {
        check(
            &format!("<Response><Start><Stream url=\"wss://a.example/\" {attributes}/></Start></Response>"),
            &format!("> warn {code} line 1\n> stream wss://a.example/ inbound_track {fault}\n> answer\n> finished"),
        );
    }
    check(
        "<Response><Connect><Stream url=\"wss://a.example/\" track=\"both_tracks\"/></Connect></Response>",
        "> warn 20422 line 1\n> answer\n> connect 1 wss://a.example/ inbound_track fault=invalid_track\n< streamed 1 refused\n> finished",
    );
}

#[test]
fn nouns_that_have_no_place_here_are_passed_over_with_a_warning() {
    for noun in ["Room", "VirtualAgent", "AI", "Conversation", "ConversationRelay"] {
        check(
            &format!("<Response><Connect><{noun}/></Connect><Hangup/></Response>"),
            "> warn 13750 line 1\n> answer\n> hangup",
        );
    }
    check(
        "<Response><Start><Siprec/><Transcription/><Nonsense/></Start><Stop><Recording/><Stream/></Stop><Start/><Stop/>\
         <Connect/><Hangup/></Response>",
        "> warn 13750 line 1\n> warn 13750 line 1\n> warn 13215 line 1\n> warn 13750 line 1\n> warn 20422 line 1
        > warn 13215 line 1\n> warn 13215 line 1\n> warn 13215 line 1\n> answer\n> hangup",
    );
}

#[test]
fn parameters_need_a_name_each_of_its_own() {
    let many: String = (0..100).map(|n| format!("<Parameter name=\"p{n}\" value=\"v\"/>")).collect();
    let kept: String = (0..99).map(|n| format!(" p{n}:v")).collect();
    check(
        &format!("<Response><Start><Stream url=\"wss://a.example/\">{many}</Stream></Start><Hangup/></Response>"),
        &format!("> warn 20422 line 1\n> stream wss://a.example/ inbound_track{kept}\n> answer\n> hangup"),
    );
    check(
        "<Response><Start><Stream url=\"wss://a.example/\"><Parameter value=\"v\"/><Parameter name=\"a\"/>\
         <Parameter name=\"a\" value=\"b\"/><Say>x</Say></Stream></Start><Hangup/></Response>",
        "> warn 20422 line 1\n> warn 20422 line 1\n> warn 13215 line 1\n> stream wss://a.example/ inbound_track a:\n> answer\n> hangup",
    );
}

#[test]
fn denoise_is_on_or_off_and_does_not_answer() {
    check(
        "<Response><Denoise>on</Denoise><Denoise> off </Denoise><Denoise/><Denoise>On</Denoise><Reject/></Response>",
        "> denoise on\n> denoise off\n> warn 20422 line 1\n> warn 20422 line 1\n> reject rejected",
    );
    let config = ScriptConfig { answered: true, ..ScriptConfig::default() };
    check_with(config, "< doc <Response><Denoise>on</Denoise></Response>\n> denoise on\n> finished");
}
