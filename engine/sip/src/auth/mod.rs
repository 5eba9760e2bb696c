//! Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760), both sides.
//! Not here: where secrets are kept, nor what an authenticated user may do. Start at [`Challenger`] or [`Challenge`].

use tandem_model::{Entropy, Timestamp};

use crate::message::Message;

fn soon<T>() -> T {
    unreachable!("filled in by the next commit")
}

/// Who asks, hence the header names (RFC 3261 sections 22.2 and 22.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// 401, WWW-Authenticate, Authorization.
    UserAgent,
    /// 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Role {
    pub fn status(self) -> u16 {
        soon()
    }
    pub fn challenge_header(self) -> &'static str {
        soon()
    }
    pub fn credentials_header(self) -> &'static str {
        soon()
    }
}

/// H(A1) of one user in the challenger's realm, lower-case hex; empty where there is none.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    pub md5: &'a str,
    pub sha256: &'a str,
}

/// `(md5, sha256)` of `username:realm:password`, lower-case hex, for storage (RFC 7616 section 3.4.2).
pub fn ha1_pair(_username: &str, _realm: &str, _password: &str) -> (String, String) {
    soon()
}

/// Why a request is not authenticated: for the log, never for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// No credentials for our realm: the normal first request.
    NoCredentials,
    Malformed,
    BadUsername,
    BadOpaque,
    /// qop missing, or not "auth".
    BadQop,
    /// Not offered, or not the one the nonce was given for.
    BadAlgorithm,
    /// The digest was made for another URI.
    UriMismatch,
    /// Too old, of a former process, evicted, or made up.
    StaleNonce,
    /// Right digest, but another user's nonce.
    ForeignNonce,
    UnknownUser,
    WrongPassword,
    /// Right digest, nonce count used before or too far back.
    Replayed,
}

impl Refusal {
    /// What the next challenge says of `stale`.
    pub fn is_stale(self) -> bool {
        soon()
    }
    /// Whether it counts towards blocking a source. An honest client with an old nonce never does.
    pub fn is_suspicious(self) -> bool {
        soon()
    }
    pub fn as_str(self) -> &'static str {
        soon()
    }
}

/// The server's side for one realm. One per shard: replay is judged from its own memory, and its nonces are nobody else's.
pub struct Challenger {}

impl Challenger {
    pub fn new(_realm: &str, _entropy: &mut dyn Entropy) -> Self {
        soon()
    }
    /// Values for the challenge header, one header field each, strongest first (RFC 8760 section 2.4).
    pub fn challenge(&self, _now: Timestamp, _stale: bool, _entropy: &mut dyn Entropy) -> [String; 2] {
        soon()
    }
    /// Ok: the username as sent. `secrets` is asked once at most.
    pub fn verify<'s>(
        &mut self,
        _now: Timestamp,
        _role: Role,
        _request: &Message,
        _secrets: impl FnOnce(&str) -> Option<Secrets<'s>>,
    ) -> Result<String, Refusal> {
        soon()
    }
}

/// A challenge received, the strongest we can answer. Keep it to answer for later requests with a higher `nc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub role: Role,
    pub realm: String,
    /// The credentials were right, the nonce old: answer again once.
    pub stale: bool,
}

/// Who we are to the peer.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    pub username: &'a str,
    pub password: &'a str,
}

impl Challenge {
    /// From a 401 or 407 response. None: nothing we can answer. Check `realm` and who asks before answering.
    pub fn from_response(_response: &Message) -> Option<Challenge> {
        soon()
    }
    /// Header name and value to add to the request sent again. `nc` counts from 1 for each challenge.
    pub fn answer(
        &self,
        _method: &str,
        _uri: &str,
        _account: Account<'_>,
        _nc: u32,
        _entropy: &mut dyn Entropy,
    ) -> (&'static str, String) {
        soon()
    }
}
