//! Where one side of one call sends to, out of a session description.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tandem_model::{SrtpKey, SrtpSuite};

/// The one suite that every peer here speaks (RFC 4568 section 6.2.1).
const SUITE: SrtpSuite = SrtpSuite::AesCm128HmacSha1_80;
/// Our own master key and salt. One for all calls: each has an SSRC of its own, so no key stream comes twice.
const OWN_KEY: [u8; 30] = *b"one load key, 30 bytes, of all";

/// What the other side said of one audio line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub port: u16,
    /// The first format of the line.
    pub payload_type: u8,
    /// What it protects with (RFC 4568); None for plain RTP.
    pub key: Option<SrtpKey>,
}

impl Remote {
    /// Of a bare relay.
    pub fn plain(port: u16) -> Self {
        Remote { port, payload_type: 0, key: None }
    }

    /// Out of the first audio line. None when there is none, or its keys are not for our suite.
    pub fn of(sdp: &str) -> Option<Self> {
        let line = sdp.lines().find(|l| l.starts_with("m=audio "))?;
        let mut words = line.split_whitespace().skip(1);
        let (port, profile) = (words.next()?.parse().ok()?, words.next()?);
        let payload_type = words.next()?.parse().ok()?;
        let key = if profile == "RTP/SAVP" { Some(sdp.lines().find_map(key)?) } else { None };
        Some(Remote { port, payload_type, key })
    }
}

/// `a=crypto:1 SUITE inline:KEY|LIFETIME|MKI PARAMETERS`
fn key(line: &str) -> Option<SrtpKey> {
    let mut words = line.strip_prefix("a=crypto:")?.split_whitespace().skip(1);
    if words.next()? != SUITE.as_str() {
        return None;
    }
    let inline = words.next()?.strip_prefix("inline:")?;
    SrtpKey::new(SUITE, STANDARD.decode(inline.split('|').next()?).ok()?)
}

/// What we protect with.
pub fn own_key() -> Option<SrtpKey> {
    SrtpKey::new(SUITE, OWN_KEY.to_vec())
}

/// The line that tells it.
pub fn own_crypto_line() -> String {
    format!("a=crypto:1 {} inline:{}\r\n", SUITE.as_str(), STANDARD.encode(OWN_KEY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_format_and_key_are_read() {
        let own = own_crypto_line();
        let secure = format!("v=0\r\nm=audio 4000 RTP/SAVP 0 101\r\na=crypto:2 AEAD_AES_128_GCM inline:eA==\r\n{own}");
        assert_eq!(Remote::of(&secure), Some(Remote { port: 4_000, payload_type: 0, key: own_key() }));
        assert!(own_key().is_some());
        let plain = "v=0\r\nm=audio 4002 RTP/AVP 96\r\n";
        assert_eq!(Remote::of(plain), Some(Remote { port: 4_002, payload_type: 96, key: None }));
        let with_lifetime = secure.replace("\r\na=crypto:2", "|2^20|1:4\r\na=crypto:2");
        assert_eq!(Remote::of(&with_lifetime).and_then(|r| r.key), own_key());
    }

    #[test]
    fn an_encrypted_line_without_a_usable_key_is_none() {
        for sdp in ["", "m=audio", "m=audio x RTP/AVP 0", "m=audio 4000 RTP/SAVP 0", "m=audio 70000 RTP/AVP 0"] {
            assert_eq!(Remote::of(sdp), None, "{sdp}");
        }
        let short = format!("m=audio 4000 RTP/SAVP 0\r\na=crypto:1 {} inline:eA==\r\n", SUITE.as_str());
        assert_eq!(Remote::of(&short), None);
    }
}
