//! Offers of ours within a session (RFC 3261 section 14.1, RFC 3311): hold and resume, another codec, fresh SRTP keys
//! (RFC 3711 section 8.1, RFC 4568 section 7.1.4), the refresh of a session timer.
//!
//! They wait until nothing else is being negotiated, and are made again after a 491. What fails leaves the session as it
//! was.

use std::time::Duration;

use tandem_codecs::CodecId;
use tandem_model::{Endpoint, Timestamp};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message, Method};

use super::body::described;
use super::contract::{EndedBy, Hold, LegEffect, RequestFailure, RequestId};
use super::media::Reshape;
use super::session_timer::TOO_SMALL_MAX;
use super::talking::Talking;
use super::{Leg, State};

/// Attempts before it is left at that. Half a minute is what media gives notice of a key's end at least.
const TRIES_MAX: u8 = 8;
/// RFC 3261 section 14.1: who made the Call-ID waits 2.1 to 4 s after a 491, the other up to 2 s, in steps of 10 ms.
const OWNER_WAIT_MS: (u64, u64) = (2_100, 1_900);
const OTHER_WAIT_MS: (u64, u64) = (0, 2_000);
/// A Retry-After longer than this is not waited for.
const RETRY_AFTER_SECS_MAX: u64 = 60;

/// What we want of the session and have not got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wants {
    offer: Option<(Hold, Option<CodecId>)>,
    fresh_keys: bool,
    refresh: bool,
}

impl Wants {
    fn is_empty(&self) -> bool {
        *self == Wants::default()
    }

    fn needs_offer(&self) -> bool {
        self.offer.is_some() || self.fresh_keys
    }

    /// What was wanted since goes before what was asked for in vain.
    fn and(self, older: Wants) -> Wants {
        Wants {
            offer: self.offer.or(older.offer),
            fresh_keys: self.fresh_keys || older.fresh_keys,
            refresh: self.refresh || older.refresh,
        }
    }
}

/// Our side of it.
#[derive(Default)]
pub(super) struct Ours {
    wants: Wants,
    sent: Option<Sent>,
    again: Option<Timestamp>,
    tries: u8,
    too_small: u8,
}

struct Sent {
    id: RequestId,
    request: Message,
    wants: Wants,
}

impl Ours {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.again
    }

    pub(super) fn is_of(&self, id: RequestId) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.id == id)
    }

    pub(super) fn want_offer(&mut self, hold: Hold, prefer: Option<CodecId>) {
        self.wants.offer = Some((hold, prefer));
    }

    /// Our re-INVITE that has no final response, if there is one.
    pub(super) fn inviting(&self) -> bool {
        self.sent.as_ref().is_some_and(|sent| sent.request.method() == Method::Invite)
    }

    /// Our re-INVITE, when this is a 2xx to it: an ACK is due whatever has become of the session.
    pub(super) fn take_accepted(&mut self, id: RequestId, response: &Message) -> Option<(RequestId, Message)> {
        let accepted = response.status().is_some_and(|c| (200..300).contains(&c)) && self.inviting();
        self.sent.take_if(|sent| accepted && sent.id == id).map(|sent| (sent.id, sent.request))
    }
}

impl Leg {
    /// Media says that a key is running out.
    pub(super) fn want_fresh_keys(&mut self, now: Timestamp, s: &mut Talking) {
        let asking = self.ours.sent.as_ref().is_some_and(|sent| sent.wants.fresh_keys);
        if self.media.is_encrypted() && !asking && !self.ours.wants.fresh_keys {
            self.ours.wants.fresh_keys = true;
            self.ask_anew(now, s);
        }
    }

    pub(super) fn want_refresh(&mut self, now: Timestamp, s: &mut Talking) {
        self.ours.wants.refresh = true;
        self.ask_anew(now, s);
    }

    pub(super) fn want_offer(&mut self, now: Timestamp, s: &mut Talking, hold: Hold, prefer: Option<CodecId>) {
        self.ours.want_offer(hold, prefer);
        self.ask_anew(now, s);
    }

    fn ask_anew(&mut self, now: Timestamp, s: &mut Talking) {
        (self.ours.tries, self.ours.too_small) = (0, 0);
        if self.ours.again.is_none() {
            self.ask(now, s);
        }
    }

    pub(super) fn expire_ours(&mut self, now: Timestamp, s: &mut Talking) {
        if self.ours.again.is_some_and(|at| at <= now) {
            self.ours.again = None;
            self.ask(now, s);
        }
    }

    /// The dialog is confirmed: what an early one could not do is done now.
    pub(super) fn resume_ours(&mut self, now: Timestamp) {
        if !self.ours.wants.is_empty() && self.ours.sent.is_none() {
            self.ours.again.get_or_insert(now);
        }
    }

