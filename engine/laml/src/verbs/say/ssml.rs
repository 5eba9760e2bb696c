use std::fmt::Write as _;
use std::time::Duration;

use super::TEXT_CHARS_MAX;
use crate::code;
use crate::document::{Child, Node};
use crate::effects::Effects;

/// What a Say says, as XML content: escaped text, and the SSML elements of laml.md 1.9 with checked values. `sub` is gone,
/// its alias stands for it. Elements: `break` (`strength`, or `time` in ms), `emphasis` (`level`), `lang` (`tag`), `p`, `s`,
/// `phoneme` (`alphabet`, `ph`), `prosody` (`rate`, `volume`, `pitch`) and `say-as` (`as`, `format`); attributes come in
/// double quotes.
pub(super) struct Markup {
    pub text: String,
    /// Nothing in it can be heard, not even a pause.
    pub is_empty: bool,
}

pub(super) fn write(node: &Node, fx: &mut Effects) -> Markup {
    let mut writer = Writer { out: String::new(), chars: 0, words: false, pauses: false, too_long: false, fx };
    writer.children(node);
    let Writer { out, words, pauses, too_long, .. } = writer;
    if too_long {
        let message = format!("Say: the text is longer than {TEXT_CHARS_MAX} characters, the rest is not read");
        fx.warn(code::ATTRIBUTE, Some(node.line), message);
    }
    Markup { text: out.trim().to_owned(), is_empty: !words && !pauses }
}

const STRENGTHS: &[&str] = &["none", "x-weak", "weak", "medium", "strong", "x-strong"];
const BREAK_MAX: Duration = Duration::from_secs(10);
const LEVELS: &[&str] = &["strong", "moderate", "reduced", "none"];
const ALPHABETS: &[&str] = &["ipa", "x-sampa"];
const RATES: &[&str] = &["x-slow", "slow", "medium", "fast", "x-fast", "default"];
const VOLUMES: &[&str] = &["silent", "x-soft", "soft", "medium", "loud", "x-loud", "default"];
const PITCHES: &[&str] = &["x-low", "low", "medium", "high", "x-high", "default"];
const KINDS: &[&str] = &[
    "characters",
    "spell-out",
    "verbatim",
    "cardinal",
    "number",
    "ordinal",
    "digits",
    "fraction",
    "unit",
    "date",
    "time",
    "address",
    "telephone",
    "currency",
    "expletive",
    "bleep",
    "interjection",
];

struct Writer<'a> {
    out: String,
    chars: usize,
    words: bool,
    pauses: bool,
    too_long: bool,
    fx: &'a mut Effects,
}

