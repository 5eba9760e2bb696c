mod check;

use std::str;

use tandem_model::limits::{SIP_HEADERS_MAX, SIP_MESSAGE_BYTES_MAX};

use super::chars::{find_byte, is_blank, is_token, number};
use super::error::ParseErrorKind::{self, *};
use super::header_kind::HeaderKind;
use super::line::{Field, Lines, field_of, narrow};
use super::method::Method;
use super::spans::{AddressSpans, Span, ViaSpans};
use super::uri::{Scheme, Uri};

/// Fields kept in the index; those behind them are found by reading their lines again. Real messages have fewer.
const INDEXED: usize = 32;

/// Where everything is in a message's bytes. Holds no heap memory.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) start: Start,
    fields: [Field; INDEXED],
    indexed: u8,
    /// First byte behind the last indexed field's line.
    tail: u16,
    /// The empty line.
    headers_end: u16,
    /// Up to here the bytes are known to be UTF-8.
    pub(super) text_end: u16,
    pub(super) body: u16,
    pub(super) body_end: u16,
    /// The first Via, From, To, Call-ID and CSeq, wherever they stand.
    pub(super) via: Field,
    pub(super) from: Field,
    pub(super) to: Field,
    pub(super) call_id: Field,
    pub(super) cseq: Field,
    /// What they say. Everybody behind us asks for it, so that it is kept.
    pub(super) top_via: ViaSpans,
    pub(super) from_parts: AddressSpans,
    pub(super) to_parts: AddressSpans,
    pub(super) cseq_number: u32,
    pub(super) cseq_method: Span,
    /// Of the request, or of the CSeq.
    pub(super) method: Method,
    pub(super) max_forwards: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// End of the method, begin and end of the URI.
    Request {
        method_end: u16,
        uri: u16,
        uri_end: u16,
    },
    /// Begin and end of the reason phrase.
    Status {
        code: u16,
        reason: u16,
        reason_end: u16,
    },
    Unknown,
}

/// What stopped the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Replace the folds and read again.
    Folded,
    /// Transcode the header and read again.
    NotUtf8,
    Error(ParseErrorKind, usize),
}

impl Index {
    pub(super) const fn new() -> Index {
        Index {
            start: Start::Unknown,
            fields: [Field::NONE; INDEXED],
            indexed: 0,
            tail: 0,
            headers_end: 0,
            text_end: 0,
            body: 0,
            body_end: 0,
            via: Field::NONE,
            from: Field::NONE,
            to: Field::NONE,
            call_id: Field::NONE,
            cseq: Field::NONE,
            top_via: ViaSpans::NONE,
            from_parts: AddressSpans::NONE,
            to_parts: AddressSpans::NONE,
            cseq_number: 0,
            cseq_method: Span::NONE,
            method: Method::Other,
            max_forwards: None,
        }
    }

    /// As new. What `fields` has is not written over: `indexed` says that none of it counts.
    pub(super) fn clear(&mut self) {
        let Index {
            start,
            fields: _,
            indexed,
            tail,
            headers_end,
            text_end,
            body,
            body_end,
            via,
            from,
            to,
            call_id,
            cseq,
            top_via,
            from_parts,
            to_parts,
            cseq_number,
            cseq_method,
            method,
            max_forwards,
        } = self;
        *start = Start::Unknown;
        *indexed = 0;
        (*tail, *headers_end, *text_end, *body, *body_end) = (0, 0, 0, 0, 0);
        for field in [via, from, to, call_id, cseq] {
            *field = Field::NONE;
        }
        *top_via = ViaSpans::NONE;
        (*from_parts, *to_parts) = (AddressSpans::NONE, AddressSpans::NONE);
        (*cseq_number, *cseq_method) = (0, Span::NONE);
        (*method, *max_forwards) = (Method::Other, None);
    }

