//! From a leg's row in the engine to the record of store and REST.

use std::sync::Arc;

use tandem_call::call::{Direction, LegRow, LegStatus};
use tandem_model::WallTime;

use super::control::LiveCalls;
use crate::api::Metrics;
use crate::store::{CallDirection, CallMedia, CallRecord, CallStatus, Store};

/// Where records go: the store, and for calls that live the copy that readers have. Each call's actor writes its own; the switchboard
/// those of a call that died.
#[derive(Clone)]
pub(super) struct Records {
    pub store: Store,
    pub live: LiveCalls,
    pub metrics: Metrics,
}

impl Records {
    pub fn keep(&self, row: LegRow, now: WallTime) -> Arc<CallRecord> {
        let is_over = row.closed;
        let record = Arc::new(record_of(row, now));
        if is_over {
            self.close(record.clone())
        } else {
            self.put(record.clone())
        }
        record
    }

    /// The leg lives.
    fn put(&self, record: Arc<CallRecord>) {
        self.write(record.clone());
        let direction = record.direction;
        if self.live.put(record) {
            self.metrics.call_started(direction.as_str());
        }
    }

    /// The leg is over.
    pub fn close(&self, record: Arc<CallRecord>) {
        // In the store before it leaves the live copy: a reader never misses it in both.
        self.write(record.clone());
        if self.live.remove(record.sid) {
            self.metrics.call_ended(record.status);
            self.metrics.call_quality(record.media.mos_in, record.media.mos_out);
        }
    }

    fn write(&self, record: Arc<CallRecord>) {
        let sid = record.sid;
        if !self.store.upsert_call(record) {
            tracing::error!(%sid, "call record lost: the store's queue is full");
        }
    }
}

/// Why a leg ended that one of our own failures ended.
pub(super) const INTERNAL_ERROR: &str = "internal error";

fn record_of(row: LegRow, now: WallTime) -> CallRecord {
    let direction = match row.direction {
        Direction::Inbound => CallDirection::Inbound,
        Direction::OutboundApi => CallDirection::OutboundApi,
        Direction::OutboundDial => CallDirection::OutboundDial,
    };
    let mut record = CallRecord::new(row.sid, direction, row.from, row.to, row.created_at);
    record.parent_sid = row.parent_sid;
    record.caller_name = row.caller_name;
    record.forwarded_from = row.forwarded_from;
    record.status = status_of(row.status);
    record.updated = now;
    record.started = Some(row.created_at);
    record.answered = row.answered_at;
    record.ended = row.ended_at;
    record.duration_secs = row.duration_secs;
    record.answered_by = row.answered_by.map(str::to_owned);
    record.sip_call_id = row.sip_call_id;
    record.sip_code = row.sip_code;
    record.hangup_by = row.hangup_by;
    record.hangup_direction = row.hangup_direction.map(str::to_owned);
    record.end_reason = match row.sip_reason.as_deref() {
        Some(reason @ (INTERNAL_ERROR | "RTP timeout" | "Media failed" | "No ACK")) => Some(reason.to_owned()),
        _ => None,
    };
    record.sip_reason = row.sip_reason;
    record.codec = row.codec.map(|c| tandem_codecs::CodecSpec::by_id(c).name.to_owned());
    record.encryption = row.encrypted.then(|| "SRTP".to_owned());
    record.media = row.stats.as_ref().map(CallMedia::from).unwrap_or_default();
    record
}

/// REST knows no `initiated`: such a leg is queued.
pub(super) fn status_of(status: LegStatus) -> CallStatus {
    match status {
        LegStatus::Queued | LegStatus::Initiated => CallStatus::Queued,
        LegStatus::Ringing => CallStatus::Ringing,
        LegStatus::InProgress => CallStatus::InProgress,
        LegStatus::Completed => CallStatus::Completed,
        LegStatus::Busy => CallStatus::Busy,
        LegStatus::Failed => CallStatus::Failed,
        LegStatus::NoAnswer => CallStatus::NoAnswer,
        LegStatus::Canceled => CallStatus::Canceled,
    }
}
