//! Digest authentication by MD5 with `qop=auth` (RFC 7616 section 3.4.1).

use md5::{Digest, Md5};

use super::Account;

/// The value of an Authorization header that answers `challenge`, a fresh nonce.
pub fn answer(challenge: &str, method: &str, uri: &str, account: &Account) -> Option<String> {
    let (realm, nonce) = (param(challenge, "realm")?, param(challenge, "nonce")?);
    let Account { user, password } = account;
    let ha1 = hash(&format!("{user}:{realm}:{password}"));
    let ha2 = hash(&format!("{method}:{uri}"));
    let response = hash(&format!("{ha1}:{nonce}:00000001:6c6f6164:auth:{ha2}"));
    let opaque = param(challenge, "opaque").map(|o| format!(", opaque=\"{o}\"")).unwrap_or_default();
    Some(format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, qop=auth, nc=00000001, cnonce=\"6c6f6164\"{opaque}"
    ))
}

/// The challenges of a server never hold a comma between quotes.
fn param<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    challenge.strip_prefix("Digest ")?.split(',').find_map(|p| {
        let (key, value) = p.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_matches('"'))
    })
}

fn hash(text: &str) -> String {
    Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_is_the_one_computed_by_hand() {
        let account = Account { user: "alice".into(), password: "secret".into() };
        let challenge = r#"Digest realm="r", nonce="n", qop="auth", algorithm=MD5"#;
        let answer = answer(challenge, "INVITE", "sip:bob@r", &account).expect("a challenge");
        let ha1 = hash("alice:r:secret");
        let expected = hash(&format!("{ha1}:n:00000001:6c6f6164:auth:{}", hash("INVITE:sip:bob@r")));
        assert!(answer.contains(&format!("response=\"{expected}\"")), "{answer}");
        assert_eq!(hash(""), "d41d8cd98f00b204e9800998ecf8427e", "RFC 1321 appendix A.5");
    }
}
