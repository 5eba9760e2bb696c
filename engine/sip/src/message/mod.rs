//! SIP messages (RFC 3261 sections 7, 19, 20 and 25): reading, writing and stream framing.
//!
//! API first; bodies follow in the next commits.
#![allow(unused_variables)]

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use tandem_model::Transport;

fn soon<T>() -> T {
    unreachable!("filled in by the next commit")
}

#[derive(Clone)]
pub struct Message {
    bytes: Bytes,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub kind: ParseErrorKind,
    /// Byte offset into the message.
    pub offset: usize,
    /// 1-based line.
    pub line: usize,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    Empty,
}
impl ParseError {
    /// None: a response, an ACK, or nothing to answer to.
    pub fn reply(&self) -> Option<(u16, &'static str)> {
        soon()
    }
}
/// Answer for a request that did not parse.
pub fn reject(bytes: &[u8], error: &ParseError, source: SocketAddr) -> Option<Bytes> {
    soon()
}
/// `Other` carries no text: `Message::method_str` and `CSeq::method_str` have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Prack,
    Update,
    Info,
    Refer,
    Notify,
    Subscribe,
    Message,
    Publish,
    Other,
}
impl Method {
    pub fn parse(token: &str) -> Method {
        soon()
    }
    /// Empty for `Other`.
    pub fn as_str(self) -> &'static str {
        soon()
    }
}
impl AsRef<str> for Method {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    pub number: u32,
    pub method: Method,
    pub method_str: &'a str,
}
/// A URI, header parameter or name-addr that does not follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError;

impl Message {
    pub fn parse(bytes: Bytes) -> Result<Message, ParseError> {
        soon()
    }
    pub fn request(method: impl AsRef<str>, uri: impl AsRef<str>) -> Builder {
        soon()
    }
    pub fn response(request: &Message, source: SocketAddr, status: u16, reason: Option<&str>) -> Builder {
        soon()
    }
    pub fn is_request(&self) -> bool {
        soon()
    }
    pub fn method(&self) -> Method {
        soon()
    }
    pub fn method_str(&self) -> &str {
        soon()
    }
    pub fn status(&self) -> Option<u16> {
        soon()
    }
    pub fn reason(&self) -> &str {
        soon()
    }
    /// None for responses and for a request URI that is not a URI at all.
    pub fn request_uri(&self) -> Option<Uri<'_>> {
        soon()
    }
    pub fn via(&self) -> Via<'_> {
        soon()
    }
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> + '_ {
        soon::<std::iter::Empty<Via<'_>>>()
    }
    pub fn from(&self) -> NameAddr<'_> {
        soon()
    }
    pub fn to(&self) -> NameAddr<'_> {
        soon()
    }
    pub fn from_tag(&self) -> Option<&str> {
        soon()
    }
    pub fn to_tag(&self) -> Option<&str> {
        soon()
    }
    pub fn call_id(&self) -> &str {
        soon()
    }
    pub fn cseq(&self) -> CSeq<'_> {
        soon()
    }
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, SyntaxError>> + '_ {
        soon::<std::iter::Empty<_>>()
    }
    /// Checked by `parse`, so infallible here.
    pub fn routes(&self) -> impl Iterator<Item = NameAddr<'_>> + '_ {
        soon::<std::iter::Empty<_>>()
    }
    pub fn record_routes(&self) -> impl Iterator<Item = NameAddr<'_>> + '_ {
        soon::<std::iter::Empty<_>>()
    }
    pub fn max_forwards(&self) -> Option<u8> {
        soon()
    }
    /// Seconds.
    pub fn expires(&self) -> Option<u32> {
        soon()
    }
    pub fn content_type(&self) -> Option<&str> {
        soon()
    }
    pub fn body(&self) -> &[u8] {
        soon()
    }
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
    /// The first field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        soon()
    }
    pub fn headers<'m, 'n>(&'m self, name: &'n str) -> impl Iterator<Item = &'m str> + use<'m, 'n> {
        soon::<std::iter::Empty<&'m str>>()
    }
    /// Name as sent, value.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        soon::<std::iter::Empty<_>>()
    }
    /// Comma-separated items of every field of that name: Supported, Require, Allow, …
    pub fn token_list<'m, 'n>(&'m self, name: &'n str) -> impl Iterator<Item = &'m str> + use<'m, 'n> {
        soon::<std::iter::Empty<&'m str>>()
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    text: &'a str,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    Other,
}
impl<'a> Uri<'a> {
    pub fn parse(text: &'a str) -> Result<Uri<'a>, SyntaxError> {
        soon()
    }
    pub fn as_str(&self) -> &'a str {
        self.text
    }
    pub fn scheme(&self) -> Scheme {
        soon()
    }
    /// As written, percent escapes and all. For `tel` the number.
    pub fn user(&self) -> Option<&'a str> {
        soon()
    }
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        soon()
    }
    pub fn password(&self) -> Option<&'a str> {
        soon()
    }
    /// IPv6 without its brackets. Empty for `tel` and opaque URIs.
    pub fn host(&self) -> &'a str {
        soon()
    }
    pub fn host_ip(&self) -> Option<IpAddr> {
        soon()
    }
    pub fn port(&self) -> Option<u16> {
        soon()
    }
    pub fn params(&self) -> Params<'a> {
        soon()
    }
    /// `Some("")` for a parameter without value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        soon()
    }
    pub fn transport(&self) -> Option<Transport> {
        soon()
    }
    pub fn headers(&self) -> Params<'a> {
        soon()
    }
    pub fn sip_equal(&self, other: &Uri<'_>) -> bool {
        soon()
    }
}
/// (name, value or "").
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    rest: &'a str,
}
impl<'a> Params<'a> {
    /// Case-insensitive; `Some("")` for a parameter without value.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        soon()
    }
}
impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, &'a str);
    fn next(&mut self) -> Option<Self::Item> {
        soon()
    }
}

