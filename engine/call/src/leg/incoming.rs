use tandem_codecs::{CodecId, CodecSpec};
use tandem_media::control::Event;
use tandem_model::{Endpoint, Timestamp};
use tandem_sdp::Description;
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::ServerKey;

use super::contract::{EndedBy, LegCommand, LegInput, LegReport, RecordStage};
use super::talking::Talking;
use super::{IncomingInvite, Leg, Refused, State};

/// An INVITE without a final response from us.
pub(super) struct Incoming {
    key: ServerKey,
    invite: Message,
    source: Endpoint,
    /// None: the offer is ours to make (RFC 3264 section 5, RFC 3261 section 13.2.1).
    offer: Option<Description>,
    /// The highest provisional status sent.
    progress: u16,
    /// Waits for the media port.
    pending: Option<LegCommand>,
}

impl Incoming {
    pub(super) fn new(invite: IncomingInvite) -> Result<Self, Refused> {
        let offer = match invite.message.body() {
            [] => None,
            body => {
                if !invite.message.content_type().is_some_and(is_sdp) {
                    return Err(Refused { status: 415, why: "the body is not application/sdp".into() });
                }
                let description =
                    tandem_sdp::parse(body).map_err(|e| Refused { status: 400, why: format!("SDP: {e}") })?;
                Some(description)
            }
        };
        // Without a Contact there is no dialog to make (RFC 3261 section 8.1.1.8); any tag will do to find out.
        if Dialog::uas(&invite.message, "t").is_err() {
            return Err(Refused { status: 400, why: "no usable Contact".into() });
        }
        Ok(Incoming {
            key: invite.key,
            invite: invite.message,
            source: invite.source,
            offer,
            progress: 0,
            pending: None,
        })
    }

    pub(super) fn call_id(&self) -> &str {
        self.invite.call_id()
    }

