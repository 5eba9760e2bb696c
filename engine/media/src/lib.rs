//! The media engine: what happens to an RTP packet and to a 20 ms frame, on slices, with no I/O and no clock.
//! It is not the RTP core: sockets, threads and poll loops are in `actors/media`. Start at [`control`].

pub mod control;
pub mod rtcp;
pub mod rtp;
pub mod source;
pub mod stats;
