use std::time::Duration;

use tandem_laml::instruction::{DialOutcome, DialSip, DialStatus, Input, TargetAddress};
use tandem_media::control::Command;
use tandem_model::{LegId, Timestamp};
use tandem_sip::message::reason_phrase;

use super::super::contract::CallEffect;
use super::super::{Call, Driver};
use super::{Dialling, Failure, Phase};
use crate::leg::{KEPT_BACK, LegCommand, LegEnd, NO_MEDIA_PORT};

impl Call {
    pub(in super::super) fn dialled_ended(&mut self, id: LegId, end: &LegEnd) {
        if self.transfer_ended(id, end) || self.transferor_left(id) {
            return;
        }
        self.party_left(id);
        self.replacement_ended(id);
        let Some(d) = &mut self.dial else { return };
        let Some(attempt) = d.attempts.iter_mut().find(|a| a.leg == id) else { return };
        attempt.over = true;
        let (branch, fallback) = (attempt.branch, std::mem::take(&mut attempt.fallback));
        let mut declined = attempt.declined;
        if d.early == Some(id) {
            d.early = None;
        }
        if matches!(d.phase, Phase::Screening { leg } if leg == id) && d.cancelled.is_none() {
            // It hung up on its own document: as good as declined.
            declined = true;
            d.phase = Phase::Ringing { until: self.clock.0 + d.dial.timeout };
        }
        if d.connected() == Some(id) {
            return self.dial_over();
        }
        if !d.is_ringing() {
            return;
        }
        if declined {
            let reason = "Declined".to_owned();
            d.failed(Failure { leg: Some(id), status: 480, reason, retry_after_secs: None });
            return self.dial_settled();
        }
        if d.cancelled.is_none()
            && let Some(to) = fallback.after(end.status)
        {
            return self.seize_for(branch, to);
        }
        // What we ended ourselves says nothing of the target.
        if d.cancelled.is_none() {
            let reason = end.reason.clone();
            d.failed(Failure { leg: Some(id), status: end.status, reason, retry_after_secs: None });
            self.follow_redirect(id, branch);
        }
        self.dial_settled();
    }

    /// Ends the run when nothing rings any more.
    pub(super) fn dial_settled(&mut self) {
        while self.dial.as_ref().is_some_and(|d| d.is_ringing() && d.nothing_left()) {
            if self.next_redirect() || self.ring_next_target() {
                continue;
            }
            self.dial_over();
        }
    }

    pub(in super::super) fn expire_dial(&mut self, now: Timestamp) {
        let Some(d) = &mut self.dial else { return };
        match &mut d.phase {
            Phase::Ringing { .. } if !d.waiting.is_empty() => self.next_target_is_due(now),
            Phase::Ringing { until } if *until <= now => {
                // Its legs still have to end; the run is over when they have.
                *until = now + Duration::from_secs(86_400);
                d.cancelled = Some(DialStatus::NoAnswer);
                d.lookups.clear();
                d.worst = None;
                self.hang_up_dialled();
                // With nothing but a lookup under way there is no leg whose end would settle the run.
                self.dial_settled();
            }
            Phase::Bridged { leg, until, .. } if *until <= now => {
                *until = now + Duration::from_secs(86_400);
                let leg = *leg;
                if self.transfer_gives_up(408) {
                    return;
                }
                self.command(leg, LegCommand::Hangup { reason: Some("SIP;cause=200;text=\"Time limit\"".into()) });
            }
            Phase::Ringing { .. }
            | Phase::Greeting { .. }
            | Phase::Screening { .. }
            | Phase::Joining { .. }
            | Phase::Bridged { .. } => {}
        }
    }

