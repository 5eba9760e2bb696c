use tandem_model::SrtpKey;

use super::SrtpError;
use super::cipher::Cipher;
use super::keys::Stream;

/// Packets one master key may protect at most (RFC 3711 section 9.2).
const RTP_PACKETS_MAX: u64 = 1 << 48;
const RTCP_PACKETS_MAX: u64 = 1 << 31;
/// A key is told to be expiring when a tenth of its packets is left, or what half a minute of 20 ms packets needs.
const EXPIRING_PACKETS_MIN: u64 = 1_500;

/// Packets of each stream that a key protected so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyUse {
    rtp: u64,
    rtcp: u64,
}

/// A master key in use: the ciphers of both streams, and how much of its life is spent (RFC 3711 section 3.2.1).
pub(super) struct MasterKey {
    secret: SrtpKey,
    pub rtp: Cipher,
    pub rtcp: Cipher,
    pub used: KeyUse,
}

impl MasterKey {
    pub fn new(key: &SrtpKey) -> Self {
        MasterKey {
            secret: key.clone(),
            rtp: Cipher::new(key, Stream::Rtp),
            rtcp: Cipher::new(key, Stream::Rtcp),
            used: KeyUse::default(),
        }
    }

    pub fn secret(&self) -> &SrtpKey {
        &self.secret
    }

    /// The same secret, of which signalling now says something else.
    pub fn relabel(&mut self, key: &SrtpKey) {
        self.secret.lifetime = key.lifetime;
        self.secret.mki = key.mki;
    }

    pub fn cipher(&self, stream: Stream) -> &Cipher {
        match stream {
            Stream::Rtp => &self.rtp,
            Stream::Rtcp => &self.rtcp,
        }
    }

    /// A key is not used beyond its lifetime (RFC 4568 section 6.1, RFC 3711 section 9.2).
    pub fn may_go_on(&self, stream: Stream) -> Result<(), SrtpError> {
        if self.left(stream) == 0 { Err(SrtpError::KeyExhausted) } else { Ok(()) }
    }

    pub fn count(&mut self, stream: Stream) {
        match stream {
            Stream::Rtp => self.used.rtp += 1,
            Stream::Rtcp => self.used.rtcp += 1,
        }
    }

    pub fn is_expiring(&self) -> bool {
        let short = |stream| self.left(stream) <= (self.limit(stream) / 10).max(EXPIRING_PACKETS_MIN);
        self.used != KeyUse::default() && (short(Stream::Rtp) || short(Stream::Rtcp))
    }

    fn limit(&self, stream: Stream) -> u64 {
        let standard = match stream {
            Stream::Rtp => RTP_PACKETS_MAX,
            Stream::Rtcp => RTCP_PACKETS_MAX,
        };
        self.secret.lifetime.unwrap_or(u64::MAX).min(standard)
    }

    fn left(&self, stream: Stream) -> u64 {
        let used = match stream {
            Stream::Rtp => self.used.rtp,
            Stream::Rtcp => self.used.rtcp,
        };
        self.limit(stream).saturating_sub(used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::SrtpSuite;

    #[test]
    fn a_key_tells_when_little_of_its_life_is_left() {
        let mut key = SrtpKey::new(SrtpSuite::AeadAes128Gcm, vec![1; 28]).unwrap();
        assert!(!MasterKey::new(&key).is_expiring());
        key.lifetime = Some(20_000);
        let mut master = MasterKey::new(&key);
        let mut told = 0;
        while master.may_go_on(Stream::Rtp).is_ok() {
            assert_eq!(master.is_expiring(), master.used.rtp >= 18_000);
            master.count(Stream::Rtp);
            told += u64::from(master.is_expiring());
        }
        assert_eq!((master.used.rtp, told), (20_000, 2_001));
        assert_eq!(master.may_go_on(Stream::Rtcp), Ok(()));
    }

    #[test]
    fn without_a_lifetime_the_standards_own_limits_hold() {
        let mut master = MasterKey::new(&SrtpKey::new(SrtpSuite::AeadAes128Gcm, vec![1; 28]).unwrap());
        master.used = KeyUse { rtp: (1 << 48) - 1, rtcp: (1 << 31) - 1 };
        for stream in [Stream::Rtp, Stream::Rtcp] {
            assert_eq!(master.may_go_on(stream), Ok(()));
            master.count(stream);
            assert_eq!(master.may_go_on(stream), Err(SrtpError::KeyExhausted));
        }
    }
}
