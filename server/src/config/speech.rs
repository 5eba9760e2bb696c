//! What speaks and what listens: `[speech]` and `[speech_recognition]`.

use std::path::PathBuf;

use tandem_actors::operator_http::Url;

use super::read::{Reader, Value};

#[derive(Clone, PartialEq)]
pub struct Speech {
    pub engine: SpeechEngineName,
    /// The espeak-ng program: a path, or a name to look for in PATH.
    pub program: PathBuf,
    /// At a time.
    pub processes_max: usize,
    /// With placeholders.
    pub url: String,
    pub token: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub content_type: String,
    pub raw_rate: u32,
    pub timeout_secs: u64,
    pub requests_max: usize,
    /// espeak-ng speaks what the server cannot.
    pub fallback: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechEngineName {
    Espeak,
    Http,
}

#[derive(Clone, PartialEq)]
pub struct SpeechRecognition {
    pub engine: RecogniserName,
    pub url: Option<Url>,
    pub token: Option<String>,
    pub headers: Vec<(String, String)>,
    pub format: RecogniserFormat,
    pub model: String,
    pub response_format: String,
    pub rate: u32,
    pub timeout_secs: u64,
    pub sessions_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecogniserName {
    None,
    Http,
    WebSocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecogniserFormat {
    Form,
    Wav,
    Raw,
}

impl Default for Speech {
    fn default() -> Self {
        Speech {
            engine: SpeechEngineName::Espeak,
            program: "espeak-ng".into(),
            processes_max: 2,
            url: String::new(),
            token: None,
            headers: Vec::new(),
            body: r#"{"text":"{text}","voice":"{voice}","language":"{language}"}"#.into(),
            content_type: "application/json".into(),
            raw_rate: 16_000,
            timeout_secs: 10,
            requests_max: 16,
            fallback: true,
        }
    }
}

impl Default for SpeechRecognition {
    fn default() -> Self {
        SpeechRecognition {
            engine: RecogniserName::None,
            url: None,
            token: None,
            headers: Vec::new(),
            format: RecogniserFormat::Form,
            model: String::new(),
            response_format: "json".into(),
            rate: 16_000,
            timeout_secs: 10,
            sessions_max: 100,
        }
    }
}

/// Without secrets.
impl std::fmt::Debug for Speech {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Speech").field("engine", &self.engine).field("fallback", &self.fallback).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SpeechRecognition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpeechRecognition")
            .field("engine", &self.engine)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

impl Reader<'_> {
    pub(super) fn speech(&mut self, out: &mut Speech) {
        let place = self.place_of("speech.engine");
        self.set("speech.engine", &mut out.engine, |name| match name {
            "espeak" => Ok(SpeechEngineName::Espeak),
            "http" => Ok(SpeechEngineName::Http),
            _ => Err(format!("{name:?} is neither espeak nor http")),
        });
        self.set("speech.program", &mut out.program, |text| Ok(PathBuf::from(text)));
        self.integer("speech.processes_max", &mut out.processes_max);
        self.set("speech.url", &mut out.url, |text| {
            // A placeholder stands for any word.
            let filled = text.replace(['{', '}'], "x");
            web(&filled, &["http", "https"]).map(|_| text.to_owned())
        });
        out.token = self.non_empty("speech.token");
        out.headers = self.header_fields("speech.headers");
        self.set("speech.body", &mut out.body, |text| Ok(text.to_owned()));
        self.set("speech.content_type", &mut out.content_type, header_value);
        self.integer("speech.raw_rate", &mut out.raw_rate);
        self.integer("speech.timeout_secs", &mut out.timeout_secs);
        self.integer("speech.requests_max", &mut out.requests_max);
        self.set("speech.fallback", &mut out.fallback, |name| match name {
            "espeak" => Ok(true),
            "none" => Ok(false),
            _ => Err(format!("{name:?} is neither espeak nor none")),
        });
        if let Some(place) = place.filter(|_| out.engine == SpeechEngineName::Http && out.url.is_empty()) {
            self.report(place, "speech.engine", "needs url".into());
        }
    }

    pub(super) fn speech_recognition(&mut self, out: &mut SpeechRecognition) {
        let place = self.place_of("speech_recognition.engine");
        self.set("speech_recognition.engine", &mut out.engine, |name| match name {
            "none" => Ok(RecogniserName::None),
            "http" => Ok(RecogniserName::Http),
            "websocket" => Ok(RecogniserName::WebSocket),
            _ => Err(format!("{name:?} is none of none, http, websocket")),
        });
        self.set("speech_recognition.url", &mut out.url, |text| web(text, &["http", "https", "ws", "wss"]).map(Some));
        out.token = self.non_empty("speech_recognition.token");
        out.headers = self.header_fields("speech_recognition.headers");
        self.set("speech_recognition.format", &mut out.format, |name| match name {
            "form" => Ok(RecogniserFormat::Form),
            "wav" => Ok(RecogniserFormat::Wav),
            "raw" => Ok(RecogniserFormat::Raw),
            _ => Err(format!("{name:?} is none of form, wav, raw")),
        });
        self.set("speech_recognition.model", &mut out.model, header_value);
        self.set("speech_recognition.response_format", &mut out.response_format, header_value);
        let rate_place = self.place_of("speech_recognition.rate");
        self.integer("speech_recognition.rate", &mut out.rate);
        if let Some(place) = rate_place.filter(|_| !matches!(out.rate, 8_000 | 16_000)) {
            self.report(place, "speech_recognition.rate", "must be 8000 or 16000".into());
        }
        self.integer("speech_recognition.timeout_secs", &mut out.timeout_secs);
        self.integer("speech_recognition.sessions_max", &mut out.sessions_max);
        let wanted: &[&str] = match out.engine {
            RecogniserName::None => return,
            RecogniserName::Http => &["http", "https"],
            RecogniserName::WebSocket => &["ws", "wss"],
        };
        let fits = out.url.as_ref().is_some_and(|url| wanted.contains(&url.scheme()));
        if let Some(place) = place.filter(|_| !fits) {
            self.report(place, "speech_recognition.engine", format!("needs an url with {}", wanted.join(" or ")));
        }
    }

    /// `Name: value` each.
    fn header_fields(&mut self, key: &str) -> Vec<(String, String)> {
        let Some((Value::Texts(lines), place)) = self.take(key) else { return Vec::new() };
        let mut fields = Vec::new();
        for line in lines {
            match line.split_once(':').map(|(name, value)| (name.trim(), value.trim())) {
                Some((name, value)) if is_name(name) && header_value(value).is_ok() => {
                    fields.push((name.to_owned(), value.to_owned()));
                }
                _ => self.report(place.clone(), key, format!("{line:?} is not of the form Name: value")),
            }
        }
        fields
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn header_value(text: &str) -> Result<String, String> {
    if text.chars().all(|c| c.is_ascii() && !c.is_ascii_control()) {
        Ok(text.to_owned())
    } else {
        Err("has characters that no header field can carry".into())
    }
}

fn web(text: &str, schemes: &[&str]) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => Ok(url),
        _ => Err(format!("{text:?} is no URL with {}", schemes.join(", "))),
    }
}
