use tandem_model::{Entropy, hex_token};

use super::Role;
use super::algorithm::{Algorithm, Counted, Proof, Qop};
use super::params::{Params, is_digest, quoted};
use crate::message::Message;

/// A challenge received: of all in the response, the strongest we can answer. That is the local policy RFC 8760
/// section 2.4 allows: who can reorder a response cannot talk us down.
///
/// Keep it to answer for later requests to the same peer, each with a higher `nc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub role: Role,
    /// Check it before answering: a password must not be proved to whoever asks.
    pub realm: String,
    pub algorithm: Algorithm,
    /// The credentials were right but the nonce was old: answer again, once.
    pub stale: bool,
    nonce: String,
    opaque: Option<String>,
    /// The peer offers qop "auth"; without, the answer is of the kind of RFC 2069.
    with_qop: bool,
}

/// Who we are to the peer.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    pub username: &'a str,
    pub password: &'a str,
}

impl std::fmt::Debug for Account<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Account(..)")
    }
}

impl Challenge {
    /// From a 401 or 407. None: another status, or nothing we can answer (other scheme, unknown algorithm, only auth-int).
    pub fn from_response(response: &Message) -> Option<Challenge> {
        let role = Role::from_status(response.status()?)?;
        Self::strongest(role, response.headers(role.challenge_header()))
    }

    /// From the values of the challenge header. Of equal strength the first counts.
    pub fn strongest<'v>(role: Role, values: impl Iterator<Item = &'v str>) -> Option<Challenge> {
        let mut best: Option<Challenge> = None;
        for challenge in values.filter(|v| is_digest(v)).filter_map(|v| Self::read(role, v)) {
            if best.as_ref().is_none_or(|b| challenge.algorithm > b.algorithm) {
                best = Some(challenge);
            }
        }
        best
    }

    fn read(role: Role, value: &str) -> Option<Challenge> {
        let params = Params::parse(value)?;
        let qops = params.get("qop");
        let with_qop = qops.is_some_and(|q| q.split(',').any(|t| t.trim().eq_ignore_ascii_case("auth")));
        if qops.is_some_and(|q| !q.trim().is_empty()) && !with_qop {
            return None;
        }
        Some(Challenge {
            role,
            realm: params.get("realm")?.to_owned(),
            algorithm: Algorithm::from_name(params.get("algorithm").unwrap_or("MD5"))?,
            stale: params.get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
            nonce: params.get("nonce")?.to_owned(),
            opaque: params.get("opaque").map(str::to_owned),
            with_qop,
        })
    }

    /// A challenge with another nonce after an answer that was not `stale` means that the password is wrong.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Header name and value to add to the request when it is sent again.
    ///
    /// `uri` is the Request-URI; `nc` counts the answers to this challenge from 1.
    pub fn answer(
        &self,
        method: &str,
        uri: &str,
        account: Account<'_>,
        nc: u32,
        entropy: &mut dyn Entropy,
    ) -> (&'static str, String) {
        (self.role.credentials_header(), self.answer_with(method, uri, account, nc, &hex_token(entropy, 16)))
    }

    pub(super) fn answer_with(&self, method: &str, uri: &str, account: Account<'_>, nc: u32, cnonce: &str) -> String {
        let nc = format!("{nc:08x}");
        let counted = Some(Counted { nc: &nc, cnonce, qop: self.with_qop.then_some(Qop::Auth) });
        let ha1 = self.algorithm.ha1(account.username, &self.realm, account.password);
        let response = self.algorithm.response(&ha1, &Proof { nonce: &self.nonce, method, uri, counted });
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{response}\", algorithm={}",
            quoted(account.username),
            quoted(&self.realm),
            quoted(&self.nonce),
            quoted(uri),
            self.algorithm.as_str(),
        );
        if self.with_qop {
            value += &format!(", qop=auth, nc={nc}, cnonce=\"{cnonce}\"");
        } else if self.algorithm.is_session() {
            value += &format!(", cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = &self.opaque {
            value += &format!(", opaque={}", quoted(opaque));
        }
        value
    }
}
