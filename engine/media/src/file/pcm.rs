use crate::control::Clip;

use super::collect::Collector;
use super::g711;

/// How one sample is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Unsigned8,
    /// Integers of this many bytes, 1 to 4, significant bits on top.
    Signed(usize, Endian),
    Float32(Endian),
    Float64(Endian),
    Alaw,
    Ulaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

/// More than surround sound has; a larger number is a lie.
pub(super) const CHANNELS_MAX: usize = 8;
/// Samples converted at a time.
const BLOCK: usize = 4_096;

impl Encoding {
    /// Interleaved `channels` mixed down to one. A frame cut off at the end is left out.
    pub fn read(self, what: &str, rate: u32, channels: usize, data: &[u8]) -> Result<Clip, String> {
        if !(1..=CHANNELS_MAX).contains(&channels) {
            return Err(format!("{what} of {channels} channels"));
        }
        let mut collector = Collector::new(what, rate)?;
        let frame_bytes = self.bytes() * channels;
        let mut block = Vec::with_capacity(BLOCK);
        for frames in data.chunks(BLOCK * frame_bytes) {
            block.clear();
            block.extend(frames.chunks_exact(frame_bytes).map(|frame| self.mixed(channels, frame)));
            collector.push(&block)?;
        }
        collector.finish()
    }

    pub fn bytes(self) -> usize {
        match self {
            Encoding::Unsigned8 | Encoding::Alaw | Encoding::Ulaw => 1,
            Encoding::Signed(bytes, _) => bytes,
            Encoding::Float32(_) => 4,
            Encoding::Float64(_) => 8,
        }
    }

    fn mixed(self, channels: usize, frame: &[u8]) -> i16 {
        let sum: i32 = frame.chunks_exact(self.bytes()).map(|sample| i32::from(self.sample(sample))).sum();
        // As many samples as channels, so the mean fits.
        (sum / channels as i32) as i16
    }

    /// `bytes` holds exactly one sample.
    fn sample(self, bytes: &[u8]) -> i16 {
        match (self, bytes) {
            (Encoding::Unsigned8, [b, ..]) => (i16::from(*b) - 128) << 8,
            (Encoding::Alaw, [b, ..]) => g711::alaw(*b),
            (Encoding::Ulaw, [b, ..]) => g711::ulaw(*b),
            (Encoding::Signed(1, _), [b, ..]) => i16::from_be_bytes([*b, 0]),
            (Encoding::Signed(_, Endian::Little), [.., low, high]) => i16::from_le_bytes([*low, *high]),
            (Encoding::Signed(_, Endian::Big), [high, low, ..]) => i16::from_be_bytes([*high, *low]),
            (Encoding::Float32(endian), bytes) => bytes.try_into().map_or(0, |b| match endian {
                Endian::Little => from_float(f64::from(f32::from_le_bytes(b))),
                Endian::Big => from_float(f64::from(f32::from_be_bytes(b))),
            }),
            (Encoding::Float64(endian), bytes) => bytes.try_into().map_or(0, |b| match endian {
                Endian::Little => from_float(f64::from_le_bytes(b)),
                Endian::Big => from_float(f64::from_be_bytes(b)),
            }),
            _ => 0,
        }
    }
}

/// Saturates; a NaN is silence, which is what the cast makes of it.
fn from_float(value: f64) -> i16 {
    (value * 32_768.0).round() as i16
}
