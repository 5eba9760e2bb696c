use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};
use tandem_model::hex;

/// A digest algorithm by its token (RFC 7616 section 3.3, RFC 8760 section 2.2). A stronger one is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
    Sha512_256,
    Sha512_256Sess,
}

/// The `H(A1)` of one user under each hash, lower-case hex.
#[derive(Clone, PartialEq, Eq)]
pub struct Ha1Set {
    pub md5: String,
    pub sha256: String,
    pub sha512_256: String,
}

impl std::fmt::Debug for Ha1Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1Set(..)")
    }
}

/// The quality of protection (RFC 7616 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qop<'a> {
    Auth,
    /// With the message body, which the response value then protects.
    AuthInt(&'a [u8]),
}

impl Algorithm {
    /// Strongest first.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::Sha512_256Sess,
        Algorithm::Sha512_256,
        Algorithm::Sha256Sess,
        Algorithm::Sha256,
        Algorithm::Md5Sess,
        Algorithm::Md5,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Sha512_256Sess => "SHA-512-256-sess",
        }
    }

    /// Case-insensitive, as tokens are. None where it is not supported.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Self::ALL.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether H(A1) takes the nonces in (RFC 7616 section 3.4.2).
    pub fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess | Algorithm::Sha512_256Sess)
    }

    /// Hex digits of a hash.
    pub(super) fn hex_len(self) -> usize {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => 32,
            Algorithm::Sha256 | Algorithm::Sha256Sess | Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => 64,
        }
    }

    /// H of `parts` joined by colons, lower-case hex.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        work::count(parts);
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => hash_joined(Md5::new(), parts),
            Algorithm::Sha256 | Algorithm::Sha256Sess => hash_joined(Sha256::new(), parts),
            Algorithm::Sha512_256 | Algorithm::Sha512_256Sess => hash_joined(Sha512_256::new(), parts),
        }
    }

    /// H(A1) without the session part: what is stored.
    pub(super) fn ha1(self, username: &str, realm: &str, password: &str) -> String {
        self.hash(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()])
    }

    /// The `response` value for H(A1) as stored (RFC 7616 section 3.4.1; RFC 2617 section 3.2.2.1 without qop).
    pub(super) fn response(self, ha1: &str, proof: &Proof<'_>) -> String {
        let nonce = proof.nonce.as_bytes();
        let cnonce = proof.counted.map_or("", |c| c.cnonce).as_bytes();
        let session = self.is_session().then(|| self.hash(&[ha1.as_bytes(), nonce, cnonce]));
        let ha1 = session.as_deref().unwrap_or(ha1).as_bytes();
        let (method, uri) = (proof.method.as_bytes(), proof.uri.as_bytes());
        let qop = proof.counted.and_then(|c| c.qop);
        let ha2 = match qop {
            // RFC 7616 section 3.4.3.
            Some(Qop::AuthInt(body)) => self.hash(&[method, uri, self.hash(&[body]).as_bytes()]),
            Some(Qop::Auth) | None => self.hash(&[method, uri]),
        };
        match (proof.counted, qop) {
            (Some(c), Some(qop)) => {
                self.hash(&[ha1, nonce, c.nc.as_bytes(), cnonce, qop.as_str().as_bytes(), ha2.as_bytes()])
            }
            _ => self.hash(&[ha1, nonce, ha2.as_bytes()]),
        }
    }
}

impl Qop<'_> {
    pub fn as_str(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt(_) => "auth-int",
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
    /// None: only a session algorithm needs the cnonce.
    pub qop: Option<Qop<'a>>,
}

/// H(`username:realm:password`) under every hash, for storage (RFC 7616 section 3.4.2).
pub fn ha1_set(username: &str, realm: &str, password: &str) -> Ha1Set {
    let of = |algorithm: Algorithm| algorithm.ha1(username, realm, password);
    Ha1Set { md5: of(Algorithm::Md5), sha256: of(Algorithm::Sha256), sha512_256: of(Algorithm::Sha512_256) }
}

fn hash_joined<D: Digest>(mut hasher: D, parts: &[&[u8]]) -> String {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hex(hasher.finalize().as_ref())
}

/// The bytes of a hex text in either case; None when it is none.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for pair in text.as_bytes().chunks(2) {
        let &[high, low] = pair else { return None };
        bytes.push(digit(high)? << 4 | digit(low)?);
    }
    Some(bytes)
}

/// What was hashed, counted in tests: time is noisy, work is not.
pub(super) mod work {
    #[cfg(test)]
    thread_local! {
        static DONE: std::cell::RefCell<Vec<usize>> = const { std::cell::RefCell::new(Vec::new()) };
    }

    #[cfg(test)]
    pub fn count(parts: &[&[u8]]) {
        DONE.with_borrow_mut(|done| done.push(parts.iter().map(|p| p.len()).sum()));
    }

    #[cfg(not(test))]
    pub fn count(_: &[&[u8]]) {}

    /// The bytes of each hash made on this thread since the last time, in order.
    #[cfg(test)]
    pub fn take() -> Vec<usize> {
        DONE.take()
    }
}
