use serde::{Deserialize, Serialize};
use tandem_call::directory::Carrier;
use tandem_model::{Sid, WallTime};

use super::endpoint::{dtmf_auto, dtmf_method};
use super::serial;

/// A carrier. Its password is sealed in the database and open here.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct CarrierRecord {
    #[serde(with = "serial::sid")]
    pub id: Sid,
    #[serde(skip)]
    pub revision: i64,
    pub name: String,
    pub uri: String,
    pub username: Option<String>,
    #[serde(skip)]
    pub password: Option<String>,
    pub patterns: Vec<String>,
    /// Lowest first.
    pub priority: i32,
    pub allow_from: Vec<String>,
    /// `auto`, `rfc4733`, `info`, `in_band`.
    #[serde(default = "dtmf_auto")]
    pub dtmf: String,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
}

impl CarrierRecord {
    pub(super) fn to_directory(&self) -> Carrier {
        Carrier {
            id: self.id,
            name: self.name.clone(),
            uri: self.uri.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
            patterns: self.patterns.clone(),
            priority: self.priority,
            allow_from: self.allow_from.iter().filter_map(|range| range.parse().ok()).collect(),
            dtmf: dtmf_method(&self.dtmf),
        }
    }
}

impl std::fmt::Debug for CarrierRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CarrierRecord").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}
