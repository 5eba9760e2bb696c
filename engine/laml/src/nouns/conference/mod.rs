//! `<Conference>`: a room by its name (laml.md 1.8). Where a value cannot be read the default counts, with warning 16002.

mod callbacks;

use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Beep, Conference, Stream, WaitMusic};
use crate::nouns::stream::Ways;
use crate::verbs::Surroundings;

/// As REST's friendly name (laml.md 3.9).
const NAME_CHARS_MAX: usize = 64;
const LABEL_CHARS_MAX: usize = 128;
pub(crate) const NAME: &str = "Conference";
const STREAM: &str = "Stream";

pub(crate) static ATTRIBUTES: [Attribute; 22] = [
    Attribute::new("muted", "false", "true, false"),
    Attribute::new("beep", "true", "true, false, onEnter, onExit"),
    Attribute::new("startConferenceOnEnter", "true", "true, false"),
    Attribute::new("endConferenceOnExit", "false", "true, false"),
    Attribute::new("maxParticipants", "250", "1 to 250; who comes too late goes on with the action"),
    Attribute::new(
        "waitUrl",
        "",
        "URL of a document (Play, Say, Pause, Redirect) or of audio; empty: silence; left out: music",
    ),
    Attribute::new("waitMethod", "POST", "GET, POST"),
    Attribute::new("record", "do-not-record", "do-not-record, record-from-start"),
    Attribute::new("trim", "trim-silence", "trim-silence, do-not-trim"),
    Attribute::new("coach", "", "CallSid of a member, who alone hears this one"),
    Attribute::new("statusCallback", "", "URL; the first member's counts"),
    Attribute::new("statusCallbackMethod", "POST", "GET, POST"),
    Attribute::new(
        "statusCallbackEvent",
        "",
        "start end join leave mute hold speaker; with the twilio dialect also modify announcement",
    ),
    Attribute::new("recordingStatusCallback", "", "URL; the first member's counts"),
    Attribute::new("recordingStatusCallbackMethod", "POST", "GET, POST"),
    Attribute::new("recordingStatusCallbackEvent", "completed failed", "in-progress completed failed"),
    Attribute::new("eventCallbackUrl", "", "URL, asked once at the end; the first member's counts"),
    Attribute::new("participantLabel", "", "up to 128 characters, shown by REST and in callbacks"),
    Attribute::left_out("jitterBufferSize", "large", "each leg's buffer adapts to its network"),
    Attribute::left_out("region", "", "a conference is where its server is"),
    Attribute::new(
        "streamUrl",
        "",
        "wss URL that gets a copy of the conference, as a `<Stream>` inside says in full; the first member's counts",
    ),
    Attribute::left_out(
        "recordingConfigurationId",
        "",
        "configurations are kept by the provider that issues their ids",
    ),
];

