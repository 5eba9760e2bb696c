use crate::control::Clip;

use super::gsm;
use super::pcm::{Encoding, Endian};

/// Whether a file begins like AIFF or AIFF-C.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.len() >= 12 && bytes.starts_with(b"FORM") && matches!(&bytes[8..12], b"AIFF" | b"AIFC")
}

/// Reads an AIFF or AIFF-C file: integers of 1 to 32 bits in either byte order, floats, µ-law, A-law, GSM 06.10; channels mixed down.
///
/// Chunks come in any order. A chunk that claims more than the file holds is taken as far as it goes.
pub(super) fn read(bytes: &[u8]) -> Result<Clip, String> {
    if !is(bytes) {
        return Err("not an AIFF file".to_owned());
    }
    let compressed = &bytes[8..12] == b"AIFC";
    let (mut common, mut sound) = (None, None);
    let mut rest = &bytes[12..];
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let claimed = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let length = claimed.min(body.len());
        match &head[..4] {
            b"COMM" => common = Some(Common::read(&body[..length], compressed)?),
            b"SSND" if sound.is_none() => sound = Some(&body[..length]),
            _ => {}
        }
        // Chunks are padded to an even length.
        rest = &body[length.saturating_add(claimed & 1).min(body.len())..];
    }
    let common = common.ok_or("an AIFF file without a format")?;
    let sound = sound.ok_or("an AIFF file without sound")?;
    // Sound begins with an offset, after it and a block size.
    let offset = sound.first_chunk::<4>().map_or(0, |o| u32::from_be_bytes(*o) as usize);
    let data = sound.get(offset.saturating_add(8)..).ok_or("an AIFF file whose sound begins beyond its end")?;
    common.decode(data)
}

struct Common {
    channels: usize,
    /// Claimed; 0 where the writer did not know.
    frames: usize,
    rate: u32,
    coding: Coding,
}

enum Coding {
    Pcm(Encoding),
    Gsm,
}

impl Common {
    fn read(chunk: &[u8], compressed: bool) -> Result<Common, String> {
        let Some(head) = chunk.first_chunk::<18>() else { return Err("an AIFF file with a short format".to_owned()) };
        let bits = u16::from_be_bytes([head[6], head[7]]);
        let width = usize::from(bits.div_ceil(8));
        let kind = if compressed { chunk.get(18..22).unwrap_or(b"????") } else { b"NONE" };
        let pcm = match (kind, bits) {
            (b"NONE" | b"twos" | b"in24" | b"in32", 1..=32) => Some(Encoding::Signed(width, Endian::Big)),
            (b"sowt", 1..=32) => Some(Encoding::Signed(width, Endian::Little)),
            (b"raw ", 1..=8) => Some(Encoding::Unsigned8),
            (b"fl32" | b"FL32", _) => Some(Encoding::Float32(Endian::Big)),
            (b"fl64" | b"FL64", _) => Some(Encoding::Float64(Endian::Big)),
            (b"ulaw" | b"ULAW", _) => Some(Encoding::Ulaw),
            (b"alaw" | b"ALAW", _) => Some(Encoding::Alaw),
            _ => None,
        };
        let coding = match (pcm, kind) {
            (Some(encoding), _) => Coding::Pcm(encoding),
            (None, b"GSM " | b"agsm") => Coding::Gsm,
            (None, kind) => {
                let kind = String::from_utf8_lossy(kind).into_owned();
                return Err(format!("an AIFF file of kind {kind:?} with {bits} bits, which cannot be played"));
            }
        };
        Ok(Common {
            channels: usize::from(u16::from_be_bytes([head[0], head[1]])),
            frames: u32::from_be_bytes([head[2], head[3], head[4], head[5]]) as usize,
            rate: extended(&head[8..18]),
            coding,
        })
    }

    fn decode(&self, data: &[u8]) -> Result<Clip, String> {
        match self.coding {
            Coding::Gsm if self.channels == 1 => gsm::read_frames("an AIFF file", self.rate, data),
            Coding::Gsm => Err(format!("an AIFF file of GSM with {} channels", self.channels)),
            Coding::Pcm(encoding) => {
                let frame_bytes = encoding.bytes() * self.channels;
                let claimed = self.frames.saturating_mul(frame_bytes);
                let length = if claimed == 0 { data.len() } else { data.len().min(claimed) };
                encoding.read("an AIFF file", self.rate, self.channels, &data[..length])
            }
        }
    }
}

