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
    match <[u8; 32]>::try_from(master_key) {
        Ok(key) => key_stream(&Aes256::new(&key.into()), iv, out),
        Err(_) => {
            let mut key = [0; 16];
            key.copy_from_slice(master_key);
            key_stream(&Aes128::new(&key.into()), iv, out);
        }
    }
}

/// XORs AES in counter mode from `iv` into `data`.
pub(super) fn key_stream<C>(aes: &C, iv: [u8; 16], data: &mut [u8])
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

    /// RFC 3711 appendix B.2.
    #[test]
    fn the_counter_mode_key_stream_is_that_of_the_standard() {
        let aes = Aes128::new_from_slice(&hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let mut iv = [0; 16];
        iv[..14].copy_from_slice(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
        let mut stream = [0; 40];
        key_stream(&aes, iv, &mut stream);
        let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD";
        assert_eq!(stream[..], hex(expected));
    }
}
