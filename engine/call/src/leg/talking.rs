use bytes::Bytes;
use tandem_codecs::CodecId;
use tandem_media::control::Event;
use tandem_model::{Endpoint, Timestamp, limits};
use tandem_sip::dialog::{Dialog, RAck, Retransmit, Retransmit2xx};
use tandem_sip::message::{Builder, Message, Method};
use tandem_sip::transaction::ServerKey;

use super::body::described;
use super::contract::{EndedBy, LegCommand, LegEffect, LegInput, LegReport, RecordStage, RequestId};
use super::forks::{Fork, Forks};
use super::session_timer::Due;
use super::{Leg, State, prack};

/// A confirmed dialog.
pub(super) struct Talking {
    pub(super) dialog: Dialog,
    /// The flow the dialog was made over.
    pub(super) flow: Endpoint,
    /// We made the Call-ID.
    pub(super) is_caller: bool,
    /// Our INVITE, when it was accepted last: its 2xx may come again.
    invite: Option<(RequestId, Message)>,
    /// The ACK to repeat for it.
    ack: Option<(Message, Endpoint)>,
    /// INVITEs of ours that hops left unanswered (`failover.rs`).
    given_up: Vec<(RequestId, Message)>,
    /// Early dialogs of callees that have not answered.
    forks: Forks,
    /// Our 2xx that waits for its ACK.
    unacked: Option<Unacked>,
    /// A reliable provisional response of ours whose PRACK was overtaken by our 2xx (RFC 3262 section 3).
    outstanding: Option<(u32, u32)>,
    /// BYE is due as soon as the ACK is there (RFC 3261 section 15).
    hangup: Option<Option<String>>,
}

struct Unacked {
    key: ServerKey,
    /// Of the INVITE, and so of its ACK.
    cseq: u32,
    response: Message,
    timer: Retransmit2xx,
    /// It made an offer: the ACK brings the answer.
    offers: bool,
    /// What the call is told as soon as the caller has shown that it is there.
    answered: Option<CodecId>,
}

/// A callee that answered too late: what is left of its dialog is the ACK, which its 2xx may need again.
pub(super) struct Lost {
    tag: String,
    ack: Message,
    hop: Endpoint,
}

impl Talking {
    /// We answered, with an offer or not. `outstanding` is the RSeq that a PRACK may still come for.
    pub(super) fn answered(
        mut dialog: Dialog,
        flow: Endpoint,
        (key, cseq): (ServerKey, u32),
        response: Message,
        offers: bool,
        outstanding: Option<u32>,
        now: Timestamp,
    ) -> Self {
        dialog.confirm();
        let outstanding = outstanding.map(|rseq| (rseq, cseq));
        let unacked = Some(Unacked { key, cseq, response, timer: Retransmit2xx::start(now), offers, answered: None });
        let (invite, ack, given_up, forks) = (None, None, Vec::new(), Forks::default());
        Talking { dialog, flow, is_caller: false, invite, ack, given_up, forks, unacked, outstanding, hangup: None }
    }

    /// The call hears of the answer when the caller has shown that it is there.
    pub(super) fn tells_later(&mut self, codec: CodecId) {
        if let Some(unacked) = &mut self.unacked {
            unacked.answered = Some(codec);
        }
    }

    /// They answered our INVITE. The forks are those that have not.
    pub(super) fn accepted(
        dialog: Dialog,
        flow: Endpoint,
        invite: (RequestId, Message),
        forks: Forks,
        given_up: Vec<(RequestId, Message)>,
    ) -> Self {
        let (ack, unacked, outstanding) = (None, None, None);
        Talking {
            dialog,
            flow,
            is_caller: true,
            invite: Some(invite),
            ack,
            given_up,
            forks,
            unacked,
            outstanding,
            hangup: None,
        }
    }

    /// The INVITE of ours that this is a 2xx to.
    pub(super) fn accepted_invite(&self, id: RequestId, response: &Message) -> Option<Message> {
        let mut invites = self.invite.iter().chain(&self.given_up);
        let accepted = response.status().is_some_and(|c| (200..300).contains(&c));
        invites.find(|(i, _)| accepted && *i == id).map(|(_, invite)| invite.clone())
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.unacked.as_ref().and_then(|u| u.timer.deadline())
    }

    /// A 2xx of ours waits for its ACK.
    pub(super) fn is_negotiating(&self) -> bool {
        self.unacked.is_some()
    }

