use crate::control::Clip;

use super::gsm;
use super::mp3;
use super::pcm::{CHANNELS_MAX, Encoding, Endian};

/// Whether a file begins like RIFF WAVE.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.len() >= 12 && bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WAVE"
}

/// Reads a RIFF WAVE file: PCM of 8 to 32 bits, float of 32 or 64, µ-law, A-law, GSM 06.10, MP3; channels mixed down; the rate kept.
///
/// A data chunk that claims more than the file holds is taken as far as it goes: writers to a pipe cannot know the
/// length when they write the header.
pub(super) fn read(bytes: &[u8]) -> Result<Clip, String> {
    if bytes.len() < 12 || !matches!(&bytes[..4], b"RIFF" | b"RIFX" | b"RF64") || &bytes[8..12] != b"WAVE" {
        return Err("not a WAV file".to_owned());
    }
    if &bytes[..4] != b"RIFF" {
        return Err("a WAV file of a kind that is not read (RIFX, RF64)".to_owned());
    }
    let mut rest = &bytes[12..];
    let mut format = None;
    while let Some((head, body)) = rest.split_first_chunk::<8>() {
        let claimed = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let length = claimed.min(body.len());
        match &head[..4] {
            b"fmt " => format = Some(Format::read(&body[..length])?),
            b"data" => {
                let format = format.ok_or("a WAV file whose data come before their format")?;
                return format.decode(&body[..length]);
            }
            _ => {}
        }
        // Chunks are padded to an even length.
        rest = &body[(length + (claimed & 1)).min(body.len())..];
    }
    Err("a WAV file without data".to_owned())
}

const WHAT: &str = "a WAV file";

/// The numbers of the WAVE format registry (RFC 2361).
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const ALAW: u16 = 6;
const ULAW: u16 = 7;
const GSM: u16 = 0x31;
const MP3: u16 = 0x55;
const EXTENSIBLE: u16 = 0xfffe;

struct Format {
    coding: Coding,
    channels: usize,
    rate: u32,
}

enum Coding {
    Pcm(Encoding),
    Gsm,
    Mp3,
}

impl Format {
    fn read(chunk: &[u8]) -> Result<Format, String> {
        let Some(head) = chunk.first_chunk::<16>() else { return Err("a WAV file with a short format".to_owned()) };
        let u16_at = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let (channels, align, bits) = (usize::from(u16_at(2)), usize::from(u16_at(12)), u16_at(14));
        let rate = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let tag = match (u16_at(0), chunk.get(24..26)) {
            // The first two bytes of the sub-format's GUID are the tag proper.
            (EXTENSIBLE, Some(sub)) => u16::from_le_bytes([sub[0], sub[1]]),
            (tag, _) => tag,
        };
        if !(1..=CHANNELS_MAX).contains(&channels) {
            return Err(format!("a WAV file of {channels} channels"));
        }
        let bytes = align / channels;
        let pcm = match (tag, bits, bytes) {
            (GSM, ..) if channels == 1 => return Ok(Format { coding: Coding::Gsm, channels, rate }),
            (MP3, ..) => return Ok(Format { coding: Coding::Mp3, channels, rate }),
            (PCM, 1..=8, 1) => Encoding::Unsigned8,
            (PCM, 9..=32, 2..=4) if usize::from(bits) <= bytes * 8 => Encoding::Signed(bytes, Endian::Little),
            (FLOAT, 32, 4) => Encoding::Float32(Endian::Little),
            (FLOAT, 64, 8) => Encoding::Float64(Endian::Little),
            (ALAW, 8, 1) => Encoding::Alaw,
            (ULAW, 8, 1) => Encoding::Ulaw,
            _ => return Err(format!("a WAV file of format {tag} with {bits} bits, which cannot be played")),
        };
        if align % channels != 0 {
            return Err("a WAV file with a broken block size".to_owned());
        }
        Ok(Format { coding: Coding::Pcm(pcm), channels, rate })
    }

