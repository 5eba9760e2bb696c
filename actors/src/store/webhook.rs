use serde::{Deserialize, Serialize};
use tandem_model::{Sid, WallTime};

use super::serial;
use super::{CallEvent, EventLevel};

/// One try of one request to a customer's server, as the log of its call keeps it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WebhookEntry {
    #[serde(with = "serial::sid_option", default, skip_serializing_if = "Option::is_none")]
    pub call_sid: Option<Sid>,
    #[serde(with = "serial::wall")]
    pub at: WallTime,
    pub kind: WebhookKind,
    /// From 1.
    pub attempt: u32,
    /// The same for all tries of one request.
    pub token: String,
    pub method: String,
    /// Without credentials.
    pub url: String,
    pub params: Vec<(String, String)>,
    /// Where redirects led.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_url: Option<String>,
    /// The address that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_headers: Vec<(String, String)>,
    /// Its beginning.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub response_body: String,
    /// As far as it was read.
    #[serde(default)]
    pub response_bytes: u64,
    pub timings: WebhookTimings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<WebhookError>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookKind {
    #[default]
    Instruction,
    Notification,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookTimings {
    /// Waiting for a place among the host's requests.
    pub queued_ms: u32,
    /// None where no name had to be looked up, as on a connection that stood already.
    pub dns_ms: Option<u32>,
    /// From sending to the head of the response, redirects included.
    pub first_byte_ms: Option<u32>,
    pub total_ms: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookError {
    /// laml.md 2.7; 0 when nothing failed but nobody waited either.
    pub code: u32,
    pub message: String,
}

impl WebhookKind {
    pub fn as_str(self) -> &'static str {
        match self {
            WebhookKind::Instruction => "instruction",
            WebhookKind::Notification => "notification",
        }
    }
}

/// How much of the log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookLogBounds {
    /// Entries in all; 0 keeps none.
    pub entries_max: usize,
    pub per_call_max: usize,
}

impl Default for WebhookLogBounds {
    fn default() -> Self {
        WebhookLogBounds { entries_max: 100_000, per_call_max: 200 }
    }
}

/// A notification on its way, as it is kept until it was delivered or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusJobRow {
    /// Rises with the order of acceptance.
    pub id: i64,
    pub created: WallTime,
    /// JSON of the queue's own.
    pub request: String,
}

/// A line of a call's log with the request whose document it is about: a Notification of the Compatibility API.
#[derive(Clone, Debug, PartialEq)]
pub struct NotificationRecord {
    /// Its place in the log.
    pub seq: i64,
    pub event: CallEvent,
    pub webhook: Option<WebhookEntry>,
}

/// Which notifications a list shows, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NotificationFilter {
    pub call_sid: Option<Sid>,
    pub level: Option<EventLevel>,
    /// From the first, before the second.
    pub from: Option<WallTime>,
    pub before: Option<WallTime>,
    /// Only those older than this one, or only the last of those newer.
    pub after_seq: Option<i64>,
    pub before_seq: Option<i64>,
    pub limit: u32,
}
