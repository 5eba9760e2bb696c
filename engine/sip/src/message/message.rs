use std::fmt;
use std::net::SocketAddr;
use std::str;

use bytes::Bytes;

use super::builder::Builder;
use super::cseq::CSeq;
use super::error::{ParseError, ParseErrorKind};
use super::header_kind::HeaderKind;
use super::index::{Index, Start, Stop, split_cseq};
use super::line::Field;
use super::list::List;
use super::method::Method;
use super::name_addr::{Contact, NameAddr};
use super::normalise::{transcoded, unfolded};
use super::syntax_error::SyntaxError;
use super::uri::Uri;
use super::via::Via;

/// A SIP request or response: its bytes, and where everything in them is (RFC 3261 section 7).
///
/// Reading one takes no memory beyond the bytes, unless the header has folded lines or is not UTF-8; it is copied
/// then, folds made blanks and Latin-1 made UTF-8, and [`Message::bytes`] are those of the copy. Cloning shares the
/// bytes. What the accessors below return without `Option` or `Result` was checked by [`Message::parse`].
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    index: Index,
}

impl Message {
    /// Reads a datagram, or one message that [`super::StreamFramer`] cut from a stream. Line ends before the message
    /// are skipped. Without Content-Length the body is the rest; with a smaller one, what is behind it is left out.
    ///
    /// Errors on anything the mandatory fields' grammar, or the safety of those who read after us, does not allow;
    /// [`ParseError::reply`] has the answer to give.
    pub fn parse(bytes: Bytes) -> Result<Message, ParseError> {
        match Message::assemble(bytes) {
            (message, None) => Ok(message),
            (_, Some(error)) => Err(error),
        }
    }

    /// A message with whatever could be read of it, and the first error.
    pub(super) fn assemble(bytes: Bytes) -> (Message, Option<ParseError>) {
        let skipped = bytes.chunks_exact(2).take_while(|pair| pair == b"\r\n").count() * 2;
        let mut message = Message { bytes: bytes.slice(skipped..), index: Index::new() };
        if message.bytes.is_empty() {
            let error = ParseError { kind: ParseErrorKind::Empty, offset: 0, line: 1, answerable: false };
            return (message, Some(error));
        }
        // Each repair removes its own cause, so two of them suffice.
        for _ in 0..3 {
            let (kind, at) = match message.index.read(&message.bytes) {
                Ok(()) => return (message, None),
                Err(Stop::Folded) => {
                    message = Message { bytes: unfolded(&message.bytes).into_owned().into(), index: Index::new() };
                    continue;
                }
                Err(Stop::NotUtf8) => {
                    message = Message { bytes: transcoded(&message.bytes).into(), index: Index::new() };
                    continue;
                }
                Err(Stop::Error(kind, at)) => (kind, at),
            };
            let error = message.error(&bytes, kind, skipped + at);
            return (message, Some(error));
        }
        let error = message.error(&bytes, ParseErrorKind::HeaderLine, skipped);
        (message, Some(error))
    }

    fn error(&self, bytes: &[u8], kind: ParseErrorKind, offset: usize) -> ParseError {
        let offset = offset.min(bytes.len());
        let line = 1 + bytes[..offset].iter().filter(|&&b| b == b'\n').count();
        ParseError { kind, offset, line, answerable: self.index.is_answerable() }
    }

    /// Starts a request. The caller adds Via, From, To, Call-ID, CSeq and Max-Forwards.
    pub fn request(method: impl AsRef<str>, uri: impl AsRef<str>) -> Builder {
        Builder::request(method.as_ref(), uri.as_ref())
    }

    /// Starts the response to a request that came from `source`, with the fields RFC 3261 section 8.2.6 has copied:
    /// all Via (the top one stamped with `received` and `rport`), From, To, Call-ID, CSeq, and Record-Route where the
    /// response may form a dialog. Without `reason` the status has its usual phrase.
    pub fn response(request: &Message, source: SocketAddr, status: u16, reason: Option<&str>) -> Builder {
        Builder::response(request, source, status, reason)
    }

    pub fn is_request(&self) -> bool {
        matches!(self.index.start, Start::Request { .. })
    }

    /// The method; of a response, the one in CSeq.
    pub fn method(&self) -> Method {
        self.index.method
    }

    /// The method's token; of a response, the one in CSeq.
    pub fn method_str(&self) -> &str {
        match self.index.start {
            Start::Request { method_end, .. } => self.span(0, method_end),
            _ => self.cseq().method_str,
        }
    }

    /// The status code of a response, 100..=699.
    pub fn status(&self) -> Option<u16> {
        match self.index.start {
            Start::Status { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The reason phrase of a response; it may be empty.
    pub fn reason(&self) -> &str {
        match self.index.start {
            Start::Status { reason, reason_end, .. } => self.span(reason, reason_end),
            _ => "",
        }
    }

    /// The request URI; `None` for a response.
    pub fn request_uri(&self) -> Option<Uri<'_>> {
        match self.index.start {
            Start::Request { uri, uri_end, .. } => Uri::parse(self.span(uri, uri_end)).ok(),
            _ => None,
        }
    }

    /// The top Via.
    pub fn via(&self) -> Via<'_> {
        List::new(self.value(&self.index.via)).next().and_then(|v| Via::parse(v).ok()).unwrap_or(Via::EMPTY)
    }

    /// Every Via, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> + '_ {
        self.elements(HeaderKind::Via).filter_map(|v| Via::parse(v).ok())
    }

