use serde::{Deserialize, Serialize};
use tandem_model::{Sid, WallTime};

use super::{TimeBound, serial};

/// A conference as REST shows it (laml.md 3.9), alive or over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConferenceRecord {
    #[serde(with = "serial::sid")]
    pub sid: Sid,
    pub friendly_name: String,
    pub status: ConferenceStatus,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
    /// Why it ended, and by whose leaving.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_ended: Option<String>,
    #[serde(with = "serial::sid_option", default, skip_serializing_if = "Option::is_none")]
    pub call_sid_ending: Option<Sid>,
}

impl ConferenceRecord {
    /// What became of a conference whose process was killed.
    pub(super) fn cut_by_restart(mut self, now: WallTime) -> Self {
        self.status = ConferenceStatus::Completed;
        self.updated = now;
        self.reason_ended = Some("server restart".to_owned());
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConferenceStatus {
    Init,
    InProgress,
    Completed,
}

impl ConferenceStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            ConferenceStatus::Init => "init",
            ConferenceStatus::InProgress => "in-progress",
            ConferenceStatus::Completed => "completed",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [ConferenceStatus::Init, ConferenceStatus::InProgress, ConferenceStatus::Completed]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}

/// Which conferences a list shows; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConferenceFilter {
    pub friendly_name: Option<String>,
    pub status: Option<ConferenceStatus>,
    pub created: TimeBound,
    pub updated: TimeBound,
}