    fn decode(self, data: &[u8]) -> Result<Clip, String> {
        match self.coding {
            Coding::Pcm(encoding) => encoding.read(WHAT, self.rate, self.channels, data),
            Coding::Gsm => gsm::read_pairs(WHAT, self.rate, data),
            // Frames carry their own rate and channels.
            Coding::Mp3 => mp3::read(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::SampleRate;

    use hound::{SampleFormat, WavSpec, WavWriter};
    use std::io::Cursor;

    fn written<S: hound::Sample>(
        bits: u16,
        float: bool,
        channels: u16,
        rate: u32,
        samples: impl IntoIterator<Item = S>,
    ) -> Vec<u8> {
        let sample_format = if float { SampleFormat::Float } else { SampleFormat::Int };
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
        for sample in samples {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    fn file(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
        let align = channels * bits.div_ceil(8);
        let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        bytes.extend(tag.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend(rate.wrapping_mul(u32::from(align)).to_le_bytes());
        bytes.extend(align.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn every_width_of_another_writer_is_read_at_its_rate() {
        let wave = [0i32, 100, -100, 127, -128];
        let clip = |bytes: Vec<u8>| read(&bytes).unwrap();
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000] {
            let expected = |samples: [i16; 5]| Clip { rate: SampleRate(rate), samples: samples.to_vec() };
            let high = expected([0, 25_600, -25_600, 32_512, -32_768]);
            assert_eq!(clip(written(8, false, 1, rate, wave)), high);
            assert_eq!(clip(written(16, false, 1, rate, wave.map(|s| s << 8))), high);
            assert_eq!(clip(written(24, false, 1, rate, wave.map(|s| s << 16))), high);
            assert_eq!(clip(written(32, false, 1, rate, wave.map(|s| s << 24))), high);
            assert_eq!(clip(written(32, true, 1, rate, wave.map(|s| s as f32 / 128.0))), high);
        }
    }

    #[test]
    fn channels_are_mixed_down() {
        let stereo = read(&written(16, false, 2, 8_000, [1_000i16, 3_000, -32_768, -32_768, 5, -5])).unwrap();
        assert_eq!(stereo.samples, [2_000, -32_768, 0]);
    }

    #[test]
    fn both_laws_and_odd_floats_are_read() {
        assert_eq!(read(&file(7, 1, 8_000, 8, &[0xff, 0x80, 0x00])).unwrap().samples, [0, 32_124, -32_124]);
        assert_eq!(read(&file(6, 1, 8_000, 8, &[0xd5, 0xaa])).unwrap().samples, [8, 32_256]);
        let odd: Vec<u8> = [f64::NAN, f64::INFINITY, -2.0, 0.5].iter().flat_map(|f| f.to_le_bytes()).collect();
        assert_eq!(read(&file(3, 1, 8_000, 64, &odd)).unwrap().samples, [0, 32_767, -32_768, 16_384]);
    }

    #[test]
    fn chunks_around_the_data_are_skipped_and_a_false_length_is_bounded_by_the_file() {
        let mut bytes = file(1, 1, 8_000, 16, &[1, 0, 2, 0, 3]);
        bytes.splice(12..12, *b"LIST\x03\0\0\0abc\0");
        let length = bytes.len() - 9;
        bytes[length..length + 4].copy_from_slice(&0x7fff_f000u32.to_le_bytes());
        assert_eq!(read(&bytes).unwrap().samples, [1, 2]);
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        for (bytes, reason) in [
            (b"".to_vec(), "not a WAV"),
            (b"ID3\x03 this is an mp3".to_vec(), "not a WAV"),
            (b"RIFF\0\0\0\0AVI LIST".to_vec(), "not a WAV"),
            (b"RIFF\0\0\0\0WAVE".to_vec(), "without data"),
            (b"RIFF\0\0\0\0WAVEdata\x02\0\0\0ab".to_vec(), "before their format"),
            (b"RIFF\0\0\0\0WAVEfmt \x02\0\0\0ab".to_vec(), "short format"),
            (file(2, 1, 8_000, 4, b"abcd"), "format 2"),
            (file(0x31, 2, 8_000, 0, &[0; 65]), "format 49"),
            (file(0x31, 1, 8_000, 0, &[0; 64]), "without a sample"),
            (file(0x55, 1, 8_000, 0, &[0; 64]), "not an MP3"),
            (file(1, 1, 1_000_000_000, 16, b"abcd"), "1000000000 Hz"),
            (file(1, 0, 8_000, 16, b"abcd"), "0 channels"),
            (file(1, 9, 8_000, 16, b"abcd"), "9 channels"),
            (file(1, 1, 4_000, 16, b"abcd"), "4000 Hz"),
            (file(1, 1, 96_000, 16, b"abcd"), "96000 Hz"),
            (file(1, 1, 8_000, 16, b"a"), "without a sample"),
        ] {
            let error = read(&bytes).unwrap_err();
            assert!(error.contains(reason), "{error} / {reason}");
        }
    }

    #[test]
    fn no_damaged_file_panics() {
        let good = written(24, false, 2, 8_000, 0..50i32);
        for at in 0..good.len().min(80) {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                let _ = read(&bad);
                let _ = read(&bad[..at]);
            }
        }
    }
}
