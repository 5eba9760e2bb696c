use serde::{Deserialize, Serialize};
use tandem_laml::instruction::Method;
use tandem_model::Sid;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use url::Url;

use crate::webhook::WebhookRequest;

/// A notification to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusJob {
    /// The call it tells of: the unit of order.
    pub call: String,
    pub request: WebhookRequest,
}

impl StatusJob {
    pub fn new(call: impl Into<String>, request: WebhookRequest) -> Self {
        StatusJob { call: call.into(), request }
    }
}

/// As it is kept, on disk and in the queue: tens of thousands may wait for a customer who is down.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub call: String,
    pub url: String,
    get: bool,
    params: Vec<(String, String)>,
    /// Names it across its tries and across restarts.
    pub token: String,
}

impl Kept {
    pub fn new(job: StatusJob, token: String) -> Kept {
        let WebhookRequest { url, method, params } = job.request;
        Kept { call: job.call, url, get: method == Method::Get, params, token }
    }

    /// None for what no version of this program wrote.
    pub fn read(text: &str) -> Option<Kept> {
        serde_json::from_str(text).ok()
    }

    pub fn text(&self) -> String {
        // Strings and a bool: nothing here can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn host(&self) -> String {
        let url = Url::parse(self.url.trim()).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    pub fn call_sid(&self) -> Option<Sid> {
        self.params.iter().find(|(name, _)| name == "CallSid").and_then(|(_, sid)| sid.parse().ok())
    }

    pub fn request(self) -> WebhookRequest {
        let method = if self.get { Method::Get } else { Method::Post };
        WebhookRequest { url: self.url, method, params: self.params }
    }
}

/// One in the queue.
pub(super) struct Queued {
    pub id: i64,
    pub text: String,
    /// Tries so far, of this process.
    pub tries: u32,
    /// No try begins after this.
    pub until: Instant,
    pub _slot: OwnedSemaphorePermit,
}
