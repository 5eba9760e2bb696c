use tandem_codecs::CodecId;
use tandem_media::control::Event;
use tandem_model::{Endpoint, Timestamp};
use tandem_sip::dialog::{Dialog, Retransmit, Retransmit2xx};
use tandem_sip::message::{Builder, Message, Method};
use tandem_sip::transaction::ServerKey;

use super::contract::{EndedBy, LegCommand, LegEffect, LegInput, LegReport, RecordStage, RequestId};
use super::incoming::is_sdp;
use super::media::parse;
use super::rekey::Rekey;
use super::{Leg, State};

/// A confirmed dialog.
pub(super) struct Talking {
    dialog: Dialog,
    /// The flow the dialog was made over.
    flow: Endpoint,
    /// Our INVITE, when the leg is outgoing: its 2xx may come again.
    invite: Option<(RequestId, Message)>,
    /// The ACK to repeat for it.
    ack: Option<(Message, Endpoint)>,
    /// Our 2xx that waits for its ACK.
    unacked: Option<Unacked>,
    pub(super) rekey: Rekey,
    /// BYE is due as soon as the ACK is there (RFC 3261 section 15).
    hangup: Option<Option<String>>,
}

struct Unacked {
    key: ServerKey,
    response: Message,
    timer: Retransmit2xx,
}

impl Talking {
    pub(super) fn answered(
        mut dialog: Dialog,
        flow: Endpoint,
        key: ServerKey,
        response: Message,
        now: Timestamp,
    ) -> Self {
        dialog.confirm();
        let unacked = Some(Unacked { key, response, timer: Retransmit2xx::start(now) });
        Talking { dialog, flow, invite: None, ack: None, unacked, rekey: Rekey::default(), hangup: None }
    }

    pub(super) fn accepted(dialog: Dialog, flow: Endpoint, invite: (RequestId, Message)) -> Self {
        Talking { dialog, flow, invite: Some(invite), ack: None, unacked: None, rekey: Rekey::default(), hangup: None }
    }

    /// Whether this is a 2xx to our INVITE.
    pub(super) fn is_accepted_by(&self, id: RequestId, response: &Message) -> bool {
        self.invite.as_ref().is_some_and(|(i, _)| *i == id)
            && response.status().is_some_and(|c| (200..300).contains(&c))
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let unacked = self.unacked.as_ref().and_then(|u| u.timer.deadline());
        unacked.into_iter().chain(self.rekey.deadline()).min()
    }

    /// A 2xx of ours waits for its ACK.
    pub(super) fn is_negotiating(&self) -> bool {
        self.unacked.is_some()
    }

    pub(super) fn dialog(&mut self) -> &mut Dialog {
        &mut self.dialog
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
        self.report(LegReport::Answered { codec, encrypted: self.media.is_encrypted() });
    }

    pub(super) fn step_talking(&mut self, now: Timestamp, mut s: Box<Talking>, input: LegInput) {
        match input {
            LegInput::Request { key, message, source } => return self.request_talking(now, s, key, message, source),
            LegInput::Ack(ack) => return self.ack_received(now, s, ack),
            LegInput::Response { id, message, .. } if s.rekey.is_of(id) => {
                return self.rekey_response(now, s, &message);
            }
            LegInput::RequestFailed { id, .. } if s.rekey.is_of(id) => self.rekey_failed(now, &mut s),
            LegInput::Media(Event::KeyExpiring { .. }) => self.start_rekey(now, &mut s),
            LegInput::Response { id, message, .. } => {
                // A 2xx again: the ACK was lost (RFC 3261 section 13.2.2.4). From another fork: not wanted.
                if s.is_accepted_by(id, &message) {
                    self.repeated_2xx(&mut s, &message);
                } else if !self.notify_answered(&mut s, id, message.status().unwrap_or(0)) {
                    self.info_answered(&mut s, id, message.status().unwrap_or(0));
                }
            }
            LegInput::RequestFailed { id, .. } => {
                if !self.notify_answered(&mut s, id, 408) {
                    self.info_answered(&mut s, id, 408);
                }
            }
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
            LegInput::Cancelled
            | LegInput::Resolved { .. }
            | LegInput::Media(_)
            | LegInput::Command(LegCommand::Ring | LegCommand::EarlyMedia { .. } | LegCommand::Answer { .. }) => {}
        }
        self.state = State::Talking(s);
    }

