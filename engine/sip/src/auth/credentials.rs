use super::Refusal;
use super::algorithm::{Algorithm, Counted, Proof, Qop, unhex};
use super::params::{Params, is_digest};

/// Longest username looked at.
const USERNAME_BYTES_MAX: usize = 128;
const CNONCE_BYTES_MAX: usize = 256;

/// The fields of an Authorization value whose shape is right: qop, count and all (RFC 7616 section 3.4).
#[derive(Debug)]
pub(super) struct Credentials {
    pub username: String,
    pub nonce: String,
    pub uri: String,
    pub algorithm: Algorithm,
    pub count: u32,
    pub with_body: bool,
    /// The bytes of `response`.
    pub response: Vec<u8>,
    nc: String,
    cnonce: String,
}

impl Credentials {
    /// The one value for `realm` among the header fields. Values for other realms are somebody else's business.
    pub fn find<'v>(values: impl Iterator<Item = &'v str>, realm: &str) -> Result<Credentials, Refusal> {
        let mut found = None;
        for value in values.filter(|v| is_digest(v)) {
            let params = Params::parse(value).ok_or(Refusal::Malformed)?;
            if params.get("realm") != Some(realm) {
                continue;
            }
            if found.replace(params).is_some() {
                return Err(Refusal::Malformed);
            }
        }
        Self::read(&found.ok_or(Refusal::NoCredentials)?)
    }

    fn read(params: &Params<'_>) -> Result<Credentials, Refusal> {
        let text = |name| params.get(name).map(str::to_owned).ok_or(Refusal::Malformed);
        let username = text("username")?;
        // `username*` and hashed names are never offered (RFC 7616 sections 3.4 and 3.4.4).
        if params.get("username*").is_some() || params.get("userhash").is_some_and(|u| u != "false") {
            return Err(Refusal::BadUsername);
        }
        if username.is_empty() || username.len() > USERNAME_BYTES_MAX || username.chars().any(char::is_control) {
            return Err(Refusal::BadUsername);
        }
        // Without qop a response could be used again and again: it is always asked for (RFC 3261 section 22.4).
        let with_body = match params.get("qop") {
            Some(qop) if qop.eq_ignore_ascii_case("auth") => false,
            Some(qop) if qop.eq_ignore_ascii_case("auth-int") => true,
            _ => return Err(Refusal::BadQop),
        };
        let algorithm = Algorithm::from_name(params.get("algorithm").unwrap_or("MD5")).ok_or(Refusal::BadAlgorithm)?;
        if algorithm.is_session() {
            return Err(Refusal::BadAlgorithm);
        }
        let (nc, cnonce, response) = (text("nc")?, text("cnonce")?, text("response")?);
        let count = read_count(&nc).ok_or(Refusal::Malformed)?;
        if cnonce.is_empty() || cnonce.len() > CNONCE_BYTES_MAX || response.len() != algorithm.hex_len() {
            return Err(Refusal::Malformed);
        }
        Ok(Credentials {
            username,
            nonce: text("nonce")?,
            uri: text("uri")?,
            algorithm,
            count,
            with_body,
            response: unhex(&response).ok_or(Refusal::Malformed)?,
            nc,
            cnonce,
        })
    }

    /// The bytes `response` must have for this H(A1).
    pub fn expected(&self, ha1: &str, method: &str, body: &[u8]) -> Option<Vec<u8>> {
        let qop = if self.with_body { Qop::AuthInt(body) } else { Qop::Auth };
        let counted = Some(Counted { nc: &self.nc, cnonce: &self.cnonce, qop: Some(qop) });
        unhex(&self.algorithm.response(ha1, &Proof { nonce: &self.nonce, method, uri: &self.uri, counted }))
    }
}

/// Eight hex digits, and not zero: counting begins with 1 (RFC 7616 section 3.4).
fn read_count(nc: &str) -> Option<u32> {
    let well_formed = nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit());
    u32::from_str_radix(nc, 16).ok().filter(|n| well_formed && *n > 0)
}
