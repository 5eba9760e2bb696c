//! Digest credentials in which each part can be made wrong (RFC 7616 section 3.4).

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::common::Message;
use crate::common::digest::param;

#[derive(Clone)]
pub struct Proof {
    pub username: String,
    pub password: String,
    pub realm: String,
    pub nonce: String,
    pub opaque: Option<String>,
    /// As it is signed and said.
    pub uri: String,
    pub algorithm: String,
    pub qop: Option<&'static str>,
    pub nc: String,
    /// What is signed as the body's hash where qop is auth-int.
    pub body: String,
    /// Said instead of what the rest would give.
    pub response: Option<String>,
}

impl Proof {
    /// The right answer to the challenge of `reply` for this algorithm.
    pub fn of(reply: &Message, algorithm: &str, username: &str, password: &str, uri: &str) -> Proof {
        let name = if reply.status() == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
        let all = reply.all(name);
        let fits = |c: &&&str| param(c, "algorithm").unwrap_or_else(|| "MD5".into()) == algorithm;
        let challenge = all.iter().find(fits).unwrap_or_else(|| panic!("no {algorithm} in {reply:?}"));
        Proof {
            username: username.into(),
            password: password.into(),
            realm: param(challenge, "realm").unwrap_or_default(),
            nonce: param(challenge, "nonce").unwrap_or_default(),
            opaque: param(challenge, "opaque"),
            uri: uri.into(),
            algorithm: algorithm.into(),
            qop: Some("auth"),
            nc: "00000001".into(),
            body: String::new(),
            response: None,
        }
    }

    pub fn count(mut self, nc: u32) -> Proof {
        self.nc = format!("{nc:08x}");
        self
    }

    /// The header's value for a request of this method.
    pub fn header(&self, method: &str) -> String {
        let hash = |text: &str| match self.algorithm.as_str() {
            "SHA-256" => hex(&Sha256::digest(text)),
            _ => hex(&Md5::digest(text)),
        };
        let ha1 = hash(&format!("{}:{}:{}", self.username, self.realm, self.password));
        let ha2 = match self.qop {
            Some("auth-int") => hash(&format!("{method}:{}:{}", self.uri, hash(&self.body))),
            _ => hash(&format!("{method}:{}", self.uri)),
        };
        let right = match self.qop {
            Some(qop) => hash(&format!("{ha1}:{}:{}:abcd:{qop}:{ha2}", self.nonce, self.nc)),
            None => hash(&format!("{ha1}:{}:{ha2}", self.nonce)),
        };
        let response = self.response.clone().unwrap_or(right);
        let mut out = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", algorithm={}",
            self.username, self.realm, self.nonce, self.uri, self.algorithm
        );
        if let Some(qop) = self.qop {
            out.push_str(&format!(", cnonce=\"abcd\", qop={qop}, nc={}", self.nc));
        }
        if let Some(opaque) = &self.opaque {
            out.push_str(&format!(", opaque=\"{opaque}\""));
        }
        out
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
