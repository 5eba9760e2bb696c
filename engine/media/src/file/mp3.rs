use crate::control::Clip;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::{FormatOptions, FormatReader, Track};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource};
use symphonia::default::codecs::MpaDecoder;
use symphonia::default::formats::MpaReader;

use super::collect::Collector;

/// Whether a file begins like MPEG audio of layer III: an ID3 tag, or two frames in a row.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(b"ID3")
        || Header::read(bytes).is_some_and(|first| {
            bytes.get(first.frame_bytes..).and_then(Header::read).is_some_and(|second| second.rate == first.rate)
        })
}

/// Reads MPEG-1, -2 and -2.5 audio of layer III at any bit rate, channels mixed down. Damaged frames are left out.
///
/// What an encoder says it put before and after the sound is taken off; a length it states is believed only where it is true.
pub(super) fn read(bytes: &[u8]) -> Result<Clip, String> {
    let unreadable = || "not an MP3 file".to_owned();
    // Not seekable, on purpose: else the reader guesses the length from the first frame's bit rate.
    let source = ReadOnlySource::new(&bytes[tags(bytes)..]);
    let stream = MediaSourceStream::new(Box::new(source), MediaSourceStreamOptions::default());
    let mut reader = MpaReader::try_new(stream, FormatOptions::default()).map_err(|_| unreadable())?;
    let track = reader.tracks().first().cloned().ok_or_else(unreadable)?;
    let params = track.codec_params.as_ref().and_then(|params| params.audio()).ok_or_else(unreadable)?;
    let options = AudioDecoderOptions::default().gapless(false);
    let mut decoder = MpaDecoder::try_new(params, &options).map_err(|_| unreadable())?;
    let mut collector = Collector::new("an MP3 file", params.sample_rate.unwrap_or(0))?;

    let mut edges = Edges::of(&track);
    let mut planes: Vec<Vec<i16>> = Vec::new();
    // An error of the reader is the end of what it can follow; what was decoded is played.
    while let Ok(Some(packet)) = reader.next_packet() {
        // A frame that cannot be decoded costs itself alone.
        let Ok(buffer) = decoder.decode(&packet) else { continue };
        buffer.copy_to_vecs_planar(&mut planes);
        edges.take(&mixed(&planes), &mut collector)?;
    }
    edges.finish(&mut collector)?;
    collector.finish()
}

fn mixed(planes: &[Vec<i16>]) -> Vec<i16> {
    match planes {
        [left, right] => left.iter().zip(right).map(|(l, r)| ((i32::from(*l) + i32::from(*r)) / 2) as i16).collect(),
        planes => planes.first().cloned().unwrap_or_default(),
    }
}

/// The silence an encoder puts around the sound.
struct Edges {
    /// Samples still to be left out at the beginning.
    before: usize,
    /// Samples held back at the end, for they may be padding.
    after: usize,
    held: Vec<i16>,
    decoded: u64,
    /// How many there must be for `after` to be believed.
    stated: Option<u64>,
}

impl Edges {
    fn of(track: &Track) -> Edges {
        let (before, after) = (track.delay.unwrap_or(0), track.padding.unwrap_or(0));
        let stated = track.num_frames.map(|n| n.saturating_add(u64::from(before) + u64::from(after)));
        Edges { before: before as usize, after: after as usize, held: Vec::new(), decoded: 0, stated }
    }

    fn take(&mut self, block: &[i16], collector: &mut Collector) -> Result<(), String> {
        self.decoded += block.len() as u64;
        let skipped = self.before.min(block.len());
        self.before -= skipped;
        self.held.extend_from_slice(&block[skipped..]);
        let surplus = self.held.len().saturating_sub(self.after);
        collector.push(&self.held[..surplus])?;
        self.held.drain(..surplus);
        Ok(())
    }

    fn finish(&mut self, collector: &mut Collector) -> Result<(), String> {
        if self.stated == Some(self.decoded) { Ok(()) } else { collector.push(&self.held) }
    }
}

/// Bytes of ID3v2 tags before the audio.
fn tags(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some([b'I', b'D', b'3', _, _, flags, size @ ..]) = bytes[at..].first_chunk::<10>() {
        // Seven bits a byte; a footer of ten bytes where the flag says so.
        let length = size.iter().fold(0, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
        let footer = if flags & 0x10 != 0 { 10 } else { 0 };
        at = (at + 10 + length + footer).min(bytes.len());
    }
    at
}

/// The head of a layer III frame (ISO 11172-3 section 2.4.1.3, ISO 13818-3, and the later half rates).
struct Header {
    rate: u32,
    frame_bytes: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Header> {
        let head = u32::from_be_bytes(*bytes.first_chunk::<4>()?);
        let field = |shift: u32, mask: u32| (head >> shift & mask) as usize;
        // Eleven bits of sync, then version (1 is reserved), layer (1 is III).
        if head >> 21 != 0x7ff || field(19, 3) == 1 || field(17, 3) != 1 {
            return None;
        }
        let (mpeg1, half) = (field(19, 3) == 3, field(19, 3) == 0);
        let kbits = if mpeg1 { &MPEG1_KBITS } else { &MPEG2_KBITS }.get(field(12, 15))?;
        let rate = [44_100, 48_000, 32_000].get(field(10, 3))? >> (u32::from(!mpeg1) + u32::from(half));
        let bytes_per_kbit = if mpeg1 { 144_000 } else { 72_000 };
        Some(Header { rate, frame_bytes: (bytes_per_kbit * kbits / rate) as usize + field(9, 1) })
    }
}

/// By index; 0 is the free format, which nobody uses, and 15 is forbidden.
const MPEG1_KBITS: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MPEG2_KBITS: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_in_a_row_are_known_for_mp3_and_other_bytes_are_not() {
        let head = [0xff, 0xfb, 0x90, 0xc4];
        let header = Header::read(&head).unwrap();
        assert_eq!((header.rate, header.frame_bytes), (44_100, 417));
        let mut two = vec![0; 421];
        two[..4].copy_from_slice(&head);
        assert!(!is(&two));
        two[417..].copy_from_slice(&head);
        assert!(is(&two) && is(b"ID3\x04 and so on"));
        let half = Header::read(&[0xff, 0xe3, 0x18, 0xc4]).unwrap();
        assert_eq!((half.rate, half.frame_bytes), (8_000, 72));
        for no in [
            [0; 4],
            [0xff; 4],
            [0xff, 0xfd, 0x90, 0],
            [0xff, 0xfb, 0xf0, 0],
            [0xff, 0xfb, 0x9c, 0],
            [0xff, 0xeb, 0x90, 0],
        ] {
            assert!(Header::read(&no).is_none(), "{no:x?}");
        }
    }

    #[test]
    fn tags_of_any_claimed_size_end_with_the_file() {
        assert_eq!(tags(b"ID3\x04\0\0\0\0\0\x02abREST"), 12);
        assert_eq!(tags(b"ID3\x04\0\x10\0\0\x01\0"), 10);
        assert_eq!(tags(&[&b"ID3\x04\0\0\x7f\x7f\x7f\x7f"[..], &[0; 90]].concat()), 100);
        for bytes in [&b""[..], b"ID3", b"ID3\x04\0\0\0\0\0\0", b"\xff\xfb\x90\xc4", &[0; 5_000], &[0xff; 5_000]] {
            assert!(read(bytes).is_err());
        }
    }
}
