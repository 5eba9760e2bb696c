//! Header lines: where each ends, what its name and value are.

use super::block::{BLOCK, Marks, marks};
use super::chars::{is_blank, is_token, quoted_len};
use super::error::ParseErrorKind;
use super::header_kind::HeaderKind;

/// One header field as byte positions in the message. Small, because a message keeps an array of them; 16 bits
/// suffice for [`tandem_model::limits::SIP_MESSAGE_BYTES_MAX`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: u16,
    pub(super) name_end: u16,
    pub(super) value: u16,
    pub(super) value_end: u16,
    pub(super) kind: HeaderKind,
}

const _: () = assert!(tandem_model::limits::SIP_MESSAGE_BYTES_MAX <= u16::MAX as usize);

impl Field {
    pub(super) const NONE: Field = Field { name: 0, name_end: 0, value: 0, value_end: 0, kind: HeaderKind::Other };

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
    colon: Option<usize>,
    /// The first control character in it other than HTAB, if any.
    pub(super) control: Option<usize>,
}

impl Line {
    pub(super) fn next(&self) -> usize {
        self.end + 2
    }
}

/// The lines of `bytes` from `start` on; what no CRLF ends is no line.
#[derive(Clone, Debug)]
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    start: usize,
    /// Of the block that is looked at, with marks of what is still ahead in it.
    base: usize,
    marks: Marks,
    /// Bytes behind it begin here.
    ahead: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Lines<'a> {
        Lines { bytes, start, base: start, marks: Marks::default(), ahead: start }
    }

    /// Looks at the next block; false if there is none.
    #[inline]
    fn advance(&mut self) -> bool {
        let Some(rest) = self.bytes.get(self.ahead..).filter(|rest| !rest.is_empty()) else { return false };
        self.marks = match rest.first_chunk() {
            Some(block) => marks(block),
            None => {
                // Blanks have no marks.
                let mut block = [b' '; BLOCK];
                block[..rest.len()].copy_from_slice(rest);
                marks(&block)
            }
        };
        self.base = self.ahead;
        self.ahead += BLOCK;
        true
    }

    /// The next line. Inlined for the one loop that reads every header.
    #[inline(always)]
    pub(super) fn read_line(&mut self) -> Option<Line> {
        let mut line = Line { start: self.start, end: self.start, colon: None, control: None };
        loop {
            let wanted = self.marks.odd | if line.colon.is_none() { self.marks.colon } else { 0 };
            if wanted == 0 {
                if !self.advance() {
                    return None;
                }
                // The second byte of a line end may be the first of a block.
                if line.start > self.base {
                    self.marks.odd &= self.marks.odd.wrapping_sub(1);
                }
                continue;
            }
            let at = self.base + wanted.trailing_zeros() as usize;
            let passed = wanted ^ (wanted - 1);
            self.marks.odd &= !passed;
            self.marks.colon &= !passed;
            match self.bytes[at] {
                b':' => line.colon = Some(at),
                b'\r' if self.bytes.get(at + 1) == Some(&b'\n') => {
                    line.end = at;
                    self.start = at + 2;
                    if at + 1 < self.ahead {
                        self.marks.odd &= self.marks.odd.wrapping_sub(1);
                    }
                    return Some(line);
                }
                b'\t' | 0x80.. => {}
                _ => line.control = line.control.or(Some(at)),
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        self.read_line()
    }
}

/// Reads a line as `name *WSP ":" value`, the value without blanks around it (RFC 3261 section 25.1, HCOLON).
/// Errors with the position of the offence. Inlined as [`Lines::read_line`] is.
#[inline(always)]
pub(super) fn field_of(bytes: &[u8], line: &Line) -> Result<Field, (ParseErrorKind, usize)> {
    let text = &bytes[line.start..line.end];
    let malformed = Err((ParseErrorKind::HeaderLine, line.start));
    let Some(colon) = line.colon.map(|at| at - line.start) else { return malformed };
    let name_end = without_end_blanks(text, 0, colon);
    let name = &text[..name_end];
    // A name with a kind is known to be a token.
    let kind = HeaderKind::of(name);
    if kind == HeaderKind::Other && !is_token(name) {
        return malformed;
    }
    let mut value = colon + 1;
    while value < text.len() && is_blank(text[value]) {
        value += 1;
    }
    let value_end = without_end_blanks(text, value, text.len());
    if let Some(at) = line.control
        && !controls_are_quoted(&text[value..])
    {
        return Err((ParseErrorKind::ControlCharacter, at));
    }
    Ok(Field {
        name: narrow(line.start),
        name_end: narrow(line.start + name_end),
        value: narrow(line.start + value),
        value_end: narrow(line.start + value_end),
        kind,
    })
}

/// Where `text[start..end]` ends without the blanks at its end.
fn without_end_blanks(text: &[u8], start: usize, mut end: usize) -> usize {
    while let Some(&[.., last]) = text.get(start..end)
        && is_blank(last)
    {
        end -= 1;
    }
    end
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