/// None, with its warning, when it names no room.
pub(crate) fn read(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<Conference> {
    let attributes = Attributes::new(node, &ATTRIBUTES, around.url, fx);
    let stream = stream(node, &attributes, around, fx);
    for child in node.elements().filter(|child| child.name != STREAM) {
        let shown: String = child.name.chars().take(60).collect();
        fx.warn(
            code::NESTING,
            Some(child.line),
            format!("Conference: <{shown}> may not stand inside, it is passed over"),
        );
    }
    let name = node.text();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.contains(char::is_control) {
        let message = format!("Conference: a name has 1 to {NAME_CHARS_MAX} characters, nothing is joined");
        fx.warn(code::CONFERENCE, Some(node.line), message);
        return None;
    }
    Some(Conference {
        name,
        muted: flag(&attributes, "muted", fx),
        beep: choice(&attributes, "beep", &BEEPS, fx),
        start_on_enter: flag(&attributes, "startConferenceOnEnter", fx),
        end_on_exit: flag(&attributes, "endConferenceOnExit", fx),
        max_participants: max_participants(&attributes, fx),
        wait: wait(&attributes, fx),
        record: choice(&attributes, "record", &RECORDS, fx),
        trim: super::recording::trim(&attributes, fx),
        coach: attributes.given("coach").map(str::trim).filter(|sid| !sid.is_empty()).map(str::to_owned),
        label: label(&attributes, fx),
        status_callback: callbacks::status(&attributes, around, fx),
        recording_callback: callbacks::recording(&attributes, fx),
        event_callback: attributes.url("eventCallbackUrl", fx),
        stream,
    })
}

/// A `<Stream>` inside, or else one to `streamUrl` alone. What is heard of a conference is one track.
fn stream(
    node: &Node,
    attributes: &Attributes<'_>,
    around: &Surroundings<'_>,
    fx: &mut Effects,
) -> Option<Box<Stream>> {
    let url = attributes.given("streamUrl").map(str::trim).filter(|url| !url.is_empty());
    let made = url.map(|url| Node {
        name: STREAM.to_owned(),
        attributes: vec![("url".to_owned(), url.to_owned())],
        children: Vec::new(),
        line: node.line,
    });
    let inside = node.elements().find(|child| child.name == STREAM);
    inside.or(made.as_ref()).map(|stream| Box::new(super::stream::read(stream, around, Ways::Both, fx)))
}

const FLAGS: [(&str, bool); 2] = [("true", true), ("false", false)];
const BEEPS: [(&str, Beep); 4] =
    [("true", Beep::Both), ("false", Beep::Never), ("onEnter", Beep::Enter), ("onExit", Beep::Exit)];
const RECORDS: [(&str, bool); 4] =
    [("do-not-record", false), ("record-from-start", true), ("false", false), ("true", true)];

fn flag(attributes: &Attributes<'_>, name: &str, fx: &mut Effects) -> bool {
    choice(attributes, name, &FLAGS, fx)
}

/// One of a list, or the default of the table with a warning.
fn choice<T: Copy>(attributes: &Attributes<'_>, name: &str, all: &[(&str, T)], fx: &mut Effects) -> T {
    let find =
        |text: &str| all.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim())).map(|&(_, value)| value);
    find(attributes.text(name)).unwrap_or_else(|| {
        let shown: String = attributes.text(name).chars().filter(|c| !c.is_control()).take(60).collect();
        fx.warn(code::CONFERENCE, attributes.line(), format!("Conference: {name}=\"{shown}\" is no value of it"));
        find(attributes.standard(name)).unwrap_or(all[0].1)
    })
}

fn max_participants(attributes: &Attributes<'_>, fx: &mut Effects) -> usize {
    let most = tandem_model::limits::MIX_MEMBERS_MAX;
    match attributes.text("maxParticipants").trim().parse::<usize>() {
        Ok(number) if (1..=most).contains(&number) => number,
        _ => {
            let message = format!("Conference: maxParticipants is a number of 1 to {most}, taken as {most}");
            fx.warn(code::CONFERENCE, attributes.line(), message);
            most
        }
    }
}

/// Left out: music. Empty: silence.
fn wait(attributes: &Attributes<'_>, fx: &mut Effects) -> WaitMusic {
    let method = attributes.method("waitMethod", fx);
    match attributes.given("waitUrl") {
        None => WaitMusic::BuiltIn,
        Some(url) if url.trim().is_empty() => WaitMusic::Silence,
        Some(_) => match attributes.url("waitUrl", fx) {
            Some(url) => WaitMusic::Document(url, method),
            None => WaitMusic::BuiltIn,
        },
    }
}

fn label(attributes: &Attributes<'_>, fx: &mut Effects) -> Option<String> {
    let label = attributes.given("participantLabel").map(str::trim).filter(|label| !label.is_empty())?;
    if label.chars().count() > LABEL_CHARS_MAX || label.contains(char::is_control) {
        let message =
            format!("Conference: participantLabel has more than {LABEL_CHARS_MAX} characters, it is left out");
        fx.warn(code::CONFERENCE, attributes.line(), message);
        return None;
    }
    Some(label.to_owned())
}
