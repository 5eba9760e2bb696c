use std::fmt;
use std::str::FromStr;

use crate::hex::digits;
use crate::{Entropy, WallTime};

/// A resource id: a UUID (RFC 9562) of version 4, or for calls of version 7; shown in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid([u8; 16]);

/// The id of a call leg as applications see it (`CallSid`): every leg has one of its own.
pub type CallSid = Sid;

impl Sid {
    pub fn random(entropy: &mut dyn Entropy) -> Self {
        let mut b = [0; 16];
        entropy.fill(&mut b);
        b[6] = (b[6] & 0x0f) | 0x40;
        b[8] = (b[8] & 0x3f) | 0x80;
        Sid(b)
    }

    /// Of version 7: ids made one after the other sort one after the other (RFC 9562 section 5.7), so that records which come by the
    /// thousand lie beside each other on disk. 74 random bits make each unguessable.
    pub fn ordered(now: WallTime, entropy: &mut dyn Entropy) -> Self {
        let Sid(mut b) = Sid::random(entropy);
        b[..6].copy_from_slice(&now.0.max(0).to_be_bytes()[2..]);
        b[6] = (b[6] & 0x0f) | 0x70;
        Sid(b)
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Sid(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where the digits of each byte begin.
        const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
        let mut text = [b'-'; 36];
        for (at, byte) in PLACES.into_iter().zip(self.0) {
            text[at..at + 2].copy_from_slice(&digits(byte));
        }
        f.pad(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sid {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let b = s.as_bytes();
        if b.len() != 36 {
            return Err(());
        }
        let mut out = [0; 16];
        let mut nibbles = 0;
        for (i, c) in b.iter().enumerate() {
            if matches!(i, 8 | 13 | 18 | 23) {
                if *c != b'-' {
                    return Err(());
                }
                continue;
            }
            let v = (*c as char).to_digit(16).ok_or(())? as u8;
            out[nibbles / 2] = (out[nibbles / 2] << 4) | v;
            nibbles += 1;
        }
        Ok(Sid(out))
    }
}

/// A leg inside this process. Never reused while the process lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

impl LegId {
    /// Leg ids of one call share all bits above these.
    const CALL_BITS: u32 = 20;

    /// The first leg id of the call with this number.
    pub const fn first_of(call_number: u64) -> LegId {
        LegId(call_number << Self::CALL_BITS)
    }

    /// The number of the call this leg belongs to.
    pub const fn call_number(self) -> u64 {
        self.0 >> Self::CALL_BITS
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("L")?;
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeedEntropy;

    #[test]
    fn ordered_sids_sort_by_the_moment_they_were_made() {
        let mut entropy = SeedEntropy::new(7);
        let sids: Vec<_> =
            [0, 1, 1_795_706_802_362, 1_795_706_802_363].map(|ms| Sid::ordered(WallTime(ms), &mut entropy)).into();
        assert!(sids.is_sorted());
        assert!(sids.iter().all(|sid| sid.to_string().as_bytes()[14] == b'7'));
        assert!(sids.iter().all(|sid| matches!(sid.to_string().as_bytes()[19], b'8' | b'9' | b'a' | b'b')));
        let again = Sid::ordered(WallTime(1), &mut entropy);
        assert_ne!(again, sids[1]);
        assert_eq!(again.as_bytes()[..6], sids[1].as_bytes()[..6]);
    }

    #[test]
    fn a_sid_is_a_version_4_uuid_and_reads_back() {
        let sid = Sid::random(&mut SeedEntropy::new(7));
        let text = sid.to_string();
        assert_eq!(text.len(), 36);
        assert_eq!(&text[14..15], "4");
        assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"));
        assert_eq!(text.parse(), Ok(sid));
        assert_eq!(text.to_uppercase().parse(), Ok(sid));
        for bad in ["", "0", &text[1..], &text.replace('-', "0"), &format!("{text}0")] {
            assert_eq!(bad.parse::<Sid>(), Err(()), "{bad}");
        }
    }
}