    /// Reads `bytes`. After an error the index holds what could be read, so that an answer can be made from it; only
    /// [`Stop::Folded`] and [`Stop::NotUtf8`] end it early.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if bytes.len() > SIP_MESSAGE_BYTES_MAX {
            return Err(Stop::Error(TooLarge, SIP_MESSAGE_BYTES_MAX));
        }
        let mut first = FirstError(None);
        let mut lines = Lines::new(bytes, 0);
        let Some(line) = lines.next() else { return Err(Stop::Error(NoEndOfHeaders, bytes.len())) };
        first.note(self.read_start(&bytes[..line.end], line.control));
        let ended = self.read_fields(bytes, lines, line.next(), &mut first)?;
        let head = &bytes[..self.headers_end as usize];
        let Ok(head) = str::from_utf8(head) else { return Err(Stop::NotUtf8) };
        self.text_end = narrow(head.len());
        if !ended {
            first.note(Err((NoEndOfHeaders, bytes.len())));
        }
        self.check(head, &mut first);
        match first.0 {
            None => Ok(()),
            Some((kind, at)) => Err(Stop::Error(kind, at)),
        }
    }

    fn read_start(&mut self, line: &[u8], control: Option<usize>) -> Checked {
        const VERSION: &[u8] = b"SIP/2.0";
        if let Some(at) = control {
            return Err((ControlCharacter, at));
        }
        if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
            return self.read_status_line(line);
        }
        let blank = find_byte(line, b' ').ok_or((StartLine, 0))?;
        let last = line.iter().rposition(|&b| b == b' ').unwrap_or(blank);
        if !is_token(&line[..blank]) {
            return Err((StartLine, 0));
        }
        // Known from here on to be a request, whatever else is wrong with it: it can be answered.
        self.start =
            Start::Request { method_end: narrow(blank), uri: narrow(blank + 1), uri_end: narrow(last.max(blank + 1)) };
        self.method = str::from_utf8(&line[..blank]).map_or(Method::Other, Method::parse);
        if last <= blank + 1 {
            return Err((StartLine, blank));
        }
        let version = &line[last + 1..];
        if !version.eq_ignore_ascii_case(VERSION) {
            return Err((if is_sip_version(version) { Version } else { StartLine }, last + 1));
        }
        check_request_uri(&line[blank + 1..last]).map_err(|kind| (kind, blank + 1))
    }

    fn read_status_line(&mut self, line: &[u8]) -> Checked {
        let version_end = line.iter().position(|&b| b == b' ').ok_or((StartLine, line.len()))?;
        let code = line.get(version_end + 1..version_end + 4).unwrap_or_default();
        let reason = (version_end + 5).min(line.len());
        let code = str::from_utf8(code).ok().and_then(number::<u16>).filter(|code| (100..700).contains(code));
        self.start = Start::Status { code: code.unwrap_or(0), reason: narrow(reason), reason_end: narrow(line.len()) };
        if !line[..version_end].eq_ignore_ascii_case(b"SIP/2.0") {
            return Err((Version, 0));
        }
        // The blank before the reason phrase may be missing when the phrase is.
        let delimited = matches!(line.get(version_end + 4), None | Some(b' '));
        if code.is_none() || !delimited { Err((StartLine, version_end + 1)) } else { Ok(()) }
    }

    /// Reads header lines up to the empty one; false if there is none.
    fn read_fields(
        &mut self,
        bytes: &[u8],
        mut lines: Lines<'_>,
        start: usize,
        first: &mut FirstError,
    ) -> Result<bool, Stop> {
        // In registers while the loop runs.
        let (mut at, mut tail) = (start, start);
        let (mut count, mut indexed) = (0, 0);
        let ended = loop {
            let Some(line) = lines.read_line() else { break false };
            if line.end == at {
                break true;
            }
            let next = line.next();
            if bytes.get(next).copied().is_some_and(is_blank) {
                return Err(Stop::Folded);
            }
            at = next;
            count += 1;
            if count > SIP_HEADERS_MAX {
                first.note(Err((TooManyHeaders, line.start)));
                continue;
            }
            let field = match field_of(bytes, &line) {
                Ok(field) => field,
                Err(error) => {
                    first.note(Err(error));
                    continue;
                }
            };
            if let Err(error) = self.note_core(&field) {
                first.note(Err(error));
            }
            if tail == line.start
                && let Some(slot) = self.fields.get_mut(indexed)
            {
                *slot = field;
                indexed += 1;
                tail = next;
            }
        };
        self.indexed = indexed as u8;
        (self.tail, self.headers_end) = (narrow(tail), narrow(at));
        self.body = narrow(if ended { at + 2 } else { bytes.len() });
        self.body_end = narrow(bytes.len());
        Ok(ended)
    }

    #[inline]
    fn note_core(&mut self, field: &Field) -> Checked {
        let slot = match field.kind {
            HeaderKind::Via => &mut self.via,
            HeaderKind::From => &mut self.from,
            HeaderKind::To => &mut self.to,
            HeaderKind::CallId => &mut self.call_id,
            HeaderKind::CSeq => &mut self.cseq,
            _ => return Ok(()),
        };
        let kind = field.kind;
        match (slot.is_set(), kind) {
            (true, HeaderKind::Via) => Ok(()),
            (true, _) => Err((Repeated(kind.singleton().unwrap_or_default()), field.name as usize)),
            (false, _) => {
                *slot = *field;
                Ok(())
            }
        }
    }

    /// All header fields in order; lines that are none are left out.
    pub(super) fn fields<'a>(&'a self, bytes: &'a [u8]) -> Fields<'a> {
        let bytes = bytes.get(..self.headers_end as usize).unwrap_or_default();
        Fields {
            known: self.fields[..self.indexed as usize].iter(),
            bytes,
            behind: Lines::new(bytes, self.tail as usize),
        }
    }

    pub(super) fn is_answerable(&self) -> bool {
        matches!(self.start, Start::Request { .. }) && self.method != Method::Ack
    }
}

