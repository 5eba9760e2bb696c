use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use tandem_model::{SrtpKey, SrtpSuite};

use super::SrtpError;
use super::header::RTCP_CLEAR;
use super::hmac_sha1::{HmacSha1, same_tag};
use super::keys::{CounterMode, SessionKeys, Stream};

const GCM_TAG: usize = 16;
/// The SRTCP tag of the AES-CM suites, whatever the SRTP tag (RFC 4568 section 6.2.2).
const CM_RTCP_TAG: usize = 10;
/// The E flag and the 31-bit index (RFC 3711 section 3.4).
const INDEX_WORD: usize = 4;
const E_FLAG: u32 = 1 << 31;

/// The session keys of one stream, ready for use, and the transforms over one packet. Holds no packet state.
pub(super) enum Cipher {
    CounterMode { aes: CounterMode, salt: [u8; 14], mac: HmacSha1, rtp_tag: usize },
    Gcm { key: Box<LessSafeKey>, salt: [u8; 12] },
}

impl Cipher {
    pub fn new(key: &SrtpKey, stream: Stream) -> Self {
        Self::from_session(key.suite, &SessionKeys::derive(key, stream))
    }

    fn from_session(suite: SrtpSuite, keys: &SessionKeys) -> Self {
        let gcm = |algorithm, key: &[u8]| {
            let key = UnboundKey::new(algorithm, key).expect("the slice has the algorithm's key length");
            let mut salt = [0; 12];
            salt.copy_from_slice(&keys.salt[..12]);
            Cipher::Gcm { key: Box::new(LessSafeKey::new(key)), salt }
        };
        let counter_mode = |rtp_tag| Cipher::CounterMode {
            aes: CounterMode::new(&keys.cipher[..suite.key_len()]),
            salt: keys.salt,
            mac: HmacSha1::new(&keys.auth),
            rtp_tag,
        };
        match suite {
            SrtpSuite::AesCm128HmacSha1_80 | SrtpSuite::AesCm256HmacSha1_80 => counter_mode(10),
            SrtpSuite::AesCm128HmacSha1_32 | SrtpSuite::AesCm256HmacSha1_32 => counter_mode(4),
            SrtpSuite::AeadAes128Gcm => gcm(&AES_128_GCM, &keys.cipher[..16]),
            SrtpSuite::AeadAes256Gcm => gcm(&AES_256_GCM, &keys.cipher),
        }
    }

    pub fn rtp_tag_len(&self) -> usize {
        match self {
            Cipher::CounterMode { rtp_tag, .. } => *rtp_tag,
            Cipher::Gcm { .. } => GCM_TAG,
        }
    }

    /// Where a master key identifier stands in a packet of `len` bytes that ends with one of `mki_len`: in the CM suites
    /// before the tag (RFC 3711 sections 3.1 and 3.4), in GCM, whose tag belongs to the cipher text, at the very end
    /// (RFC 7714 sections 10.3 and 13).
    pub fn mki_at(&self, stream: Stream, len: usize, mki_len: usize) -> Option<usize> {
        let behind = match (self, stream) {
            (Cipher::CounterMode { rtp_tag, .. }, Stream::Rtp) => *rtp_tag,
            (Cipher::CounterMode { .. }, Stream::Rtcp) => CM_RTCP_TAG,
            (Cipher::Gcm { .. }, _) => 0,
        };
        len.checked_sub(behind + mki_len)
    }

    /// What SRTCP adds: the tag and the index word.
    pub fn rtcp_trailer_len(&self) -> usize {
        match self {
            Cipher::CounterMode { .. } => CM_RTCP_TAG + INDEX_WORD,
            Cipher::Gcm { .. } => GCM_TAG + INDEX_WORD,
        }
    }

    /// `packet` is header, payload and room for the tag.
    pub fn seal_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Result<(), SrtpError> {
        let (body, tag) = packet.split_at_mut_checked(packet.len() - self.rtp_tag_len()).ok_or(SrtpError::NoRoom)?;
        match self {
            Cipher::CounterMode { aes, salt, mac, rtp_tag } => {
                aes.xor(counter_mode_iv(salt, ssrc, index), &mut body[header..]);
                tag.copy_from_slice(&rtp_tag_of(mac, body, index)[..*rtp_tag]);
                Ok(())
            }
            Cipher::Gcm { key, salt } => {
                let (aad, plain) = body.split_at_mut(header);
                gcm_seal(key, gcm_rtp_nonce(salt, ssrc, index), aad, plain, tag)
            }
        }
    }

    /// `packet` is header, encrypted payload and tag. On an error its content is unspecified.
    pub fn open_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Result<(), SrtpError> {
        match self {
            Cipher::CounterMode { aes, salt, mac, rtp_tag } => {
                let body = packet.len().checked_sub(*rtp_tag).ok_or(SrtpError::Malformed)?;
                let (body, tag) = packet.split_at_mut(body);
                if !same_tag(&rtp_tag_of(mac, body, index)[..*rtp_tag], tag) {
                    return Err(SrtpError::AuthFailed);
                }
                aes.xor(counter_mode_iv(salt, ssrc, index), &mut body[header..]);
                Ok(())
            }
            Cipher::Gcm { key, salt } => {
                let (aad, sealed) = packet.split_at_mut(header);
                gcm_open(key, gcm_rtp_nonce(salt, ssrc, index), aad, sealed)
            }
        }
    }

