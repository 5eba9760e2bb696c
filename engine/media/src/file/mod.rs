//! Audio files to one channel of PCM: WAV, AIFF, AU, MP3, GSM 06.10 and raw µ-law, from any bytes at all. It fetches nothing and
//! is pure; it takes its time, so it is not for an async thread. Start at [`decode`].

mod aiff;
mod au;
mod collect;
mod g711;
mod gsm;
mod kind;
mod mp3;
mod pcm;
mod wav;

use crate::control::Clip;

use kind::Kind;
use pcm::Encoding;

/// A file's audio at its own rate of 8 to 48 kHz, or 16 kHz where it is too long for that. Memory is bounded by the file and by
/// 77 MB of samples, whatever its headers claim.
///
/// # Errors
/// What the file is or lacks, in words for its owner.
pub fn decode(content_type: Option<&str>, body: &[u8]) -> Result<Clip, String> {
    match Kind::of(content_type, body)? {
        Kind::Wav => wav::read(body),
        Kind::Aiff => aiff::read(body),
        Kind::Au => au::read(body),
        Kind::Mp3 => mp3::read(body),
        Kind::Gsm => gsm::read_frames("a file", 8_000, body),
        Kind::RawUlaw if body.is_empty() => Err("the file is empty".to_owned()),
        Kind::RawUlaw => Encoding::Ulaw.read("a file", 8_000, 1, body),
    }
}
