//! `docs/laml.md` holds a table of every parameter that webhooks of the field have (laml.md sections 1 and 2): which of them this server
//! sends, where that is tried, and why not the others. Written anew with `TANDEM_BLESS=1`.
#![expect(clippy::disallowed_methods, reason = "a test of a file, which reads and writes it")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- written by engine/laml/tests/parameters.rs -->\n";
const END: &str = "<!-- end of parameters -->\n";
const NAMED_MAX: usize = 2;

/// What a parameter belongs to, its name, and why it is not sent; empty: it is.
const PARAMETERS: &[(&str, &str, &str)] = &[
    ("every request", "CallSid", ""),
    ("every request", "AccountSid", ""),
    ("every request", "ApiVersion", ""),
    ("every request", "CallStatus", ""),
    ("every request", "Direction", ""),
    ("every request", "From", ""),
    ("every request", "To", ""),
    ("every request", "Caller", ""),
    ("every request", "Called", ""),
    ("every request", "ParentCallSid", ""),
    ("every request", "CallerName", ""),
    ("every request", "ForwardedFrom", ""),
    ("every request, Twilio dialect", "City", ""),
    ("every request, Twilio dialect", "State", ""),
    ("every request, Twilio dialect", "Zip", ""),
    ("every request, Twilio dialect", "Country", ""),
    ("SIP calls", "SipUser", ""),
    ("SIP calls", "SipDomain", ""),
    ("SIP calls", "SipDomainSid", ""),
    ("SIP calls", "SipCallId", ""),
    ("SIP calls", "SipSourceIp", ""),
    ("SIP calls", "SipUsername", ""),
    ("SIP calls", "SipHeader_", ""),
    ("status callback", "CallDuration", ""),
    ("status callback", "SequenceNumber", ""),
    ("status callback", "Timestamp", ""),
    ("status callback", "CallbackSource", ""),
    ("status callback", "SipResultCode", ""),
    ("status callback", "SipResponseCode", ""),
    ("status callback", "SipInviteResultPhrase", ""),
    ("status callback", "HangupBy", ""),
    ("status callback", "HangupDirection", ""),
    ("status callback", "AudioInMos", ""),
    ("status callback", "AudioInMediaPacketCount", ""),
    ("status callback", "AudioInSkipPacketCount", ""),
    ("status callback", "AudioInFlushPacketCount", ""),
    ("status callback", "AudioInDtmfPacketCount", ""),
    ("status callback", "AudioInJitterMaxVariance", ""),
    ("status callback", "AudioOutMediaPacketCount", ""),
    ("status callback", "AudioOutDtmfPacketCount", ""),
    ("status callback", "AudioInAveragePtime", "not measured"),
    ("status callback", "AudioInJitterMinVariance", "not measured"),
    ("status callback", "AudioInLargestJbSize", "not measured"),
    ("status callback, Twilio dialect", "Duration", ""),
    ("fallback", "ErrorCode", ""),
    ("fallback", "ErrorUrl", ""),
    ("recording callback", "RecordingSid", ""),
    ("recording callback", "RecordingUrl", ""),
    ("recording callback", "RecordingStatus", ""),
    ("recording callback", "RecordingDuration", ""),
    ("recording callback", "RecordingChannels", ""),
    ("recording callback", "RecordingSource", ""),
    ("transcription callback", "TranscriptionSid", ""),
    ("transcription callback", "TranscriptionText", ""),
    ("transcription callback", "TranscriptionStatus", ""),
    ("transcription callback", "TranscriptionUrl", ""),
    ("answering machine", "AnsweredBy", ""),
    ("answering machine", "MachineDetectionDuration", ""),
    ("Gather action", "Digits", ""),
    ("Gather action", "FinishedOnKey", ""),
    ("Gather action", "SpeechResult", ""),
    ("Gather action", "Confidence", ""),
    ("Gather partial result", "UnstableSpeechResult", ""),
    ("Gather partial result", "StableSpeechResult", ""),
    ("Dial action", "DialCallStatus", ""),
    ("Dial action", "DialCallSid", ""),
    ("Dial action", "DialCallDuration", ""),
    ("Dial action", "DialBridged", ""),
    ("Dial action", "DialSipCallId", ""),
    ("Dial action", "DialSipResponseCode", ""),
    ("Dial action", "DialSipHeader_", ""),
    ("Dial action of Verto", "DialCallSID", "Verto is a SIP endpoint here, and its action that of one"),
    ("Dial action of Verto", "DialSipHangupDirection", "Verto is a SIP endpoint here, and its action that of one"),
    ("referUrl", "ReferTransferTarget", ""),
    ("Refer action", "ReferCallStatus", ""),
    ("Refer action", "ReferSipResponseCode", ""),
    ("Refer action", "NotifySipResponseCode", ""),
    ("Enqueue action, Queue url", "QueueSid", ""),
    ("Enqueue action, Queue url", "QueueTime", ""),
    ("Enqueue action", "QueueResult", ""),
    ("Enqueue waitUrl", "QueuePosition", ""),
    ("Enqueue waitUrl", "AvgQueueTime", ""),
    ("Enqueue waitUrl", "CurrentQueueSize", ""),
    ("Queue url", "DequeingCallSid", ""),
    ("conference callback", "ConferenceSid", ""),
    ("conference callback", "FriendlyName", ""),
    ("conference callback", "StatusCallbackEvent", ""),
    ("conference callback", "EventName", ""),
    ("conference callback", "Muted", ""),
    ("conference callback", "Hold", ""),
    ("conference callback", "StartConferenceOnEnter", ""),
    ("conference callback", "EndConferenceOnExit", ""),
    ("conference callback", "RecordingFileSize", ""),
    ("conference callback, Twilio dialect", "ReasonConferenceEnded", ""),
    ("conference callback, Twilio dialect", "CallSidEndingConference", ""),
    ("stream callback", "StreamSid", ""),
    ("stream callback", "StreamName", ""),
    ("stream callback", "StreamEvent", ""),
    ("stream callback", "StreamError", ""),
    ("stream callback", "StreamTrack", ""),
    ("stream callback", "Unique-ID", ""),
    ("Sms action", "SmsStatus", ""),
    ("Sms action", "SmsSid", "no message is made, so there is none to name"),
    ("Pay action", "Result", ""),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn collect(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let from_root = path.strip_prefix(root()).expect("below the root").display().to_string();
            out.push((from_root, text));
        }
    }
}

