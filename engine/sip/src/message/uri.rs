use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use tandem_model::Transport;

use super::chars::{find, is_host_byte, is_token, is_uri_byte, number, split};
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
        let (name, rest) = split(text, b':').ok_or(SyntaxError)?;
        if !is_token(name.as_bytes()) || rest.is_empty() || !rest.bytes().all(is_uri_byte) {
            return Err(SyntaxError);
        }
        let scheme = Scheme::of(name);
        let empty = Uri { text, scheme, user: None, password: None, host: "", port: None, params: "", headers: "" };
        match scheme {
            Scheme::Sip | Scheme::Sips => empty.read_sip(rest),
            Scheme::Tel => {
                let (user, params) = cut(rest, find(rest, b';'));
                if user.is_empty() {
                    return Err(SyntaxError);
                }
                Ok(Uri { user: Some(user), params, ..empty })
            }
            Scheme::Other => Ok(empty),
        }
    }

    fn read_sip(mut self, rest: &'a str) -> Result<Uri<'a>, SyntaxError> {
        let mut after_user = rest;
        if let Some((userinfo, after)) = split(rest, b'@') {
            let (user, password) = match split(userinfo, b':') {
                Some((user, password)) => (user, Some(password)),
                None => (userinfo, None),
            };
            if user.is_empty() {
                return Err(SyntaxError);
            }
            (self.user, self.password, after_user) = (Some(user), password, after);
        }
        let (host_and_params, headers) = cut(after_user, find(after_user, b'?'));
        self.headers = headers;
        let (host_port, params) = cut(host_and_params, find(host_and_params, b';'));
        self.params = params;
        (self.host, self.port) = split_host_port(host_port).ok_or(SyntaxError)?;
        Ok(self)
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

    pub fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// Host name or address, an IPv6 one without its brackets. Empty for `tel` and other schemes.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The host as an address, if it is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
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
        if name.eq_ignore_ascii_case("sip") {
            Scheme::Sip
        } else if name.eq_ignore_ascii_case("sips") {
            Scheme::Sips
        } else if name.eq_ignore_ascii_case("tel") {
            Scheme::Tel
        } else {
            Scheme::Other
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
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        (host, port.strip_prefix(':').or(if port.is_empty() { None } else { Some("x") }))
    } else {
        let (host, port) = split(text, b':').map_or((text, None), |(host, port)| (host, Some(port)));
        if !is_host_name(host) {
            return None;
        }
        (host, port)
    };
    match port {
        Some(port) => Some((host, Some(number(port)?))),
        None => Some((host, None)),
    }
}

/// Whether a label may be all digits is for the resolver to say.
fn is_host_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_host_byte)
}

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