    /// A target that rang for its whole time makes room for the next.
    fn next_target_is_due(&mut self, now: Timestamp) {
        let Some(d) = &mut self.dial else { return };
        if !matches!(d.phase, Phase::Ringing { until } if until <= now) {
            return;
        }
        d.lookups.clear();
        let ringing: Vec<LegId> = d.attempts.iter_mut().filter(|a| !a.over).map(|a| a.leg).collect();
        for attempt in &mut d.attempts {
            // Their ends settle nothing any more.
            attempt.over = true;
        }
        d.failed(Failure { leg: ringing.last().copied(), status: 487, reason: String::new(), retry_after_secs: None });
        for leg in ringing {
            self.command(leg, LegCommand::Hangup { reason: None });
        }
        self.ring_next_target();
        self.dial_settled();
    }

    /// The script or the API ends the run; its outcome still follows.
    pub(in super::super) fn cancel_dial(&mut self) {
        if self.conference.is_some() {
            return self.conference_cancel();
        }
        self.queue_cancel();
        let Some(d) = &mut self.dial else { return };
        d.cancelled.get_or_insert(DialStatus::Canceled);
        d.lookups.clear();
        if self.end_transfer(487, reason_phrase(487)).is_some_and(|t| t.has_left()) {
            // The callee has hung up already: nothing ends any more that would end the run.
            return self.dial_over();
        }
        self.hang_up_dialled();
        self.dial_settled();
    }

    /// The caller has hung up: its document may still tell an action how the dial went.
    pub(in super::super) fn dial_caller_left(&mut self) {
        if self.conference.is_some() {
            return self.conference_cancel();
        }
        let Some(d) = self.dial.take() else { return };
        let bridged = match d.phase {
            Phase::Bridged { since, .. } => Some(self.clock.0.since(since)),
            Phase::Ringing { .. } | Phase::Greeting { .. } | Phase::Screening { .. } | Phase::Joining { .. } => None,
        };
        if let Some(sid) = d.recording {
            self.stop_recording(sid);
        }
        let status = if bridged.is_some() { DialStatus::Completed } else { DialStatus::Canceled };
        let outcome = self.outcome(&d, d.connected().or(d.last), status, bridged);
        self.main_input(Input::DialEnded(outcome));
    }

    /// The caller leaves the bridge, and the callee takes its place in the call.
    pub(in super::super) fn let_callee_go_on(&mut self, callee: LegId) {
        let Some(d) = self.dial.take() else { return };
        if let Some(sid) = d.recording {
            self.stop_recording(sid);
        }
        self.promote(callee);
    }

    /// Another document takes the caller over: nothing more is said of the run.
    pub(in super::super) fn abandon_dial(&mut self) {
        self.hang_up_dialled();
        self.end_transfer(487, "Request Terminated");
        let Some(d) = self.dial.take() else { return };
        if let Some(sid) = d.recording {
            self.stop_recording(sid);
        }
        self.stop_ringback(d.ringback);
    }

    fn hang_up_dialled(&mut self) {
        let Some(d) = &self.dial else { return };
        let live: Vec<_> = d.attempts.iter().filter(|a| !a.over).map(|a| a.leg).collect();
        for leg in live {
            self.command(leg, LegCommand::Hangup { reason: None });
        }
    }

    pub(in super::super) fn dial_over(&mut self) {
        let Some(d) = self.dial.take() else { return };
        let bridged = match d.phase {
            Phase::Bridged { since, .. } => Some(self.clock.0.since(since)),
            Phase::Ringing { .. } | Phase::Greeting { .. } | Phase::Screening { .. } | Phase::Joining { .. } => None,
        };
        if let Some(sid) = d.recording {
            self.stop_recording(sid);
        }
        if bridged.is_some() {
            self.emit(CallEffect::Media(Command::Unbridge { leg: self.primary }));
        } else {
            self.stop_ringback(d.ringback);
        }
        let status = match (&d.cancelled, d.connected()) {
            _ if bridged.is_some() => DialStatus::Completed,
            (Some(status), _) => *status,
            (None, Some(_)) => DialStatus::Completed,
            // REST ended the leg that says most before it was answered (laml.md 1.3).
            (None, None) if self.was_canceled(d.worst.as_ref()) => DialStatus::Canceled,
            (None, None) => match d.worst.as_ref().map(|w| w.status) {
                Some(486 | 600) => DialStatus::Busy,
                Some(408 | 480 | 487) => DialStatus::NoAnswer,
                _ => DialStatus::Failed,
            },
        };
        match &self.driver {
            Driver::Connect { .. } => self.connect_over(&d, status),
            Driver::Document { .. } => {
                let leg = d.connected().or(d.worst.as_ref().and_then(|w| w.leg)).or(d.last);
                let outcome = self.outcome(&d, leg, status, bridged);
                self.refusal = (status != DialStatus::Completed).then(|| refusal(d.worst.as_ref()));
                self.main_input(Input::DialEnded(outcome));
            }
        }
    }