    pub(super) fn expire_talking(&mut self, now: Timestamp, mut s: Box<Talking>) {
        self.expire_rekey(now, &mut s);
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
        if let Err(reject) = s.dialog.accept(&request) {
            self.respond(key, &request, source, reject.status, None, &[]);
            self.state = State::Talking(s);
            return;
        }
        match request.method() {
            Method::Bye => {
                self.respond(key, &request, source, 200, None, &[]);
                let headers = std::mem::take(&mut self.final_headers);
                self.end(200, "OK", EndedBy::Remote, headers);
                return self.close(now);
            }
            Method::Invite | Method::Update => self.renegotiate(now, &mut s, key, &request, source),
            Method::Info => self.info(key, &request, source),
            Method::Options => self.respond(key, &request, source, 200, None, &[]),
            Method::Refer => self.refer(key, &request, source),
            Method::Subscribe => self.subscribe(&mut s, key, &request, source),
            _ => self.respond(key, &request, source, 405, None, &[]),
        }
        self.state = State::Talking(s);
    }

    /// re-INVITE and UPDATE: hold, resume, another address or codec (RFC 3261 section 14.2, RFC 3311).
    fn renegotiate(&mut self, now: Timestamp, s: &mut Talking, key: ServerKey, request: &Message, source: Endpoint) {
        let invite = request.method() == Method::Invite;
        self.note_allow(request);
        let offers = !request.body().is_empty();
        if (invite && s.unacked.is_some()) || (offers && self.media.has_offer()) {
            return self.respond(key, request, source, 491, None, &[]);
        }
        if offers && !request.content_type().is_some_and(is_sdp) {
            return self.respond(key, request, source, 415, None, &[("Accept", "application/sdp")]);
        }
        let answer = match request.body() {
            [] if invite => Ok(Some((self.make_offer(self.current_codec()), None))),
            [] => Ok(None),
            body => parse(body)
                .and_then(|offer| self.negotiate_answer(&offer, self.current_codec()))
                .map(|(sdp, codec)| Some((sdp, Some(codec)))),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(refused) => return self.respond(key, request, source, refused.status, None, &[]),
        };
        let (sdp, codec) = answer.map_or((None, None), |(sdp, codec)| (Some(sdp), codec));
        let response = self.respond_in_dialog(key, request, source, 200, None, &[], sdp);
        s.flow = source;
        if invite {
            s.unacked = Some(Unacked { key, response, timer: Retransmit2xx::start(now) });
        }
        if let Some(codec) = codec {
            self.report(LegReport::Renegotiated { codec });
            self.report_hold();
        }
        let stage = s.stage();
        let record = super::LegRecord { leg: self.id, sid: self.sid, stage };
        self.emit(LegEffect::Record(Box::new(record)));
    }

    fn ack_received(&mut self, now: Timestamp, mut s: Box<Talking>, ack: Message) {
        let Some(unacked) = &s.unacked else {
            self.state = State::Talking(s);
            return;
        };
        if ack.cseq().number != unacked.response.cseq().number {
            self.state = State::Talking(s);
            return;
        }
        s.unacked = None;
        if let Some(reason) = s.hangup.take() {
            return self.bye(now, *s, reason.as_deref());
        }
        let first = !self.media.is_agreed();
        // The answer to an offer we made in the 2xx comes with the ACK.
        match self.take_answer(ack.body()) {
            Ok(Some(codec)) if first => {
                self.state = State::Talking(s);
                self.now_talking(now, codec);
            }
            Ok(Some(codec)) => {
                self.report(LegReport::Renegotiated { codec });
                self.report_hold();
                self.state = State::Talking(s);
            }
            Ok(None) => self.state = State::Talking(s),
            Err(refused) => {
                self.end(488, refused.why, EndedBy::Failure, vec![]);
                self.bye(now, *s, Some("SIP;cause=488"));
            }
        }
    }

    pub(super) fn repeated_2xx(&mut self, s: &mut Talking, response: &Message) {
        if response.to_tag() == Some(s.dialog.id().remote_tag.as_str()) {
            if let Some((message, destination)) = s.ack.clone() {
                self.emit(LegEffect::SendAck { message, destination });
            }
            return;
        }
        // Another branch of a forking proxy answered too late: it is told so in its own dialog.
        let Some((_, invite)) = &s.invite else { return };
        let Ok(fork) = Dialog::uac(invite, response) else { return };
        let mut other = Talking::accepted(fork, s.flow, (RequestId(0), invite.clone()));
        self.acknowledge(&mut other);
        self.send_bye(&mut other, None);
    }

    pub(super) fn acknowledge(&mut self, s: &mut Talking) {
        let Some((_, invite)) = &s.invite else { return };
        let hop = s.hop();
        let ack = s.dialog.ack_for(invite);
        let ack = self.dress(ack, hop.transport).build();
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
        let request = s.dialog.request(method);
        let message = finish(self.dress(request, hop.transport)).build();
        let id = self.next_request_id();
        self.emit(LegEffect::Request { id, message, destination: hop });
        id
    }
}
