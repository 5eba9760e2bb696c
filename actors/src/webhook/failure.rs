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

/// Why a request did not do what it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub cause: Cause,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    InvalidUrl,
    /// An address the guard refuses.
    Forbidden,
    /// Too many requests wait for this host.
    Crowded,
    Dns,
    Connect,
    /// Connected, and no response or no end of it in time.
    Read,
    /// The connection ended half-way.
    Lost,
    Status(u16),
    Redirect,
    Tls,
    Protocol,
    HttpVersion,
    TooBig,
}

impl Cause {
    pub fn code(self) -> u32 {
        match self {
            Cause::InvalidUrl => code::INVALID_URL,
            Cause::Dns => code::DNS,
            Cause::Redirect => code::REDIRECT,
            Cause::Tls => code::TLS,
            Cause::Protocol => code::PROTOCOL,
            Cause::HttpVersion => code::HTTP_VERSION,
            Cause::TooBig => code::TOO_BIG,
            // laml.md 2.7 counts a 502 among the servers that did not respond.
            Cause::Status(502) | Cause::Forbidden | Cause::Crowded | Cause::Connect | Cause::Read | Cause::Lost => {
                code::NO_RESPONSE
            }
            Cause::Status(_) => code::STATUS,
        }
    }

    /// No second try of the same request can do better.
    pub fn is_final(self) -> bool {
        matches!(self, Cause::InvalidUrl | Cause::Forbidden)
    }

    /// The far side is in trouble, and may be well again later.
    pub fn is_outage(self) -> bool {
        match self {
            Cause::Crowded
            | Cause::Dns
            | Cause::Connect
            | Cause::Read
            | Cause::Lost
            | Cause::Tls
            | Cause::Protocol
            | Cause::HttpVersion
            | Cause::Status(408 | 425 | 429 | 500..) => true,
            Cause::InvalidUrl | Cause::Forbidden | Cause::Status(_) | Cause::Redirect | Cause::TooBig => false,
        }
    }
}

impl From<Failure> for FetchFailure {
    fn from(failure: Failure) -> Self {
        FetchFailure { code: failure.cause.code(), message: failure.message }
    }
}

pub(super) fn fail(cause: Cause, message: String) -> Failure {
    Failure { cause, message }
}

/// Finds what went wrong below `error`, a request to `authority`.
pub(super) fn classify(error: &reqwest::Error, authority: &str) -> Failure {
    let mut deepest = "the request failed".to_owned();
    // The outermost error's text holds the URL, which is neither for logs nor to be searched for words.
    for cause in causes(error).skip(1) {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return fail(Cause::Forbidden, refused.to_string());
        }
        if let Some(dns) = cause.downcast_ref::<DnsFailure>() {
            return fail(Cause::Dns, dns.to_string());
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return fail(Cause::Tls, format!("TLS with {authority}: {tls}"));
        }
        deepest = cause.to_string();
    }
    let says = |part: &str| causes(error).skip(1).any(|cause| cause.to_string().contains(part));
    if error.is_timeout() && error.is_connect() {
        return fail(Cause::Connect, format!("no connection with {authority} in time"));
    }
    // The HTTP library gives these kinds as text alone; the tests hold the words.
    let cause = if says("HTTP version") {
        Cause::HttpVersion
    } else if MALFORMED.iter().any(|part| says(part)) {
        Cause::Protocol
    } else if says("tls handshake") {
        Cause::Tls
    } else if error.is_connect() {
        Cause::Connect
    } else {
        Cause::Lost
    };
    fail(cause, format!("request to {authority}: {deepest}"))
}

const MALFORMED: [&str; 5] = ["parsed", "head is too large", "Invalid chunk", "chunk ", "Invalid trailer"];

/// The chain of causes. An `io::Error` hides the error it wraps from `source`, so it is looked into.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inside.map(|e| e as &(dyn Error + 'static)).or_else(|| error.source())
    })
}
