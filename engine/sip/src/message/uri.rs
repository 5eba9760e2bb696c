use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tandem_model::Transport;

use super::chars::{are_host_bytes, are_uri_bytes, find, is_token, is_uri_byte, number, plain_uri_len, split};
use super::params::Params;
use super::syntax_error::SyntaxError;
use super::uri_equal;

/// A URI as written in a message (RFC 3261 section 19.1; `tel` of RFC 3966). Borrowed; reading it copies nothing.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    text: &'a str,
    scheme: Scheme,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    params: &'a str,
    headers: &'a str,
}

/// What a URI's scheme means to this switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    /// Anything else: answer 416 to a request URI of this kind.
    Other,
}

impl<'a> Uri<'a> {
    /// Reads a whole URI: `sip:`, `sips:` and `tel:` to their parts, any other scheme as opaque text.
    /// Errors when the grammar is broken: characters a URI cannot hold, no host, a port that is no port.
    pub fn parse(text: &'a str) -> Result<Uri<'a>, SyntaxError> {
        Uri::parse_prefix(text).filter(|uri| uri.text.len() == text.len()).ok_or(SyntaxError)
    }

    /// The URI that `text` starts with, up to the first character that none can hold.
    pub(super) fn parse_prefix(text: &'a str) -> Option<Uri<'a>> {
        let bytes = text.as_bytes();
        let colon = bytes.iter().position(|&b| b == b':')?;
        let scheme = Scheme::of(&text[..colon]);
        if matches!(scheme, Scheme::Sip | Scheme::Sips) {
            return Uri::read_sip(text, scheme, colon + 1);
        }
        let len = bytes.iter().position(|&b| !is_uri_byte(b)).unwrap_or(bytes.len());
        let text = &text[..len];
        let (name, rest) = cut(text, Some(colon).filter(|colon| *colon < len));
        if rest.is_empty() || !is_token(name.as_bytes()) {
            return None;
        }
        let uri = Uri { text, scheme, user: None, password: None, host: "", port: None, params: "", headers: "" };
        if scheme == Scheme::Other {
            return Some(uri);
        }
        let (user, params) = cut(rest, find(rest, b';'));
        (!user.is_empty()).then_some(Uri { user: Some(user), params, ..uri })
    }

    /// Looks at each character once, host and port apart.
    fn read_sip(text: &'a str, scheme: Scheme, start: usize) -> Option<Uri<'a>> {
        let bytes = text.as_bytes();
        let (mut user, mut password) = (None, None);
        let (mut host, mut colon, mut semicolon, mut question) = (start, None, None, None);
        let mut at = start;
        loop {
            at += plain_uri_len(&bytes[at..]);
            let Some(mark) = bytes.get(at) else { break };
            match mark {
                b'@' if user.is_none() => {
                    let user_end = colon.unwrap_or(at);
                    user = Some(&text[host..user_end]).filter(|user| !user.is_empty());
                    user?;
                    password = colon.map(|colon: usize| &text[colon + 1..at]);
                    (host, colon, semicolon, question) = (at + 1, None, None, None);
                }
                b'@' => {}
                b':' => colon = colon.or(Some(at)),
                b';' => semicolon = semicolon.or(Some(at)),
                b'?' => question = question.or(Some(at)),
                _ => break,
            }
            at += 1;
        }
        let end = at;
        let params_end = question.unwrap_or(end);
        let host_end = semicolon.filter(|at| *at < params_end).unwrap_or(params_end);
        let (host, port) = if bytes.get(host) == Some(&b'[') {
            split_host_port(&text[host..host_end])?
        } else {
            let colon = colon.filter(|at| *at < host_end);
            with_port(&text[host..colon.unwrap_or(host_end)], colon.map(|colon| &text[colon + 1..host_end]))?
        };
        Some(Uri {
            text: &text[..end],
            scheme,
            user,
            password,
            host,
            port,
            params: text.get(host_end + 1..params_end).unwrap_or_default(),
            headers: text.get(params_end + 1..end).unwrap_or_default(),
        })
    }

    /// Whether `text` has the shape of any URI at all: a scheme, and characters a URI can hold.
    pub(super) fn is_absolute(text: &str) -> bool {
        split(text, b':').is_some_and(|(scheme, rest)| {
            is_token(scheme.as_bytes()) && !rest.is_empty() && are_uri_bytes(rest.as_bytes())
        })
    }

    /// The URI as written.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The user part as written, percent escapes and all; of a `tel` URI the number.
    pub fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// The user part with its escapes resolved (bytes that are not UTF-8 after that become U+FFFD). It may hold
    /// any character, NUL included: quote or refuse before passing it on.
    pub fn user_decoded(&self) -> Option<Cow<'a, str>> {
        self.user.map(percent_decoded)
    }

    /// The user part without the parameters that a telephone number has there (RFC 3261 section 19.1.6), its escapes resolved:
    /// an escaped `;` is one of the name. Of a `tel` URI the number.
    pub fn subscriber(&self) -> Option<Cow<'a, str>> {
        self.user.map(|user| percent_decoded(cut(user, find(user, b';')).0))
    }

    /// In which context that number means something: the beginning of a global one, or a domain (RFC 3966 section 5.1.5).
    pub fn phone_context(&self) -> Option<Cow<'a, str>> {
        let of_user = |user| Params::new(cut(user, find(user, b';')).1);
        let params = match self.scheme {
            Scheme::Sip | Scheme::Sips => of_user(self.user?),
            Scheme::Tel | Scheme::Other => self.params(),
        };
        params.get("phone-context").map(percent_decoded)
    }

    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// Host name or address, an IPv6 one without its brackets. Empty for `tel` and other schemes.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The host as an address, if it is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        host_ip(self.host)
    }

    pub fn port(&self) -> Option<u16> {
        self.port
    }

    pub fn params(&self) -> Params<'a> {
        Params::new(self.params)
    }

    /// The value of a parameter, `Some("")` for one without a value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params().get(name)
    }

    /// The `transport` parameter, if there is one that this switch speaks.
    pub fn transport(&self) -> Option<Transport> {
        self.param("transport")?.parse().ok()
    }

    /// The `?name=value&…` part.
    pub fn headers(&self) -> Params<'a> {
        Params::uri_headers(self.headers)
    }

    /// Whether both name the same resource (RFC 3261 section 19.1.4; `tel` by RFC 3966 section 5). Not transitive:
    /// no key for a map.
    pub fn sip_equal(&self, other: &Uri<'_>) -> bool {
        uri_equal::equal(self, other)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl Scheme {
    fn of(name: &str) -> Scheme {
        match *name.as_bytes() {
            [b's' | b'S', b'i' | b'I', b'p' | b'P'] => Scheme::Sip,
            [b's' | b'S', b'i' | b'I', b'p' | b'P', b's' | b'S'] => Scheme::Sips,
            [b't' | b'T', b'e' | b'E', b'l' | b'L'] => Scheme::Tel,
            _ => Scheme::Other,
        }
    }
}

/// Text before and after the separator at `at`.
fn cut(text: &str, at: Option<usize>) -> (&str, &str) {
    match at {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

/// `host [ ":" port ]`, brackets of IPv6 taken off.
pub(super) fn split_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let Some(rest) = text.strip_prefix('[') else {
        let colon = text.bytes().position(|b| b == b':');
        return with_port(&text[..colon.unwrap_or(text.len())], colon.map(|at| &text[at + 1..]));
    };
    let (host, port) = rest.split_once(']')?;
    ipv6(host)?;
    match port.strip_prefix(':') {
        Some(port) => Some((host, Some(number(port)?))),
        None => port.is_empty().then_some((host, None)),
    }
}

/// Whether a label may be all digits is for the resolver to say.
fn with_port<'a>(host: &'a str, port: Option<&'a str>) -> Option<(&'a str, Option<u16>)> {
    if host.is_empty() || !are_host_bytes(host.as_bytes()) {
        return None;
    }
    match port {
        Some(port) => Some((host, Some(number(port)?))),
        None => Some((host, None)),
    }
}

/// The address that a host without brackets is, if it is one.
pub(super) fn host_ip(host: &str) -> Option<IpAddr> {
    host.parse().ok().or_else(|| ipv6(host).map(IpAddr::V6))
}

/// An IPv6 address. The grammar of RFC 3261 lets an implementation write three colons before an embedded IPv4 address
/// where it means two; that has to be understood (RFC 5118 section 4.10).
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let colons = text.find(":::")?;
    text[colons + 3..].parse::<Ipv4Addr>().ok()?;
    let mut repaired = [0; LONGEST_IPV6];
    let repaired = repaired.get_mut(..text.len() - 1)?;
    repaired[..colons].copy_from_slice(&text.as_bytes()[..colons]);
    repaired[colons..].copy_from_slice(&text.as_bytes()[colons + 1..]);
    std::str::from_utf8(repaired).ok()?.parse().ok()
}

/// Characters of the longest way to write an IPv6 address.
const LONGEST_IPV6: usize = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".len();

pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if find(text, b'%').is_none() {
        return Cow::Borrowed(text);
    }
    let bytes: Vec<u8> = Unescaped::new(text).map(|(byte, _)| byte).collect();
    Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Bytes of a text with `%HH` resolved; the flag tells which were escaped. A `%` without two digits stays itself.
pub(super) struct Unescaped<'a> {
    rest: &'a [u8],
}

impl<'a> Unescaped<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Unescaped { rest: text.as_bytes() }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = (u8, bool);

    fn next(&mut self) -> Option<(u8, bool)> {
        if let [b'%', high, low, rest @ ..] = self.rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            self.rest = rest;
            return Some((high << 4 | low, true));
        }
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some((*first, false))
    }
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}