    /// Sends what we want, if nothing else is being negotiated.
    pub(super) fn ask(&mut self, now: Timestamp, s: &mut Talking) {
        if self.ours.wants.is_empty() || self.ours.sent.is_some() {
            return;
        }
        // One offer at a time, and none while our last 2xx waits for its ACK (RFC 3261 section 14.1).
        if s.is_negotiating() || self.media.has_offer() {
            return self.ask_later(now, s.is_caller, None);
        }
        let mut wants = std::mem::take(&mut self.ours.wants);
        let ours = self.media.direction();
        // A hold that was over before it could be told, or that was refused.
        wants.offer.take_if(|(hold, prefer)| hold.direction() == ours && prefer.is_none());
        if wants.is_empty() {
            return;
        }
        // RFC 4028 section 7.4: an UPDATE without an offer disturbs least.
        let (method, sdp) = match (wants.needs_offer(), self.takes_update) {
            (false, true) => (Method::Update, None),
            (false, false) => (Method::Invite, Some(self.make_same_offer())),
            (true, _) => (Method::Invite, Some(self.make_reoffer(reshape(wants)))),
        };
        let hop = s.hop();
        let supported = super::supported(&self.env.extensions);
        let mut request = s.dialog.request(method);
        request = self.dress(request, hop).header("Allow", super::ALLOW).header("Supported", supported);
        request = self.timer.ask(request);
        if let Some(sdp) = sdp {
            request = request.body("application/sdp", sdp);
        }
        self.launch_ours(request.build(), hop, wants);
    }

    fn launch_ours(&mut self, request: Message, hop: Endpoint, wants: Wants) {
        let id = self.next_request_id();
        self.proof.keep(id, &request);
        self.emit(LegEffect::Request { id, message: request.clone(), destination: hop });
        self.ours.sent = Some(Sent { id, request, wants });
    }

    /// It was not possible, or the far end wants none now.
    fn ask_later(&mut self, now: Timestamp, is_caller: bool, retry_after: Option<u64>) {
        self.ours.tries += 1;
        if self.ours.tries >= TRIES_MAX {
            self.ours.wants = Wants::default();
            return;
        }
        let (min, span) = if is_caller { OWNER_WAIT_MS } else { OTHER_WAIT_MS };
        let glare = min + self.entropy.next_u64() % (span / 10) * 10;
        let told = retry_after.filter(|secs| *secs <= RETRY_AFTER_SECS_MAX).map_or(0, |secs| secs * 1_000);
        self.ours.again = Some(now + Duration::from_millis(glare.max(told)));
    }

    pub(super) fn ours_failed(&mut self, now: Timestamp, mut s: Box<Talking>, failure: RequestFailure) {
        match failure {
            // As if 408 had come, which ends the dialog (RFC 3261 sections 8.1.3.1 and 12.2.1.2).
            RequestFailure::Timeout => self.dialog_lost(now, *s, 408),
            // RFC 5057 section 5.1: of 503, only the transaction dies.
            RequestFailure::Transport | RequestFailure::KeptBack => {
                self.ours_refused(now, &mut s, false, None);
                self.state = State::Talking(s);
            }
        }
    }

    fn dialog_lost(&mut self, now: Timestamp, s: Talking, status: u16) {
        self.ours.sent = None;
        self.end(status, "The dialog is lost", EndedBy::Failure, vec![]);
        self.bye(now, s, None);
    }

    /// Back to the session before; what we wanted is wanted still, or given up.
    fn ours_refused(&mut self, now: Timestamp, s: &mut Talking, for_good: bool, retry_after: Option<u64>) {
        let Some(mut sent) = self.ours.sent.take() else { return };
        if !sent.request.body().is_empty() {
            self.media.forget_offer();
        }
        if for_good {
            sent.wants.offer = None;
        }
        self.ours.wants = self.ours.wants.and(sent.wants);
        if !self.ours.wants.is_empty() {
            self.ask_later(now, s.is_caller, retry_after);
        }
    }