/// Header fields: the indexed ones, then those read again.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    known: std::slice::Iter<'a, Field>,
    bytes: &'a [u8],
    behind: Lines<'a>,
}

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        if let Some(field) = self.known.next() {
            return Some(*field);
        }
        let bytes = self.bytes;
        self.behind.find_map(|line| field_of(bytes, &line).ok())
    }
}

/// The slice of `head` between two positions.
pub(super) fn text(head: &str, start: u16, end: u16) -> &str {
    head.get(start as usize..end as usize).unwrap_or_default()
}

type Checked = Result<(), (ParseErrorKind, usize)>;

struct FirstError(Option<(ParseErrorKind, usize)>);

impl FirstError {
    fn note(&mut self, result: Checked) {
        if let Err(error) = result {
            self.0.get_or_insert(error);
        }
    }
}

/// A request URI has no headers (RFC 3261 section 19.1.1, table 1); one of a foreign scheme is for the caller to
/// refuse with 416.
fn check_request_uri(uri: &[u8]) -> Result<(), ParseErrorKind> {
    let uri = str::from_utf8(uri).ok().and_then(|text| Uri::parse(text).ok()).ok_or(RequestUri)?;
    let has_headers = matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) && uri.headers().next().is_some();
    if has_headers { Err(RequestUri) } else { Ok(()) }
}

/// `SIP/` digits `.` digits: a version, if not ours.
fn is_sip_version(text: &[u8]) -> bool {
    let Some((b"SIP/", version)) = text.split_at_checked(4) else { return false };
    let mut parts = version.splitn(2, |&b| b == b'.');
    let digits = |part: Option<&[u8]>| part.is_some_and(|p| !p.is_empty() && p.iter().all(u8::is_ascii_digit));
    digits(parts.next()) && digits(parts.next())
}
