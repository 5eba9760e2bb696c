use std::borrow::Cow;

use super::chars::{find, quoted_len, split, trim};
use super::params::{Params, read_params};
use super::syntax_error::SyntaxError;
use super::uri::Uri;

/// A `name-addr` or `addr-spec` with its header parameters: From, To, Contact, Route and their like
/// (RFC 3261 sections 20.10 and 25.1).
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    pub(super) display: &'a str,
    pub(super) uri: &'a str,
    pub(super) params: &'a str,
    /// Of the first `tag` parameter.
    pub(super) tag: &'a str,
}

/// What [`NameAddr::read`] learns beside the address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Soundness {
    /// Its URI has its parts, as far as its scheme is one that we read.
    uri: bool,
    tags: usize,
}

impl Soundness {
    /// A From or To: two tags would name two dialogs.
    pub(super) fn is_dialog_end(self) -> bool {
        self.uri && self.tags <= 1
    }
}

/// One element of Contact (RFC 3261 section 20.10).
#[derive(Clone, Copy, Debug)]
pub enum Contact<'a> {
    /// `Contact: *`, every binding (RFC 3261 section 10.2.2).
    Any,
    Address(NameAddr<'a>),
}

impl<'a> NameAddr<'a> {
    /// Reads one element. A display name without quotes may hold more than tokens, as peers write it, but no quote,
    /// comma, semicolon or bracket; white space inside the angle brackets is an error.
    pub fn parse(value: &'a str) -> Result<NameAddr<'a>, SyntaxError> {
        Self::read(value).map(|(address, _)| address)
    }

    pub(super) fn read(value: &'a str) -> Result<(NameAddr<'a>, Soundness), SyntaxError> {
        let value = trim(value);
        let open = if value.starts_with('"') {
            let quoted = quoted_len(value.as_bytes()).ok_or(SyntaxError)?;
            let open = quoted + find(&value[quoted..], b'<').ok_or(SyntaxError)?;
            if !trim(&value[quoted..open]).is_empty() {
                return Err(SyntaxError);
            }
            open
        } else {
            match value.bytes().position(|b| matches!(b, b'<' | b';')) {
                Some(open) if value.as_bytes()[open] == b'<' => open,
                end => return Self::without_brackets(value, end.unwrap_or(value.len())),
            }
        };
        let display = trim(&value[..open]);
        if !display.starts_with('"') && display.bytes().any(|b| matches!(b, b'"' | b',' | b'>' | b'\\')) {
            return Err(SyntaxError);
        }
        let inside = &value[open + 1..];
        let uri = Uri::parse_prefix(inside).filter(|uri| inside.as_bytes().get(uri.as_str().len()) == Some(&b'>'));
        if let Some(uri) = uri {
            let uri = uri.as_str();
            return Self::with_params(display, uri, &inside[uri.len() + 1..], true);
        }
        let (uri, params) = split(inside, b'>').ok_or(SyntaxError)?;
        Self::checked(display, uri, params)
    }

    /// An `addr-spec`: what follows the first semicolon belongs to the header, and a URI with a comma or question
    /// mark must have brackets (RFC 3261 section 20).
    fn without_brackets(value: &'a str, end: usize) -> Result<(NameAddr<'a>, Soundness), SyntaxError> {
        let uri = trim(&value[..end]);
        if uri.bytes().any(|b| matches!(b, b'?' | b',')) {
            return Err(SyntaxError);
        }
        Self::checked("", uri, &value[end..])
    }

    fn checked(display: &'a str, uri: &'a str, params: &'a str) -> Result<(NameAddr<'a>, Soundness), SyntaxError> {
        let is_sound = Uri::parse(uri).is_ok();
        if !is_sound && !Uri::is_absolute(uri) {
            return Err(SyntaxError);
        }
        Self::with_params(display, uri, params, is_sound)
    }

    fn with_params(
        display: &'a str,
        uri: &'a str,
        params: &'a str,
        uri_is_sound: bool,
    ) -> Result<(NameAddr<'a>, Soundness), SyntaxError> {
        let mut soundness = Soundness { uri: uri_is_sound, tags: 0 };
        let mut tag = "";
        let are_params = read_params(params, |name, value| {
            if name.len() == 3 && name.eq_ignore_ascii_case("tag") {
                if soundness.tags == 0 {
                    tag = value;
                }
                // One without a value would leave room for another (RFC 3261 section 25.1, tag-param).
                soundness.tags += if value.is_empty() { 2 } else { 1 };
            }
        });
        if are_params { Ok((NameAddr { display, uri, params, tag }, soundness)) } else { Err(SyntaxError) }
    }

    /// The display name without its quotes and escapes; `None` when absent or empty. An escape may hide any
    /// character: quote it again ([`super::Builder::name_addr`]) before sending it on.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        let Some(inner) = self.display.strip_prefix('"').and_then(|d| d.strip_suffix('"')) else {
            return (!self.display.is_empty()).then_some(Cow::Borrowed(self.display));
        };
        if inner.is_empty() {
            return None;
        }
        if !inner.contains('\\') {
            return Some(Cow::Borrowed(inner));
        }
        let mut text = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            text.extend(if c == '\\' { chars.next() } else { Some(c) });
        }
        Some(Cow::Owned(text))
    }

    /// The URI as written, without angle brackets.
    pub fn uri_str(&self) -> &'a str {
        self.uri
    }

    /// The URI's parts. Errors when it is a broken `sip`, `sips` or `tel` one.
    pub fn uri(&self) -> Result<Uri<'a>, SyntaxError> {
        Uri::parse(self.uri)
    }

    /// The parameters of the header element, not of the URI.
    pub fn params(&self) -> Params<'a> {
        Params::new(self.params)
    }

    /// The value of a header parameter, `Some("")` for one without a value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params().get(name)
    }

    pub fn tag(&self) -> Option<&'a str> {
        (!self.tag.is_empty()).then_some(self.tag)
    }
}

impl<'a> Contact<'a> {
    pub(super) fn parse(value: &'a str) -> Result<Contact<'a>, SyntaxError> {
        if value == "*" { Ok(Contact::Any) } else { NameAddr::parse(value).map(Contact::Address) }
    }
}
