use serde::{Deserialize, Serialize};
use tandem_call::directory::{ContactLimits, DigestSecrets, DtmfMethod, Encryption, OutboundPolicy, SipEndpoint};
use tandem_model::{Sid, WallTime};
use tandem_sip::registrar::Overflow;

use super::{ApplicationRecord, HandlerFields, Table, serial};

/// A SIP endpoint with every REST field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    #[serde(with = "serial::sid")]
    pub id: Sid,
    /// 0 until stored; see [`super::Store::put_endpoint`].
    #[serde(skip)]
    pub revision: i64,
    pub username: String,
    #[serde(skip)]
    pub secrets: DigestSecrets,
    pub caller_id: Option<String>,
    /// E.164 or `random`.
    pub send_as: Option<String>,
    pub ciphers: Vec<String>,
    pub codecs: Vec<String>,
    /// `default`, `required`, `optional`.
    pub encryption: String,
    /// `auto`, `rfc4733`, `info`, `in_band`. Records from before it was a field do as they always did.
    #[serde(default = "dtmf_auto")]
    pub dtmf: String,
    /// `passthrough`, `block`; None follows the profile.
    pub outbound_policy: Option<String>,
    /// Contacts at a time; None takes the server's number.
    #[serde(default)]
    pub max_contacts: Option<i32>,
    /// `refuse`, `replace_oldest`; None does as the server does.
    #[serde(default)]
    pub contact_overflow: Option<String>,
    pub handler: HandlerFields,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
}

impl EndpointRecord {
    pub fn new(id: Sid, username: String, secrets: DigestSecrets, now: WallTime) -> Self {
        EndpointRecord {
            id,
            revision: 0,
            username,
            secrets,
            caller_id: None,
            send_as: None,
            ciphers: Vec::new(),
            codecs: Vec::new(),
            encryption: "default".into(),
            dtmf: dtmf_auto(),
            outbound_policy: None,
            max_contacts: None,
            contact_overflow: None,
            handler: HandlerFields::default(),
            created: now,
            updated: now,
        }
    }

    pub(super) fn to_directory(&self, applications: &Table<ApplicationRecord>) -> SipEndpoint {
        SipEndpoint {
            id: self.id,
            username: self.username.clone(),
            secrets: self.secrets.clone(),
            caller_id: self.caller_id.clone(),
            // "random" is any number of the project: the profile's.
            send_as: self.send_as.clone().filter(|s| s != "random"),
            codecs: self.codecs.clone(),
            ciphers: self.ciphers.clone(),
            encryption: encryption(&self.encryption),
            dtmf: dtmf_method(&self.dtmf),
            outbound_policy: self.outbound_policy.as_deref().map(outbound_policy),
            contacts: ContactLimits {
                contacts_max: self.max_contacts.and_then(|n| usize::try_from(n).ok()),
                overflow: self.contact_overflow.as_deref().and_then(Overflow::from_name),
            },
            handler: self.handler.handler(applications),
        }
    }
}

pub(super) fn encryption(name: &str) -> Encryption {
    match name {
        "required" => Encryption::Required,
        "optional" => Encryption::Optional,
        "forbidden" => Encryption::Forbidden,
        _ => Encryption::Default,
    }
}

/// What records say that do not say.
pub(super) fn dtmf_auto() -> String {
    "auto".into()
}

pub(super) fn dtmf_method(name: &str) -> DtmfMethod {
    match name {
        "rfc4733" => DtmfMethod::Rfc4733,
        "info" => DtmfMethod::Info,
        "in_band" => DtmfMethod::InBand,
        _ => DtmfMethod::Auto,
    }
}

pub(super) fn outbound_policy(name: &str) -> OutboundPolicy {
    match name {
        "passthrough" => OutboundPolicy::Passthrough,
        _ => OutboundPolicy::Block,
    }
}
