use std::io::Write;
use std::net::SocketAddr;

use bytes::Bytes;

use super::chars::{are_uri_bytes, are_value_bytes, is_token, is_token_byte, is_uri_byte, push_decimal, trim};
use super::error::ParseError;
use super::header_kind::HeaderKind;
use super::line::narrow;
use super::list::List;
use super::message::{Message, Written};
use super::method::Method;
use super::name_addr::NameAddr;
use super::reason::reason_phrase;
use super::spans::Span;
use super::via::Via;

/// Room for a usual request with its body, so that most messages are written into one allocation. What is left of it
/// is given back at the end.
const CAPACITY: usize = 2_048;

/// Writes a message. Whatever it is given, it writes one message: control characters in values become blanks,
/// characters that a URI cannot hold are escaped, and a field whose name is no token is left out.
///
/// ```text
///   out:  start line, fields │ body          later fields go before the body, Content-Length last of all
///                            └ body_start
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    out: Vec<u8>,
    body_start: usize,
    /// Where a tag can be added: the end of a To without one.
    to_end: Option<usize>,
    /// A tag given before there was a To.
    pending_tag: Option<String>,
    /// Nothing until the start line says what it will be.
    written: Option<Written>,
    /// One was added to a request.
    has_via: bool,
}

impl Builder {
    fn new(capacity: usize) -> Builder {
        Builder {
            out: Vec::with_capacity(capacity),
            body_start: 0,
            to_end: None,
            pending_tag: None,
            written: None,
            has_via: false,
        }
    }

    pub(super) fn request(method: &str, uri: &str) -> Builder {
        let mut builder = Builder::new(CAPACITY);
        let out = &mut builder.out;
        out.extend(method.bytes().filter(|&b| is_token_byte(b)));
        let method = str::from_utf8(out).map_or(Method::Other, Method::parse);
        out.push(b' ');
        push_uri(out, uri);
        out.extend_from_slice(b" SIP/2.0\r\n");
        builder.body_start = builder.out.len();
        builder.written = Some(Written { method, status: None, to_tag: None, via: None });
        builder
    }

    pub(super) fn response(request: &Message, source: SocketAddr, status: u16, reason: Option<&str>) -> Builder {
        let mut builder = Builder::new(CAPACITY.max(request.bytes().len() - request.body().len() + CAPACITY / 4));
        let status = status.clamp(100, 699);
        builder.written = Some(Written { method: request.method(), status: Some(status), to_tag: None, via: None });
        let out = &mut builder.out;
        out.extend_from_slice(b"SIP/2.0 ");
        push_decimal(out, status.into(), 3);
        out.push(b' ');
        push_value(out, reason.unwrap_or_else(|| reason_phrase(status)));
        out.extend_from_slice(b"\r\n");
        push_vias(out, request, source);
        if (101..300).contains(&status) && request.method().forms_dialog() {
            push_all(out, "Record-Route", request.kind_values(HeaderKind::RecordRoute));
        }
        push_all(out, "From", request.first_value(HeaderKind::From).into_iter());
        if let Some(to) = request.first_value(HeaderKind::To) {
            push_all(out, "To", [to].into_iter());
            let place = out.len() - 2;
            let can_be_tagged = request.to_tag().is_none() && !request.to().uri_str().is_empty();
            builder.to_end = can_be_tagged.then_some(place);
        }
        let out = &mut builder.out;
        push_all(out, "Call-ID", request.first_value(HeaderKind::CallId).into_iter());
        push_all(out, "CSeq", request.first_value(HeaderKind::CSeq).into_iter());
        if status == 100 {
            // RFC 3261 section 8.2.6.1.
            push_all(out, "Timestamp", request.headers("Timestamp").take(1));
        }
        builder.body_start = builder.out.len();
        builder
    }

    /// Adds the tag to To, unless To has one. May come before the To field does.
    pub fn to_tag(mut self, tag: &str) -> Self {
        if !tag.bytes().any(is_token_byte) {
            return self;
        }
        match self.to_end.take() {
            Some(at) => {
                let before = self.out.len();
                self.out.extend_from_slice(b";tag=");
                self.out.extend(tag.bytes().filter(|&b| is_token_byte(b)));
                let len = self.out.len() - before;
                self.move_back(at, len);
                if let Some(written) = &mut self.written {
                    // A Via below To has moved.
                    written.via = written.via.filter(|via| usize::from(via.end) <= at);
                    let start = at + b";tag=".len();
                    written.to_tag = Some(Span { start: narrow(start), end: narrow(at + len) });
                }
            }
            None if !self.has_to() => self.pending_tag = Some(tag.to_owned()),
            None => {}
        }
        self
    }

    fn has_to(&self) -> bool {
        let mut lines = self.out[..self.body_start].split(|&b| b == b'\n').skip(1);
        lines.any(|line| HeaderKind::of(line.split(|&b| b == b':').next().unwrap_or_default()) == HeaderKind::To)
    }

    /// Adds a field after those there are. Content-Length is the builder's own and is ignored here.
    pub fn header(self, name: &str, value: &str) -> Self {
        let kind = HeaderKind::of(name.as_bytes());
        if !is_token(name.as_bytes()) || kind == HeaderKind::ContentLength {
            return self;
        }
        self.push_field(name, kind, |out| push_value(out, value))
    }

    /// Adds a field such as From: `"display" <uri>` and parameters such as `;tag=abc` (or none). The display name is
    /// quoted as needed, and the URI cannot leave its brackets.
    pub fn name_addr(self, name: &str, display: Option<&str>, uri: &str, params: &str) -> Self {
        let kind = HeaderKind::of(name.as_bytes());
        if !is_token(name.as_bytes()) || kind == HeaderKind::ContentLength {
            return self;
        }
        self.push_field(name, kind, |out| {
            if let Some(display) = display {
                push_quoted(out, display);
                out.push(b' ');
            }
            out.push(b'<');
            push_uri(out, uri);
            out.push(b'>');
            push_value(out, params);
        })
    }

