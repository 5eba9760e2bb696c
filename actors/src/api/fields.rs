use serde_json::{Map, Value};

use super::error::{FieldError, RelayError};

/// Characters of a text field at most.
const TEXT_CHARS_MAX: usize = 2_048;
const LIST_MAX: usize = 256;
/// Names without a meaning that one answer tells.
const UNKNOWN_TOLD_MAX: usize = 32;

pub(super) const CODECS: &[&str] = &["OPUS", "G722", "PCMU", "PCMA", "G729", "VP8", "H264", "L16"];
pub(super) const DTMF_METHODS: &[&str] = &["auto", "rfc4733", "info", "in_band"];
pub(super) const CIPHERS: &[&str] = &[
    "AEAD_AES_256_GCM_8",
    "AEAD_AES_256_GCM",
    "AEAD_AES_128_GCM",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_CM_128_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
    "AES_CM_128_HMAC_SHA1_32",
];

/// The fields a client sent, taken one by one; what is wrong with them is collected and told all at once.
/// A field that was not sent leaves its target as it is.
pub(super) struct Fields {
    sent: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    pub fn new(sent: Map<String, Value>) -> Self {
        Fields { sent, errors: Vec::new() }
    }

    pub fn finish(self) -> Result<(), RelayError> {
        if self.errors.is_empty() { Ok(()) } else { Err(RelayError::Invalid(self.errors)) }
    }

    pub fn wrong(&mut self, field: &str, problem: &str) {
        self.errors.push(FieldError::new(field, problem));
    }

    /// A name that `is_known` does not know is wrong: a setting that is misspelt would else look as if it were made.
    pub fn no_others(&mut self, is_known: impl Fn(&str) -> bool) {
        let unknown = self.sent.keys().filter(|name| !is_known(name)).take(UNKNOWN_TOLD_MAX);
        self.errors.extend(unknown.map(|name| FieldError::new(name, "is unknown")));
    }

    pub fn was_sent(&self, field: &str) -> bool {
        self.sent.contains_key(field)
    }

    /// As it was sent, for what no method here reads.
    pub fn raw(&self, field: &str) -> Option<&Value> {
        self.sent.get(field)
    }

    /// A text that must be there in the end.
    pub fn required(&mut self, field: &str, target: &mut String) {
        let mut value = Some(target.clone());
        self.text(field, &mut value);
        match value.filter(|v| !v.trim().is_empty()) {
            Some(value) => *target = value,
            None => self.blank(field),
        }
    }

    /// A text, or nothing: null and "" take it away.
    pub fn text(&mut self, field: &str, target: &mut Option<String>) {
        match self.sent.get(field) {
            None => {}
            Some(Value::Null) => *target = None,
            Some(Value::String(s)) if s.is_empty() => *target = None,
            Some(Value::String(s)) if s.chars().count() > TEXT_CHARS_MAX => self.wrong(field, "is too long"),
            Some(Value::String(s)) if s.contains(char::is_control) => self.wrong(field, "has control characters"),
            Some(Value::String(s)) => *target = Some(s.clone()),
            Some(_) => self.wrong(field, "must be a string"),
        }
    }

    pub fn choice(&mut self, field: &str, target: &mut String, allowed: &[&str]) {
        let mut value = Some(std::mem::take(target));
        self.optional_choice(field, &mut value, allowed);
        match value {
            Some(value) => *target = value,
            None => self.blank(field),
        }
    }

    pub fn optional_choice(&mut self, field: &str, target: &mut Option<String>, allowed: &[&str]) {
        let before = target.clone();
        self.text(field, target);
        if self.was_sent(field) && target.as_deref().is_some_and(|v| !allowed.contains(&v)) {
            *target = before;
            self.wrong(field, &format!("must be one of {}", allowed.join(", ")));
        }
    }

    /// A list of words out of `allowed`, whatever their case; null empties it.
    pub fn words(&mut self, field: &str, target: &mut Vec<String>, allowed: &[&str]) {
        let Some(sent) = self.list(field) else { return };
        let mut words = Vec::with_capacity(sent.len());
        for word in sent {
            match allowed.iter().find(|a| a.eq_ignore_ascii_case(&word)) {
                Some(known) if words.iter().any(|w| w == known) => {}
                Some(known) => words.push((*known).to_owned()),
                None => return self.wrong(field, &format!("has {word:?}, which is none of {}", allowed.join(", "))),
            }
        }
        *target = words;
    }

    /// A list of texts that `check` finds right.
    pub fn texts(&mut self, field: &str, target: &mut Vec<String>, check: impl Fn(&str) -> Result<(), String>) {
        let Some(sent) = self.list(field) else { return };
        match sent.iter().try_for_each(|s| check(s)) {
            Ok(()) => *target = sent,
            Err(why) => self.wrong(field, &format!("is invalid: {why}")),
        }
    }

    pub fn boolean(&mut self, field: &str, target: &mut bool) {
        match self.sent.get(field) {
            None => {}
            Some(Value::Bool(b)) => *target = *b,
            Some(_) => self.wrong(field, "must be true or false"),
        }
    }

    pub fn integer(&mut self, field: &str, target: &mut i32) {
        match self.sent.get(field) {
            None => {}
            Some(v) => match v.as_i64().and_then(|n| i32::try_from(n).ok()) {
                Some(n) => *target = n,
                None => self.wrong(field, "must be an integer"),
            },
        }
    }

    /// An integer in these bounds; null takes it away.
    pub fn optional_integer(&mut self, field: &str, target: &mut Option<i32>, bounds: std::ops::RangeInclusive<i32>) {
        match self.sent.get(field) {
            None => {}
            Some(Value::Null) => *target = None,
            Some(v) => match v.as_i64().and_then(|n| i32::try_from(n).ok()).filter(|n| bounds.contains(n)) {
                Some(n) => *target = Some(n),
                None => self.wrong(field, &format!("must be an integer of {}..{}", bounds.start(), bounds.end())),
            },
        }
    }

    fn blank(&mut self, field: &str) {
        if !self.errors.iter().any(|e| e.field == field) {
            self.wrong(field, "can't be blank");
        }
    }

    fn list(&mut self, field: &str) -> Option<Vec<String>> {
        match self.sent.get(field)? {
            Value::Null => Some(Vec::new()),
            Value::Array(items) if items.len() <= LIST_MAX => {
                let texts: Option<Vec<String>> = items.iter().map(|v| v.as_str().map(str::to_owned)).collect();
                match texts {
                    Some(texts) if !texts.iter().any(|t| t.len() > TEXT_CHARS_MAX || t.contains(char::is_control)) => {
                        Some(texts)
                    }
                    _ => {
                        self.wrong(field, "must be a list of strings");
                        None
                    }
                }
            }
            Value::Array(_) => {
                self.wrong(field, &format!("has more than {LIST_MAX} entries"));
                None
            }
            _ => {
                self.wrong(field, "must be a list of strings");
                None
            }
        }
    }
}

/// `+` and 7 to 15 digits (E.164).
pub(super) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|d| (7..=15).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()) && !d.starts_with('0'))
}

/// An absolute http or https URL without credentials for others to read.
pub(super) fn is_web_url(text: &str) -> bool {
    text.len() <= TEXT_CHARS_MAX
        && !text.contains(|c: char| c.is_control() || c.is_whitespace())
        && url::Url::parse(text).is_ok_and(|u| matches!(u.scheme(), "http" | "https") && u.has_host())
}
