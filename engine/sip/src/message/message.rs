use std::fmt;
use std::net::SocketAddr;
use std::str;
use std::sync::OnceLock;

use bytes::{Buf, Bytes};

use super::builder::Builder;
use super::cseq::CSeq;
use super::error::{ParseError, ParseErrorKind};
use super::header_kind::HeaderKind;
use super::index::{Index, Start, Stop};
use super::line::Field;
use super::list::List;
use super::method::Method;
use super::name_addr::{Contact, NameAddr};
use super::normalise::{transcoded, unfolded};
use super::shared_index::SharedIndex;
use super::spans::{AddressSpans, Span};
use super::syntax_error::SyntaxError;
use super::uri::Uri;
use super::via::Via;

/// A SIP request or response: its bytes, and where everything in them is (RFC 3261 section 7).
///
/// Reading one takes no memory beyond the bytes and an index that a message before it has left to the thread, unless the
/// header has folded lines or is not UTF-8; it is copied then, folds made blanks and Latin-1 made UTF-8, and
/// [`Message::bytes`] are those of the copy. Cloning shares the bytes and the index. What the accessors below return
/// without `Option` or `Result` was checked by [`Message::parse`].
///
/// What came is indexed at once; what we wrote ourselves when somebody asks, and most of it is only sent.
#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
    index: OnceLock<SharedIndex>,
    written: Option<Written>,
}

/// What the builder knows of a message without reading it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) method: Method,
    /// Of a response.
    pub(super) status: Option<u16>,
    /// Where the tag of To is, when the builder put it there.
    pub(super) to_tag: Option<Span>,
    /// The value of a request's top Via.
    pub(super) via: Option<Span>,
}

impl Message {
    /// Reads a datagram, or one message that [`super::StreamFramer`] cut from a stream. Line ends before the message
    /// are skipped. Without Content-Length the body is the rest; with a smaller one, what is behind it is left out.
    ///
    /// Errors on anything the mandatory fields' grammar, or the safety of those who read after us, does not allow;
    /// [`ParseError::reply`] has the answer to give.
    pub fn parse(bytes: Bytes) -> Result<Message, ParseError> {
        let (message, error) = Message::assemble(bytes);
        match error {
            None => Ok(message),
            Some(error) => Err(error),
        }
    }

    /// A message of our own builder's.
    pub(super) fn written(bytes: Bytes, written: Option<Written>) -> Message {
        Message { bytes, index: OnceLock::new(), written }
    }

    /// A message with whatever could be read of it, and the first error.
    pub(super) fn assemble(mut bytes: Bytes) -> (Message, Option<ParseError>) {
        let (index, error) = SharedIndex::filled(|index| read(&mut bytes, index));
        (Message { bytes, index: index.into(), written: None }, error)
    }

    /// To be called before copies are made of a message that we wrote, when more than one of them will be read.
    pub fn index_now(&self) {
        self.index();
    }