#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    uri: &'a str,
}
impl<'a> NameAddr<'a> {
    pub fn parse(value: &'a str) -> Result<NameAddr<'a>, SyntaxError> {
        soon()
    }
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        soon()
    }
    pub fn uri_str(&self) -> &'a str {
        soon()
    }
    pub fn uri(&self) -> Result<Uri<'a>, SyntaxError> {
        soon()
    }
    pub fn params(&self) -> Params<'a> {
        soon()
    }
    pub fn param(&self, name: &str) -> Option<&'a str> {
        soon()
    }
    pub fn tag(&self) -> Option<&'a str> {
        soon()
    }
}
#[derive(Clone, Copy, Debug)]
pub enum Contact<'a> {
    /// `Contact: *`
    Any,
    Address(NameAddr<'a>),
}

#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    host: &'a str,
}
impl<'a> Via<'a> {
    pub fn parse(value: &'a str) -> Result<Via<'a>, SyntaxError> {
        soon()
    }
    pub fn transport_str(&self) -> &'a str {
        soon()
    }
    pub fn transport(&self) -> Option<Transport> {
        soon()
    }
    /// IPv6 without its brackets.
    pub fn host(&self) -> &'a str {
        soon()
    }
    pub fn port(&self) -> Option<u16> {
        soon()
    }
    pub fn branch(&self) -> Option<&'a str> {
        soon()
    }
    /// z9hG4bK and something after it.
    pub fn has_rfc3261_branch(&self) -> bool {
        soon()
    }
    pub fn received(&self) -> Option<&'a str> {
        soon()
    }
    /// Some(None): asked for, without value.
    pub fn rport(&self) -> Option<Option<u16>> {
        soon()
    }
    pub fn maddr(&self) -> Option<&'a str> {
        soon()
    }
    pub fn ttl(&self) -> Option<u8> {
        soon()
    }
    pub fn params(&self) -> Params<'a> {
        soon()
    }
    pub fn reply_address(&self, source: SocketAddr) -> SocketAddr {
        soon()
    }
}

pub struct Builder {
    out: Vec<u8>,
}
impl Builder {
    /// Added only when the request's To has none; for requests, to the To header added later or before.
    pub fn to_tag(self, tag: &str) -> Self {
        soon()
    }
    pub fn header(self, name: &str, value: &str) -> Self {
        soon()
    }
    /// `"display" <uri>` and nothing more, as the field `name`; `params` like `;tag=abc`, or "".
    pub fn name_addr(self, name: &str, display: Option<&str>, uri: &str, params: &str) -> Self {
        soon()
    }
    pub fn body(self, content_type: &str, body: impl AsRef<[u8]>) -> Self {
        soon()
    }
    /// What our own reader would refuse is an error.
    pub fn try_build(self) -> Result<Message, ParseError> {
        soon()
    }
    /// Never fails: parts that are missing or malformed read as empty.
    pub fn build(self) -> Message {
        soon()
    }
}
/// The default reason phrase of a status.
pub fn reason_phrase(status: u16) -> &'static str {
    soon()
}

pub struct StreamFramer {
    buffer: Vec<u8>,
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Framed {
    Message(Bytes),
    /// CRLFCRLF: answer CRLF (RFC 5626 section 4.4.1).
    Ping,
    /// Answer (if a request) and close.
    Error(FrameError),
}
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameError {
    pub status: u16,
}
impl StreamFramer {
    pub fn push(&mut self, bytes: &[u8]) {
        soon()
    }
    #[expect(clippy::should_implement_trait, reason = "more may follow after None")]
    pub fn next(&mut self) -> Option<Framed> {
        soon()
    }
}
