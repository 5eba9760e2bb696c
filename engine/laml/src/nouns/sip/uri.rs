//! The text of a `<Sip>`: `[sip:|sips:][user[:password]@]host[:port][;parameters][?name=value&...]`.
//!
//! The first `?` begins the headers, so a `?` in a user part has to be written `%3F`.

use percent_encoding::percent_decode_str;

use crate::code;

pub(super) const URI_CHARS_MAX: usize = 255;
pub(super) const HEADERS_CHARS_MAX: usize = 1_024;

/// Headers that keep their name though it does not begin with `X-` (RFC 7433, RFC 5806).
const NAMES_KEPT: [&str; 2] = ["User-to-User", "Diversion"];
/// What a scheme other than SIP's looks like; any other word before a colon is a user or a host.
const OTHER_SCHEMES: [&str; 8] = ["tel", "http", "https", "ws", "wss", "mailto", "urn", "im"];

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub uri: String,
    pub headers: Vec<(String, String)>,
    /// Why headers were left out.
    pub dropped: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadUri {
    pub code: u32,
    pub message: String,
}

pub(super) fn read(text: &str) -> Result<Address, BadUri> {
    let malformed = |message: String| BadUri { code: code::SIP_MALFORMED, message };
    let joined = join_lines(text);
    let (uri, query) = joined.split_once('?').map_or((joined.as_str(), ""), |(uri, query)| (uri, query));
    if uri.chars().count() > URI_CHARS_MAX {
        return Err(malformed(format!("the URI is longer than {URI_CHARS_MAX} characters")));
    }
    if query.chars().count() > HEADERS_CHARS_MAX {
        return Err(malformed(format!("the headers are longer than {HEADERS_CHARS_MAX} characters")));
    }
    let (scheme, rest) = scheme(uri).map_err(malformed)?;
    check_rest(rest)?;
    let (headers, dropped) = headers(query);
    Ok(Address { uri: format!("{scheme}:{rest}"), headers, dropped })
}

/// Documents break long URIs over lines: line breaks and the white space around them are not part of it.
fn join_lines(text: &str) -> String {
    text.split(['\r', '\n']).map(str::trim).collect()
}

fn scheme(uri: &str) -> Result<(&'static str, &str), String> {
    let Some((word, rest)) = uri.split_once(':') else { return Ok(("sip", uri)) };
    if word.eq_ignore_ascii_case("sip") {
        Ok(("sip", rest))
    } else if word.eq_ignore_ascii_case("sips") {
        Ok(("sips", rest))
    } else if OTHER_SCHEMES.iter().any(|s| word.eq_ignore_ascii_case(s)) {
        Err(format!("{word}: is no SIP URI"))
    } else {
        Ok(("sip", uri))
    }
}