impl Writer<'_> {
    /// Recursion is bounded by the document's nesting limit.
    fn children(&mut self, node: &Node) {
        for child in &node.children {
            match child {
                Child::Text(text) => self.text(text),
                Child::Element(element) => self.element(element),
            }
        }
    }

    /// White space is one space; beyond the limit nothing is added.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                if !self.out.is_empty() && !self.out.ends_with(' ') {
                    self.char(' ');
                }
            } else {
                self.words = true;
                self.char(c);
            }
        }
    }

    fn char(&mut self, c: char) {
        if self.chars >= TEXT_CHARS_MAX {
            self.too_long |= !c.is_whitespace();
            return;
        }
        self.chars += 1;
        escape_into(&mut self.out, c);
    }

    fn element(&mut self, element: &Node) {
        match element.name.as_str() {
            "break" => self.pause(element),
            "p" | "s" => self.within(&element.name.clone(), &[], element),
            "emphasis" => {
                let level = self.choice(element, "level", LEVELS, "moderate");
                self.within("emphasis", &[("level", level)], element);
            }
            "lang" => match element.attribute("lang").map(str::trim).filter(|tag| is_tag(tag)) {
                Some(tag) => self.within("lang", &[("tag", tag.to_owned())], element),
                None => {
                    self.warn(element, "lang: xml:lang is no language tag, the text is read in the language around it");
                    self.children(element);
                }
            },
            "phoneme" => {
                let alphabet = self.choice(element, "alphabet", ALPHABETS, "ipa");
                let ph = element.attribute("ph").unwrap_or_default().trim().to_owned();
                if ph.is_empty() || ph.chars().count() > 256 {
                    self.warn(element, "phoneme: ph is empty or too long, the text is read");
                    return self.children(element);
                }
                self.words = true;
                self.within("phoneme", &[("alphabet", alphabet), ("ph", ph)], element);
            }
            "prosody" => self.prosody(element),
            "say-as" => {
                let kind = element.attribute("interpret-as").unwrap_or_default().trim().to_ascii_lowercase();
                if !KINDS.contains(&kind.as_str()) {
                    self.warn(element, "say-as: interpret-as is not known, the text is read as it is");
                    return self.children(element);
                }
                let format = element.attribute("format").unwrap_or_default().trim().to_ascii_lowercase();
                let plain = format.len() <= 8 && format.bytes().all(|b| b.is_ascii_alphanumeric());
                let format = if plain { format } else { String::new() };
                self.within("say-as", &[("as", kind), ("format", format)], element);
            }
            "sub" => match element.attribute("alias") {
                Some(alias) => self.text(alias),
                None => self.children(element),
            },
            // A word with its role: the same word.
            "w" => self.children(element),
            other => {
                let shown: String = other.chars().take(60).collect();
                self.warn(element, &format!("<{shown}> is no SSML element known here, its text is read"));
                self.children(element);
            }
        }
    }

    fn pause(&mut self, element: &Node) {
        self.pauses = true;
        match element.attribute("time").map(|text| (milliseconds(text), text)) {
            Some((Some(time), _)) => {
                if time > BREAK_MAX {
                    self.warn(element, "break: time is longer than 10 s, taken as 10 s");
                }
                let _ = write!(self.out, "<break time=\"{}\"/>", time.min(BREAK_MAX).as_millis());
            }
            given => {
                if given.is_some() {
                    self.warn(element, "break: time is neither seconds (2s) nor milliseconds (500ms)");
                }
                let strength = self.choice(element, "strength", STRENGTHS, "medium");
                let _ = write!(self.out, "<break strength=\"{strength}\"/>");
            }
        }
    }

    fn prosody(&mut self, element: &Node) {
        let mut kept = Vec::new();
        let percent = |v: &str| number(v, "%").is_some();
        type Fits<'f> = &'f dyn Fn(&str) -> bool;
        let rules: [(&str, &[&str], Fits<'_>); 3] = [
            ("rate", RATES, &percent),
            ("volume", VOLUMES, &|v| number(v, "db").is_some() || number(v, "").is_some() || percent(v)),
            ("pitch", PITCHES, &|v| percent(v) || number(v, "hz").is_some() || number(v, "st").is_some()),
        ];
        for (name, words, fits) in rules {
            let Some(value) = element.attribute(name).map(|v| v.trim().to_ascii_lowercase()) else { continue };
            if words.contains(&value.as_str()) || fits(&value) {
                kept.push((name, value));
            } else {
                self.warn(element, &format!("prosody: {name} cannot be read and is left out"));
            }
        }
        self.within("prosody", &kept, element);
    }

    fn within(&mut self, name: &str, attributes: &[(&str, String)], element: &Node) {
        let _ = write!(self.out, "<{name}");
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(self.out, " {name}=\"");
            value.chars().for_each(|c| escape_into(&mut self.out, c));
            self.out.push('"');
        }
        self.out.push('>');
        self.children(element);
        let _ = write!(self.out, "</{name}>");
    }

    fn choice(&mut self, element: &Node, name: &str, all: &[&str], default: &str) -> String {
        let Some(value) = element.attribute(name) else { return default.to_owned() };
        let value = value.trim().to_ascii_lowercase();
        if all.contains(&value.as_str()) {
            return value;
        }
        self.warn(element, &format!("{}: {name} is none of {}, taken as {default}", element.name, all.join(" ")));
        default.to_owned()
    }

    fn warn(&mut self, element: &Node, message: &str) {
        self.fx.warn(code::NESTING, Some(element.line), format!("Say: {message}"));
    }
}

fn escape_into(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        c if c.is_control() => out.push(' '),
        c => out.push(c),
    }
}

fn milliseconds(text: &str) -> Option<Duration> {
    let text = text.trim().to_ascii_lowercase();
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (text.strip_suffix('s')?, 1_000.0),
    };
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0).then(|| Duration::from_millis((value * unit).min(1e9) as u64))
}

/// A signed decimal number before `unit`.
fn number(text: &str, unit: &str) -> Option<f64> {
    let digits = text.strip_suffix(unit)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b));
    digits.parse().ok().filter(|n: &f64| plain && n.abs() < 1e4)
}

fn is_tag(text: &str) -> bool {
    (2..=35).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