    /// A 2xx to a re-INVITE went out.
    pub(super) fn wait_for_ack(&mut self, key: ServerKey, cseq: u32, response: Message, offers: bool, now: Timestamp) {
        self.unacked = Some(Unacked { key, cseq, response, timer: Retransmit2xx::start(now), offers, answered: None });
    }

    /// Our re-INVITE was accepted: from here on its 2xx is the one that may come again.
    pub(super) fn sent_again(&mut self, invite: (RequestId, Message), response: &Message) {
        // A target refresh that makes no sense leaves the old target (RFC 3261 section 12.2.1.2).
        let _ = self.dialog.handle_response(response);
        self.invite = Some(invite);
    }

    pub(super) fn stage(&self) -> RecordStage {
        RecordStage::Confirmed { dialog: Box::new(self.dialog.snapshot()), destination: self.hop() }
    }

    /// Where requests of this dialog go: the address that the route set or the remote target names, else, where that
    /// is a name, behind a NAT or on a stream, the flow the dialog was made over.
    pub(super) fn hop(&self) -> Endpoint {
        super::hop::next_hop(self.dialog.next_hop(), self.flow)
    }
}

impl Leg {
    pub(super) fn now_talking(&mut self, now: Timestamp, codec: CodecId) {
        self.facts.answered_at.get_or_insert(now);
        self.note_hold();
        self.report(LegReport::Answered { codec, encrypted: self.media.is_encrypted(), answer: None });
    }

    /// The caller gets what we send: now media may go there.
    pub(super) fn peer_is_there(&mut self, now: Timestamp) {
        // Within a step, as of a PRACK, the state is taken out: that is no end.
        if !std::mem::take(&mut self.unproved) || matches!(self.state, State::Closing(_)) {
            return;
        }
        self.configure_again();
        let State::Talking(s) = &mut self.state else { return };
        if s.hangup.is_none()
            && let Some(codec) = s.unacked.as_mut().and_then(|unacked| unacked.answered.take())
        {
            self.now_talking(now, codec);
        }
    }

    pub(super) fn step_talking(&mut self, now: Timestamp, mut s: Box<Talking>, input: LegInput) {
        match input {
            LegInput::Request { key, message, source } => return self.request_talking(now, s, key, message, source),
            LegInput::Ack(ack) => return self.ack_received(now, s, ack),
            LegInput::Response { id, message, source } if self.ours.is_of(id) => {
                return self.ours_response(now, s, &message, source);
            }
            LegInput::RequestFailed { id, failure } if self.ours.is_of(id) => return self.ours_failed(now, s, failure),
            LegInput::Media(Event::KeyExpiring { .. }) => self.want_fresh_keys(now, &mut s),
            LegInput::Response { id, message, source } => {
                // A 2xx again: the ACK was lost (RFC 3261 section 13.2.2.4). From another fork: not wanted.
                if let Some(invite) = s.accepted_invite(id, &message) {
                    self.repeated_2xx(&mut s, &invite, &message, source);
                } else if !self.proves_again(&mut s, id, &message, source)
                    && !self.notify_answered(&mut s, id, message.status().unwrap_or(0))
                    && !self.refer_answered(id, message.status().unwrap_or(0))
                {
                    self.info_answered(&mut s, id, message.status().unwrap_or(0));
                }
            }
            LegInput::RequestFailed { id, .. } => {
                if !self.notify_answered(&mut s, id, 408) && !self.refer_answered(id, 408) {
                    self.info_answered(&mut s, id, 408);
                }
            }
            LegInput::Command(LegCommand::Refer { to, headers }) => self.refer_to(now, &mut s, &to, &headers),
            LegInput::Command(LegCommand::AnswerRefer { status }) => self.answer_refer(&mut s, status),
            LegInput::Command(LegCommand::Notify { status, reason, last }) => {
                self.notify_refer(&mut s, status, &reason, last);
            }
            LegInput::Media(Event::DigitForPeer { digit, duration_ms, .. }) => {
                self.digit_for_peer(&mut s, digit, duration_ms);
            }
            LegInput::Media(Event::TimedOut { .. }) => {
                self.end(200, "RTP timeout", EndedBy::MediaTimeout, vec![]);
                return self.hang_up(now, s, Some("Q.850;cause=41;text=\"RTP timeout\"".into()));
            }
            LegInput::Media(Event::Failed { .. } | Event::Closed { .. } | Event::OpenFailed { .. }) => {
                self.end(200, "Media failed", EndedBy::Failure, vec![]);
                return self.hang_up(now, s, Some("SIP;cause=500;text=\"Media failed\"".into()));
            }
            // A refusal that crossed the answer ends the leg as a hang-up does.
            LegInput::Command(LegCommand::Reject { .. }) => {
                return self.step_talking(now, s, LegInput::Command(LegCommand::Hangup { reason: None }));
            }
            LegInput::Command(LegCommand::Hangup { reason }) => {
                let headers = std::mem::take(&mut self.final_headers);
                self.end(200, "OK", EndedBy::Local, headers);
                return self.hang_up(now, s, reason);
            }
            LegInput::Command(LegCommand::Reoffer { hold, prefer }) => self.want_offer(now, &mut s, hold, prefer),
            LegInput::Cancelled { .. }
            | LegInput::Resolved { .. }
            | LegInput::Media(_)
            | LegInput::Command(LegCommand::Ring | LegCommand::EarlyMedia { .. } | LegCommand::Answer { .. }) => {}
        }
        self.state = State::Talking(s);
    }

