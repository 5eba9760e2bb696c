use std::time::Duration;

use bytes::Bytes;
use tandem_codecs::{CodecId, CodecSpec};
use tandem_media::control::Event;
use tandem_model::{Endpoint, Entropy, Timestamp, limits};
use tandem_sdp::Description;
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::ServerKey;

use super::abilities::unsupported;
use super::body::{description, description_or_refusal};
use super::contract::{
    EndedBy, Extensions, LegCommand, LegEffect, LegInput, LegReport, NO_MEDIA_PORT, RecordStage, ReferReport,
};
use super::prack::{Provisionals, Use};
use super::session_timer::too_small_interval;
use super::talking::Talking;
use super::{IncomingInvite, Leg, Refused, State};

/// A provisional response is repeated this often, so that no proxy gives the INVITE up (RFC 3261 section 13.3.1.1). A
/// minute, and a second, so that a call given up at the full minute says no more.
const PROGRESS_EVERY: Duration = Duration::from_secs(61);

/// An INVITE without a final response from us.
pub(super) struct Incoming {
    pub(super) key: ServerKey,
    pub(super) invite: Message,
    pub(super) source: Endpoint,
    /// None: the offer is ours to make (RFC 3264 section 5, RFC 3261 section 13.2.1).
    offer: Option<Description>,
    /// Early, once a response of ours gave it its tag.
    dialog: Dialog,
    reliable: Use,
    pub(super) provisionals: Provisionals,
    pub(super) told: Told,
    /// The highest provisional status sent.
    pub(super) progress: u16,
    last_progress: Option<(Message, Timestamp)>,
    /// When its caller wants no answer any more.
    expires: Option<Timestamp>,
    /// Waits for the media port, or for a PRACK.
    pending: Option<LegCommand>,
}

/// What our provisional responses have said of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    /// Our answer, unreliably: the 2xx says it again.
    Preview,
    /// Our offer, reliably; its answer comes in the PRACK (RFC 3262 section 5).
    Offer,
    /// Offer and answer are done, reliably: the 2xx says nothing of media.
    Agreed,
}

impl Incoming {
    pub(super) fn new(
        invite: IncomingInvite,
        extensions: &Extensions,
        local_tag: &str,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Refused> {
        if let Some(others) = unsupported(extensions, &invite.message) {
            let mut refused = Refused::new(420, "an extension is required that is not here");
            refused.headers.push(("Unsupported", others));
            return Err(refused);
        }
        if let Some(min) = too_small_interval(extensions.min_se_secs, &invite.message) {
            let mut refused = Refused::new(422, "the session interval is too small");
            refused.headers.push(("Min-SE", min));
            return Err(refused);
        }
        let reliable = Use::towards(&invite.message, extensions.reliable)?;
        let offer = match description_or_refusal(&invite.message)? {
            [] => None,
            body => Some(super::media::parse(body)?),
        };
        // Without a Contact there is no dialog to make (RFC 3261 section 8.1.1.8).
        let dialog = Dialog::uas(&invite.message, local_tag).map_err(|_| Refused::new(400, "no usable Contact"))?;
        Ok(Incoming {
            expires: expiry(&invite.message, invite.received),
            key: invite.key,
            invite: invite.message,
            source: invite.source,
            offer,
            dialog,
            reliable,
            provisionals: Provisionals::new(entropy),
            told: Told::Nothing,
            progress: 0,
            last_progress: None,
            pending: None,
        })
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let again = self.last_progress.as_ref().map(|(_, at)| *at);
        again.into_iter().chain(self.expires).chain(self.provisionals.deadline()).min()
    }

    /// Where our requests of the early dialog go.
    fn hop(&self) -> Endpoint {
        super::hop::next_hop(self.dialog.next_hop(), self.source)
    }

    /// The first reliable response makes the offer that the INVITE did not (RFC 3262 section 5).
    fn offers_when_ringing(&self) -> bool {
        self.offer.is_none() && self.told == Told::Nothing && self.reliable == Use::Always
    }

    pub(super) fn call_id(&self) -> &str {
        self.invite.call_id()
    }

    pub(super) fn offered_codecs(&self) -> Vec<CodecId> {
        let formats = self.offer.iter().filter_map(|o| o.audio()).flat_map(|m| &m.formats);
        let mut codecs = Vec::new();
        for f in formats {
            if let Some(spec) = CodecSpec::by_rtpmap(&f.name, f.clock_hz, f.channels)
                && !codecs.contains(&spec.id)
            {
                codecs.push(spec.id);
            }
        }
        codecs
    }

    pub(super) fn stage(&self, local_tag: &str) -> RecordStage {
        RecordStage::Incoming {
            key: self.key,
            invite: Box::new(self.invite.clone()),
            source: self.source,
            local_tag: local_tag.to_owned(),
        }
    }
}

/// When an invitation expires (RFC 3261 section 20.19). Nothing can be answered within no time at all, so that 0 says no
/// more than no number does.
fn expiry(invite: &Message, received: Timestamp) -> Option<Timestamp> {
    let secs = invite.expires().filter(|secs| (1..=limits::INVITE_EXPIRES_SECS_MAX).contains(secs))?;
    Some(received + Duration::from_secs(secs.into()))
}

impl Leg {
    /// What the INVITE that made this leg says of the methods its sender takes.
    pub(super) fn allow_of_invite(&mut self) {
        if let State::Incoming(s) = &self.state {
            let invite = s.invite.clone();
            self.note_allow(&invite);
        }
    }

