use std::time::Duration;

use super::Method;

/// Names one recording of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordingId(pub u64);

#[derive(Clone, Debug, PartialEq)]
pub enum RecordingCommand {
    /// Record what the leg says. [`RecordingEnded`] follows exactly once, also when the leg hangs up.
    Start { id: RecordingId, what: Box<Recording> },
    /// End it; `RecordingEnded` still follows.
    Stop { id: RecordingId },
}

/// How to record.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub channels: RecordingChannels,
    pub track: RecordingTrack,
    /// Take silence off both ends; what is silent throughout leaves no file.
    pub trim: bool,
    pub max: Option<Duration>,
    /// End after so much silence.
    pub silence: Option<Duration>,
    pub callback: Option<RecordingCallback>,
    /// Send the file there instead of keeping it.
    pub storage: Option<(String, Upload)>,
    pub transcribe: Option<Transcribe>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordingChannels {
    #[default]
    Mono,
    Dual,
}

/// Whose audio: inbound is what the far end of the recorded leg says; of a `<Dial>`, what the called party says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordingTrack {
    #[default]
    Both,
    Inbound,
    Outbound,
}

/// How a file is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upload {
    #[default]
    Post,
    Put,
}

/// `recordingStatusCallback` with its method and events (laml.md 2.5).
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingCallback {
    /// Absolute.
    pub url: String,
    pub method: Method,
    pub in_progress: bool,
    pub completed: bool,
    pub absent: bool,
}

/// Turn the recording into text, and tell whoever wants to know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcribe {
    pub callback: Option<(String, Method)>,
}

/// A recording that exists or is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRef {
    pub sid: String,
    pub url: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RecordingEnded {
    pub id: RecordingId,
    /// None: nothing was recorded, or nothing but silence that was to be trimmed.
    pub recording: Option<RecordingRef>,
    pub duration: Duration,
}