    /// Of what we wrote, whatever can be read.
    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            // The builder folds nothing and writes UTF-8; what it was given may be malformed all the same.
            SharedIndex::filled(|index| _ = index.read(&self.bytes)).0
        })
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
        if let Some(written) = self.written {
            return written.status.is_none();
        }
        matches!(self.index().start, Start::Request { .. })
    }

    /// The method; of a response, the one in CSeq.
    pub fn method(&self) -> Method {
        self.written.map_or_else(|| self.index().method, |written| written.method)
    }

    /// The method's token; of a response, the one in CSeq.
    pub fn method_str(&self) -> &str {
        if let Some(method) = self.written.map(|written| written.method).filter(|method| *method != Method::Other) {
            return method.as_str();
        }
        match self.index().start {
            Start::Request { method_end, .. } => self.span(Span { start: 0, end: method_end }),
            _ => self.span(self.index().cseq_method),
        }
    }

    /// The status code of a response, 100..=699.
    pub fn status(&self) -> Option<u16> {
        if let Some(written) = self.written {
            return written.status;
        }
        match self.index().start {
            Start::Status { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The reason phrase of a response; it may be empty.
    pub fn reason(&self) -> &str {
        match self.index().start {
            Start::Status { reason, reason_end, .. } => self.span(Span { start: reason, end: reason_end }),
            _ => "",
        }
    }

    /// The request URI; `None` for a response.
    pub fn request_uri(&self) -> Option<Uri<'_>> {
        match self.index().start {
            Start::Request { uri, uri_end, .. } => Uri::parse(self.span(Span { start: uri, end: uri_end })).ok(),
            _ => None,
        }
    }

    /// The top Via.
    pub fn via(&self) -> Via<'_> {
        // What a transaction asks of a request of ours, which is read no further.
        if self.index.get().is_none()
            && let Some(value) = self.written.and_then(|written| written.via)
            && let Some(Ok(via)) = self.written_text(value).and_then(|value| List::new(value).next()).map(Via::parse)
        {
            return via;
        }
        let at = &self.index().top_via;
        Via {
            hop: self.span(at.hop),
            transport: self.span(at.transport),
            host: self.span(at.host),
            port: at.port,
            params: self.span(at.params),
            branch: self.span(at.branch),
        }
    }

    /// Where the parameters of [`via`](Self::via) are.
    pub(super) fn top_via_params(&self) -> std::ops::Range<usize> {
        let at = self.index().top_via.params;
        at.start.into()..at.end.into()
    }

    /// Every Via, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> + '_ {
        self.elements(HeaderKind::Via).filter_map(|v| Via::parse(v).ok())
    }

    pub fn from(&self) -> NameAddr<'_> {
        self.address(&self.index().from_parts)
    }

    pub fn to(&self) -> NameAddr<'_> {
        self.address(&self.index().to_parts)
    }

    fn address(&self, at: &AddressSpans) -> NameAddr<'_> {
        NameAddr {
            display: self.span(at.display),
            uri: self.span(at.uri),
            params: self.span(at.params),
            tag: self.span(at.tag),
        }
    }

    pub fn from_tag(&self) -> Option<&str> {
        Some(self.span(self.index().from_parts.tag)).filter(|tag| !tag.is_empty())
    }

    pub fn to_tag(&self) -> Option<&str> {
        if let Some(at) = self.written.and_then(|written| written.to_tag) {
            return self.written_text(at);
        }
        Some(self.span(self.index().to_parts.tag)).filter(|tag| !tag.is_empty())
    }

    /// What the builder wrote there. The index is not asked, for it would be read only for this.
    fn written_text(&self, at: Span) -> Option<&str> {
        self.bytes.get(at.start as usize..at.end as usize).and_then(|text| str::from_utf8(text).ok())
    }

    pub fn call_id(&self) -> &str {
        self.value(&self.index().call_id)
    }

    pub fn cseq(&self) -> CSeq<'_> {
        let method_str = self.span(self.index().cseq_method);
        CSeq { number: self.index().cseq_number, method: self.index().method, method_str }
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
        self.index().max_forwards
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
        self.bytes.get(self.index().body as usize..self.index().body_end as usize).unwrap_or_default()
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
        self.index()
            .fields(&self.bytes)
            .filter(move |field| {
                field.kind == kind && (kind != HeaderKind::Other || self.name(field).eq_ignore_ascii_case(name))
            })
            .map(|field| self.value(&field))
    }

    /// Every field in order: name as sent, value.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.index().fields(&self.bytes).map(|field| (self.name(&field), self.value(&field)))
    }

    /// The comma-separated elements of every field of that name, empty ones left out: Supported, Require, Allow, …
    pub fn token_list<'m, 'n>(&'m self, name: &'n str) -> impl Iterator<Item = &'m str> + use<'m, 'n> {
        self.headers(name).flat_map(List::new).filter(|element| !element.is_empty())
    }

    fn elements(&self, kind: HeaderKind) -> impl Iterator<Item = &str> + '_ {
        self.kind_values(kind).flat_map(List::new)
    }

    pub(super) fn kind_values(&self, kind: HeaderKind) -> impl Iterator<Item = &str> + '_ {
        self.index().fields(&self.bytes).filter(move |field| field.kind == kind).map(|field| self.value(&field))
    }

    /// The value of the first From, To, Call-ID or CSeq, which the index knows the place of.
    pub(super) fn first_value(&self, kind: HeaderKind) -> Option<&str> {
        let field = match kind {
            HeaderKind::From => &self.index().from,
            HeaderKind::To => &self.index().to,
            HeaderKind::CallId => &self.index().call_id,
            HeaderKind::CSeq => &self.index().cseq,
            _ => return self.kind_value(kind),
        };
        // Unless it is behind more fields than are looked at.
        if field.is_set() { Some(self.value(field)) } else { self.kind_value(kind) }
    }

    fn kind_value(&self, kind: HeaderKind) -> Option<&str> {
        self.kind_values(kind).next()
    }

    fn name(&self, field: &Field) -> &str {
        self.span(Span { start: field.name, end: field.name_end })
    }

    fn value(&self, field: &Field) -> &str {
        self.span(Span { start: field.value, end: field.value_end })
    }

    fn span(&self, at: Span) -> &str {
        self.head().get(at.start as usize..at.end as usize).unwrap_or_default()
    }

    /// The header, as far as it was read.
    fn head(&self) -> &str {
        let head = self.bytes.get(..self.index().text_end as usize).unwrap_or_default();
        // JUSTIFICATION: every accessor comes through here, hundreds of times a call; checking again was a thirtieth of what a call
        // costs.
        // SAFETY: `Index::read` sets `text_end` to the length of a header that it has just checked, and to nothing else; an index that
        // another message had before is cleared first, to 0. The bytes it read are never changed afterwards, only replaced along with
        // the index; copies share both.
        unsafe { str::from_utf8_unchecked(head) }
    }
}