    pub(super) fn ours_response(&mut self, now: Timestamp, mut s: Box<Talking>, response: &Message, source: Endpoint) {
        let Some(Sent { id, .. }) = &self.ours.sent else {
            self.state = State::Talking(s);
            return;
        };
        let (id, hop) = (*id, s.hop());
        if let Some(again) = self.prove_again(&mut s.dialog, hop, id, response, source) {
            if let Some(sent) = &mut self.ours.sent {
                sent.request = again;
            }
            self.state = State::Talking(s);
            return;
        }
        match response.status().unwrap_or(0) {
            0..=199 => {}
            200..=299 => return self.ours_accepted(now, s, response),
            // RFC 3261 section 12.2.1.2: these end the dialog.
            status @ (408 | 481) => return self.dialog_lost(now, *s, status),
            422 => {
                let raised = self.ours.too_small < TOO_SMALL_MAX && self.timer.too_small(response);
                self.ours.too_small += 1;
                self.ours_refused(now, &mut s, false, None);
                if raised {
                    self.ours.again = None;
                    self.ask(now, &mut s);
                }
            }
            // It listed UPDATE and does not take it.
            405 | 501 if response.cseq().method == Method::Update => {
                self.takes_update = false;
                self.ours_refused(now, &mut s, false, None);
                self.ours.again = None;
                self.ask(now, &mut s);
            }
            491 => self.ours_refused(now, &mut s, false, None),
            status @ 500..=599 => {
                let retry_after =
                    response.header("Retry-After").and_then(|v| v.split([' ', ';', '(']).next()?.parse().ok());
                let for_good = status >= 500 && retry_after.is_none();
                self.ours_refused(now, &mut s, for_good, retry_after);
            }
            _ => self.ours_refused(now, &mut s, true, None),
        }
        self.state = State::Talking(s);
    }

    fn ours_accepted(&mut self, now: Timestamp, mut s: Box<Talking>, response: &Message) {
        let Some(Sent { id, request, .. }) = self.ours.sent.take() else {
            self.state = State::Talking(s);
            return;
        };
        let offered = !request.body().is_empty();
        if request.method() == Method::Invite {
            s.sent_again((id, request), response);
            self.acknowledge(&mut s, None);
        } else {
            // A target refresh that makes no sense leaves the old target (RFC 3261 section 12.2.1.2).
            let _ = s.dialog.handle_response(response);
        }
        self.timer.granted(now, response);
        self.note_allow(response);
        if offered {
            let answer = match described(response) {
                // No answer to speak of: some phones answer a mere refresh so.
                [] => {
                    self.media.forget_offer();
                    Ok(None)
                }
                body => self.take_answer(body),
            };
            match answer {
                Ok(Some(codec)) => self.report_session(codec),
                Ok(None) => {}
                // The offer and its answer are past: there is no session to go back to.
                Err(refused) => {
                    self.end(488, refused.why, EndedBy::Failure, vec![]);
                    return self.bye(now, *s, Some("SIP;cause=488"));
                }
            }
        }
        self.ours.tries = 0;
        // What was wanted meanwhile.
        if self.ours.again.is_none() {
            self.ask(now, &mut s);
        }
        self.state = State::Talking(s);
        self.record();
    }

    /// In an early dialog whose first offer has its answer, an offer of ours goes as UPDATE (RFC 3311 section 5.1). It is
    /// tried once; what comes of nothing waits for the answer to the INVITE.
    pub(super) fn early_update(&mut self, dialog: &mut Dialog, hop: Endpoint) {
        if !self.takes_update || self.ours.sent.is_some() || self.media.has_offer() {
            return;
        }
        let wants = std::mem::take(&mut self.ours.wants);
        if !wants.needs_offer() {
            self.ours.wants = wants;
            return;
        }
        let sdp = self.make_reoffer(reshape(wants));
        let supported = super::supported(&self.env.extensions);
        let update = dialog.request(Method::Update);
        let update = self.dress(update, hop).header("Allow", super::ALLOW).header("Supported", supported);
        self.launch_ours(update.body("application/sdp", sdp).build(), hop, wants);
    }

    pub(super) fn early_update_response(
        &mut self,
        dialog: &mut Dialog,
        hop: Endpoint,
        id: RequestId,
        response: &Message,
        source: Endpoint,
    ) {
        let again = self.prove_again(dialog, hop, id, response, source);
        if !self.ours.is_of(id) {
            return;
        }
        if let (Some(again), Some(sent)) = (again, &mut self.ours.sent) {
            sent.request = again;
            return;
        }
        match response.status().unwrap_or(0) {
            0..=199 => {}
            200..=299 => {
                self.ours.sent = None;
                let _ = dialog.handle_response(response);
                match self.take_answer(described(response)) {
                    Ok(Some(codec)) => self.report_session(codec),
                    // What it said is not to be had; the session as it was may do, and the answer will show.
                    Ok(None) | Err(_) => self.media.forget_offer(),
                }
            }
            _ => self.early_update_failed(),
        }
    }

    /// What it asked for is wanted still.
    pub(super) fn early_update_failed(&mut self) {
        let Some(sent) = self.ours.sent.take() else { return };
        self.media.forget_offer();
        self.ours.wants = self.ours.wants.and(sent.wants);
    }
}

fn reshape(wants: Wants) -> Reshape {
    let (hold, prefer) = wants.offer.map_or((None, None), |(hold, prefer)| (Some(hold), prefer));
    Reshape { hold, prefer, fresh_keys: wants.fresh_keys }
}
