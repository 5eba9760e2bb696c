use aes::cipher::{BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128, Aes256};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use tandem_model::SrtpKey;

/// Labels of the key derivation (RFC 3711 section 4.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Rtp,
    Rtcp,
}

impl Stream {
    const fn first_label(self) -> u8 {
        match self {
            Stream::Rtp => 0,
            Stream::Rtcp => 3,
        }
    }
}

/// Session keys of one stream; unused tails stay zero.
pub(super) struct SessionKeys {
    pub cipher: [u8; 32],
    pub auth: [u8; 20],
    pub salt: [u8; 14],
}

impl SessionKeys {
    /// RFC 3711 section 4.3 with a key derivation rate of zero; RFC 7714 section 11 for the GCM suites, whose 96-bit
    /// master salt stands left in the 112 bits.
    pub fn derive(key: &SrtpKey, stream: Stream) -> Self {
        let mut salt = [0; 14];
        salt[..key.suite.salt_len()].copy_from_slice(key.master_salt());
        let mut keys = SessionKeys { cipher: [0; 32], auth: [0; 20], salt: [0; 14] };
        let label = stream.first_label();
        let generate = |offset: u8, out: &mut [u8]| pseudo_random(key.master_key(), &salt, label + offset, out);
        generate(0, &mut keys.cipher[..key.suite.key_len()]);
        generate(1, &mut keys.auth);
        generate(2, &mut keys.salt[..key.suite.salt_len()]);
        keys
    }
}

/// AES-CM as a pseudo-random function (RFC 3711 section 4.3.3; with a 256-bit key RFC 6188 section 3).
fn pseudo_random(master_key: &[u8], salt: &[u8; 14], label: u8, out: &mut [u8]) {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    iv[7] ^= label;
    out.fill(0);
    CounterMode::new(master_key).xor(iv, out);
}

/// AES in counter mode (RFC 3711 section 4.1.1; with a 256-bit key RFC 6188 section 2).
pub(super) enum CounterMode {
    Aes128(Box<Aes128>),
    Aes256(Box<Aes256>),
}

impl CounterMode {
    /// `key` has 16 or 32 bytes, as every suite's has.
    pub fn new(key: &[u8]) -> Self {
        match <[u8; 32]>::try_from(key) {
            Ok(key) => CounterMode::Aes256(Box::new(Aes256::new(&key.into()))),
            Err(_) => {
                let mut short = [0; 16];
                short.copy_from_slice(key);
                CounterMode::Aes128(Box::new(Aes128::new(&short.into())))
            }
        }
    }

    /// XORs the key stream from `iv` into `data`.
    pub fn xor(&self, iv: [u8; 16], data: &mut [u8]) {
        match self {
            CounterMode::Aes128(aes) => key_stream(&**aes, iv, data),
            CounterMode::Aes256(aes) => key_stream(&**aes, iv, data),
        }
    }
}

fn key_stream<C>(aes: &C, iv: [u8; 16], data: &mut [u8])
where
    C: BlockCipherEncrypt + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16>,
{
    let core = CtrCore::<&C, Ctr128BE>::inner_iv_init(aes, &iv.into());
    core.apply_keystream_partial(data.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::test_support::hex;
    use tandem_model::SrtpSuite;

    /// RFC 3711 appendix B.3.
    #[test]
    fn session_keys_are_those_of_the_standard() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let key = SrtpKey::new(SrtpSuite::AesCm128HmacSha1_80, master).unwrap();
        let keys = SessionKeys::derive(&key, Stream::Rtp);
        assert_eq!(keys.cipher[..16], hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(keys.salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(keys.auth[..], hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    /// RFC 6188 section 7.2.
    #[test]
    fn session_keys_of_256_bits_are_those_of_the_standard() {
        let master =
            hex("F0F04914B513F2763A1B1FA130F10E2998F6F6E43E4309D1E622A0E332B9F1B6 3B04803DE51EE7C96423AB5B78D2");
        let key = SrtpKey::new(SrtpSuite::AesCm256HmacSha1_80, master).unwrap();
        let keys = SessionKeys::derive(&key, Stream::Rtp);
        assert_eq!(keys.cipher[..], hex("5BA1064E30EC51613CAD926C5A28EF731EC7FB397F70A960653CAF06554CD8C4"));
        assert_eq!(keys.salt[..], hex("FA31791685CA444A9E07C6C64E93"));
        assert_eq!(keys.auth[..], hex("FD9C32D39ED5FBB5A9DC96B30818454D1313DC05"));
    }

    /// RFC 3711 appendix B.2.
    #[test]
    fn the_counter_mode_key_stream_is_that_of_the_standard() {
        let aes = CounterMode::new(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
        let mut stream = [0; 40];
        aes.xor(iv, &mut stream);
        let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD";
        assert_eq!(stream[..], hex(expected));
    }
}