/// The whole part of an IEEE 754 extended number of 80 bits; beyond the range of `u32` its end, 0 for a negative one.
fn extended(bytes: &[u8]) -> u32 {
    let Some(number) = bytes.first_chunk::<10>() else { return 0 };
    let exponent = i32::from(u16::from_be_bytes([number[0], number[1]]));
    let mantissa = number[2..].iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    // The mantissa's highest bit stands for 2^(exponent - 16383).
    match exponent - 16_383 {
        power @ 0..=31 => u32::try_from(mantissa >> (63 - power)).unwrap_or(u32::MAX),
        power if power < 0 || exponent & 0x8000 != 0 => 0,
        _ => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::SampleRate;

    fn rate(hz: u32) -> [u8; 10] {
        let mut bytes = [0; 10];
        let power = 31 - hz.leading_zeros();
        bytes[..2].copy_from_slice(&(16_383 + power as u16).to_be_bytes());
        bytes[2..].copy_from_slice(&(u64::from(hz) << (63 - power)).to_be_bytes());
        bytes
    }

    fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut bytes = name.to_vec();
        bytes.extend((body.len() as u32).to_be_bytes());
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }

    fn common(kind: Option<&[u8; 4]>, channels: u16, frames: u32, bits: u16, hz: u32) -> Vec<u8> {
        let mut body = channels.to_be_bytes().to_vec();
        body.extend(frames.to_be_bytes());
        body.extend(bits.to_be_bytes());
        body.extend(rate(hz));
        body.extend(kind.into_iter().flatten());
        chunk(b"COMM", &body)
    }

    fn file(kind: Option<&[u8; 4]>, channels: u16, frames: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"FORM\0\0\0\0".to_vec();
        bytes.extend(if kind.is_some() { b"AIFC" } else { b"AIFF" });
        bytes.extend(chunk(b"NAME", b"odd"));
        bytes.extend(common(kind, channels, frames, bits, 22_050));
        bytes.extend(chunk(b"SSND", &[&[0; 8], data].concat()));
        bytes
    }

    #[test]
    fn every_kind_of_sample_is_read() {
        let pcm = |kind, bits, data: &[u8]| read(&file(kind, 1, 0, bits, data)).unwrap();
        assert_eq!(pcm(None, 16, &[0x12, 0x34, 0xff, 0xff]).samples, [0x1234, -1]);
        assert_eq!(pcm(None, 16, &[0x12, 0x34]).rate, SampleRate(22_050));
        for (kind, bits, data, expected) in [
            (None, 8, &[0x80u8][..], -32_768),
            (None, 24, &[0x12, 0x34, 0x56], 0x1234),
            (Some(b"NONE"), 32, &[0x12, 0x34, 0x56, 0x78], 0x1234),
            (Some(b"sowt"), 16, &[0x34, 0x12], 0x1234),
            (Some(b"raw "), 8, &[0x80], 0),
            (Some(b"fl32"), 32, &0.25f32.to_be_bytes(), 8_192),
            (Some(b"FL64"), 64, &2.0f64.to_be_bytes(), 32_767),
            (Some(b"ulaw"), 16, &[0x80], 32_124),
            (Some(b"ALAW"), 8, &[0xaa], 32_256),
        ] {
            assert_eq!(pcm(kind, bits, data).samples, [expected], "{kind:?} {bits}");
        }
        assert_eq!(read(&file(None, 2, 1, 16, &[0x10, 0, 0x30, 0, 9, 9, 9, 9])).unwrap().samples, [0x2000]);
    }

    #[test]
    fn sound_may_come_before_its_format() {
        let mut bytes = b"FORM\0\0\0\0AIFF".to_vec();
        bytes.extend(chunk(b"SSND", &[0, 0, 0, 2, 0, 0, 0, 0, 9, 9, 0x12, 0x34]));
        bytes.extend(common(None, 1, 1, 16, 8_000));
        assert_eq!(read(&bytes).unwrap().samples, [0x1234]);
    }

    #[test]
    fn what_cannot_be_played_says_why_and_lies_are_bounded_by_the_file() {
        let mut huge = file(None, 1, u32::MAX, 16, &[1, 2]);
        let at = huge.len() - 14;
        huge[at..at + 4].copy_from_slice(&0xffff_fff0u32.to_be_bytes());
        assert_eq!(read(&huge).unwrap().samples, [0x0102]);
        let mut far = file(None, 1, 1, 16, &[1, 2]);
        let at = far.len() - 10;
        far[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        let fast = |hz| [b"FORM\0\0\0\0AIFF".to_vec(), common(None, 1, 1, 16, hz), chunk(b"SSND", &[0; 10])].concat();
        for (bytes, reason) in [
            (b"FORM\0\0\0\0AIFF".to_vec(), "without a format"),
            (b"FORM\0\0\0\0ILBM".to_vec(), "not an AIFF"),
            ([b"FORM\0\0\0\0AIFF".to_vec(), chunk(b"COMM", b"ab")].concat(), "short format"),
            ([b"FORM\0\0\0\0AIFF".to_vec(), common(None, 1, 1, 16, 8_000)].concat(), "without sound"),
            (far, "beyond its end"),
            (file(None, 0, 1, 16, &[1, 2]), "0 channels"),
            (file(None, u16::MAX, u32::MAX, 32, &[1, 2]), "65535 channels"),
            (file(None, 1, 1, 64, &[1, 2]), "64 bits"),
            (file(Some(b"ima4"), 1, 1, 16, &[1, 2]), "ima4"),
            (file(None, 1, 1, 16, &[]), "without a sample"),
            (fast(1_000_000_000), "1000000000 Hz"),
            (fast(4_000), "4000 Hz"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(reason), "{error} / {reason}");
        }
    }

    #[test]
    fn extended_numbers_are_read_whole() {
        for hz in [1, 8_000, 44_100, 48_000, u32::MAX] {
            assert_eq!(extended(&rate(hz)), hz);
        }
        assert_eq!(extended(&[0xff; 10]), 0);
        assert_eq!(extended(&[0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0]), u32::MAX);
        assert_eq!(extended(&[0; 10]), 0);
    }
}
