//! What a call remembers of its legs, and the rows and callbacks it makes of them.

use tandem_codecs::CodecId;
use tandem_laml::instruction::{Method, StatusCallback, StatusEvents};
use tandem_media::control::LegStats;
use tandem_model::{CallSid, LegId, Timestamp, WallTime};
use tandem_sip::dialog::DialogId;

use super::callback;
use super::contract::{Direction, LegRow, LegStatus};
use super::hold::Told;
use crate::leg::{Answer, EndedBy, Hold, LegEnd};
use crate::routing::Caller;

pub(super) struct CallLeg {
    pub id: LegId,
    pub sid: CallSid,
    pub parent: Option<CallSid>,
    pub direction: Direction,
    pub from: String,
    pub to: String,
    pub caller_name: Option<String>,
    pub forwarded_from: Option<String>,
    pub status: LegStatus,
    pub created_at: WallTime,
    pub answered_at: Option<(Timestamp, WallTime)>,
    pub ended_at: Option<(Timestamp, WallTime)>,
    /// What its 200 said, of a leg we called.
    pub answer: Option<Box<Answer>>,
    /// `human` or `machine`, where that was asked.
    pub answered_by: Option<&'static str>,
    pub end: Option<LegEnd>,
    pub codec: Option<CodecId>,
    pub encrypted: bool,
    pub stats: Option<LegStats>,
    pub closed: bool,
    /// REST ended it before it was answered.
    pub canceled: bool,
    /// Its SIP leg exists. One that REST asks for waits for a lookup first.
    pub spawned: bool,
    pub callback: Option<StatusTarget>,
    /// Whose rules hold for what this leg asks for.
    pub who: Caller,
    /// It asked to stay unknown to the others (RFC 3323).
    pub withheld: bool,
    /// As far as it is known.
    pub dialog: Option<Box<DialogId>>,
    /// How it holds us.
    pub held: Hold,
    /// What it was told of its partner's hold.
    pub told: Told,
    /// It is being hung up.
    pub leaving: bool,
    /// Where its 3xx pointed.
    pub redirect: Vec<String>,
}

/// One status callback to send.
pub(super) struct StatusNotice {
    pub url: String,
    pub method: Method,
    pub params: Vec<(String, String)>,
}

/// Where a leg's status goes.
pub(super) struct StatusTarget {
    pub url: String,
    pub method: Method,
    pub events: StatusEvents,
    pub sequence: u32,
}

impl From<StatusCallback> for StatusTarget {
    fn from(c: StatusCallback) -> Self {
        StatusTarget { url: c.url, method: c.method, events: c.events, sequence: 0 }
    }
}

impl CallLeg {
    pub fn is_answered(&self) -> bool {
        self.answered_at.is_some() && self.end.is_none()
    }

    /// Never rung to an end so far.
    pub fn is_pending(&self) -> bool {
        self.answered_at.is_none() && self.end.is_none()
    }

    pub fn duration_secs(&self, now: Timestamp) -> u64 {
        let Some((answered, _)) = self.answered_at else { return 0 };
        let end = self.ended_at.map_or(now, |(at, _)| at);
        end.since(answered).as_millis().div_ceil(1000) as u64
    }

    pub fn row(&self, now: Timestamp) -> LegRow {
        let (hangup_by, hangup_direction) = self.hangup();
        LegRow {
            sid: self.sid,
            parent_sid: self.parent,
            direction: self.direction,
            from: self.from.clone(),
            to: self.to.clone(),
            caller_name: self.caller_name.clone(),
            forwarded_from: self.forwarded_from.clone(),
            status: self.status,
            created_at: self.created_at,
            answered_at: self.answered_at.map(|(_, wall)| wall),
            ended_at: self.ended_at.map(|(_, wall)| wall),
            duration_secs: self.duration_secs(now),
            sip_code: self.end.as_ref().map(|e| e.status),
            sip_reason: self.end.as_ref().map(|e| e.reason.clone()),
            sip_call_id: self.end.as_ref().map(|e| e.call_id.clone()),
            answered_by: self.answered_by,
            hangup_by,
            hangup_direction,
            codec: self.codec,
            encrypted: self.encrypted,
            stats: self.stats.clone(),
            closed: self.closed,
        }
    }