    pub fn from(&self) -> NameAddr<'_> {
        NameAddr::parse(self.value(&self.index.from)).unwrap_or(NameAddr::EMPTY)
    }

    pub fn to(&self) -> NameAddr<'_> {
        NameAddr::parse(self.value(&self.index.to)).unwrap_or(NameAddr::EMPTY)
    }

    pub fn from_tag(&self) -> Option<&str> {
        self.from().tag()
    }

    pub fn to_tag(&self) -> Option<&str> {
        self.to().tag()
    }

    pub fn call_id(&self) -> &str {
        self.value(&self.index.call_id)
    }

    pub fn cseq(&self) -> CSeq<'_> {
        let method_str = split_cseq(self.value(&self.index.cseq)).map_or("", |(_, method)| method);
        CSeq { number: self.index.cseq_number, method: self.index.method, method_str }
    }

    /// Every Contact. One that is malformed is an error of its own and hides no other.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, SyntaxError>> + '_ {
        self.elements(HeaderKind::Contact).map(Contact::parse)
    }

    /// Route elements, topmost first.
    pub fn routes(&self) -> impl Iterator<Item = NameAddr<'_>> + '_ {
        self.elements(HeaderKind::Route).filter_map(|r| NameAddr::parse(r).ok())
    }

    /// Record-Route elements, topmost first.
    pub fn record_routes(&self) -> impl Iterator<Item = NameAddr<'_>> + '_ {
        self.elements(HeaderKind::RecordRoute).filter_map(|r| NameAddr::parse(r).ok())
    }

    /// Hops left; `None` when the request does not say (RFC 3261 section 16.6 has a proxy add 70).
    pub fn max_forwards(&self) -> Option<u8> {
        self.index.max_forwards
    }

    /// Seconds. A number above 2^32-1 is read as that, as RFC 3261 section 20.19 limits it; what is no number as
    /// absent.
    pub fn expires(&self) -> Option<u32> {
        let value = self.kind_value(HeaderKind::Expires)?;
        let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| value.parse().unwrap_or(u32::MAX))
    }

    pub fn content_type(&self) -> Option<&str> {
        self.kind_value(HeaderKind::ContentType)
    }

    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.index.body as usize..self.index.body_end as usize).unwrap_or_default()
    }

    /// The whole message, with what was sent behind its body.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The value of the first field of that name, long or compact, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// The values of all fields of that name, one a field: commas are not looked at.
    pub fn headers<'m, 'n>(&'m self, name: &'n str) -> impl Iterator<Item = &'m str> + use<'m, 'n> {
        let kind = HeaderKind::of(name.as_bytes());
        self.index
            .fields(&self.bytes)
            .filter(move |field| {
                field.kind == kind && (kind != HeaderKind::Other || self.name(field).eq_ignore_ascii_case(name))
            })
            .map(|field| self.value(&field))
    }

    /// Every field in order: name as sent, value.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.index.fields(&self.bytes).map(|field| (self.name(&field), self.value(&field)))
    }

    /// The comma-separated elements of every field of that name, empty ones left out: Supported, Require, Allow, …
    pub fn token_list<'m, 'n>(&'m self, name: &'n str) -> impl Iterator<Item = &'m str> + use<'m, 'n> {
        self.headers(name).flat_map(List::new).filter(|element| !element.is_empty())
    }

    fn elements(&self, kind: HeaderKind) -> impl Iterator<Item = &str> + '_ {
        self.kind_values(kind).flat_map(List::new)
    }

    pub(super) fn kind_values(&self, kind: HeaderKind) -> impl Iterator<Item = &str> + '_ {
        self.index.fields(&self.bytes).filter(move |field| field.kind == kind).map(|field| self.value(&field))
    }

    fn kind_value(&self, kind: HeaderKind) -> Option<&str> {
        self.kind_values(kind).next()
    }

    fn name(&self, field: &Field) -> &str {
        self.span(field.name, field.name_end)
    }

    fn value(&self, field: &Field) -> &str {
        self.span(field.value, field.value_end)
    }

    /// The header was checked to be UTF-8, and spans end at ASCII characters.
    fn span(&self, start: u16, end: u16) -> &str {
        let bytes = self.bytes.get(start as usize..end as usize).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Message {
    /// What it is and which call it belongs to, none of the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Message");
        match self.status() {
            Some(status) => out.field("status", &status),
            None => out.field("request", &self.method_str()),
        };
        out.field("cseq", &self.cseq().number).field("call_id", &self.call_id()).field("bytes", &self.bytes.len());
        out.finish()
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Message {}