    fn was_canceled(&self, failure: Option<&Failure>) -> bool {
        failure.and_then(|f| f.leg).and_then(|id| self.legs.get(&id)).is_some_and(|l| l.canceled)
    }

    fn connect_over(&mut self, d: &Dialling, status: DialStatus) {
        if !self.legs[&self.primary].is_pending() {
            return self.command(self.primary, LegCommand::Hangup { reason: None });
        }
        let (code, reason) = match (status, &d.worst) {
            (DialStatus::NoAnswer, None) => (408, "No answer".to_owned()),
            (_, worst) => refusal(worst.as_ref()),
        };
        let retry = d.worst.as_ref().and_then(|w| w.retry_after_secs).filter(|_| code == 503);
        let headers = retry.map(|secs| ("Retry-After".to_owned(), secs.to_string())).into_iter().collect();
        let command = LegCommand::Reject { status: code, reason: Some(reason), headers };
        self.command(self.primary, command);
    }

    fn outcome(&self, d: &Dialling, leg: Option<LegId>, status: DialStatus, bridged: Option<Duration>) -> DialOutcome {
        let leg = leg.and_then(|id| self.legs.get(&id));
        let dialled_sip = d.dial.targets().iter().any(|t| matches!(t.to, TargetAddress::Sip { .. }));
        let sip = leg.filter(|_| dialled_sip).and_then(|l| {
            let ended = l.end.as_ref().map(|end| (&end.call_id, end.status, &end.headers));
            // It goes on for a moment: its answer is what is known.
            let answered = || l.answer.as_ref().map(|answer| (&answer.call_id, 200, &answer.headers));
            let (call_id, response_code, headers) = ended.or_else(answered)?;
            Some(DialSip { call_id: call_id.clone(), response_code, headers: headers.clone() })
        });
        let recording = d.recording.map(|sid| {
            let storage = d.dial.record.as_ref().and_then(|record| record.what.storage.as_ref());
            self.recording_ref(sid, storage)
        });
        DialOutcome {
            status,
            call_sid: leg.map(|l| l.sid.to_string()),
            duration: bridged,
            recording,
            bridged: bridged.is_some(),
            queue: None,
            sip,
        }
    }
}

/// What an unanswered caller is refused with when nobody answered.
fn refusal(worst: Option<&Failure>) -> (u16, String) {
    let Some(worst) = worst else { return (480, "No answer".to_owned()) };
    // Our own word: all carriers are busy, a next hop wants fewer calls, or there is no room for media.
    let is_ours = worst.leg.is_none() || [KEPT_BACK, NO_MEDIA_PORT].contains(&worst.reason.as_str());
    let status = if is_ours { worst.status } else { towards_caller(worst.status) };
    let reason = if worst.reason.is_empty() || status != worst.status {
        reason_phrase(status).to_owned()
    } else {
        worst.reason.clone()
    };
    (status, reason)
}

/// What a caller is told of a callee's response: challenges, redirections, and what was asked of an INVITE of ours, are between us and
/// the callee. 503 would say that this server is out of service, and have a proxy or a carrier leave it alone (RFC 3261 section 16.7,
/// step 6).
pub(in super::super) fn towards_caller(status: u16) -> u16 {
    match status {
        300..=399 | 420..=423 | 487 | 503 => 480,
        401 | 407 => 502,
        400..=699 => status,
        _ => 480,
    }
}
