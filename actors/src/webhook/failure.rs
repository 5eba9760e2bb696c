use std::error::Error;
use std::io;

use tandem_laml::instruction::FetchFailure;

use super::guard::Refused;
use super::resolver::DnsFailure;

/// The documented error codes of a fetch (laml.md 2.7 and 3.13).
pub mod code {
    pub const INVALID_URL: u32 = 11100;
    /// Timeouts, connections refused or lost, 502, and addresses that may not be reached.
    pub const NO_RESPONSE: u32 = 11200;
    pub const DNS: u32 = 11210;
    pub const REDIRECT: u32 = 11215;
    pub const STATUS: u32 = 11217;
    pub const TLS: u32 = 11220;
    pub const PROTOCOL: u32 = 11251;
    pub const HTTP_VERSION: u32 = 11300;
    pub const TOO_BIG: u32 = 11750;
}

pub(super) fn fail(code: u32, message: String) -> FetchFailure {
    FetchFailure { code, message }
}

/// Finds what went wrong below `error`, a request to `authority`.
pub(super) fn classify(error: &reqwest::Error, authority: &str) -> FetchFailure {
    let mut deepest = "the request failed".to_owned();
    // The outermost error's text holds the URL, which is neither for logs nor to be searched for words.
    for cause in causes(error).skip(1) {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return fail(code::NO_RESPONSE, refused.to_string());
        }
        if let Some(dns) = cause.downcast_ref::<DnsFailure>() {
            return fail(code::DNS, dns.to_string());
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return fail(code::TLS, format!("TLS with {authority}: {tls}"));
        }
        deepest = cause.to_string();
    }
    let says = |part: &str| causes(error).skip(1).any(|cause| cause.to_string().contains(part));
    if error.is_timeout() && error.is_connect() {
        return fail(code::NO_RESPONSE, format!("no connection with {authority} in time"));
    }
    // The HTTP library gives these kinds as text alone; the tests hold the words.
    let code = if says("HTTP version") {
        code::HTTP_VERSION
    } else if MALFORMED.iter().any(|part| says(part)) {
        code::PROTOCOL
    } else if says("tls handshake") {
        code::TLS
    } else {
        code::NO_RESPONSE
    };
    fail(code, format!("request to {authority}: {deepest}"))
}

const MALFORMED: [&str; 5] = ["parsed", "head is too large", "Invalid chunk", "chunk ", "Invalid trailer"];

/// The chain of causes. An `io::Error` hides the error it wraps from `source`, so it is looked into.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.map(|e| e as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
