use serde::{Deserialize, Serialize};
use tandem_call::directory::Carrier;
use tandem_model::{Sid, WallTime};

use super::endpoint::{dtmf_auto, dtmf_method};
use super::{CarrierPolicy, serial};

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
    #[serde(flatten)]
    pub policy: CarrierPolicy,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
}

impl CarrierRecord {
    /// For all numbers, with every policy at its default.
    pub fn new(id: Sid, name: String, uri: String, now: WallTime) -> Self {
        CarrierRecord {
            id,
            revision: 0,
            name,
            uri,
            username: None,
            password: None,
            patterns: vec!["+*".into()],
            priority: 10,
            allow_from: Vec::new(),
            dtmf: dtmf_auto(),
            policy: CarrierPolicy::default(),
            created: now,
            updated: now,
        }
    }

    pub(super) fn to_directory(&self) -> Carrier {
        let mut carrier = Carrier::new(self.id, self.name.clone(), self.uri.clone());
        carrier.username = self.username.clone();
        carrier.password = self.password.clone();
        carrier.patterns = self.patterns.clone();
        carrier.priority = self.priority;
        carrier.allow_from = self.allow_from.iter().filter_map(|range| range.parse().ok()).collect();
        carrier.dtmf = dtmf_method(&self.dtmf);
        self.policy.apply(&mut carrier);
        carrier
    }
}

impl std::fmt::Debug for CarrierRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CarrierRecord").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}
