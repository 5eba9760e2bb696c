use serde::{Deserialize, Serialize};
use tandem_call::directory::SipProfile;

use super::endpoint::{encryption, outbound_policy};

/// The project's SIP profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SipProfileRecord {
    #[serde(skip)]
    pub revision: i64,
    pub domain_identifier: String,
    pub default_codecs: Vec<String>,
    pub default_ciphers: Vec<String>,
    /// `required`, `optional`.
    pub default_encryption: String,
    pub default_send_as: Option<String>,
    /// `passthrough`, `block`.
    pub default_outbound_policy: String,
}

impl SipProfileRecord {
    /// What a new project starts with: its identifier is the last 12 hex digits of the project id.
    pub(super) fn first(project_id: &str) -> Self {
        let base = SipProfile::default();
        let hex: String = project_id.chars().filter(char::is_ascii_hexdigit).collect();
        SipProfileRecord {
            revision: 0,
            domain_identifier: hex[hex.len().saturating_sub(12)..].to_ascii_lowercase(),
            default_codecs: base.default_codecs,
            default_ciphers: base.default_ciphers,
            default_encryption: "optional".into(),
            default_send_as: None,
            default_outbound_policy: "block".into(),
        }
    }

    pub(super) fn to_directory(&self) -> SipProfile {
        SipProfile {
            domain_identifier: self.domain_identifier.clone(),
            default_codecs: self.default_codecs.clone(),
            default_ciphers: self.default_ciphers.clone(),
            default_encryption: encryption(&self.default_encryption),
            default_send_as: self.default_send_as.clone(),
            default_outbound_policy: outbound_policy(&self.default_outbound_policy),
        }
    }
}
