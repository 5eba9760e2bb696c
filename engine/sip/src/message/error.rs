use std::fmt;

/// Why a message was not read.
///
/// `offset` and `line` (from 1) point into the bytes given to [`super::Message::parse`]; in a message whose header
/// is not UTF-8 they may be a few bytes off, because it is transcoded first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub kind: ParseErrorKind,
    /// Bytes from the start of the message.
    pub offset: usize,
    /// Lines from 1.
    pub line: usize,
    pub(super) answerable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing, or line ends alone: a keep-alive.
    Empty,
    /// Above [`tandem_model::limits::SIP_MESSAGE_BYTES_MAX`].
    TooLarge,
    /// More header fields than [`tandem_model::limits::SIP_HEADERS_MAX`].
    TooManyHeaders,
    /// No empty line after the header.
    NoEndOfHeaders,
    /// Neither a request line nor a status line.
    StartLine,
    /// A request URI with angle brackets, white space, headers, or no scheme.
    RequestUri,
    /// A SIP version other than 2.0.
    Version,
    /// A line that is no header field: no colon, or a name that is no token.
    HeaderLine,
    /// A control character outside a quoted pair, or a line end that is not CRLF.
    ControlCharacter,
    /// A field that may be there once only.
    Repeated(&'static str),
    Missing(&'static str),
    Malformed(&'static str),
    /// CSeq names another method than the request line.
    CSeqMethod,
    /// Two Content-Length fields that differ.
    ContentLengths,
    /// Content-Length says more than there is.
    BodyTruncated,
}

impl ParseError {
    /// The status and reason phrase a server answers with (RFC 3261 section 16.3, 21.4.1, 21.5.6); `None` when
    /// nothing may be answered: a response, an ACK, or no request at all.
    pub fn reply(&self) -> Option<(u16, &'static str)> {
        use ParseErrorKind::*;
        if !self.answerable {
            return None;
        }
        Some(match self.kind {
            Empty => return None,
            Version => (505, "SIP Version Not Supported"),
            TooLarge => (513, "Message Too Large"),
            TooManyHeaders => (400, "Too Many Header Fields"),
            NoEndOfHeaders => (400, "Header Without End"),
            StartLine => (400, "Malformed Request-Line"),
            RequestUri => (400, "Malformed Request-URI"),
            HeaderLine => (400, "Malformed Header Field"),
            ControlCharacter => (400, "Control Character In Header"),
            Repeated(name) => (400, repeated_phrase(name)),
            Missing(name) => (400, missing_phrase(name)),
            Malformed(name) => (400, malformed_phrase(name)),
            CSeqMethod => (400, "CSeq Method Mismatch"),
            ContentLengths => (400, "Conflicting Content-Length"),
            BodyTruncated => (400, "Body Shorter Than Content-Length"),
        })
    }
}

fn repeated_phrase(name: &str) -> &'static str {
    match name {
        "From" => "Repeated From",
        "To" => "Repeated To",
        "Call-ID" => "Repeated Call-ID",
        "CSeq" => "Repeated CSeq",
        "Max-Forwards" => "Repeated Max-Forwards",
        _ => "Repeated Header Field",
    }
}

fn missing_phrase(name: &str) -> &'static str {
    match name {
        "From" => "Missing From",
        "To" => "Missing To",
        "Call-ID" => "Missing Call-ID",
        "CSeq" => "Missing CSeq",
        "Content-Length" => "Missing Content-Length",
        _ => "Missing Via",
    }
}

fn malformed_phrase(name: &str) -> &'static str {
    match name {
        "From" => "Malformed From",
        "To" => "Malformed To",
        "Call-ID" => "Malformed Call-ID",
        "CSeq" => "Malformed CSeq",
        "Via" => "Malformed Via",
        "Route" => "Malformed Route",
        "Record-Route" => "Malformed Record-Route",
        "Max-Forwards" => "Malformed Max-Forwards",
        "Content-Length" => "Malformed Content-Length",
        _ => "Malformed Header Field",
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}, line {}", self.kind, self.offset, self.line)
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ParseErrorKind::*;
        match self {
            Empty => f.write_str("no message"),
            TooLarge => f.write_str("message too large"),
            TooManyHeaders => f.write_str("too many header fields"),
            NoEndOfHeaders => f.write_str("no empty line after the header"),
            StartLine => f.write_str("malformed start line"),
            RequestUri => f.write_str("malformed request URI"),
            Version => f.write_str("SIP version is not 2.0"),
            HeaderLine => f.write_str("malformed header line"),
            ControlCharacter => f.write_str("control character in header"),
            Repeated(name) => write!(f, "repeated {name}"),
            Missing(name) => write!(f, "missing {name}"),
            Malformed(name) => write!(f, "malformed {name}"),
            CSeqMethod => f.write_str("CSeq method differs from the request's"),
            ContentLengths => f.write_str("two Content-Lengths that differ"),
            BodyTruncated => f.write_str("body shorter than Content-Length"),
        }
    }
}

impl std::error::Error for ParseError {}
