//! `<Stream>`, the noun of Connect, Start and Stop: where a call's audio goes (laml.md 1.16).

mod url;

pub use url::stream_address;

use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Stream, StreamCodec, StreamFault, Track};
use crate::verbs::Surroundings;

/// As many as REST has names for.
pub(crate) const PARAMETERS_MAX: usize = 99;

pub(crate) static ATTRIBUTES: &[Attribute] = &[
    Attribute::new("url", "", "wss URL, or one relative to the document; no query (31922)"),
    Attribute::new("name", "", "unique among the call's streams; left out: the stream's sid"),
    Attribute::new("track", "inbound_track", "inbound_track, outbound_track, both_tracks; in Connect inbound_track"),
    Attribute::new("codec", "PCMU@8000h", "PCMU@8000h, L16@16000h, L16@24000h"),
    Attribute::new("realtime", "false", "true, false; in Connect, late audio is left out"),
    Attribute::new("authBearerToken", "", "sent as Authorization: Bearer"),
    Attribute::new("statusCallback", "", "URL"),
    Attribute::new("statusCallbackMethod", "POST", "GET, POST"),
    Attribute::left_out("bidir", "false", "a conference is copied; nothing is played into it"),
    Attribute::left_out("streamStartConferenceOnEnter", "false", "its members start a conference"),
    Attribute::left_out("streamSslValidateCertificate", "true", "certificates are always verified"),
];

/// Which way the audio goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ways {
    One,
    Both,
}

/// Reads it whole. What cannot run is warned about and carries its fault, so that its status callback hears of it.
pub(crate) fn read(node: &Node, around: &Surroundings<'_>, ways: Ways, fx: &mut Effects) -> Stream {
    let attributes = Attributes::new(node, ATTRIBUTES, around.url, fx);
    let mut fault = None;
    let mut fail = |found: StreamFault| fault = fault.or(Some(found));
    let url = match attributes.given("url") {
        None | Some("") => {
            fx.warn(code::STREAM_URL, attributes.line(), "Stream: there is no url");
            fail(StreamFault::MissingUrl);
            String::new()
        }
        Some(text) => url::resolve(around.url, text).unwrap_or_else(|bad| {
            fx.warn(code::STREAM_URL, attributes.line(), format!("Stream: url: {}", bad.0));
            fail(StreamFault::InvalidUrl);
            String::new()
        }),
    };
    let track = match Track::parse(attributes.text("track").trim()) {
        Some(track) if ways == Ways::One || track == Track::Inbound => track,
        Some(_) => {
            attributes.warn_value("track", "not inbound_track, the only one of a stream both ways", fx);
            fail(StreamFault::InvalidTrack);
            Track::Inbound
        }
        None => {
            attributes.warn_value("track", "none of inbound_track, outbound_track, both_tracks", fx);
            fail(StreamFault::InvalidTrack);
            Track::Inbound
        }
    };
    let codec = StreamCodec::parse(attributes.text("codec").trim()).unwrap_or_else(|| {
        let shown: String = attributes.text("codec").chars().filter(|c| !c.is_control()).take(60).collect();
        fx.warn(code::CODECS, attributes.line(), format!("Stream: there is no codec {shown}"));
        fail(StreamFault::Codec);
        StreamCodec::default()
    });
    let bearer_token = attributes.given("authBearerToken").map(str::trim).filter(|token| !token.is_empty());
    if bearer_token.is_some_and(|token| !is_token(token)) {
        // A connection without it would not be the one that was asked for.
        let message = "Stream: authBearerToken has characters that no header can hold";
        fx.warn(code::ATTRIBUTE, attributes.line(), message);
        fail(StreamFault::General);
    }
    let method = attributes.method("statusCallbackMethod", fx);
    Stream {
        url,
        name: name(&attributes),
        track,
        codec,
        realtime: attributes.flag("realtime", fx),
        bearer_token: bearer_token.map(str::to_owned),
        status_callback: attributes.url("statusCallback", fx).map(|url| (url, method)),
        parameters: parameters(node, fx),
        fault,
    }
}

/// The name that `<Stop>` means; None, with a warning, where there is none.
pub(crate) fn read_name(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<String> {
    let attributes = Attributes::new(node, ATTRIBUTES, around.url, fx);
    let name = name(&attributes);
    if name.is_none() {
        fx.warn(code::ATTRIBUTE, attributes.line(), "Stop: a Stream is stopped by its name, which is missing");
    }
    name
}

/// What a header field's value may hold of it.
pub fn is_token(token: &str) -> bool {
    token.bytes().all(|b| b.is_ascii_graphic())
}

fn name(attributes: &Attributes<'_>) -> Option<String> {
    attributes.given("name").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

fn parameters(node: &Node, fx: &mut Effects) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for child in node.elements() {
        if child.name != "Parameter" {
            let shown: String = child.name.chars().take(60).collect();
            fx.warn(code::NESTING, Some(child.line), format!("Stream: <{shown}> may not stand inside"));
            continue;
        }
        let (name, value) = (child.attribute("name").unwrap_or_default(), child.attribute("value").unwrap_or_default());
        if name.is_empty() {
            fx.warn(code::ATTRIBUTE, Some(child.line), "Parameter: it has no name");
        } else if all.iter().any(|(known, _)| known == name) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            fx.warn(code::ATTRIBUTE, Some(child.line), format!("Parameter: {shown} stands there twice"));
        } else if all.len() == PARAMETERS_MAX {
            let message = format!("Parameter: there are more than {PARAMETERS_MAX}");
            fx.warn(code::ATTRIBUTE, Some(child.line), message);
            break;
        } else {
            all.push((name.to_owned(), value.to_owned()));
        }
    }
    all
}
