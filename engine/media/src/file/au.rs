use crate::control::Clip;

use super::pcm::{Encoding, Endian};

pub(super) const MAGIC: &[u8] = b".snd";
const HEADER_BYTES: usize = 24;

/// Reads a Sun/NeXT audio file: µ-law, A-law, integers of 8 to 32 bits and floats, big-endian; channels mixed down.
///
/// The data go as far as the file: the length in the header is often "unknown", and a claim beyond the end is not believed.
pub(super) fn read(bytes: &[u8]) -> Result<Clip, String> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>().filter(|h| h.starts_with(MAGIC)) else {
        return Err("not an AU file".to_owned());
    };
    let field = |n: usize| u32::from_be_bytes([header[n * 4], header[n * 4 + 1], header[n * 4 + 2], header[n * 4 + 3]]);
    let (offset, length, rate, channels) = (field(1) as usize, field(2), field(4), field(5) as usize);
    let encoding = match field(3) {
        1 => Encoding::Ulaw,
        width @ 2..=5 => Encoding::Signed(width as usize - 1, Endian::Big),
        6 => Encoding::Float32(Endian::Big),
        7 => Encoding::Float64(Endian::Big),
        27 => Encoding::Alaw,
        other => return Err(format!("an AU file of encoding {other}, which cannot be played")),
    };
    let data = bytes.get(offset.max(HEADER_BYTES)..).ok_or("an AU file whose data begin beyond its end")?;
    let length = if length == 0 || length == u32::MAX { data.len() } else { data.len().min(length as usize) };
    encoding.read("an AU file", rate, channels, &data[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(offset: u32, length: u32, encoding: u32, rate: u32, channels: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for field in [offset, length, encoding, rate, channels] {
            bytes.extend(field.to_be_bytes());
        }
        bytes.extend(data);
        bytes
    }

    #[test]
    fn each_encoding_is_read_and_channels_are_mixed() {
        let samples = |encoding, channels, data: &[u8]| {
            read(&file(24, data.len() as u32, encoding, 8_000, channels, data)).unwrap().samples
        };
        assert_eq!(samples(1, 1, &[0xff, 0x80]), [0, 32_124]);
        assert_eq!(samples(27, 1, &[0xaa]), [32_256]);
        assert_eq!(samples(2, 1, &[0x7f, 0x80]), [32_512, -32_768]);
        assert_eq!(samples(3, 2, &[0x10, 0x00, 0x30, 0x00]), [0x2000]);
        assert_eq!(samples(4, 1, &[0x12, 0x34, 0x56]), [0x1234]);
        assert_eq!(samples(5, 1, &[0x12, 0x34, 0x56, 0x78]), [0x1234]);
        assert_eq!(samples(6, 1, &0.5f32.to_be_bytes()), [16_384]);
        assert_eq!(samples(7, 1, &f64::NAN.to_be_bytes()), [0]);
    }

    #[test]
    fn lengths_that_lie_end_with_the_file_and_nonsense_is_refused() {
        assert_eq!(read(&file(24, u32::MAX, 1, 8_000, 1, &[0xff])).unwrap().samples, [0]);
        assert_eq!(read(&file(28, 1 << 30, 1, 8_000, 1, b"note\xff")).unwrap().samples, [0]);
        for (bytes, reason) in [
            (b".snd".to_vec(), "not an AU"),
            (file(u32::MAX, 1, 1, 8_000, 1, &[0]), "beyond its end"),
            (file(24, 1, 23, 8_000, 1, &[0]), "encoding 23"),
            (file(24, 1, 1, 1_000_000_000, 1, &[0]), "1000000000 Hz"),
            (file(24, 1, 1, 8_000, 1_000_000_000, &[0]), "1000000000 channels"),
            (file(24, 1, 3, 8_000, 1, &[0]), "without a sample"),
        ] {
            assert!(read(&bytes).unwrap_err().contains(reason), "{reason}");
        }
    }
}