    pub(super) fn expire_talking(&mut self, now: Timestamp, mut s: Box<Talking>) {
        match self.timer.due(now).filter(|_| s.hangup.is_none()) {
            Some(Due::Refresh) => self.want_refresh(now, &mut s),
            Some(Due::Expired) => {
                self.end(200, "Session expired", EndedBy::Failure, vec![]);
                return self.hang_up(now, s, Some("SIP;cause=408;text=\"Session expired\"".into()));
            }
            None => {}
        }
        self.expire_refer(now);
        self.expire_ours(now, &mut s);
        let Some(unacked) = s.unacked.as_mut().filter(|u| u.timer.deadline().is_some_and(|at| at <= now)) else {
            self.state = State::Talking(s);
            return;
        };
        match unacked.timer.expire(now) {
            None => {}
            Some(Retransmit::Again) => {
                let (key, message) = (unacked.key, unacked.response.clone());
                self.emit(LegEffect::Respond { key, message });
            }
            Some(Retransmit::GiveUp) => {
                // RFC 3261 section 13.3.1.4: the dialog is confirmed, and ended with BYE.
                s.unacked = None;
                self.end(200, "No ACK", EndedBy::Failure, vec![]);
                return self.bye(now, *s, Some("SIP;cause=408;text=\"No ACK\""));
            }
        }
        self.state = State::Talking(s);
    }

    fn request_talking(
        &mut self,
        now: Timestamp,
        mut s: Box<Talking>,
        key: ServerKey,
        request: Message,
        source: Endpoint,
    ) {
        let target = s.dialog.remote_target().to_owned();
        if !self.accepts(&mut s.dialog, key, &request, source) {
            self.state = State::Talking(s);
            return;
        }
        match request.method() {
            Method::Bye => {
                self.respond(key, &request, source, 200, None, &[]);
                self.facts.cause = request.header("Reason").map(str::to_owned);
                let headers = std::mem::take(&mut self.final_headers);
                self.end(200, "OK", EndedBy::Remote, headers);
                return self.close(now);
            }
            Method::Invite | Method::Update => self.renegotiate(now, &mut s, key, &request, source, target),
            Method::Prack => {
                let (waiting, invite_cseq) = s.outstanding.unzip();
                let known =
                    RAck::of(&request).is_some_and(|rack| prack::is_for(waiting, rack, invite_cseq.unwrap_or(0)));
                s.outstanding.take_if(|_| known);
                self.respond(key, &request, source, if known { 200 } else { 481 }, None, &[]);
                self.state = State::Talking(s);
                if known {
                    self.peer_is_there(now);
                }
                return;
            }
            Method::Refer => self.refer(key, &request, source),
            Method::Notify if self.referring.is_some() => self.notified(key, &request, source),
            Method::Subscribe => self.subscribe(&mut s, key, &request, source),
            _ => self.request_of_any_state(key, &request, source),
        }
        self.state = State::Talking(s);
    }

    fn ack_received(&mut self, now: Timestamp, mut s: Box<Talking>, ack: Message) {
        let Some(unacked) = &s.unacked else {
            self.state = State::Talking(s);
            return;
        };
        if ack.cseq().number != unacked.cseq || !s.dialog.matches(&ack) {
            self.state = State::Talking(s);
            return;
        }
        let offered = unacked.offers;
        let (hangup, hears) = (s.hangup.take(), !offered);
        if let Some(reason) = hangup {
            s.unacked = None;
            return self.bye(now, *s, reason.as_deref());
        }
        if hears {
            self.state = State::Talking(s);
            self.peer_is_there(now);
            if let State::Talking(s) = &mut self.state {
                s.unacked = None;
            }
            return;
        }
        s.unacked = None;
        self.unproved = false;
        let first = !self.media.is_agreed();
        // The answer to an offer we made in the 2xx comes with the ACK.
        match self.take_answer(described(&ack)) {
            Ok(Some(codec)) if first => {
                self.state = State::Talking(s);
                self.now_talking(now, codec);
            }
            Ok(Some(codec)) => {
                self.report_session(codec);
                self.state = State::Talking(s);
            }
            Ok(None) => self.state = State::Talking(s),
            Err(refused) => {
                self.end(488, refused.why, EndedBy::Failure, vec![]);
                self.bye(now, *s, Some("SIP;cause=488"));
            }
        }
    }

