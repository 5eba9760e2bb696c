//! What benches and instruction counts measure with: the same messages and the same pair of legs in both.
//! It measures nothing itself. Start at [`fixtures`] for signalling, at [`MediaPath`] for packets, at [`CodecFrames`] for codecs.

mod codec_frames;
mod conference;
pub mod fixtures;
mod media_path;

pub use codec_frames::{CodecFrames, frame_name};
pub use conference::Conference;
pub use media_path::{MediaPath, addr, rtp_packet};
