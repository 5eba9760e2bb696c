use crate::hex;

/// Randomness as an argument: machines never reach for a global source.
///
/// Actors pass a cryptographic generator; tests and the simulator pass [`SeedEntropy`].
pub trait Entropy {
    fn fill(&mut self, out: &mut [u8]);

    fn next_u64(&mut self) -> u64 {
        let mut b = [0; 8];
        self.fill(&mut b);
        u64::from_le_bytes(b)
    }

    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }
}

/// A lower-case hex token of `bytes` random bytes, for tags, branches, nonces and Call-IDs.
pub fn hex_token(entropy: &mut dyn Entropy, bytes: usize) -> String {
    let mut raw = vec![0; bytes];
    entropy.fill(&mut raw);
    hex(&raw)
}

/// SplitMix64: repeatable from its seed, and not for secrets.
#[derive(Clone, Debug)]
pub struct SeedEntropy(u64);

impl SeedEntropy {
    pub fn new(seed: u64) -> Self {
        SeedEntropy(seed)
    }
}

impl Entropy for SeedEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}