/// Sources of the product, and of its tests, which may stand at the end of a source.
fn sources() -> (Vec<String>, Vec<(String, String)>) {
    let mut files = Vec::new();
    for folder in ["engine/laml/src", "engine/call/src", "engine/call/tests", "actors/src", "server/tests"] {
        collect(&root().join(folder), &mut files);
    }
    files.sort();
    let (mut code, mut tests) = (Vec::new(), Vec::new());
    for (path, text) in files {
        if path.contains("tests") {
            tests.push((path, text));
        } else {
            let (own, tested) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
            code.push(own.to_owned());
            tests.push((path, tested.to_owned()));
        }
    }
    (code, tests)
}

/// Whether a text names the parameter as one: quoted, or with a value.
fn names(text: &str, parameter: &str) -> bool {
    if parameter.ends_with('_') {
        return text.contains(parameter);
    }
    [format!("\"{parameter}\""), format!(" {parameter}="), format!("\"{parameter}=")]
        .iter()
        .any(|shape| text.contains(shape))
}

/// Tests of whole processes first, then those of calls.
fn rank(path: &str) -> usize {
    ["server/tests", "engine/call/tests", "engine/"].iter().position(|folder| path.starts_with(folder)).unwrap_or(3)
}

#[test]
fn the_table_of_parameters_says_what_is_sent_and_where_it_is_tried() {
    let (code, tests) = sources();
    let mut table = "| of | parameter | tried in, or why not |\n|---|---|---|\n".to_owned();
    for (of, parameter, why_not) in PARAMETERS {
        // Places are made of four words and four names.
        let place = ["City", "State", "Zip", "Country"].contains(parameter);
        let searched = if place { format!("Called{parameter}") } else { (*parameter).to_owned() };
        let literal = format!("\"{parameter}");
        let is_sent = code.iter().any(|text| text.contains(&literal));
        assert_eq!(is_sent, why_not.is_empty(), "{parameter}: the table and the code disagree about its being sent");
        let mut named: Vec<&str> =
            tests.iter().filter(|(_, text)| names(text, &searched)).map(|(p, _)| p.as_str()).collect();
        named.sort_by_key(|path| rank(path));
        let how = match (why_not.is_empty(), place) {
            (false, _) => format!("not sent: {why_not}"),
            (true, true) => {
                "empty, since no places are known; counted in `engine/call/src/call/callback.rs`".to_owned()
            }
            (true, false) => {
                assert!(!named.is_empty(), "{parameter} is sent, and no test names it");
                format!("`{}`", named[..named.len().min(NAMED_MAX)].join("`, `"))
            }
        };
        let name = match *parameter {
            name if place => format!("From…, To…, Caller…, Called{name}"),
            name if name.ends_with('_') => format!("{name}…"),
            name => name.to_owned(),
        };
        let _ = writeln!(table, "| {of} | {name} | {how} |");
    }
    let page = root().join("docs/laml.md");
    let text = fs::read_to_string(&page).expect("docs/laml.md");
    let begin = text.find(BEGIN).expect("where the table begins") + BEGIN.len();
    let end = text.find(END).expect("where the table ends");
    if text[begin..end] != table {
        if std::env::var_os("TANDEM_BLESS").is_some() {
            fs::write(&page, format!("{}{table}{}", &text[..begin], &text[end..])).expect("to write the page");
            return;
        }
        panic!("docs/laml.md is not what the code does; write it anew with TANDEM_BLESS=1");
    }
}
