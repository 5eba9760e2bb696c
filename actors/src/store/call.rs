use serde::{Deserialize, Serialize};
use tandem_model::{Sid, WallTime};

use super::serial;

/// One call leg: what REST shows of it while it lives, and its CDR once it is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRecord {
    #[serde(with = "serial::sid")]
    pub sid: Sid,
    #[serde(with = "serial::sid_option", default, skip_serializing_if = "Option::is_none")]
    pub parent_sid: Option<Sid>,
    /// E.164, or `sip:user@host` for SIP legs.
    pub to: String,
    pub from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_from: Option<String>,
    pub direction: CallDirection,
    pub status: CallStatus,
    #[serde(with = "serial::wall")]
    pub created: WallTime,
    /// When this record was made; for a call cut by a crash, the last moment known of it.
    #[serde(with = "serial::wall")]
    pub updated: WallTime,
    /// When the INVITE was received or first sent.
    #[serde(with = "serial::wall_option", default, skip_serializing_if = "Option::is_none")]
    pub started: Option<WallTime>,
    #[serde(with = "serial::wall_option", default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<WallTime>,
    #[serde(with = "serial::wall_option", default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<WallTime>,
    /// From answer to end, in seconds by the monotonic clock; 0 for a call not answered.
    pub duration_secs: u64,
    /// `human`, `machine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// Call-ID of the SIP dialog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_call_id: Option<String>,
    /// The final status code and phrase of the INVITE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_code: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_reason: Option<String>,
    /// Address of the party that hung up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangup_by: Option<String>,
    /// `inbound` or `outbound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hangup_direction: Option<String>,
    /// Why the leg ended where no party hung up: `server restart`, `internal error`, `media timeout`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// SRTP suite; None is plain RTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    #[serde(default, skip_serializing_if = "CallMedia::is_empty")]
    pub media: CallMedia,
}

/// What a leg's media did. Records of older versions lack some of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallMedia {
    pub packets_in: u64,
    pub packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub lost_in: u64,
    pub dropped_in: u64,
    pub concealed_in: u64,
    pub dtmf_in: u64,
    pub dtmf_out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms_max: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f32>,
    /// Share of our packets the remote did not get, 0..1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_loss: Option<f32>,
    /// 1.0..4.5
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mos_in: Option<f32>,
    /// What the remote heard: by its extended reports, else estimated from its receiver reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mos_out: Option<f32>,
    /// Smallest, largest and mean round trip of all reports, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtts_ms: Option<[f32; 3]>,
    /// The same of the jitter the remote reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_jitters_ms: Option<[f32; 3]>,
    /// Packets of ours the remote did not get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_lost: Option<u64>,
    /// Mean length of bursts of loss in what we heard, and of the gaps between, in milliseconds (RFC 3611 section 4.7.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_ms: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap_ms: Option<u16>,
    /// The remote's own rating of what it heard (RFC 3611 section 4.7.5), 0..100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_r_factor: Option<u8>,
    /// What the remote's jitter buffer and codec add, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_delay_ms: Option<u16>,
    /// The quality through the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<CallQuality>,
}

/// One interval of a call's quality. Kept as a row of numbers, for a long call has many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "QualityRow", into = "QualityRow")]
pub struct CallQuality {
    /// End of the interval, in seconds since the leg's media began.
    pub at_secs: u32,
    pub mos_in: Option<f32>,
    pub mos_out: Option<f32>,
    /// Shares 0..1 of packets not played here, and not received there.
    pub loss_in: f32,
    pub loss_out: Option<f32>,
    pub jitter_ms: f32,
    pub rtt_ms: Option<f32>,
    /// What our jitter buffer adds.
    pub buffer_ms: f32,
}

/// `at, mos_in, mos_out, loss_in, loss_out, jitter, rtt, buffer`
type QualityRow = (u32, Option<f32>, Option<f32>, f32, Option<f32>, f32, Option<f32>, f32);

impl CallMedia {
    /// Nothing is known of the media, as before a call is over.
    fn is_empty(&self) -> bool {
        *self == CallMedia::default()
    }
}

