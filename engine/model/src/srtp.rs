use std::fmt;

/// An SRTP protection profile, by its SDES name (RFC 4568 section 6.2, RFC 6188 section 5, RFC 7714 section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SrtpSuite {
    AesCm128HmacSha1_80,
    AesCm128HmacSha1_32,
    AesCm256HmacSha1_80,
    AesCm256HmacSha1_32,
    AeadAes128Gcm,
    AeadAes256Gcm,
}

impl SrtpSuite {
    /// In order of preference: authenticated encryption first, which is stronger and a third of the cost; then the longer
    /// tag, since a forger meets the tag before the key; then the longer key.
    pub const ALL: [SrtpSuite; 6] = [
        SrtpSuite::AeadAes256Gcm,
        SrtpSuite::AeadAes128Gcm,
        SrtpSuite::AesCm256HmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_80,
        SrtpSuite::AesCm256HmacSha1_32,
        SrtpSuite::AesCm128HmacSha1_32,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            SrtpSuite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            SrtpSuite::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            SrtpSuite::AesCm256HmacSha1_80 => "AES_256_CM_HMAC_SHA1_80",
            SrtpSuite::AesCm256HmacSha1_32 => "AES_256_CM_HMAC_SHA1_32",
            SrtpSuite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            SrtpSuite::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str().eq_ignore_ascii_case(name))
    }

    /// Master key length in bytes.
    pub const fn key_len(self) -> usize {
        match self {
            SrtpSuite::AesCm256HmacSha1_80 | SrtpSuite::AesCm256HmacSha1_32 | SrtpSuite::AeadAes256Gcm => 32,
            SrtpSuite::AesCm128HmacSha1_80 | SrtpSuite::AesCm128HmacSha1_32 | SrtpSuite::AeadAes128Gcm => 16,
        }
    }

    /// Master salt length in bytes.
    pub const fn salt_len(self) -> usize {
        match self {
            SrtpSuite::AeadAes128Gcm | SrtpSuite::AeadAes256Gcm => 12,
            SrtpSuite::AesCm128HmacSha1_80
            | SrtpSuite::AesCm128HmacSha1_32
            | SrtpSuite::AesCm256HmacSha1_80
            | SrtpSuite::AesCm256HmacSha1_32 => 14,
        }
    }
}

/// A master key identifier (RFC 3711 section 3.1): which of several keys protects a packet that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mki {
    pub value: u64,
    /// Bytes it takes on the wire, 1..=128 (RFC 4568 section 6.1); the value stands right in them.
    pub len: u8,
}

impl Mki {
    /// None when the length is not one of the standard's or the value does not fit it.
    pub fn new(value: u64, len: u8) -> Option<Self> {
        let fits = len >= 8 || value >> (8 * u32::from(len)) == 0;
        ((1..=128).contains(&len) && fits).then_some(Mki { value, len })
    }

    /// Whether `field`, as it stands in a packet, is this identifier.
    pub fn is(&self, field: &[u8]) -> bool {
        let (head, tail) = field.split_at(field.len().saturating_sub(8));
        field.len() == usize::from(self.len)
            && head.iter().all(|b| *b == 0)
            && tail.iter().fold(0, |value, b| value << 8 | u64::from(*b)) == self.value
    }
}

/// Key material of one direction of one stream. Its Debug form hides the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKey {
    pub suite: SrtpSuite,
    /// Master key followed by master salt: `suite.key_len() + suite.salt_len()` bytes.
    pub key_and_salt: Vec<u8>,
    /// Packets of SRTP, and of SRTCP, that it may protect; None leaves the standard's own limits (RFC 3711 section 9.2).
    pub lifetime: Option<u64>,
    /// Carried by every packet it protects.
    pub mki: Option<Mki>,
}

impl SrtpKey {
    /// A key without a lifetime of its own and without an identifier. None when the length does not fit the suite.
    pub fn new(suite: SrtpSuite, key_and_salt: Vec<u8>) -> Option<Self> {
        let fits = key_and_salt.len() == suite.key_len() + suite.salt_len();
        fits.then_some(SrtpKey { suite, key_and_salt, lifetime: None, mki: None })
    }

    pub fn master_key(&self) -> &[u8] {
        &self.key_and_salt[..self.suite.key_len()]
    }

    pub fn master_salt(&self) -> &[u8] {
        &self.key_and_salt[self.suite.key_len()..]
    }

    /// The same secret under the same suite, whatever is said of its lifetime and identifier.
    pub fn is_same_secret(&self, other: &SrtpKey) -> bool {
        self.suite == other.suite && self.key_and_salt == other.key_and_salt
    }
}

impl fmt::Debug for SrtpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SrtpKey({} {:?} {:?})", self.suite.as_str(), self.lifetime, self.mki)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_stands_right_in_its_bytes() {
        let mki = Mki::new(0x0102, 4).unwrap();
        assert!(mki.is(&[0, 0, 1, 2]));
        for other in [&[1, 2][..], &[0, 1, 2], &[1, 0, 1, 2], &[0, 0, 2, 1], &[]] {
            assert!(!mki.is(other), "{other:?}");
        }
        let wide = Mki::new(u64::MAX, 10).unwrap();
        assert!(wide.is(&[0, 0, 255, 255, 255, 255, 255, 255, 255, 255]));
        assert!(!wide.is(&[0, 1, 255, 255, 255, 255, 255, 255, 255, 255]));
        for (value, len) in [(0, 0), (256, 1), (1 << 56, 7), (1, 129)] {
            assert_eq!(Mki::new(value, len), None, "{value}:{len}");
        }
    }

    #[test]
    fn each_suite_is_known_by_its_name() {
        for suite in SrtpSuite::ALL {
            assert_eq!(SrtpSuite::from_name(&suite.as_str().to_ascii_lowercase()), Some(suite));
        }
        assert_eq!(SrtpSuite::from_name("F8_128_HMAC_SHA1_80"), None);
    }
}
