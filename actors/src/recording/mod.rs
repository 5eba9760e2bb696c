//! Recordings on disk: what a tap gives becomes a WAV file that can be played at every moment of its making. What stands where
//! in the file is decided in `tandem_media::record`; here it is queued, written and kept. Start at [`RecordingService`].
//!
//! ```text
//!  media thread ──TapSink──→ queue (bounded, the oldest lost) ──every 200 ms──→ writer thread ──→ <sid>.wav.part
//!                                          every second: header, then ──→ disk thread: fdatasync
//!                                          at the end:   header, then ──→ disk thread: fsync, rename to <sid>.wav, fsync folder
//! ```

mod disk;
mod file;
mod folder;
mod mp3;
mod report;
mod service;
mod writer;

#[cfg(test)]
mod tests;

pub use folder::Recovered;
pub use mp3::{Mp3Config, Mp3Error};
pub use report::{Outcome, RecordingReport, StopReason};
pub use service::{
    RecordingConfig, RecordingControl, RecordingHandle, RecordingService, RecordingSpec, RecordingStats, StartError,
};
