use sha1::block_api::compress;

const BLOCK: usize = 64;
/// RFC 3174 section 6.1.
const INITIAL: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];

/// HMAC-SHA1 (RFC 2104) with the key's two blocks hashed once, when the key is set: a packet then costs its own blocks and
/// one more, hashed where they stand. The compression function is the `sha1` crate's, in hardware where the CPU has it.
#[derive(Clone)]
pub(super) struct HmacSha1 {
    inner: [u32; 5],
    outer: [u32; 5],
}

impl HmacSha1 {
    /// `key` is at most a block: SRTP's is 20 bytes.
    pub fn new(key: &[u8; 20]) -> Self {
        let keyed = |pad: u8| {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
            let mut state = INITIAL;
            compress(&mut state, &[block]);
            state
        };
        HmacSha1 { inner: keyed(0x36), outer: keyed(0x5C) }
    }

    /// The code of `body` followed by `tail`, which is at most the roll-over counter.
    pub fn tag(&self, body: &[u8], tail: [u8; 4], tail_len: usize) -> [u8; 20] {
        let mut state = self.inner;
        let (whole, rest) = body.as_chunks::<BLOCK>();
        compress(&mut state, whole);
        // What is left, the tail, the end mark and the length fit two blocks.
        let mut last = [[0; BLOCK]; 2];
        let flat = last.as_flattened_mut();
        let tail = &tail[..tail_len.min(4)];
        let end = rest.len() + tail.len();
        flat[..rest.len()].copy_from_slice(rest);
        flat[rest.len()..end].copy_from_slice(tail);
        flat[end] = 0x80;
        let blocks = if end + 9 <= BLOCK { 1 } else { 2 };
        let bits = 8 * (BLOCK + body.len() + tail.len()) as u64;
        flat[BLOCK * blocks - 8..BLOCK * blocks].copy_from_slice(&bits.to_be_bytes());
        compress(&mut state, &last[..blocks]);

        let mut block = [0; BLOCK];
        block[..20].copy_from_slice(&bytes(state));
        block[20] = 0x80;
        block[BLOCK - 8..].copy_from_slice(&(8 * (BLOCK as u64 + 20)).to_be_bytes());
        let mut state = self.outer;
        compress(&mut state, &[block]);
        bytes(state)
    }
}

/// In a time that does not tell where they differ.
pub(super) fn same_tag(ours: &[u8], theirs: &[u8]) -> bool {
    let difference = ours.iter().zip(theirs).fold(0, |sum, (a, b)| sum | (a ^ b));
    ours.len() == theirs.len() && std::hint::black_box(difference) == 0
}

fn bytes(state: [u32; 5]) -> [u8; 20] {
    let mut out = [0; 20];
    for (place, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *place = word.to_be_bytes();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::srtp::test_support::hex;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use sha1::Sha1;

    /// RFC 2202 section 3, case 1.
    #[test]
    fn the_code_is_that_of_the_standard() {
        let tag = HmacSha1::new(&[0x0B; 20]).tag(b"Hi There", [0; 4], 0);
        assert_eq!(tag[..], hex("b617318655057264e28bc0b6fb378c8ef146be00"));
    }

    proptest! {
        #[test]
        fn the_code_is_that_of_the_hmac_crate(key: [u8; 20], body in prop::collection::vec(any::<u8>(), 0..400), tail: [u8; 4]) {
            for tail_len in [0, 4] {
                let mut theirs = <Hmac<Sha1> as KeyInit>::new_from_slice(&key).unwrap();
                theirs.update(&body);
                theirs.update(&tail[..tail_len]);
                let ours = HmacSha1::new(&key).tag(&body, tail, tail_len);
                prop_assert_eq!(ours, <[u8; 20]>::from(theirs.finalize().into_bytes()));
            }
        }
    }

    #[test]
    fn tags_are_the_same_only_when_all_of_them_is() {
        assert!(same_tag(&[1, 2, 3], &[1, 2, 3]));
        assert!(!same_tag(&[1, 2, 3], &[1, 2, 4]));
        assert!(!same_tag(&[1, 2, 3], &[1, 2]));
    }
}