/// Indexes a message that came, made fit for it where that is needed; the first error.
fn read(bytes: &mut Bytes, index: &mut Index) -> Option<ParseError> {
    let skipped = bytes.chunks_exact(2).take_while(|pair| pair == b"\r\n").count() * 2;
    bytes.advance(skipped);
    if bytes.is_empty() {
        return Some(ParseError { kind: ParseErrorKind::Empty, offset: 0, line: 1, answerable: false });
    }
    let mut as_given = None;
    let (mut kind, mut at) = (ParseErrorKind::HeaderLine, 0);
    // Each repair removes its own cause, so two of them suffice.
    for _ in 0..3 {
        let repaired = match index.read(bytes) {
            Ok(()) => return None,
            Err(Stop::Folded) => unfolded(bytes).into_owned(),
            Err(Stop::NotUtf8) => transcoded(bytes),
            Err(Stop::Error(what, where_)) => {
                (kind, at) = (what, where_);
                break;
            }
        };
        as_given.get_or_insert(std::mem::replace(bytes, repaired.into()));
        index.clear();
    }
    // Counted from behind the line ends that were skipped.
    let given = as_given.as_ref().unwrap_or(bytes);
    let at = at.min(given.len());
    let line = 1 + skipped / 2 + given[..at].iter().filter(|&&b| b == b'\n').count();
    Some(ParseError { kind, offset: skipped + at, line, answerable: index.is_answerable() })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_transaction_asks_of_a_request_of_ours_reads_nothing() {
        let request = Message::request("BYE", "sip:b@example.com")
            .header("Via", "SIP/2.0/UDP a.example;rport;branch=z9hG4bKa, SIP/2.0/UDP b.example;branch=z9hG4bKb")
            .header("From", "<sip:a@example.com>;tag=1")
            .header("To", "<sip:b@example.com>;tag=2")
            .header("Call-ID", "c")
            .header("CSeq", "2 BYE")
            .header("Max-Forwards", "70")
            .build();
        assert!(request.is_request());
        assert_eq!((request.method_str(), request.status()), ("BYE", None));
        let via = request.via();
        assert_eq!((via.host(), via.branch()), ("a.example", Some("z9hG4bKa")));
        assert!(request.index.get().is_none());
        // Whoever asks for more has it read, and then the same Via.
        assert_eq!(request.cseq().number, 2);
        assert!(request.index.get().is_some());
        assert_eq!(request.via().branch(), Some("z9hG4bKa"));
    }
}