    /// Whether this response was a challenge to a request of the dialog that has been sent again.
    pub(super) fn proves_again(
        &mut self,
        s: &mut Talking,
        id: RequestId,
        response: &Message,
        source: Endpoint,
    ) -> bool {
        let hop = s.hop();
        s.dialog.matches(response) && self.prove_again(&mut s.dialog, hop, id, response, source).is_some()
    }

    pub(super) fn repeated_2xx(&mut self, s: &mut Talking, invite: &Message, response: &Message, source: Endpoint) {
        if s.dialog.matches(response) {
            if let Some((message, destination)) = s.ack.clone() {
                self.emit(LegEffect::SendAck { message, destination });
            }
            return;
        }
        let fork = response.to_tag().and_then(|tag| s.forks.take(tag));
        self.decline_2xx(invite, fork, response, source);
    }

    /// Another branch of a forking proxy, or a hop that was silent, answered too late: it is told so in its own dialog
    /// (RFC 3261 section 13.2.2.4).
    pub(super) fn decline_2xx(&mut self, invite: &Message, fork: Option<Fork>, response: &Message, source: Endpoint) {
        if !response.status().is_some_and(|c| (200..300).contains(&c)) {
            return;
        }
        if let Some(lost) = self.lost.iter().find(|lost| response.to_tag() == Some(lost.tag.as_str())) {
            let (message, destination) = (lost.ack.clone(), lost.hop);
            return self.emit(LegEffect::SendAck { message, destination });
        }
        let dialog = match fork {
            // The route set is that of the 2xx.
            Some(mut fork) => fork.dialog.handle_response(response).map(|()| fork.dialog),
            None => Dialog::uac(invite, response),
        };
        let Ok(mut dialog) = dialog else { return };
        let hop = super::hop::next_hop(dialog.next_hop(), source);
        let ack = dialog.ack_for(invite);
        let ack = self.dress(ack, hop).build();
        self.emit(LegEffect::SendAck { message: ack.clone(), destination: hop });
        self.send_request(&mut dialog, hop, Method::Bye, |bye| bye);
        if self.lost.len() < limits::FORKS_MAX {
            self.lost.push(Lost { tag: dialog.id().remote_tag.clone(), ack, hop });
        }
    }

    /// The ACK of a 2xx, with the answer to the offer it made.
    pub(super) fn acknowledge(&mut self, s: &mut Talking, answer: Option<Bytes>) {
        let Some((_, invite)) = &s.invite else { return };
        let hop = s.hop();
        let ack = s.dialog.ack_for(invite);
        let ack = self.dress(ack, hop);
        let ack = match answer {
            Some(sdp) => ack.body("application/sdp", sdp),
            None => ack,
        };
        let ack = ack.build();
        s.ack = Some((ack.clone(), hop));
        self.emit(LegEffect::SendAck { message: ack, destination: hop });
    }

    fn hang_up(&mut self, now: Timestamp, mut s: Box<Talking>, reason: Option<String>) {
        if s.unacked.is_some() {
            s.hangup = Some(reason);
            self.state = State::Talking(s);
            return;
        }
        self.bye(now, *s, reason.as_deref());
    }

    pub(super) fn bye(&mut self, now: Timestamp, mut s: Talking, reason: Option<&str>) {
        let id = self.send_bye(&mut s, reason);
        self.close_after(now, Some(id), Some(Box::new(s)));
    }

    fn send_bye(&mut self, s: &mut Talking, reason: Option<&str>) -> RequestId {
        self.send_in_dialog(s, Method::Bye, |bye| match reason {
            Some(reason) => bye.header("Reason", reason),
            None => bye,
        })
    }

    pub(super) fn send_in_dialog(
        &mut self,
        s: &mut Talking,
        method: Method,
        finish: impl FnOnce(Builder) -> Builder,
    ) -> RequestId {
        let hop = s.hop();
        self.send_request(&mut s.dialog, hop, method, finish)
    }
}