fn check_rest(rest: &str) -> Result<(), BadUri> {
    let malformed = |message: &str| Err(BadUri { code: code::SIP_MALFORMED, message: message.to_owned() });
    let missing = |message: &str| Err(BadUri { code: code::SIP_MISSING, message: message.to_owned() });
    if rest.is_empty() {
        return missing("there is no URI");
    }
    if !rest.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`')) {
        return malformed("the URI holds a character that has to be percent-encoded");
    }
    let (user, host_and_more) = rest.split_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    if user == Some("") {
        return malformed("there is an @ but no user before it");
    }
    if host_and_more.contains('@') {
        return malformed("there is more than one @");
    }
    let host_port = host_and_more.split(';').next().unwrap_or_default();
    let (host, port) = match host_port.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((address, "")) if is_v6(address) => ("[]", None),
            Some((address, port)) if is_v6(address) && port.starts_with(':') => ("[]", Some(&port[1..])),
            Some(_) | None => return malformed("the address in brackets is no IPv6 address"),
        },
        None => host_port.split_once(':').map_or((host_port, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return missing("the URI has no host");
    }
    if host != "[]" && !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        return malformed("the host is no name and no address");
    }
    if port.is_some_and(|p| !matches!(p.parse::<u16>(), Ok(1..))) {
        return malformed("the port is not between 1 and 65535");
    }
    Ok(())
}

fn is_v6(address: &str) -> bool {
    address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Decoded headers in order, and why some were left out.
fn headers(query: &str) -> (Vec<(String, String)>, Vec<String>) {
    let (mut headers, mut dropped): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match header(name.trim(), value.trim()) {
            Ok((name, _)) if headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(&name)) => {
                dropped.push(format!("the header {name} is given twice, the first counts"));
            }
            Ok(header) => headers.push(header),
            Err(why) => dropped.push(why),
        }
    }
    (headers, dropped)
}

fn header(name: &str, value: &str) -> Result<(String, String), String> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().map(|t| t.into_owned()).ok();
    // RFC 3261 section 25.1: token.
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    let name = decode(name).filter(|n| !n.is_empty() && n.bytes().all(token));
    let Some(name) = name else { return Err("a header has no valid name, it is left out".to_owned()) };
    // A line break here would let a document write headers of its own.
    let value = decode(value).filter(|v| !v.chars().any(char::is_control));
    let Some(value) = value else {
        return Err(format!("the value of the header {name} cannot be sent, it is left out"));
    };
    let starts_with_x = name.get(..2).is_some_and(|x| x.eq_ignore_ascii_case("X-"));
    let kept = starts_with_x || NAMES_KEPT.iter().any(|k| k.eq_ignore_ascii_case(&name));
    Ok((if kept { name } else { format!("X-{name}") }, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, uri: &str, headers: &[(&str, &str)], dropped: usize) {
        let address = read(text).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
        let found: Vec<(&str, &str)> = address.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!((address.uri.as_str(), found.as_slice()), (uri, headers), "{text:?}");
        assert_eq!(address.dropped.len(), dropped, "{text:?}: {:?}", address.dropped);
    }

    #[test]
    fn uris_are_completed_and_their_headers_decoded() {
        check("sip:a@b.example", "sip:a@b.example", &[], 0);
        check("a@b.example:1060;transport=tcp", "sip:a@b.example:1060;transport=tcp", &[], 0);
        check("b.example:5080", "sip:b.example:5080", &[], 0);
        check("SIPS:a@b", "sips:a@b", &[], 0);
        check("a:pw@b", "sip:a:pw@b", &[], 0);
        check("sip:+1555;phone-context=x@[2001:db8::1]:5060", "sip:+1555;phone-context=x@[2001:db8::1]:5060", &[], 0);
        check("sip:a@b\n      ;transport=tls\n      ?X-A=1", "sip:a@b;transport=tls", &[("X-A", "1")], 0);
        check("a@b?customheader=foo&x-b=2", "sip:a@b", &[("X-customheader", "foo"), ("x-b", "2")], 0);
        check(
            "a@b?User-to-User=00c8%3Bencoding%3Dhex&N=%2B1",
            "sip:a@b",
            &[("User-to-User", "00c8;encoding=hex"), ("X-N", "+1")],
            0,
        );
        check("a@b?X-Mail=me@home", "sip:a@b", &[("X-Mail", "me@home")], 0);
        check("a@b?flag", "sip:a@b", &[("X-flag", "")], 0);
        check("a@b?", "sip:a@b", &[], 0);
    }

    #[test]
    fn headers_that_cannot_be_sent_are_left_out() {
        check("a@b?X-A=1%0d%0aVia:%20x&X-B=2", "sip:a@b", &[("X-B", "2")], 1);
        check("a@b?X-A=%00", "sip:a@b", &[], 1);
        check("a@b?X-A=%ff", "sip:a@b", &[], 1);
        check("a@b?=1&X%3A=2&X%0A=3", "sip:a@b", &[], 3);
        check("a@b?X-A=1&x-a=2&A=3", "sip:a@b", &[("X-A", "1")], 2);
    }

    #[test]
    fn text_that_is_no_sip_uri_is_refused() {
        let long = format!("sip:{}@b", "a".repeat(URI_CHARS_MAX));
        let headers = format!("sip:a@b?X-A={}", "1".repeat(HEADERS_CHARS_MAX));
        for (text, code) in [
            ("", code::SIP_MISSING),
            ("sip:", code::SIP_MISSING),
            ("sip:a@", code::SIP_MISSING),
            ("sip:a@;transport=udp", code::SIP_MISSING),
            ("sip:@b", code::SIP_MALFORMED),
            ("sip:a@b@c", code::SIP_MALFORMED),
            ("sip:a b@c", code::SIP_MALFORMED),
            ("sip:a@b:0", code::SIP_MALFORMED),
            ("sip:a@b:99999", code::SIP_MALFORMED),
            ("sip:a@b:", code::SIP_MALFORMED),
            ("sip:a@[::1", code::SIP_MALFORMED),
            ("sip:a@[::1]5060", code::SIP_MALFORMED),
            ("sip:a@[b]", code::SIP_MALFORMED),
            ("sip:a@b/c", code::SIP_MALFORMED),
            ("sip:a@b>", code::SIP_MALFORMED),
            ("sip:ü@b", code::SIP_MALFORMED),
            ("sip:a\u{0}@b", code::SIP_MALFORMED),
            ("tel:+1555", code::SIP_MALFORMED),
            ("https://b", code::SIP_MALFORMED),
            (&long, code::SIP_MALFORMED),
            (&headers, code::SIP_MALFORMED),
        ] {
            assert_eq!(read(text).map_err(|e| e.code), Err(code), "{text:?}");
        }
    }
}