    /// `packet` is the compound packet and room for the trailer.
    pub fn seal_rtcp(&self, packet: &mut [u8], ssrc: u32, index: u32) -> Result<(), SrtpError> {
        let plain = packet.len() - self.rtcp_trailer_len();
        let word = (E_FLAG | index).to_be_bytes();
        match self {
            Cipher::CounterMode { aes, salt, mac, .. } => {
                aes.xor(counter_mode_iv(salt, ssrc, u64::from(index)), &mut packet[RTCP_CLEAR..plain]);
                let (body, tag) = packet.split_at_mut(plain + INDEX_WORD);
                body[plain..].copy_from_slice(&word);
                tag.copy_from_slice(&mac.tag(body, [0; 4], 0)[..CM_RTCP_TAG]);
                Ok(())
            }
            Cipher::Gcm { key, salt } => {
                let (body, trailer) = packet.split_at_mut(plain);
                let (tag, index_word) = trailer.split_at_mut(GCM_TAG);
                index_word.copy_from_slice(&word);
                let (clear, rest) = body.split_at_mut(RTCP_CLEAR);
                gcm_seal(key, gcm_rtcp_nonce(salt, ssrc, index), &rtcp_aad(clear, word), rest, tag)
            }
        }
    }

    /// Where the index word of a packet of `len` bytes stands; the packet holds at least the clear part and the trailer.
    pub fn rtcp_index_word(&self, packet: &[u8]) -> Result<u32, SrtpError> {
        if packet.len() < RTCP_CLEAR + self.rtcp_trailer_len() {
            return Err(SrtpError::Malformed);
        }
        let after = match self {
            Cipher::CounterMode { .. } => CM_RTCP_TAG,
            Cipher::Gcm { .. } => 0,
        };
        let word = packet[..packet.len() - after].last_chunk::<INDEX_WORD>().ok_or(SrtpError::Malformed)?;
        Ok(u32::from_be_bytes(*word))
    }

    /// Opens a packet whose index word was read by [`rtcp_index_word`](Self::rtcp_index_word). A sender may have left it
    /// unencrypted (E = 0); it is authenticated all the same.
    pub fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, word: u32) -> Result<(), SrtpError> {
        let (encrypted, index) = (word & E_FLAG != 0, word & !E_FLAG);
        let plain = packet.len().checked_sub(self.rtcp_trailer_len()).ok_or(SrtpError::Malformed)?;
        match self {
            Cipher::CounterMode { aes, salt, mac, .. } => {
                let (body, tag) = packet.split_at_mut(plain + INDEX_WORD);
                if !same_tag(&mac.tag(body, [0; 4], 0)[..CM_RTCP_TAG], tag) {
                    return Err(SrtpError::AuthFailed);
                }
                if encrypted {
                    aes.xor(counter_mode_iv(salt, ssrc, u64::from(index)), &mut body[RTCP_CLEAR..plain]);
                }
                Ok(())
            }
            Cipher::Gcm { key, salt } if encrypted => {
                let (body, _) = packet.split_at_mut(plain + GCM_TAG);
                let (clear, sealed) = body.split_at_mut(RTCP_CLEAR);
                gcm_open(key, gcm_rtcp_nonce(salt, ssrc, index), &rtcp_aad(clear, word.to_be_bytes()), sealed)
            }
            Cipher::Gcm { key, salt } => {
                // All of it is associated data, the index word last: bring that before the tag (RFC 7714 section 9.3).
                packet[plain..].rotate_right(INDEX_WORD);
                let (aad, sealed) = packet.split_at_mut(plain + INDEX_WORD);
                gcm_open(key, gcm_rtcp_nonce(salt, ssrc, index), aad, sealed)
            }
        }
    }
}

/// The roll-over counter is authenticated with the packet, and not sent (RFC 3711 section 4.2).
fn rtp_tag_of(mac: &HmacSha1, body: &[u8], index: u64) -> [u8; 20] {
    mac.tag(body, ((index >> 16) as u32).to_be_bytes(), 4)
}

/// RFC 3711 section 4.1.1: salt · 2^16 ⊕ SSRC · 2^64 ⊕ index · 2^16.
fn counter_mode_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut wide = [0; 16];
    wide[..14].copy_from_slice(salt);
    let iv = u128::from_be_bytes(wide) ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16;
    iv.to_be_bytes()
}

/// RFC 7714 section 8.1: (0 ‖ SSRC ‖ ROC ‖ SEQ) ⊕ salt.
fn gcm_rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    gcm_nonce(salt, u128::from(ssrc) << 48 | u128::from(index))
}

/// RFC 7714 section 9.1: (0 ‖ SSRC ‖ 0 ‖ index) ⊕ salt.
fn gcm_rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> Nonce {
    gcm_nonce(salt, u128::from(ssrc) << 48 | u128::from(index))
}