impl From<QualityRow> for CallQuality {
    fn from((at_secs, mos_in, mos_out, loss_in, loss_out, jitter_ms, rtt_ms, buffer_ms): QualityRow) -> Self {
        CallQuality { at_secs, mos_in, mos_out, loss_in, loss_out, jitter_ms, rtt_ms, buffer_ms }
    }
}

impl From<CallQuality> for QualityRow {
    fn from(q: CallQuality) -> Self {
        (q.at_secs, q.mos_in, q.mos_out, q.loss_in, q.loss_out, q.jitter_ms, q.rtt_ms, q.buffer_ms)
    }
}

impl From<&tandem_media::stats::QualityPoint> for CallQuality {
    fn from(p: &tandem_media::stats::QualityPoint) -> Self {
        // More digits than these mean nothing, and take room in every record.
        let to = |places: f32, n: f32| (n * places).round() / places;
        CallQuality {
            at_secs: u32::try_from(p.at_ms / 1_000).unwrap_or(u32::MAX),
            mos_in: p.mos_in.map(|n| to(100.0, n)),
            mos_out: p.mos_out.map(|n| to(100.0, n)),
            loss_in: to(10_000.0, p.loss_in),
            loss_out: p.loss_out.map(|n| to(10_000.0, n)),
            jitter_ms: to(10.0, p.jitter_ms),
            rtt_ms: p.round_trip_ms.map(|n| to(10.0, n)),
            buffer_ms: to(10.0, p.buffer_ms),
        }
    }
}

