//! GSM 06.10 full rate, decoding only (ETSI EN 300 961; ITU and WAV names: "GSM 6.10", WAV49): 160 samples at 8 kHz from 33
//! bytes, or 320 from 65 as WAV files pack them. It encodes nothing and conceals nothing. Start at [`read_frames`].

mod decoder;
mod frame;
mod math;

use crate::control::Clip;

use super::collect::Collector;
use decoder::Decoder;
use frame::{FRAME_BYTES, Frame, PAIR_BYTES};

/// Samples of one frame.
const FRAME_SAMPLES: usize = 160;

/// Whether a file without a header is frames and nothing else: each begins with the same four bits.
pub(super) fn is(bytes: &[u8]) -> bool {
    let frames = bytes.chunks_exact(FRAME_BYTES);
    !bytes.is_empty() && frames.remainder().is_empty() && frames.into_iter().all(|frame| frame[0] >> 4 == frame::MAGIC)
}

/// Reads frames of 33 bytes, as in `.gsm` files and RTP (RFC 3551 section 4.5.8.1). A frame cut off at the end is left out; a
/// damaged one is decoded as it stands.
pub(super) fn read_frames(what: &str, rate: u32, bytes: &[u8]) -> Result<Clip, String> {
    if bytes.first().is_some_and(|first| first >> 4 != frame::MAGIC) {
        return Err(format!("{what} that is not GSM 06.10"));
    }
    decode(what, rate, bytes.chunks_exact(FRAME_BYTES).map(Frame::of_bytes))
}

/// Reads blocks of 65 bytes with two frames each: format 49 of WAV files.
pub(super) fn read_pairs(what: &str, rate: u32, bytes: &[u8]) -> Result<Clip, String> {
    decode(what, rate, bytes.chunks_exact(PAIR_BYTES).flat_map(Frame::of_pair))
}

fn decode(what: &str, rate: u32, frames: impl Iterator<Item = Frame>) -> Result<Clip, String> {
    let mut collector = Collector::new(what, rate)?;
    let mut decoder = Decoder::default();
    for frame in frames {
        collector.push(&decoder.decode(&frame))?;
    }
    collector.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_known_by_their_first_bits() {
        let mut two = [0; 66];
        (two[0], two[33]) = (0xd2, 0xdf);
        assert!(is(&two) && !is(&two[..65]) && !is(&[]));
        two[33] = 0xcf;
        assert!(!is(&two));
        assert_eq!(read_frames("a file", 8_000, &two).unwrap().samples.len(), 320);
        assert!(read_frames("a file", 8_000, &[0; 33]).is_err());
        assert!(read_frames("a file", 8_000, &two[..32]).is_err());
        assert_eq!(read_pairs("a file", 8_000, &[0x55; 131]).unwrap().samples.len(), 640);
    }

    #[test]
    fn any_bits_decode() {
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let bytes: Vec<u8> = (0..65 * 2_000).map(|_| noise()).collect();
        assert_eq!(read_pairs("a file", 8_000, &bytes).unwrap().samples.len(), 2_000 * 320);
        for fill in [0x00, 0xff] {
            assert!(read_pairs("a file", 8_000, &[fill; 650]).is_ok());
        }
    }
}