    /// Who hung up, by address, and in which direction the word came (laml.md 2.4).
    fn hangup(&self) -> (Option<String>, Option<&'static str>) {
        let Some(end) = &self.end else { return (None, None) };
        let by_remote = end.by == EndedBy::Remote;
        let remote_is_from = self.direction == Direction::Inbound;
        let who = if by_remote == remote_is_from { &self.from } else { &self.to };
        (Some(who.clone()), Some(if by_remote { "inbound" } else { "outbound" }))
    }

    /// Standard parameters of every voice request about this leg (laml.md 2.2).
    pub fn standard_params(&self, account_sid: &str) -> Vec<(String, String)> {
        let mut p = vec![
            ("CallSid".to_owned(), self.sid.to_string()),
            ("AccountSid".to_owned(), account_sid.to_owned()),
            ("ApiVersion".to_owned(), "2010-04-01".to_owned()),
            ("CallStatus".to_owned(), self.status.as_str().to_owned()),
            ("Direction".to_owned(), self.direction.as_str().to_owned()),
            ("From".to_owned(), self.from.clone()),
            ("To".to_owned(), self.to.clone()),
            ("Caller".to_owned(), self.from.clone()),
            ("Called".to_owned(), self.to.clone()),
        ];
        if let Some(parent) = self.parent {
            p.push(("ParentCallSid".to_owned(), parent.to_string()));
        }
        if let Some(name) = &self.caller_name {
            p.push(("CallerName".to_owned(), name.clone()));
        }
        if let Some(who) = &self.forwarded_from {
            p.push(("ForwardedFrom".to_owned(), who.clone()));
        }
        p
    }

    /// A status callback's parameters (laml.md 2.4), and where they go; None when nobody asked for this event.
    pub fn status_notice(&mut self, account_sid: &str, now: Timestamp, wall: WallTime) -> Option<StatusNotice> {
        let wanted = self.callback.as_ref().is_some_and(|c| match self.status {
            LegStatus::Queued => false,
            LegStatus::Initiated => c.events.initiated,
            LegStatus::Ringing => c.events.ringing,
            LegStatus::InProgress => c.events.answered,
            LegStatus::Completed | LegStatus::Busy | LegStatus::Failed | LegStatus::NoAnswer | LegStatus::Canceled => {
                c.events.completed
            }
        });
        if !wanted {
            return None;
        }
        let mut p = self.standard_params(account_sid);
        p.push(("CallbackSource".into(), "call-progress-events".into()));
        p.push(("Timestamp".into(), wall.rfc2822()));
        if self.status == LegStatus::Completed {
            p.push(("CallDuration".into(), self.duration_secs(now).to_string()));
        }
        if let Some(end) = &self.end {
            p.push(("SipResultCode".into(), end.status.to_string()));
            p.push(("SipResponseCode".into(), end.status.to_string()));
            p.push(("SipInviteResultPhrase".into(), end.reason.clone()));
            p.push(("SipCallId".into(), end.call_id.clone()));
        }
        if let (Some(by), Some(direction)) = self.hangup() {
            p.push(("HangupBy".into(), by));
            p.push(("HangupDirection".into(), direction.into()));
        }
        if let Some(stats) = &self.stats {
            callback::add_media(&mut p, stats);
        }
        let callback = self.callback.as_mut()?;
        p.push(("SequenceNumber".into(), callback.sequence.to_string()));
        callback.sequence += 1;
        Some(StatusNotice { url: callback.url.clone(), method: callback.method, params: p })
    }
}

/// The status a leg has once it ended (laml.md 1.3 and 1.13).
pub(super) fn final_status(leg: &CallLeg, end: &LegEnd) -> LegStatus {
    if leg.answered_at.is_some() {
        return LegStatus::Completed;
    }
    match (end.status, end.by) {
        _ if leg.canceled => LegStatus::Canceled,
        (486 | 600, _) => LegStatus::Busy,
        (487 | 408 | 480, _) => LegStatus::NoAnswer,
        // `<Reject>`: answered 404, and told as no-answer.
        (404, EndedBy::Local) if leg.direction == Direction::Inbound => LegStatus::NoAnswer,
        _ => LegStatus::Failed,
    }
}
