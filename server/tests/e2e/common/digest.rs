//! The client's half of digest authentication (RFC 3261 section 22, RFC 7616) with qop=auth.

use md5::{Digest, Md5};
use sha2::{Sha256, Sha512_256};

/// The value of an Authorization header that answers `challenge`.
pub fn answer(challenge: &str, method: &str, uri: &str, user: &str, password: &str) -> String {
    let realm = param(challenge, "realm").unwrap_or_default();
    let nonce = param(challenge, "nonce").unwrap_or_default();
    let algorithm = param(challenge, "algorithm").unwrap_or_else(|| "MD5".into());
    let hash = |text: &str| match algorithm.as_str() {
        "SHA-256" => hex(&Sha256::digest(text)),
        "SHA-512-256" => hex(&Sha512_256::digest(text)),
        _ => hex(&Md5::digest(text)),
    };
    let ha1 = hash(&format!("{user}:{realm}:{password}"));
    let ha2 = hash(&format!("{method}:{uri}"));
    let (nc, cnonce) = ("00000001", "0a4f113b");
    let response = hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"));
    let mut out = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm={algorithm}, cnonce=\"{cnonce}\", qop=auth, nc={nc}"
    );
    if let Some(opaque) = param(challenge, "opaque") {
        out.push_str(&format!(", opaque=\"{opaque}\""));
    }
    out
}

/// A parameter of a challenge, without its quotes.
pub fn param(challenge: &str, name: &str) -> Option<String> {
    let rest = challenge.split_once(' ').map_or(challenge, |(_, rest)| rest);
    rest.split(',').find_map(|p| {
        let (n, v) = p.trim().split_once('=')?;
        n.eq_ignore_ascii_case(name).then(|| v.trim_matches('"').to_owned())
    })
}

/// Whether an Authorization header proves this password to the one who challenged.
pub fn proves(authorization: &str, method: &str, user: &str, password: &str) -> bool {
    let of = |name: &str| param(authorization, name).unwrap_or_default();
    let ha1 = hex(&Md5::digest(format!("{user}:{}:{password}", of("realm"))));
    let ha2 = hex(&Md5::digest(format!("{method}:{}", of("uri"))));
    let text = format!("{ha1}:{}:{}:{}:{}:{ha2}", of("nonce"), of("nc"), of("cnonce"), of("qop"));
    of("username") == user && of("response") == hex(&Md5::digest(text))
}

/// The same of a proof without qop (RFC 2069): nothing is counted, and nothing may say that it is.
pub fn proves_without_qop(authorization: &str, method: &str, user: &str, password: &str) -> bool {
    let of = |name: &str| param(authorization, name).unwrap_or_default();
    let ha1 = hex(&Md5::digest(format!("{user}:{}:{password}", of("realm"))));
    let ha2 = hex(&Md5::digest(format!("{method}:{}", of("uri"))));
    let plain = param(authorization, "qop").is_none() && param(authorization, "nc").is_none();
    plain && of("username") == user && of("response") == hex(&Md5::digest(format!("{ha1}:{}:{ha2}", of("nonce"))))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