    /// Adds the body with its Content-Type, in place of any body before.
    pub fn body(mut self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        self.out.truncate(self.body_start);
        let mut builder = self.header("Content-Type", content_type);
        builder.out.extend_from_slice(body.as_ref());
        builder
    }

    /// The message, or what our own reader finds wrong with it. For messages with parts that were not read from a
    /// valid one.
    pub fn try_build(self) -> Result<Message, ParseError> {
        Message::parse(self.into_bytes())
    }

    /// The message. What is missing or malformed reads as empty; see [`Builder::try_build`].
    pub fn build(self) -> Message {
        let written = self.written;
        Message::written(self.into_bytes(), written)
    }

    /// The message's bytes, with Content-Length.
    pub(super) fn into_bytes(mut self) -> Bytes {
        let (at, length) = (self.body_start, self.out.len() - self.body_start);
        self.out.extend_from_slice(b"Content-Length: ");
        push_decimal(&mut self.out, length, 1);
        self.out.extend_from_slice(b"\r\n\r\n");
        self.move_back(at, self.out.len() - at - length);
        // A message may be kept for long: not with the room that it did not need.
        self.out.into_boxed_slice().into()
    }

    fn push_field(mut self, name: &str, kind: HeaderKind, write_value: impl FnOnce(&mut Vec<u8>)) -> Self {
        let (at, before) = (self.body_start, self.out.len());
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        let value = self.out.len();
        write_value(&mut self.out);
        let tag_place = match kind {
            HeaderKind::To if self.to_end.is_none() => {
                str::from_utf8(&self.out[value..]).ok().and_then(|text| tag_place(text, at + self.out.len() - before))
            }
            _ => None,
        };
        let end = at + self.out.len() - before;
        if kind == HeaderKind::Via
            && let Some(written) = &mut self.written
            && written.status.is_none()
            && !std::mem::replace(&mut self.has_via, true)
        {
            written.via = Some(Span { start: narrow(at + value - before), end: narrow(end) });
        }
        self.out.extend_from_slice(b"\r\n");
        self.move_back(at, self.out.len() - before);
        if kind == HeaderKind::To && self.to_end.is_none() {
            self.to_end = tag_place;
            if let Some(tag) = self.pending_tag.take() {
                return self.to_tag(&tag);
            }
        }
        self
    }

    /// Moves the last `len` bytes, which belong to the header, to `at`.
    fn move_back(&mut self, at: usize, len: usize) {
        if at + len < self.out.len() {
            self.out[at..].rotate_right(len);
        }
        self.body_start += len;
    }
}

/// Where to put a tag into a To that ends at `end`; nowhere if it has one or is not to be understood.
fn tag_place(to: &str, end: usize) -> Option<usize> {
    NameAddr::parse(to).ok()?.tag().is_none().then_some(end)
}

fn push_all<'a>(out: &mut Vec<u8>, name: &str, values: impl Iterator<Item = &'a str>) {
    for value in values {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// A malformed top Via is sent back as it came.
fn push_vias(out: &mut Vec<u8>, request: &Message, source: SocketAddr) {
    let mut values = request.kind_values(HeaderKind::Via);
    if let Some(first) = values.next() {
        let mut elements = List::new(first);
        match elements.next().and_then(|top| Via::parse(top).ok()) {
            Some(top) => {
                out.extend_from_slice(b"Via: ");
                top.write_stamped(source, out);
                if let Some(rest) = elements.rest() {
                    out.extend_from_slice(b",");
                    out.extend_from_slice(rest.as_bytes());
                }
                out.extend_from_slice(b"\r\n");
            }
            None => push_all(out, "Via", [first].into_iter()),
        }
    }
    push_all(out, "Via", values);
}

/// A value cannot end its field: control characters become blanks.
fn push_value(out: &mut Vec<u8>, value: &str) {
    let value = trim(value).as_bytes();
    match are_value_bytes(value) {
        true => out.extend_from_slice(value),
        false => out.extend(value.iter().map(|&b| if are_value_bytes(&[b]) { b } else { b' ' })),
    }
}

fn push_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 | 0x7F => out.push(b' '),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn push_uri(out: &mut Vec<u8>, uri: &str) {
    if are_uri_bytes(uri.as_bytes()) {
        out.extend_from_slice(uri.as_bytes());
        return;
    }
    for byte in uri.bytes() {
        if is_uri_byte(byte) {
            out.push(byte);
        } else {
            // Writing to a Vec cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// The answer to a request that [`Message::parse`] refused with `error`, made from what can be read of it; to be sent
/// to `source`. `None` when nothing may be answered, or when there is no Via to tell whom the answer is for.
///
/// The tag of To depends on the request alone, so that a retransmission gets the same answer (RFC 3261 section
/// 8.2.7).
pub fn reject(bytes: &[u8], error: &ParseError, source: SocketAddr) -> Option<Bytes> {
    let (status, reason) = error.reply()?;
    let (partial, _) = Message::assemble(Bytes::copy_from_slice(bytes));
    partial.kind_values(HeaderKind::Via).next()?;
    if !partial.is_request() || partial.method() == Method::Ack {
        return None;
    }
    let tag = format!("{:016x}", fingerprint(bytes));
    Some(Builder::response(&partial, source, status, Some(reason)).to_tag(&tag).into_bytes())
}

/// FNV-1a.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}
