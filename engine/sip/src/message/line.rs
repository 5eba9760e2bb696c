//! Header lines: where each ends, what its name and value are.

use super::chars::{is_blank, is_token_byte, next_odd, quoted_len};
use super::error::ParseErrorKind;
use super::header_kind::HeaderKind;

/// One header field as byte positions in the message. Small, because a message keeps an array of them; 16 bits
/// suffice for [`tandem_model::limits::SIP_MESSAGE_BYTES_MAX`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Field {
    pub(super) name: u16,
    pub(super) name_end: u16,
    pub(super) value: u16,
    pub(super) value_end: u16,
    pub(super) kind: HeaderKind,
}

const _: () = assert!(tandem_model::limits::SIP_MESSAGE_BYTES_MAX <= u16::MAX as usize);

impl Field {
    /// Whether there is one: a field's value never starts at the message's first byte.
    pub(super) fn is_set(&self) -> bool {
        self.value != 0
    }
}

/// A line's extent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) start: usize,
    /// Where its CRLF is.
    pub(super) end: usize,
    /// The first control character in it other than HTAB, if any.
    pub(super) control: Option<usize>,
    pub(super) non_ascii: bool,
}

impl Line {
    pub(super) fn next(&self) -> usize {
        self.end + 2
    }
}

/// The line that starts at `start`; `None` if no CRLF follows.
pub(super) fn line_at(bytes: &[u8], start: usize) -> Option<Line> {
    let mut line = Line { start, end: start, control: None, non_ascii: false };
    let mut at = start;
    loop {
        at = next_odd(bytes, at);
        match *bytes.get(at)? {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => {
                line.end = at;
                return Some(line);
            }
            b'\t' => {}
            0x80.. => line.non_ascii = true,
            _ => line.control = line.control.or(Some(at)),
        }
        at += 1;
    }
}

/// Reads a line as `name *WSP ":" value`, the value without blanks around it (RFC 3261 section 25.1, HCOLON).
/// Errors with the position of the offence.
pub(super) fn field_of(bytes: &[u8], line: &Line) -> Result<Field, (ParseErrorKind, usize)> {
    let text = &bytes[..line.end];
    let mut name_end = line.start;
    while name_end < text.len() && is_token_byte(text[name_end]) {
        name_end += 1;
    }
    let mut colon = name_end;
    while colon < text.len() && is_blank(text[colon]) {
        colon += 1;
    }
    if name_end == line.start || text.get(colon) != Some(&b':') {
        return Err((ParseErrorKind::HeaderLine, line.start));
    }
    let mut value = colon + 1;
    while value < text.len() && is_blank(text[value]) {
        value += 1;
    }
    let mut value_end = text.len();
    while value_end > value && is_blank(text[value_end - 1]) {
        value_end -= 1;
    }
    if let Some(at) = line.control
        && !controls_are_quoted(&text[value..])
    {
        return Err((ParseErrorKind::ControlCharacter, at));
    }
    Ok(Field {
        name: narrow(line.start),
        name_end: narrow(name_end),
        value: narrow(value),
        value_end: narrow(value_end),
        kind: HeaderKind::of(&text[line.start..name_end]),
    })
}

/// Positions are below the message size limit, which is checked first; see the assertion above.
pub(super) fn narrow(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// `quoted-pair` may hide any byte but CR and LF, within a quoted string only (RFC 3261 section 25.1).
fn controls_are_quoted(value: &[u8]) -> bool {
    let bad = |b: u8| (b < 0x20 && b != b'\t') || b == 0x7F;
    let mut at = 0;
    while at < value.len() {
        if value[at] != b'"' {
            if bad(value[at]) {
                return false;
            }
            at += 1;
            continue;
        }
        let Some(len) = quoted_len(&value[at..]) else { return false };
        let mut inside = value[at..at + len].iter();
        while let Some(&b) = inside.next() {
            let hidden = if b == b'\\' { inside.next() } else { None };
            if bad(b) || matches!(hidden, Some(b'\r' | b'\n')) {
                return false;
            }
        }
        at += len;
    }
    true
}
