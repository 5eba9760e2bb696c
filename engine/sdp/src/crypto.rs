//! SDES: keys in `a=crypto` lines (RFC 4568), with the suites of RFC 7714 beside its own.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tandem_model::{Entropy, SrtpKey, SrtpSuite};

use crate::Crypto;

/// Writes padding; reads with or without it, because peers leave it out (RFC 4568 section 6.1 wants it).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4;inline:… KDR=0`. None when the suite is unknown, the key has the
/// wrong length, or the line is not of this form.
pub(crate) fn parse(value: &str) -> Option<Crypto> {
    let mut fields = value.split_ascii_whitespace();
    let tag = fields.next().filter(|t| t.len() <= 9 && t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let suite = SrtpSuite::from_name(fields.next()?)?;
    let mut keys = fields.next()?.split(';').filter(|k| !k.is_empty());
    let (method, key) = keys.next()?.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") {
        return None;
    }
    let mut parts = key.split('|');
    let key_and_salt = BASE64.decode(parts.next()?).ok()?;
    if key_and_salt.len() != suite.key_len() + suite.salt_len() {
        return None;
    }
    let (mut life, mut mki) = (None, None);
    for part in parts {
        match part.split_once(':') {
            Some((id, length)) => mki = Some((id.parse().ok()?, length.parse().ok()?)),
            None => life = Some(lifetime(part)?),
        }
    }
    Some(Crypto {
        tag,
        suite,
        key_and_salt,
        lifetime: life,
        mki,
        several_keys: keys.next().is_some(),
        session_parameters: fields.map(str::to_owned).collect(),
    })
}

/// `2^31` or `2147483648`
fn lifetime(text: &str) -> Option<u64> {
    match text.split_once('^') {
        Some((base, power)) => base.parse::<u64>().ok()?.checked_pow(power.parse().ok()?),
        None => text.parse().ok(),
    }
}

impl Crypto {
    /// We can speak SRTP as this line wants it. An MKI adds bytes to each packet, several keys need one, and every
    /// session parameter but these two changes the transforms (RFC 4568 section 6.3).
    pub fn is_acceptable(&self) -> bool {
        self.mki.is_none()
            && !self.several_keys
            && self.session_parameters.iter().all(|p| {
                let p = p.to_ascii_uppercase();
                p == "KDR=0" || p.starts_with("WSH=")
            })
    }

    pub(crate) fn key(&self) -> Option<SrtpKey> {
        SrtpKey::new(self.suite, self.key_and_salt.clone())
    }
}

/// The key we already send with when it is of `suite`, else a fresh one.
pub(crate) fn outbound_key(suite: SrtpSuite, current: Option<&SrtpKey>, entropy: &mut dyn Entropy) -> SrtpKey {
    match current {
        Some(key) if key.suite == suite => key.clone(),
        _ => {
            let mut key_and_salt = vec![0; suite.key_len() + suite.salt_len()];
            entropy.fill(&mut key_and_salt);
            SrtpKey { suite, key_and_salt }
        }
    }
}

/// The value of the attribute for one of our keys.
pub(crate) fn write(tag: u32, key: &SrtpKey) -> String {
    format!("{tag} {} inline:{}", key.suite.as_str(), BASE64.encode(&key.key_and_salt))
}
