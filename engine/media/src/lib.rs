//! The media engine: what happens to an RTP packet and to a 20 ms frame, on slices, with no I/O and no clock.
//! It is not the RTP core: sockets, threads and poll loops are in `actors/media`. Start at [`shard::Shard`] and [`control`].

pub mod amd;
pub mod conceal;
pub mod control;
pub mod denoise;
pub mod dtmf;
pub mod file;
pub mod jitter;
mod leg;
pub mod mix;
pub mod noise;
pub mod playout;
pub mod record;
pub mod resample;
pub mod rtcp;
pub mod rtp;
pub mod shard;
pub mod source;
pub mod srtp;
pub mod stats;
pub mod stretch;
pub mod tap;
pub mod tone;
