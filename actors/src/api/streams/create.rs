use tandem_laml::instruction::{Method, Stream, StreamCodec, Track};
use tandem_laml::{is_token, stream_address};

use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::fields::is_web_url;

/// `Parameter1` … (laml.md 3.8).
const PARAMETERS_MAX: usize = 99;
const NAME_CHARS_MAX: usize = 255;

pub(super) fn parse(form: &Form) -> Result<Stream, LamlError> {
    let url = form.get("Url").ok_or_else(|| LamlError::bad(31922, "'Url' is missing"))?;
    stream_address(url).map_err(|why| LamlError::bad(31922, format!("'Url': {why}")))?;
    let track = match form.get("Track") {
        None => Track::Both,
        Some(text) => Track::parse(text)
            .ok_or_else(|| LamlError::bad(20422, "'Track' must be inbound_track, outbound_track or both_tracks"))?,
    };
    let codec = match form.get("StreamCodec") {
        None => StreamCodec::default(),
        Some(text) => StreamCodec::parse(text)
            .ok_or_else(|| LamlError::bad(53404, "'StreamCodec' must be PCMU@8000h, L16@16000h or L16@24000h"))?,
    };
    let realtime = match form.get("StreamRealTime").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(LamlError::bad(20422, "'StreamRealTime' must be true or false")),
    };
    let bearer_token = form.get("AuthorizationBearerToken");
    if bearer_token.is_some_and(|token| !is_token(token)) {
        return Err(LamlError::bad(20422, "'AuthorizationBearerToken' has characters that no header can hold"));
    }
    let name = form.get("Name").map(str::trim).filter(|name| !name.is_empty());
    if name.is_some_and(|name| name.chars().count() > NAME_CHARS_MAX || name.contains(char::is_control)) {
        return Err(LamlError::bad(
            20422,
            format!("'Name' may have {NAME_CHARS_MAX} characters, none of them control"),
        ));
    }
    Ok(Stream {
        url: url.to_owned(),
        name: name.map(str::to_owned),
        track,
        codec,
        realtime,
        bearer_token: bearer_token.map(str::to_owned),
        status_callback: status_callback(form)?,
        parameters: parameters(form)?,
        fault: None,
    })
}

fn status_callback(form: &Form) -> Result<Option<(String, Method)>, LamlError> {
    let method = match form.get("StatusCallbackMethod") {
        None => Method::Post,
        Some(m) if m.eq_ignore_ascii_case("POST") => Method::Post,
        Some(m) if m.eq_ignore_ascii_case("GET") => Method::Get,
        Some(_) => return Err(LamlError::bad(21209, "'StatusCallbackMethod' must be GET or POST")),
    };
    match form.get("StatusCallback") {
        None => Ok(None),
        Some(url) if is_web_url(url) => Ok(Some((url.to_owned(), method))),
        Some(_) => Err(LamlError::bad(21402, "'StatusCallback' is not a valid http or https URL")),
    }
}

/// Pairs by their numbers, in that order.
fn parameters(form: &Form) -> Result<Vec<(String, String)>, LamlError> {
    let mut all: Vec<(String, String)> = Vec::new();
    for n in 1..=PARAMETERS_MAX {
        let (name, value) = (format!("Parameter{n}.Name"), format!("Parameter{n}.Value"));
        match (form.get(&name), form.get(&value)) {
            (None, None) => {}
            (None, Some(_)) => return Err(LamlError::bad(20422, format!("'{value}' has no '{name}'"))),
            (Some(name), _) if all.iter().any(|(known, _)| known == name) => {
                return Err(LamlError::bad(20422, format!("Parameter {name} is there twice")));
            }
            (Some(name), value) => all.push((name.to_owned(), value.unwrap_or_default().to_owned())),
        }
    }
    Ok(all)
}
