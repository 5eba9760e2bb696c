use serde::{Deserialize, Serialize};
use tandem_call::directory::WebhookSet;
use tandem_model::{Sid, WallTime};

use super::handler::method;
use super::serial;

/// A named set of webhooks that numbers, endpoints, domain applications and calls refer to (laml.md 3.11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplicationRecord {
    #[serde(with = "serial::sid")]
    pub id: Sid,
    /// 0 until stored; see [`super::Store::put_application`].
    #[serde(skip)]
    pub revision: i64,
    pub friendly_name: String,
    #[serde(flatten)]
    pub voice: VoiceFields,
    #[serde(flatten)]
    pub sms: SmsFields,
    pub message_status_callback: Option<String>,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
}

/// What a call asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoiceFields {
    pub voice_url: Option<String>,
    /// `GET`, `POST`; so are the others.
    pub voice_method: String,
    pub voice_fallback_url: Option<String>,
    pub voice_fallback_method: String,
    pub status_callback: Option<String>,
    pub status_callback_method: String,
    pub voice_caller_id_lookup: bool,
}

/// What a message would ask: kept for programs that set it, and never asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SmsFields {
    pub sms_url: Option<String>,
    pub sms_method: String,
    pub sms_fallback_url: Option<String>,
    pub sms_fallback_method: String,
    pub sms_status_callback: Option<String>,
    pub sms_status_callback_method: String,
}

impl Default for VoiceFields {
    fn default() -> Self {
        VoiceFields {
            voice_url: None,
            voice_method: "POST".into(),
            voice_fallback_url: None,
            voice_fallback_method: "POST".into(),
            status_callback: None,
            status_callback_method: "POST".into(),
            voice_caller_id_lookup: false,
        }
    }
}

impl Default for SmsFields {
    fn default() -> Self {
        SmsFields {
            sms_url: None,
            sms_method: "POST".into(),
            sms_fallback_url: None,
            sms_fallback_method: "POST".into(),
            sms_status_callback: None,
            sms_status_callback_method: "POST".into(),
        }
    }
}

impl ApplicationRecord {
    pub fn new(id: Sid, now: WallTime) -> Self {
        ApplicationRecord {
            id,
            revision: 0,
            friendly_name: String::new(),
            voice: VoiceFields::default(),
            sms: SmsFields::default(),
            message_status_callback: None,
            created: now,
            updated: now,
        }
    }

    /// None without a document to ask for.
    pub fn webhooks(&self) -> Option<WebhookSet> {
        let v = &self.voice;
        Some(WebhookSet {
            request_url: v.voice_url.clone()?,
            request_method: method(&v.voice_method),
            fallback_url: v.voice_fallback_url.clone(),
            fallback_method: method(&v.voice_fallback_method),
            status_callback_url: v.status_callback.clone(),
            status_callback_method: method(&v.status_callback_method),
        })
    }
}