    pub(super) fn step_incoming(&mut self, now: Timestamp, mut s: Box<Incoming>, input: LegInput) {
        match input {
            LegInput::Command(command) => return self.command_incoming(now, s, command),
            LegInput::Cancelled { reason } => {
                self.facts.cause = reason;
                self.respond(s.key, &s.invite, s.source, 487, None, &[]);
                self.end(487, "Request Terminated", EndedBy::Remote, vec![]);
                return self.close(now);
            }
            LegInput::Media(Event::Opened { .. }) => return self.resume_incoming(now, s),
            LegInput::Media(Event::OpenFailed { .. } | Event::Failed { .. } | Event::Closed { .. }) => {
                self.respond(s.key, &s.invite, s.source, 503, None, &[("Retry-After", "5")]);
                self.end(503, NO_MEDIA_PORT, EndedBy::Failure, vec![]);
                return self.close(now);
            }
            LegInput::Request { key, message, source } => {
                return self.request_incoming(now, s, key, message, source);
            }
            LegInput::Response { id, message, source } => {
                let hop = s.hop();
                self.early_update_response(&mut s.dialog, hop, id, &message, source);
            }
            LegInput::RequestFailed { id, .. } if self.ours.is_of(id) => self.early_update_failed(),
            // The server transaction could not deliver or gave up; whoever called is gone.
            LegInput::RequestFailed { .. } => {
                self.end(408, "Caller unreachable", EndedBy::Failure, vec![]);
                return self.close(now);
            }
            LegInput::Ack(_) | LegInput::Resolved { .. } | LegInput::Media(_) => {}
        }
        self.state = State::Incoming(s);
    }

    pub(super) fn expire_incoming(&mut self, now: Timestamp, mut s: Box<Incoming>) {
        if s.expires.is_some_and(|at| at <= now) {
            // RFC 3261 section 13.3.1: 487, as if the caller had cancelled it.
            return self.step_incoming(now, s, LegInput::Cancelled { reason: None });
        }
        if let Some((message, at)) = s.last_progress.as_mut().filter(|(_, at)| *at <= now) {
            *at = now + PROGRESS_EVERY;
            let message = message.clone();
            self.emit(LegEffect::Respond { key: s.key, message });
        }
        self.expire_provisional(now, s);
    }