    /// Whether a request comes from whoever sent the INVITE (RFC 3261 section 12.2.2): our tag alone proves nothing.
    fn is_of_caller(&self, request: &Message) -> bool {
        request.call_id() == self.invite.call_id() && request.from_tag() == self.invite.from_tag()
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

pub(super) fn is_sdp(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/sdp")
}

impl Leg {
    /// What the INVITE that made this leg says of the methods its sender takes.
    pub(super) fn allow_of_invite(&mut self) {
        if let State::Incoming(s) = &self.state {
            let invite = s.invite.clone();
            self.note_allow(&invite);
        }
    }

    pub(super) fn step_incoming(&mut self, now: Timestamp, mut s: Incoming, input: LegInput) {
        match input {
            LegInput::Command(command) => return self.command_incoming(now, s, command),
            LegInput::Cancelled => {
                self.respond(s.key, &s.invite, s.source, 487, None, &[]);
                self.end(487, "Request Terminated", EndedBy::Remote, vec![]);
                return self.close(now);
            }
            LegInput::Media(Event::Opened { .. }) => {
                if let Some(command) = s.pending.take() {
                    return self.command_incoming(now, s, command);
                }
            }
            LegInput::Media(Event::OpenFailed { .. } | Event::Failed { .. } | Event::Closed { .. }) => {
                self.respond(s.key, &s.invite, s.source, 503, None, &[("Retry-After", "5")]);
                self.end(503, "No media port", EndedBy::Failure, vec![]);
                return self.close(now);
            }
            LegInput::Request { key, message, source } if !s.is_of_caller(&message) => {
                self.respond(key, &message, source, 481, None, &[]);
            }
            LegInput::Request { key, message, source } => match message.method() {
                Method::Bye => {
                    // A caller may end an early dialog with BYE (RFC 3261 section 15).
                    self.respond(key, &message, source, 200, None, &[]);
                    return self.step_incoming(now, s, LegInput::Cancelled);
                }
                // Not before the first INVITE has its answer (RFC 3261 section 14.2, RFC 3311 section 5.2).
                Method::Invite | Method::Update => {
                    self.respond(key, &message, source, 500, None, &[("Retry-After", "3")]);
                }
                Method::Options => self.respond(key, &message, source, 200, None, &[]),
                Method::Info => self.info(key, &message, source),
                _ => self.respond(key, &message, source, 405, None, &[]),
            },
            // The server transaction could not deliver or gave up; whoever called is gone.
            LegInput::RequestFailed { .. } => {
                self.end(408, "Caller unreachable", EndedBy::Failure, vec![]);
                return self.close(now);
            }
            LegInput::Ack(_) | LegInput::Response { .. } | LegInput::Resolved { .. } | LegInput::Media(_) => {}
        }
        self.state = State::Incoming(s);
    }

    fn command_incoming(&mut self, now: Timestamp, mut s: Incoming, command: LegCommand) {
        match command {
            LegCommand::Ring => {
                if s.progress < 180 {
                    s.progress = 180;
                    self.respond_in_dialog(s.key, &s.invite, s.source, 180, None, &[], None);
                }
            }
            LegCommand::EarlyMedia { prefer } => {
                if self.media.is_opening() {
                    // An answer that waits already says more.
                    s.pending.get_or_insert(command);
                } else if s.progress < 183 {
                    return self.early_media(now, s, prefer);
                }
            }
            LegCommand::Answer { prefer } => {
                if self.media.is_opening() {
                    s.pending = Some(command);
                } else {
                    return self.answer(now, s, prefer);
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
            LegCommand::Hangup { reason } => {
                let headers = reason.map(|r| vec![("Reason".to_owned(), r)]).unwrap_or_default();
                return self.command_incoming(now, s, LegCommand::Reject { status: 480, reason: None, headers });
            }
        }
        self.state = State::Incoming(s);
    }

    fn early_media(&mut self, now: Timestamp, mut s: Incoming, prefer: Option<CodecId>) {
        let Some(offer) = &s.offer else {
            // Without an offer there is nothing to answer early: ring instead.
            return self.command_incoming(now, s, LegCommand::Ring);
        };
        match self.negotiate_answer(offer, prefer) {
            Ok((sdp, codec)) => {
                s.progress = 183;
                self.respond_in_dialog(s.key, &s.invite, s.source, 183, None, &[], Some(sdp));
                self.report(LegReport::Progress { status: 183, early_media: Some(codec) });
                self.state = State::Incoming(s);
            }
            Err(refused) => self.not_acceptable(now, s, refused),
        }
    }

    fn answer(&mut self, now: Timestamp, s: Incoming, prefer: Option<CodecId>) {
        let (sdp, codec) = match (&s.offer, self.media.early_answer()) {
            (Some(_), Some((sdp, codec))) => (sdp, Some(codec)),
            (Some(offer), None) => match self.negotiate_answer(offer, prefer) {
                Ok((sdp, codec)) => (sdp, Some(codec)),
                Err(refused) => return self.not_acceptable(now, s, refused),
            },
            (None, _) => (self.make_offer(prefer), None),
        };
        let Ok(dialog) = Dialog::uas(&s.invite, &self.local_tag) else {
            return self.not_acceptable(now, s, Refused { status: 400, why: "no usable Contact".into() });
        };
        let response = self.respond_in_dialog(s.key, &s.invite, s.source, 200, None, &[], Some(sdp));
        let talking = Talking::answered(dialog, s.source, s.key, response, now);
        self.state = State::Talking(Box::new(talking));
        self.record();
        if let Some(codec) = codec {
            self.now_talking(now, codec);
        }
    }

    fn not_acceptable(&mut self, now: Timestamp, s: Incoming, refused: Refused) {
        let warning = format!("399 tandem \"{}\"", refused.why.replace(['"', '\\'], "'"));
        self.respond(s.key, &s.invite, s.source, refused.status, None, &[("Warning", &warning)]);
        self.end(refused.status, refused.why, EndedBy::Failure, vec![]);
        self.close(now);
    }
}
