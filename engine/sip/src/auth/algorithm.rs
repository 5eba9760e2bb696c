use md5::Md5;
use sha2::{Digest, Sha256};

/// A digest algorithm by its token (RFC 7616 section 3.3). SHA-512-256 is not offered nor answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
}

impl Algorithm {
    /// Strongest first.
    pub const ALL: [Algorithm; 4] = [Algorithm::Sha256Sess, Algorithm::Sha256, Algorithm::Md5Sess, Algorithm::Md5];

    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    /// Case-insensitive, as tokens are. None where it is not supported.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Self::ALL.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether H(A1) takes the nonces in (RFC 7616 section 3.4.2).
    pub fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess)
    }

    /// Hex digits of a hash.
    pub(super) fn hex_len(self) -> usize {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => 32,
            Algorithm::Sha256 | Algorithm::Sha256Sess => 64,
        }
    }

    /// H of `parts` joined by colons, lower-case hex.
    pub(super) fn hash(self, parts: &[&str]) -> String {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => hash_joined(Md5::new(), parts),
            Algorithm::Sha256 | Algorithm::Sha256Sess => hash_joined(Sha256::new(), parts),
        }
    }

    /// H(A1) without the session part: what is stored.
    pub(super) fn ha1(self, username: &str, realm: &str, password: &str) -> String {
        self.hash(&[username, realm, password])
    }

    /// The `response` value for H(A1) as stored (RFC 7616 section 3.4.1; RFC 2617 section 3.2.2.1 without qop).
    pub(super) fn response(self, ha1: &str, proof: &Proof<'_>) -> String {
        let cnonce = proof.counted.map_or("", |c| c.cnonce);
        let session = self.is_session().then(|| self.hash(&[ha1, proof.nonce, cnonce]));
        let ha1 = session.as_deref().unwrap_or(ha1);
        let ha2 = self.hash(&[proof.method, proof.uri]);
        match proof.counted {
            Some(c) if c.with_qop => self.hash(&[ha1, proof.nonce, c.nc, c.cnonce, "auth", &ha2]),
            _ => self.hash(&[ha1, proof.nonce, &ha2]),
        }
    }
}

/// What a response value is made of, besides the secret.
#[derive(Clone, Copy)]
pub(super) struct Proof<'a> {
    pub nonce: &'a str,
    pub method: &'a str,
    pub uri: &'a str,
    /// None for plain RFC 2069 style.
    pub counted: Option<Counted<'a>>,
}

#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    /// Eight hex digits, as sent.
    pub nc: &'a str,
    pub cnonce: &'a str,
    /// False: only a session algorithm needs the cnonce.
    pub with_qop: bool,
}

/// `(md5, sha256)` of `username:realm:password`, lower-case hex, for storage (RFC 7616 section 3.4.2).
pub fn ha1_pair(username: &str, realm: &str, password: &str) -> (String, String) {
    (Algorithm::Md5.ha1(username, realm, password), Algorithm::Sha256.ha1(username, realm, password))
}

fn hash_joined<D: Digest>(mut hasher: D, parts: &[&str]) -> String {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hasher.update(b":");
        }
        hasher.update(part.as_bytes());
    }
    hex(hasher.finalize().as_ref())
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

/// The bytes of a hex text in either case; None when it is none.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| digits.chunks(2).map(|d| d[0] << 4 | d[1]).collect())
}