    /// A request of the early dialog: proved by its tags (RFC 3261 section 12.2.2), as ours alone proves nothing.
    fn request_incoming(
        &mut self,
        now: Timestamp,
        mut s: Box<Incoming>,
        key: ServerKey,
        request: Message,
        source: Endpoint,
    ) {
        if !self.accepts(&mut s.dialog, key, &request, source) {
            self.state = State::Incoming(s);
            return;
        }
        match request.method() {
            Method::Bye => {
                // A caller may end an early dialog with BYE (RFC 3261 section 15).
                self.respond(key, &request, source, 200, None, &[]);
                let reason = request.header("Reason").map(str::to_owned);
                return self.step_incoming(now, s, LegInput::Cancelled { reason });
            }
            Method::Prack => return self.prack_received(now, s, key, &request, source),
            // Not before the first INVITE has its answer (RFC 3261 section 14.2).
            Method::Invite => self.respond(key, &request, source, 500, None, &[("Retry-After", "3")]),
            Method::Update if description(&request).is_ok_and(<[u8]>::is_empty) => {
                self.respond_in_dialog(key, &request, source, 200, None, &[], None);
            }
            Method::Update if s.told == Told::Agreed => self.answer_early_offer(key, &request, source),
            // RFC 3311 section 5.2: an offer of theirs, or ours, waits for its answer.
            Method::Update if s.told == Told::Offer => self.respond(key, &request, source, 491, None, &[]),
            Method::Update => self.respond(key, &request, source, 500, None, &[("Retry-After", "3")]),
            _ => self.request_of_any_state(key, &request, source),
        }
        self.state = State::Incoming(s);
    }

    /// What waited goes on, if it still has reason to.
    pub(super) fn resume_incoming(&mut self, now: Timestamp, mut s: Box<Incoming>) {
        match s.pending.take() {
            Some(command) => self.command_incoming(now, s, command),
            None => self.state = State::Incoming(s),
        }
    }

    fn command_incoming(&mut self, now: Timestamp, mut s: Box<Incoming>, command: LegCommand) {
        match command {
            LegCommand::Ring => {
                if s.progress < 180 {
                    let offers = s.offers_when_ringing();
                    if s.provisionals.is_waiting() || offers && self.media.is_opening() {
                        s.pending.get_or_insert(command);
                    } else {
                        let sdp = offers.then(|| self.early_offer(&mut s, None));
                        self.progress(now, &mut s, 180, sdp);
                    }
                }
            }
            // It could not be heard before the caller has shown that it is there, and would stop its own ringing.
            LegCommand::EarlyMedia { .. } if self.unproved && s.reliable == Use::Never => {
                return self.command_incoming(now, s, LegCommand::Ring);
            }
            LegCommand::EarlyMedia { prefer } => {
                if self.media.is_opening() || s.provisionals.is_waiting() {
                    // An answer that waits already says more.
                    if !matches!(s.pending, Some(LegCommand::Answer { .. })) {
                        s.pending = Some(command);
                    }
                } else if s.progress < 183 {
                    return self.early_media(now, s, prefer);
                }
            }
            LegCommand::Answer { prefer } => {
                if self.media.is_opening() || s.provisionals.has_sdp_waiting() {
                    s.pending = Some(command);
                } else {
                    return self.answer(now, s, prefer);
                }
            }
            LegCommand::Reoffer { hold, prefer } => {
                self.ours.want_offer(hold, prefer);
                if s.told == Told::Agreed && !s.provisionals.is_waiting() {
                    let hop = s.hop();
                    self.early_update(&mut s.dialog, hop);
                }
            }
            LegCommand::Reject { status, reason, headers } => {
                let extra: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                self.respond(s.key, &s.invite, s.source, status, reason.as_deref(), &extra);
                let reason = reason.unwrap_or_else(|| tandem_sip::message::reason_phrase(status).to_owned());
                self.end(status, reason, EndedBy::Local, vec![]);
                return self.close(now);
            }
            LegCommand::AnswerRefer { .. } | LegCommand::Notify { .. } => {}
            LegCommand::Refer { .. } => self.report(LegReport::ReferEnded(ReferReport::default())),
            LegCommand::Hangup { reason } => {
                let headers = reason.map(|r| vec![("Reason".to_owned(), r)]).unwrap_or_default();
                return self.command_incoming(now, s, LegCommand::Reject { status: 480, reason: None, headers });
            }
        }
        self.state = State::Incoming(s);
    }

