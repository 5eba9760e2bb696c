//! SDES: keys in `a=crypto` lines (RFC 4568), with the suites of RFC 7714 beside its own.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tandem_model::limits::SRTP_KEYS_MAX;
use tandem_model::{Entropy, Mki, SrtpKey, SrtpSuite};

use crate::{AgreedSrtp, Crypto};

/// Writes padding; reads with or without it, because peers leave it out (RFC 4568 section 6.1 wants it).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4;inline:… KDR=0`. None when the suite is unknown, a key has the wrong
/// length, a lifetime or an identifier makes no sense, or the line is not of this form.
pub(crate) fn parse(value: &str) -> Option<Crypto> {
    let mut fields = value.split_ascii_whitespace();
    let tag = fields.next().filter(|t| t.len() <= 9 && t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
    let suite = SrtpSuite::from_name(fields.next()?)?;
    let keys = fields.next()?.split(';').filter(|k| !k.is_empty());
    // One more than we take: enough to see that they are too many.
    let keys = keys.take(SRTP_KEYS_MAX + 1).map(|key| parse_key(suite, key)).collect::<Option<Vec<_>>>()?;
    if keys.is_empty() {
        return None;
    }
    Some(Crypto { tag, suite, keys, session_parameters: fields.map(str::to_owned).collect() })
}

/// `inline:KEY|lifetime|MKI:length` (RFC 4568 section 6.1); lifetime and identifier may each be left out.
fn parse_key(suite: SrtpSuite, text: &str) -> Option<SrtpKey> {
    let (method, info) = text.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") {
        return None;
    }
    let mut parts = info.split('|');
    let mut key = SrtpKey::new(suite, BASE64.decode(parts.next()?).ok()?)?;
    for part in parts {
        match part.split_once(':') {
            Some((value, len)) => {
                key.mki = Some(Mki::new(digits(value)?, u8::try_from(digits(len)?).ok()?)?);
            }
            None => key.lifetime = Some(lifetime(part)?),
        }
    }
    Some(key)
}

/// `2^31` or `2147483648`, and never zero.
fn lifetime(text: &str) -> Option<u64> {
    let packets = match text.split_once('^') {
        Some((base, power)) => digits(base)?.checked_pow(u32::try_from(digits(power)?).ok()?)?,
        None => digits(text)?,
    };
    (packets > 0).then_some(packets)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Crypto {
    /// We can speak SRTP as this line wants it: its keys can be told apart, and no session parameter changes the transforms.
    pub fn is_acceptable(&self) -> bool {
        self.keys_are_told_apart() && self.session_parameters.iter().all(|p| is_harmless(p))
    }

    /// One key, or several with identifiers of one length that differ (RFC 4568 section 6.1).
    fn keys_are_told_apart(&self) -> bool {
        let lengths = |key: &SrtpKey| key.mki.map(|mki| mki.len);
        let first = self.keys.first().and_then(lengths);
        let alike = self.keys.iter().all(|key| lengths(key) == first);
        let differ = self.keys.iter().enumerate().all(|(i, key)| self.keys[..i].iter().all(|k| k.mki != key.mki));
        (1..=SRTP_KEYS_MAX).contains(&self.keys.len()) && alike && differ
    }
}

impl AgreedSrtp {
    /// Ours, and all keys of the peer's line.
    pub(crate) fn new(outbound: SrtpKey, theirs: &Crypto) -> Option<Self> {
        let (inbound, more) = theirs.keys.split_first()?;
        Some(AgreedSrtp { outbound, inbound: inbound.clone(), inbound_more: more.to_vec() })
    }
}

/// What a session parameter asks for is nothing, or what we do anyway (RFC 4568 section 6.3): no derivation of further
/// session keys, a hint for a replay window up to ours. Refused: `UNENCRYPTED_SRTP`, `UNENCRYPTED_SRTCP` and
/// `UNAUTHENTICATED_SRTP`, which take the protection away; `FEC_ORDER` and `FEC_KEY`, for we speak no FEC; another `KDR`.
/// An extension that may be ignored begins with a dash; any other is refused, as it must be.
fn is_harmless(parameter: &str) -> bool {
    /// RFC 4568 section 6.3.6 wants 64 at least; the replay window here has 128.
    const WINDOWS: std::ops::RangeInclusive<u64> = 64..=128;
    let parameter = parameter.to_ascii_uppercase();
    match parameter.split_once('=') {
        Some(("KDR", rate)) => digits(rate) == Some(0),
        Some(("WSH", window)) => digits(window).is_some_and(|w| WINDOWS.contains(&w)),
        _ => parameter.starts_with('-'),
    }
}

/// The key we already send with when it is of `suite`, else a fresh one.
pub(crate) fn outbound_key(suite: SrtpSuite, current: Option<&SrtpKey>, entropy: &mut dyn Entropy) -> SrtpKey {
    match current {
        Some(key) if key.suite == suite => key.clone(),
        _ => {
            let mut key_and_salt = vec![0; suite.key_len() + suite.salt_len()];
            entropy.fill(&mut key_and_salt);
            SrtpKey { suite, key_and_salt, lifetime: None, mki: None }
        }
    }
}

/// The value of the attribute for one of our keys, which have neither lifetime nor identifier.
pub(crate) fn write(tag: u32, key: &SrtpKey) -> String {
    format!("{tag} {} inline:{}", key.suite.as_str(), BASE64.encode(&key.key_and_salt))
}
