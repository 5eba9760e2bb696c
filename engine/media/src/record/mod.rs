//! A recording as bytes: a leg's taps in, WAV out, with time kept true across gaps, pauses and trimmed silence. It writes no
//! file: an [`Output`] does. Start at [`Recorder`].

mod activity;
mod layout;
mod recorder;
mod wav;

pub use activity::Activity;
pub use layout::{Layout, Track};
pub use recorder::{Ended, Finished, Output, Pause, Recorder, RecorderSpec};
pub use wav::{DATA_BYTES_MAX, WAV_HEADER_BYTES, WavFormat};
