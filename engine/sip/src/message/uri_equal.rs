//! URI comparison (RFC 3261 section 19.1.4).

use super::params::Params;
use super::uri::{Scheme, Unescaped, Uri};

/// Parameters that make two URIs differ when only one has them.
const SIP_DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];
const TEL_DECISIVE: [&str; 3] = ["phone-context", "isub", "ext"];

/// Parameters, and headers, of a URI that are compared: each is looked for among the other's. A URI with more equals
/// its own text alone.
const COMPARED_MAX: usize = 64;

pub(super) fn equal(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    if a.as_str() == b.as_str() {
        return true;
    }
    let is_too_long =
        |uri: &Uri<'_>| uri.params().nth(COMPARED_MAX).is_some() || uri.headers().nth(COMPARED_MAX).is_some();
    if a.scheme() != b.scheme() || is_too_long(a) || is_too_long(b) {
        return false;
    }
    match a.scheme() {
        Scheme::Sip | Scheme::Sips => {
            same_option(a.user(), b.user(), same_case)
                && same_option(a.password(), b.password(), same_case)
                && a.host().eq_ignore_ascii_case(b.host())
                && a.port() == b.port()
                && same_params(a, b, &SIP_DECISIVE)
                && same_headers(a.headers(), b.headers())
        }
        Scheme::Tel => same_option(a.user(), b.user(), same_number) && same_params(a, b, &TEL_DECISIVE),
        Scheme::Other => a.as_str() == b.as_str(),
    }
}

fn same_option(a: Option<&str>, b: Option<&str>, same: fn(&str, &str) -> bool) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// An escape equals its character unless that character is reserved (RFC 3261 section 19.1.2 via RFC 2396).
fn canonical(text: &str) -> impl Iterator<Item = (u8, bool)> + '_ {
    Unescaped::new(text).map(|(byte, escaped)| (byte, escaped && is_reserved(byte)))
}

fn is_reserved(byte: u8) -> bool {
    matches!(byte, b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b',')
}

fn same_case(a: &str, b: &str) -> bool {
    canonical(a).eq(canonical(b))
}

fn same_caseless(a: &str, b: &str) -> bool {
    let lower = |(byte, reserved): (u8, bool)| (byte.to_ascii_lowercase(), reserved);
    canonical(a).map(lower).eq(canonical(b).map(lower))
}

/// Visual separators do not count (RFC 3966 section 5).
fn same_number(a: &str, b: &str) -> bool {
    let digits = |text: &'_ str| {
        text.bytes()
            .filter(|b| !matches!(b, b'-' | b'.' | b'(' | b')'))
            .map(|b| b.to_ascii_lowercase())
            .collect::<Vec<u8>>()
    };
    digits(a) == digits(b)
}

fn same_params(a: &Uri<'_>, b: &Uri<'_>, decisive: &[&str]) -> bool {
    // A name may not come twice (RFC 3261 section 19.1.1); where it does, a URI is still equal to itself.
    let agrees = |here: &Uri<'_>, there: &Uri<'_>| {
        here.params().all(|(name, value)| match there.param(name) {
            Some(_) => there.params().any(|(n, v)| n.eq_ignore_ascii_case(name) && same_caseless(value, v)),
            None => !decisive.iter().any(|d| d.eq_ignore_ascii_case(name)),
        })
    };
    agrees(a, b) && agrees(b, a)
}

fn same_headers(a: Params<'_>, b: Params<'_>) -> bool {
    let within = |mut here: Params<'_>, there: Params<'_>| {
        here.all(|(name, value)| {
            let mut there = there;
            there.any(|(n, v)| n.eq_ignore_ascii_case(name) && same_case(value, v))
        })
    };
    a.count() == b.count() && within(a, b) && within(b, a)
}
