//! The media engine: what happens to an RTP packet and to a 20 ms frame, on slices, with no I/O and no clock.
//! It is not the RTP core: sockets, threads and poll loops are in `actors/media`. Start at [`control`].

pub mod conceal;
pub mod control;
pub mod dtmf;
pub mod jitter;
pub mod resample;
pub mod srtp;
pub mod tone;
