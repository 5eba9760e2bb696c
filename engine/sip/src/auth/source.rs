use std::hash::{DefaultHasher, Hasher};
use std::net::IpAddr;

use tandem_model::Entropy;

/// Who a sender is by address, as far as an address tells: one IPv4 address, or one IPv6 /64, which is what one
/// subscriber has at least (RFC 6177).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SourceKey(pub u32);

/// Makes keys of addresses and names. Its own secret keeps strangers from finding two that share a key.
#[derive(Clone, Copy)]
pub(super) struct Keyer([u8; 16]);

impl Keyer {
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        let mut key = [0; 16];
        entropy.fill(&mut key);
        Keyer(key)
    }

    pub fn source(&self, addr: IpAddr) -> SourceKey {
        let hash = match addr.to_canonical() {
            IpAddr::V4(v4) => self.hash(&v4.octets()),
            IpAddr::V6(v6) => self.hash(&v6.octets()[..8]),
        };
        SourceKey(hash as u32)
    }

    /// Names are compared without regard to case, as user names are.
    pub fn name(&self, name: &str) -> u64 {
        self.hash(name.to_ascii_lowercase().as_bytes())
    }

    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.0);
        hasher.write(bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use tandem_model::SeedEntropy;

    use super::*;

    #[test]
    fn an_address_is_one_source_and_so_is_a_64() {
        let keyer = Keyer::new(&mut SeedEntropy::new(1));
        let of = |text: &str| keyer.source(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(keyer.name("Alice"), keyer.name("alice"));
        let other = Keyer::new(&mut SeedEntropy::new(2));
        assert_ne!(of("192.0.2.1"), other.source("192.0.2.1".parse().unwrap()), "nobody can look for collisions");
    }
}
