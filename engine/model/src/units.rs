/// Packet time in milliseconds (RFC 4566 `a=ptime`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ptime(pub u8);

/// Samples per second of PCM audio, per channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleRate(pub u32);

impl SampleRate {
    pub const HZ_8000: SampleRate = SampleRate(8_000);
    pub const HZ_16000: SampleRate = SampleRate(16_000);
    pub const HZ_24000: SampleRate = SampleRate(24_000);
    pub const HZ_48000: SampleRate = SampleRate(48_000);

    /// Samples in `ptime`.
    pub const fn samples(self, ptime: Ptime) -> usize {
        self.0 as usize * ptime.0 as usize / 1000
    }
}

/// An RTP timestamp in units of the payload's clock; wraps (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct RtpTime(pub u32);

impl RtpTime {
    pub fn wrapping_add(self, units: u32) -> Self {
        RtpTime(self.0.wrapping_add(units))
    }

    /// Signed distance `self - earlier`, right across the wrap.
    pub fn diff(self, earlier: RtpTime) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

/// An RTP sequence number; wraps (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SeqNo(pub u16);

impl SeqNo {
    pub fn next(self) -> Self {
        SeqNo(self.0.wrapping_add(1))
    }

    /// Signed distance `self - earlier`, right across the wrap.
    pub fn diff(self, earlier: SeqNo) -> i16 {
        self.0.wrapping_sub(earlier.0) as i16
    }
}

/// Audio level relative to digital overload, in dB: 0 is the loudest, -127 silence (RFC 6464).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dbov(pub i8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_right_across_the_wrap() {
        assert_eq!(SeqNo(2).diff(SeqNo(65_534)), 4);
        assert_eq!(SeqNo(65_534).diff(SeqNo(2)), -4);
        assert_eq!(RtpTime(5).diff(RtpTime(u32::MAX)), 6);
        assert_eq!(SampleRate::HZ_48000.samples(Ptime(20)), 960);
    }
}
