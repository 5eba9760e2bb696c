use std::time::Duration;

use tandem_codecs::CodecId;
use tandem_model::Timestamp;

use super::contract::{EndedBy, LegEnd};

/// What a leg remembers for its end: kept apart from the state so that every exit writes the same record.
#[derive(Clone, Debug, Default)]
pub struct LegFacts {
    pub call_id: String,
    pub answered_at: Option<Timestamp>,
    pub codec: Option<CodecId>,
    pub encrypted: bool,
    /// Reason header field of whatever ends it (RFC 3326).
    pub cause: Option<String>,
    /// Retry-After of the 503 that ends it (RFC 3261 section 21.5.4).
    pub retry_after: Option<Duration>,
    /// Whoever was called never said a word.
    pub was_silent: bool,
    ended: Option<LegEnd>,
}

impl LegFacts {
    pub fn new(call_id: String) -> Self {
        LegFacts { call_id, ..LegFacts::default() }
    }

    /// The end is told once; later reasons change nothing. Returns it when this was the first.
    pub fn end(
        &mut self,
        status: u16,
        reason: impl Into<String>,
        by: EndedBy,
        headers: Vec<(String, String)>,
    ) -> Option<LegEnd> {
        if self.ended.is_some() {
            return None;
        }
        let end = LegEnd {
            status,
            reason: reason.into(),
            by,
            call_id: self.call_id.clone(),
            cause: self.cause.clone(),
            retry_after: self.retry_after,
            was_silent: self.was_silent,
            headers,
        };
        self.ended = Some(end.clone());
        Some(end)
    }

    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }
}
