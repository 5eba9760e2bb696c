//! From a leg's row in the engine to the record of store and REST.

use tandem_call::call::{Direction, LegRow, LegStatus};
use tandem_model::WallTime;

use crate::store::{CallDirection, CallMedia, CallRecord, CallStatus};

pub(super) fn record_of(row: &LegRow, now: WallTime) -> CallRecord {
    let direction = match row.direction {
        Direction::Inbound => CallDirection::Inbound,
        Direction::OutboundApi => CallDirection::OutboundApi,
        Direction::OutboundDial => CallDirection::OutboundDial,
    };
    let mut record = CallRecord::new(row.sid, direction, row.from.clone(), row.to.clone(), row.created_at);
    record.parent_sid = row.parent_sid;
    record.caller_name = row.caller_name.clone();
    record.forwarded_from = row.forwarded_from.clone();
    record.status = status_of(row.status);
    record.updated = now;
    record.started = Some(row.created_at);
    record.answered = row.answered_at;
    record.ended = row.ended_at;
    record.duration_secs = row.duration_secs;
    record.answered_by = row.answered_by.map(str::to_owned);
    record.sip_call_id = row.sip_call_id.clone();
    record.sip_code = row.sip_code;
    record.sip_reason = row.sip_reason.clone();
    record.hangup_by = row.hangup_by.clone();
    record.hangup_direction = row.hangup_direction.map(str::to_owned);
    record.end_reason = match row.sip_reason.as_deref() {
        Some(reason @ ("internal error" | "RTP timeout" | "Media failed" | "No ACK")) => Some(reason.to_owned()),
        _ => None,
    };
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
