use serde::{Deserialize, Serialize};
use tandem_media::record::{Layout, Track};
use tandem_model::{Sid, WallTime};

use super::{TimeBound, serial};

/// A recording as REST shows it (laml.md 3.7), from the moment it is asked for. The sound is a file of its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingRecord {
    #[serde(with = "serial::sid")]
    pub sid: Sid,
    #[serde(with = "serial::sid_option", default, skip_serializing_if = "Option::is_none")]
    pub call_sid: Option<Sid>,
    #[serde(with = "serial::sid_option", default, skip_serializing_if = "Option::is_none")]
    pub conference_sid: Option<Sid>,
    pub source: RecordingSource,
    pub status: RecordingStatus,
    /// 1 or 2.
    pub channels: u16,
    pub track: RecordingTrack,
    /// Silence is taken off both ends.
    pub trim: bool,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
    #[serde(with = "serial::wall_option", default, skip_serializing_if = "Option::is_none")]
    pub started: Option<WallTime>,
    #[serde(with = "serial::wall_option", default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<WallTime>,
    /// Of the file, in whole seconds; None until it is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_secs: Option<u64>,
    /// Why there is no file, or not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<u32>,
}

impl RecordingRecord {
    /// One channel of both directions, `queued`, with nothing known but what it is of and when.
    pub fn new(sid: Sid, source: RecordingSource, now: WallTime) -> Self {
        RecordingRecord {
            sid,
            call_sid: None,
            conference_sid: None,
            source,
            status: RecordingStatus::Queued,
            channels: 1,
            track: RecordingTrack::Both,
            trim: false,
            created: now,
            updated: now,
            started: None,
            ended: None,
            duration_secs: None,
            error_code: None,
        }
    }

    /// What became of a recording whose process was killed.
    pub(super) fn cut_by_restart(mut self, now: WallTime, file: Option<std::time::Duration>) -> Self {
        self.updated = now;
        match file {
            Some(length) => {
                self.status = RecordingStatus::Completed;
                self.duration_secs = Some(length.as_secs());
                let length_ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
                self.ended = self.started.map(|started| WallTime(started.0.saturating_add(length_ms)));
            }
            None => self.status = RecordingStatus::Absent,
        }
        self
    }

    /// Where the sound stands in the file.
    pub fn layout(&self) -> Layout {
        self.track.layout(self.channels)
    }
}

/// What asked for a recording. How each is spelt depends on the dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordingSource {
    DialVerb,
    RecordVerb,
    Conference,
    /// `Record` of a call made by REST.
    OutboundApi,
    /// REST, of a call in progress.
    StartCallRecordingApi,
    StartConferenceRecordingApi,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingStatus {
    Queued,
    InProgress,
    Paused,
    /// REST ended it; its file is being finished.
    Stopped,
    Completed,
    /// Nothing was to be heard: there is no file.
    Absent,
    /// The disk failed: there is no file, though there should be.
    Failed,
}

impl RecordingStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingStatus::Queued => "queued",
            RecordingStatus::InProgress => "in-progress",
            RecordingStatus::Paused => "paused",
            RecordingStatus::Stopped => "stopped",
            RecordingStatus::Completed => "completed",
            RecordingStatus::Absent => "absent",
            RecordingStatus::Failed => "failed",
        }
    }

    pub fn is_final(self) -> bool {
        match self {
            RecordingStatus::Queued
            | RecordingStatus::InProgress
            | RecordingStatus::Paused
            | RecordingStatus::Stopped => false,
            RecordingStatus::Completed | RecordingStatus::Absent | RecordingStatus::Failed => true,
        }
    }
}

/// Whose voice is recorded, as seen from the call's party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingTrack {
    Inbound,
    Outbound,
    #[default]
    Both,
}

impl RecordingTrack {
    pub fn as_str(self) -> &'static str {
        match self {
            RecordingTrack::Inbound => "inbound",
            RecordingTrack::Outbound => "outbound",
            RecordingTrack::Both => "both",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [RecordingTrack::Inbound, RecordingTrack::Outbound, RecordingTrack::Both]
            .into_iter()
            .find(|t| t.as_str() == name)
    }

    /// A single direction has one channel, whatever was asked for.
    pub fn layout(self, channels: u16) -> Layout {
        match (self, channels) {
            (RecordingTrack::Both, 2) => Layout::Dual,
            (RecordingTrack::Both, _) => Layout::Mono(Track::Both),
            (RecordingTrack::Inbound, _) => Layout::Mono(Track::Inbound),
            (RecordingTrack::Outbound, _) => Layout::Mono(Track::Outbound),
        }
    }
}

/// Which recordings a list shows; all that is given must hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RecordingFilter {
    pub call_sid: Option<Sid>,
    pub conference_sid: Option<Sid>,
    pub created: TimeBound,
}
