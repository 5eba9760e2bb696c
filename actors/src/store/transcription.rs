use serde::{Deserialize, Serialize};
use tandem_model::{Sid, WallTime};

use super::serial;

/// The text of a recording (laml.md 1.11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranscriptionRecord {
    #[serde(with = "serial::sid")]
    pub sid: Sid,
    #[serde(with = "serial::sid")]
    pub recording_sid: Sid,
    pub status: TranscriptionStatus,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
    /// Of the recording.
    pub duration_secs: u64,
    /// Empty until it is there, and for a recording in which nothing was understood.
    #[serde(default)]
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TranscriptionStatus {
    InProgress,
    Completed,
    Failed,
}

impl TranscriptionStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            TranscriptionStatus::InProgress => "in-progress",
            TranscriptionStatus::Completed => "completed",
            TranscriptionStatus::Failed => "failed",
        }
    }
}
