//! Tones that are made: in-band DTMF (ITU-T Q.23) for a leg that agreed no telephone-event, call progress tones of each country
//! (ITU-T E.180), beeps, and music to wait by. Digits as events, and hearing them, are in [`dtmf`](crate::dtmf). Start at [`DtmfTone`] and
//! [`ringback`].

mod dtmf_tone;
mod music;
mod oscillator;
mod plan;
mod progress;

pub use dtmf_tone::DtmfTone;
pub use music::wait_music;
pub use plan::{Plan, Sound, Tone, plan};
pub use progress::{enter_beep, exit_beep, progress_clip, record_beep, ringback};
