use std::path::PathBuf;
use std::time::Duration;

use tandem_model::Sid;

/// What became of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingReport {
    pub sid: Sid,
    pub outcome: Outcome,
    pub reason: StopReason,
    /// Of the file, pauses and trimmed silence as asked.
    pub duration: Duration,
    /// Size of the file.
    pub bytes: u64,
    pub channels: u16,
    /// Frames the writer came too late for. They are silence in the file.
    pub lost_frames: u64,
    /// All ticks of silence in the place of frames that never came, lost ones included.
    pub filled_ticks: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole of it is in the file.
    Complete(PathBuf),
    /// The disk failed: the file holds what came before.
    Partial(PathBuf, String),
    /// Nothing but silence, and silence was to be trimmed, or nothing at all: there is no file.
    Absent,
    /// There is no file, though there should be.
    Failed(String),
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// [`stop`](super::RecordingControl::stop).
    Asked,
    /// The tap was taken off or the leg has ended.
    TapEnded,
    MaxLength,
    /// Nobody spoke for as long as the recording's spec allows.
    Silence,
    /// A file could not be made or written.
    Disk,
    /// The switch ends.
    Shutdown,
}
