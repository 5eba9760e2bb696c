use serde::{Deserialize, Serialize};
use tandem_call::directory::{Handler, NumberHandler, PhoneNumber};
use tandem_model::{Sid, WallTime};

use super::{ApplicationRecord, HandlerFields, SmsFields, Table, serial};

/// A number of this project with every REST field of both APIs (laml.md 3.5, 3.11). The Compatibility API's `VoiceUrl`
/// and its neighbours are the handler's webhooks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhoneNumberRecord {
    #[serde(with = "serial::sid")]
    pub id: Sid,
    /// 0 until stored; see [`super::Store::put_phone_number`].
    #[serde(skip)]
    pub revision: i64,
    /// E.164.
    pub number: String,
    /// FriendlyName of the one API, name of the other.
    pub name: Option<String>,
    /// Its `call_handler` may also be `relay_sip_endpoint`.
    pub handler: HandlerFields,
    #[serde(with = "serial::sid_option", default)]
    pub call_sip_endpoint_id: Option<Sid>,
    /// `voice`, `fax`.
    pub call_receive_mode: String,
    #[serde(flatten)]
    pub sms: SmsFields,
    pub sms_application_sid: Option<String>,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
}

/// Rings an endpoint.
pub const NUMBER_RINGS_ENDPOINT: &str = "relay_sip_endpoint";

impl PhoneNumberRecord {
    pub fn new(id: Sid, now: WallTime) -> Self {
        PhoneNumberRecord {
            id,
            revision: 0,
            number: String::new(),
            name: None,
            handler: HandlerFields::default(),
            call_sip_endpoint_id: None,
            call_receive_mode: "voice".into(),
            sms: SmsFields::default(),
            sms_application_sid: None,
            created: now,
            updated: now,
        }
    }

    pub(super) fn to_directory(&self, applications: &Table<ApplicationRecord>) -> PhoneNumber {
        let handler = match self.handler.call_handler.as_deref() {
            Some(NUMBER_RINGS_ENDPOINT) => {
                self.call_sip_endpoint_id.map_or(NumberHandler::None, NumberHandler::Endpoint)
            }
            _ => match self.handler.handler(applications) {
                Handler::None => NumberHandler::None,
                Handler::LamlWebhooks(hooks) => NumberHandler::Laml(hooks),
                Handler::Unsupported(name) => NumberHandler::Unsupported(name),
            },
        };
        PhoneNumber { id: self.id, number: self.number.clone(), handler }
    }
}
