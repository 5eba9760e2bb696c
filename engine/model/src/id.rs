use std::fmt;
use std::str::FromStr;

use crate::Entropy;

/// A resource id: a version 4 UUID, shown in lower case with hyphens.
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

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Sid(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, b) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{b:02x}")?;
        }
        Ok(())
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
        write!(f, "L{}", self.0)
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
