//! In-band DTMF (ITU-T Q.23) for a leg that agreed no telephone-event; those are in [`dtmf`](crate::dtmf).
//! Start at [`DtmfTone`].

mod dtmf_tone;
mod oscillator;

pub use dtmf_tone::DtmfTone;
