//! What the accessors rely on, checked once all fields are found.

use super::super::chars::{is_blank, is_token, number, trim};
use super::super::error::ParseErrorKind::*;
use super::super::header_kind::HeaderKind;
use super::super::line::{Field, Lines, field_of, narrow};
use super::super::list::List;
use super::super::method::Method;
use super::super::name_addr::NameAddr;
use super::super::spans::{AddressSpans, Span, ViaSpans};
use super::super::via::Via;
use super::{Checked, FirstError, Index, Start, text};

impl Index {
    /// Checks what the accessors rely on.
    pub(super) fn check(&mut self, head: &str, first: &mut FirstError) {
        let end = head.len();
        for (field, name) in
            [(self.via, "Via"), (self.from, "From"), (self.to, "To"), (self.call_id, "Call-ID"), (self.cseq, "CSeq")]
        {
            if !field.is_set() {
                first.note(Err((Missing(name), end)));
            }
        }
        let mut seen = Seen::default();
        let mut length = None;
        for n in 0..self.indexed as usize {
            let field = self.fields[n];
            if field.kind != HeaderKind::Other {
                first.note(self.check_field(&field, head, &mut seen, &mut length));
            }
        }
        if self.tail < self.headers_end {
            for line in Lines::new(head.as_bytes(), self.tail as usize) {
                if let Ok(field) = field_of(head.as_bytes(), &line) {
                    first.note(self.check_field(&field, head, &mut seen, &mut length));
                }
            }
        }
        let method = text(head, self.cseq_method.start, self.cseq_method.end);
        match self.start {
            _ if method.is_empty() => {}
            Start::Request { method_end, .. } => {
                if head.as_bytes().get(..method_end as usize) != Some(method.as_bytes()) {
                    first.note(Err((CSeqMethod, self.cseq.value as usize)));
                }
            }
            _ => self.method = Method::parse(method),
        }
        first.note(self.cut_body(length));
    }

    fn check_field(&mut self, field: &Field, head: &str, seen: &mut Seen, length: &mut Option<u32>) -> Checked {
        let value = text(head, field.value, field.value_end);
        let at = field.value as usize;
        match field.kind {
            HeaderKind::Via => self.check_via(field, value, head),
            HeaderKind::Route => all(value, at, "Route", |v| NameAddr::parse(v).is_ok()),
            HeaderKind::RecordRoute => all(value, at, "Record-Route", |v| NameAddr::parse(v).is_ok()),
            HeaderKind::From => {
                let (parts, is_sound) = AddressSpans::read(value, head);
                if field.name == self.from.name {
                    self.from_parts = parts;
                }
                must(is_sound, at, "From")
            }
            HeaderKind::To => {
                let (parts, is_sound) = AddressSpans::read(value, head);
                if field.name == self.to.name {
                    self.to_parts = parts;
                }
                must(is_sound, at, "To")
            }
            HeaderKind::CallId => must(is_call_id(value), at, "Call-ID"),
            HeaderKind::CSeq => {
                let Some((number, method)) = split_cseq(value) else { return Err((Malformed("CSeq"), at)) };
                if field.name == self.cseq.name {
                    (self.cseq_number, self.cseq_method) = (number, Span::of(method, head));
                }
                Ok(())
            }
            HeaderKind::ContentLength => match (number::<u32>(value), *length) {
                (None, _) => Err((Malformed("Content-Length"), at)),
                (Some(now), Some(before)) if now != before => Err((ContentLengths, at)),
                (now, _) => {
                    *length = now;
                    Ok(())
                }
            },
            HeaderKind::MaxForwards => {
                self.max_forwards = number(value);
                seen.once(field).and(must(self.max_forwards.is_some(), at, "Max-Forwards"))
            }
            // Of the rest some may be there once only.
            _ => seen.once(field),
        }
    }

    /// Every element must be one; the first of all is kept.
    fn check_via(&mut self, field: &Field, value: &str, head: &str) -> Checked {
        let is_first = field.name == self.via.name;
        all(value, field.value as usize, "Via", |element| {
            let Ok(via) = Via::parse(element) else { return false };
            if is_first && self.top_via.is_empty() {
                self.top_via = ViaSpans::of(&via, head);
            }
            true
        })
    }

    /// A longer claim than there are bytes is an error, a shorter one leaves the rest out (RFC 3261 section 18.3).
    fn cut_body(&mut self, length: Option<u32>) -> Checked {
        let Some(length) = length else { return Ok(()) };
        let there = u32::from(self.body_end - self.body);
        if length > there {
            return Err((BodyTruncated, self.body_end as usize));
        }
        self.body_end = self.body + narrow(length as usize);
        Ok(())
    }
}

/// Which of the singleton fields that the index keeps no position of were seen.
#[derive(Default)]
struct Seen(u64);

impl Seen {
    fn once(&mut self, field: &Field) -> Checked {
        let Some(name) = field.kind.singleton() else { return Ok(()) };
        let bit = 1 << field.kind as u8;
        if self.0 & bit != 0 {
            return Err((Repeated(name), field.name as usize));
        }
        self.0 |= bit;
        Ok(())
    }
}

fn must(holds: bool, at: usize, name: &'static str) -> Checked {
    if holds { Ok(()) } else { Err((Malformed(name), at)) }
}

/// Most lists have one element, which is the value itself: no element has a comma that would separate it.
fn all<'a>(value: &'a str, at: usize, name: &'static str, mut sound: impl FnMut(&'a str) -> bool) -> Checked {
    must(sound(value) || List::new(value).all(&mut sound), at, name)
}

/// Looser than `word [ "@" word ]`: a Call-ID is compared, never taken apart.
fn is_call_id(value: &str) -> bool {
    !value.is_empty() && !value.bytes().any(is_blank)
}

/// Number (below 2^31, RFC 3261 section 8.1.1.5) and method.
fn split_cseq(value: &str) -> Option<(u32, &str)> {
    let number_end = value.bytes().position(is_blank)?;
    let method = trim(&value[number_end..]);
    let sequence: u32 = number(&value[..number_end])?;
    (sequence < 1 << 31 && is_token(method.as_bytes())).then_some((sequence, method))
}