    /// A provisional response that makes the early dialog.
    fn progress(&mut self, now: Timestamp, s: &mut Incoming, status: u16, sdp: Option<Bytes>) {
        let reliably = match s.reliable {
            Use::Never => false,
            Use::WithSdp => sdp.is_some(),
            Use::Always => true,
        };
        let rseq = reliably.then(|| s.provisionals.take_rseq());
        let rseq_text = rseq.map(|n| n.to_string());
        let headers: Vec<(&str, &str)> =
            rseq_text.iter().flat_map(|n| [("Require", "100rel"), ("RSeq", n.as_str())]).collect();
        let response = self.respond_in_dialog(s.key, &s.invite, s.source, status, None, &headers, sdp);
        s.progress = status;
        s.last_progress = Some((response.clone(), now + PROGRESS_EVERY));
        if let Some(rseq) = rseq {
            s.provisionals.sent(now, rseq, response);
        }
    }

    /// Our offer in a reliable response.
    fn early_offer(&mut self, s: &mut Incoming, prefer: Option<CodecId>) -> Bytes {
        s.told = Told::Offer;
        self.make_offer(prefer)
    }

    fn early_media(&mut self, now: Timestamp, mut s: Box<Incoming>, prefer: Option<CodecId>) {
        match &s.offer {
            // The response before it has said all there is to say of media.
            None if s.told == Told::Agreed => {
                self.progress(now, &mut s, 183, None);
                self.report(LegReport::Progress { status: 183, early_media: self.current_codec() });
            }
            Some(offer) => match self.negotiate_answer(offer, prefer) {
                Ok((sdp, codec)) => {
                    s.told = if s.reliable == Use::Never { Told::Preview } else { Told::Agreed };
                    self.progress(now, &mut s, 183, Some(sdp));
                    self.report(LegReport::Progress { status: 183, early_media: Some(codec) });
                }
                Err(refused) => return self.not_acceptable(now, s, refused),
            },
            // Without an offer there is nothing to answer early: ring instead.
            None if s.reliable == Use::Never => return self.command_incoming(now, s, LegCommand::Ring),
            None => {
                let sdp = self.early_offer(&mut s, prefer);
                self.progress(now, &mut s, 183, Some(sdp));
            }
        }
        self.state = State::Incoming(s);
    }

    fn answer(&mut self, now: Timestamp, s: Box<Incoming>, prefer: Option<CodecId>) {
        let early = self.media.early_answer().filter(|_| s.told == Told::Preview);
        let (sdp, codec) = match (s.told, &s.offer, early) {
            (Told::Agreed, ..) => (None, self.current_codec()),
            (_, Some(_), Some((sdp, codec))) => (Some(sdp), Some(codec)),
            (_, Some(offer), None) => match self.negotiate_answer(offer, prefer) {
                Ok((sdp, codec)) => (Some(sdp), Some(codec)),
                Err(refused) => return self.not_acceptable(now, s, refused),
            },
            (_, None, _) => (Some(self.make_offer(prefer)), None),
        };
        let timer = self.grant_interval(now, &s.invite);
        let headers: Vec<_> = timer.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let response = self.respond_in_dialog(s.key, &s.invite, s.source, 200, None, &headers, sdp);
        let (offers, outstanding) = (codec.is_none(), s.provisionals.outstanding());
        let mut talking =
            Talking::answered(s.dialog, s.source, (s.key, s.invite.cseq().number), response, offers, outstanding, now);
        let tells_now = codec.filter(|_| !self.unproved);
        if let Some(codec) = codec.filter(|_| self.unproved) {
            talking.tells_later(codec);
        }
        self.state = State::Talking(Box::new(talking));
        self.record();
        if let Some(codec) = tells_now {
            self.now_talking(now, codec);
        }
        self.resume_ours(now);
    }

    pub(super) fn not_acceptable(&mut self, now: Timestamp, s: Box<Incoming>, refused: Refused) {
        self.refuse(s.key, &s.invite, s.source, &refused);
        self.end(refused.status, refused.why, EndedBy::Failure, vec![]);
        self.close(now);
    }
}
