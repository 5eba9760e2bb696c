use serde::{Deserialize, Serialize};
use tandem_call::directory::DomainApp;
use tandem_model::{Sid, WallTime};

use super::endpoint::encryption;
use super::{ApplicationRecord, HandlerFields, Table, serial};

/// A domain application with every REST field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainAppRecord {
    #[serde(with = "serial::sid")]
    pub id: Sid,
    #[serde(skip)]
    pub revision: i64,
    pub name: String,
    pub identifier: String,
    /// `*` or a literal user part.
    pub user: String,
    pub ip_auth_enabled: bool,
    /// Addresses and CIDR ranges, as given.
    pub ip_auth: Vec<String>,
    pub handler: HandlerFields,
    /// `optional`, `required`, `forbidden`.
    pub encryption: String,
    pub codecs: Vec<String>,
    pub ciphers: Vec<String>,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
}

impl DomainAppRecord {
    pub(super) fn to_directory(&self, applications: &Table<ApplicationRecord>) -> DomainApp {
        DomainApp {
            id: self.id,
            name: self.name.clone(),
            identifier: self.identifier.clone(),
            user: self.user.clone(),
            ip_auth_enabled: self.ip_auth_enabled,
            // Checked on the way in; an entry that does not read admits nobody.
            ip_auth: self.ip_auth.iter().filter_map(|range| range.parse().ok()).collect(),
            handler: self.handler.handler(applications),
            encryption: encryption(&self.encryption),
            codecs: self.codecs.clone(),
            ciphers: self.ciphers.clone(),
        }
    }
}