fn gcm_nonce(salt: &[u8; 12], low: u128) -> Nonce {
    let mut nonce = *salt;
    for (byte, mask) in nonce.iter_mut().zip(&low.to_be_bytes()[4..]) {
        *byte ^= mask;
    }
    Nonce::assume_unique_for_key(nonce)
}

fn rtcp_aad(clear: &[u8], word: [u8; INDEX_WORD]) -> [u8; RTCP_CLEAR + INDEX_WORD] {
    let mut aad = [0; RTCP_CLEAR + INDEX_WORD];
    aad[..RTCP_CLEAR].copy_from_slice(clear);
    aad[RTCP_CLEAR..].copy_from_slice(&word);
    aad
}

fn gcm_seal(key: &LessSafeKey, nonce: Nonce, aad: &[u8], plain: &mut [u8], tag: &mut [u8]) -> Result<(), SrtpError> {
    // Fails only beyond 2^36 bytes.
    let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(aad), plain).map_err(|_| SrtpError::NoRoom)?;
    tag.copy_from_slice(sealed.as_ref());
    Ok(())
}

fn gcm_open(key: &LessSafeKey, nonce: Nonce, aad: &[u8], sealed: &mut [u8]) -> Result<(), SrtpError> {
    key.open_in_place(nonce, Aad::from(aad), sealed).map(drop).map_err(|_| SrtpError::AuthFailed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::test_support::hex;

    const SSRC: u32 = 0x5501_A0B2;
    const RTP: &str =
        "8040f17b 8041f8d3 5501a0b2 47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
    const MARS: u32 = 0x4D61_7273;
    const RTCP: &str =
        "81c8000d 4d617273 4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

    fn gcm(suite: SrtpSuite) -> Cipher {
        let mut keys = SessionKeys { cipher: [0; 32], auth: [0; 20], salt: [0; 14] };
        keys.cipher.iter_mut().zip(0..).take(suite.key_len()).for_each(|(byte, n)| *byte = n);
        keys.salt[..12].copy_from_slice(&hex("517569642070726f2071756f"));
        Cipher::from_session(suite, &keys)
    }

    /// RFC 7714 sections 16.1.1, 16.1.2, 16.2.1 and 16.2.2.
    #[test]
    fn gcm_rtp_is_that_of_the_standard() {
        for (suite, sealed) in [
            (
                SrtpSuite::AeadAes128Gcm,
                "8040f17b 8041f8d3 5501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833 \
                 899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                SrtpSuite::AeadAes256Gcm,
                "8040f17b 8041f8d3 5501a0b2 32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b \
                 7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ] {
            let (plain, sealed, cipher) = (hex(RTP), hex(sealed), gcm(suite));
            let mut packet = plain.clone();
            packet.resize(plain.len() + GCM_TAG, 0);
            cipher.seal_rtp(&mut packet, 12, SSRC, 0xF17B).unwrap();
            assert_eq!(packet, sealed);
            cipher.open_rtp(&mut packet, 12, SSRC, 0xF17B).unwrap();
            assert_eq!(packet[..plain.len()], plain);
        }
    }

    /// RFC 7714 sections 17.1 and 17.2.
    #[test]
    fn gcm_rtcp_is_that_of_the_standard() {
        for (suite, sealed) in [
            (
                SrtpSuite::AeadAes128Gcm,
                "81c8000d 4d617273 63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b \
                 c84aa45896cf4d2fc5abf87245d9eade 800005d4",
            ),
            (
                SrtpSuite::AeadAes256Gcm,
                "81c8000d 4d617273 d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad \
                 1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
            ),
        ] {
            let (plain, sealed, cipher) = (hex(RTCP), hex(sealed), gcm(suite));
            let mut packet = plain.clone();
            packet.resize(plain.len() + GCM_TAG + INDEX_WORD, 0);
            cipher.seal_rtcp(&mut packet, MARS, 0x5D4).unwrap();
            assert_eq!(packet, sealed);
            let word = cipher.rtcp_index_word(&packet).unwrap();
            cipher.open_rtcp(&mut packet, MARS, word).unwrap();
            assert_eq!(packet[..plain.len()], plain);
        }
    }

    /// RFC 7714 section 17.3.
    #[test]
    fn gcm_rtcp_that_was_only_tagged_is_authenticated() {
        let (plain, cipher) = (hex(RTCP), gcm(SrtpSuite::AeadAes128Gcm));
        let mut packet = plain.clone();
        packet.extend(hex("841dd9683dd78ec92ae58790125f62b3 000005d4"));
        let mut damaged = packet.clone();
        damaged[20] ^= 1;
        let word = cipher.rtcp_index_word(&packet).unwrap();
        cipher.open_rtcp(&mut packet, MARS, word).unwrap();
        assert_eq!(packet[..plain.len()], plain);
        assert_eq!(cipher.open_rtcp(&mut damaged, MARS, word), Err(SrtpError::AuthFailed));
    }
}