impl From<&tandem_media::control::LegStats> for CallMedia {
    fn from(s: &tandem_media::control::LegStats) -> Self {
        let heard = s.packets_received > 0;
        CallMedia {
            packets_in: s.packets_received,
            packets_out: s.packets_sent,
            bytes_in: s.bytes_received,
            bytes_out: s.bytes_sent,
            lost_in: s.packets_lost,
            dropped_in: s.packets_dropped,
            concealed_in: s.packets_concealed,
            dtmf_in: s.dtmf_received,
            dtmf_out: s.dtmf_sent,
            jitter_ms: heard.then_some(s.jitter_ms),
            jitter_ms_max: heard.then_some(s.jitter_ms_max),
            rtt_ms: s.round_trip_ms,
            remote_loss: s.remote_loss,
            mos_in: s.mos_in,
            mos_out: s.mos_out,
            rtts_ms: s.round_trips.map(|spread| [spread.min, spread.max, spread.mean]),
            remote_jitters_ms: s.remote_jitter.map(|spread| [spread.min, spread.max, spread.mean]),
            remote_lost: s.remote_lost,
            burst_ms: s.bursts.map(|b| b.burst_ms),
            gap_ms: s.bursts.map(|b| b.gap_ms),
            remote_r_factor: s.remote_metrics.and_then(|m| m.r_factor),
            remote_delay_ms: s.remote_metrics.map(|m| m.end_system_delay_ms),
            quality: s.quality.iter().map(CallQuality::from).collect(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallDirection {
    Inbound,
    OutboundApi,
    OutboundDial,
}

impl CallDirection {
    pub fn as_str(self) -> &'static str {
        match self {
            CallDirection::Inbound => "inbound",
            CallDirection::OutboundApi => "outbound-api",
            CallDirection::OutboundDial => "outbound-dial",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    Queued,
    Ringing,
    InProgress,
    Completed,
    Busy,
    Failed,
    NoAnswer,
    Canceled,
}

impl CallStatus {
    pub const ALL: [CallStatus; 8] = [
        CallStatus::Queued,
        CallStatus::Ringing,
        CallStatus::InProgress,
        CallStatus::Completed,
        CallStatus::Busy,
        CallStatus::Failed,
        CallStatus::NoAnswer,
        CallStatus::Canceled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            CallStatus::Queued => "queued",
            CallStatus::Ringing => "ringing",
            CallStatus::InProgress => "in-progress",
            CallStatus::Completed => "completed",
            CallStatus::Busy => "busy",
            CallStatus::Failed => "failed",
            CallStatus::NoAnswer => "no-answer",
            CallStatus::Canceled => "canceled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    pub fn is_final(self) -> bool {
        !matches!(self, CallStatus::Queued | CallStatus::Ringing | CallStatus::InProgress)
    }
}

impl CallRecord {
    /// A leg that is about to exist: `queued`, with nothing known but who and when.
    pub fn new(sid: Sid, direction: CallDirection, from: String, to: String, now: WallTime) -> Self {
        CallRecord {
            sid,
            parent_sid: None,
            to,
            from,
            caller_name: None,
            forwarded_from: None,
            direction,
            status: CallStatus::Queued,
            created: now,
            updated: now,
            started: None,
            answered: None,
            ended: None,
            duration_secs: 0,
            answered_by: None,
            sip_call_id: None,
            sip_code: None,
            sip_reason: None,
            hangup_by: None,
            hangup_direction: None,
            end_reason: None,
            codec: None,
            encryption: None,
            media: CallMedia::default(),
        }
    }

    /// What became of a leg whose process was killed: over since the last moment known of it.
    pub(super) fn cut_by_restart(mut self) -> Self {
        self.status = if self.answered.is_some() { CallStatus::Completed } else { CallStatus::Failed };
        self.ended = Some(self.updated);
        if let Some(answered) = self.answered {
            let known = u64::try_from((self.updated.0 - answered.0) / 1000).unwrap_or(0);
            self.duration_secs = self.duration_secs.max(known);
        }
        self.end_reason = Some("server restart".into());
        self
    }
}

/// Which calls a list shows; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallFilter {
    pub status: Option<CallStatus>,
    pub to: Option<String>,
    pub from: Option<String>,
    pub parent_sid: Option<Sid>,
    pub started: TimeBound,
    pub ended: TimeBound,
}

/// From `from` (inclusive) to `before` (exclusive).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeBound {
    pub from: Option<WallTime>,
    pub before: Option<WallTime>,
}

impl TimeBound {
    pub fn holds(&self, t: Option<WallTime>) -> bool {
        if self.from.is_none() && self.before.is_none() {
            return true;
        }
        t.is_some_and(|t| self.from.is_none_or(|f| t >= f) && self.before.is_none_or(|b| t < b))
    }
}

impl CallFilter {
    pub fn holds(&self, call: &CallRecord) -> bool {
        self.status.is_none_or(|s| s == call.status)
            && self.to.as_ref().is_none_or(|to| *to == call.to)
            && self.from.as_ref().is_none_or(|from| *from == call.from)
            && self.parent_sid.is_none_or(|p| call.parent_sid == Some(p))
            && self.started.holds(call.started)
            && self.ended.holds(call.ended)
    }
}

/// A stretch of a list that is ordered newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallPage {
    /// Only calls that come after this one in the list.
    pub after: Option<(WallTime, Sid)>,
    /// Only the last `limit` of those that come before this one.
    pub before: Option<(WallTime, Sid)>,
    pub limit: u32,
}

impl CallPage {
    /// Whether the anchors let a call in, whatever the limit.
    pub fn holds(&self, call: &CallRecord) -> bool {
        let place = (call.created, call.sid);
        self.after.is_none_or(|after| place < after) && self.before.is_none_or(|before| place > before)
    }
}

/// A line of a call's log: warnings and errors of its documents and webhooks, refusals, media trouble.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEvent {
    pub call_sid: Sid,
    pub at: WallTime,
    pub level: EventLevel,
    /// Documented code, or 0.
    pub code: u32,
    pub message: String,
    /// Line of the document.
    pub line: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventLevel {
    Info,
    Warning,
    Error,
}

impl EventLevel {
    pub fn as_str(self) -> &'static str {
        match self {
            EventLevel::Info => "info",
            EventLevel::Warning => "warning",
            EventLevel::Error => "error",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "info" => EventLevel::Info,
            "warning" => EventLevel::Warning,
            _ => EventLevel::Error,
        }
    }
}
