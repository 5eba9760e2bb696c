use std::time::Duration;

use tandem_media::control::Event;
use tandem_model::{Endpoint, Timestamp};
use tandem_sip::auth::{Account, Challenge};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Builder, Message, Method, reason_phrase};
use tandem_sip::transaction::ServerKey;

use super::contract::{
    Destination, EndedBy, InviteSpec, LegCommand, LegEffect, LegInput, LegReport, RecordStage, RequestFailure,
    RequestId,
};
use super::talking::Talking;
use super::{Leg, State};

/// A cancelled INVITE whose final response never comes is given up after this (RFC 3261 section 9.1, 64*T1).
const CANCEL_WAIT: Duration = Duration::from_secs(33);
/// Credentials are tried this often: once, and once more for a stale nonce.
const AUTH_TRIES: u8 = 2;

/// An INVITE of ours without a final response.
pub(super) struct Outgoing {
    spec: InviteSpec,
    hop: Option<Endpoint>,
    resolving: Option<RequestId>,
    sent: Option<(RequestId, Message)>,
    cseq: u32,
    auth_tries: u8,
    /// Set when we gave up: nothing is reported from then on.
    cancelled: Option<Timestamp>,
}

impl Outgoing {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.cancelled.map(|at| at + CANCEL_WAIT)
    }

    pub(super) fn stage(&self) -> RecordStage {
        self.sent.as_ref().map_or(RecordStage::Over, |(id, _)| RecordStage::Outgoing { id: *id })
    }
}

impl Leg {
    pub(super) fn start_outgoing(&mut self, spec: InviteSpec) {
        let mut s = Outgoing { hop: None, resolving: None, sent: None, cseq: 1, auth_tries: 0, cancelled: None, spec };
        match &s.spec.destination {
            Destination::Flow(hop) => s.hop = Some(*hop),
            Destination::Uri(uri) => {
                let id = self.next_request_id();
                self.emit(LegEffect::Resolve { id, uri: uri.clone() });
                s.resolving = Some(id);
            }
        }
        self.state = State::Outgoing(s);
    }

    pub(super) fn step_outgoing(&mut self, now: Timestamp, mut s: Outgoing, input: LegInput) {
        match input {
            LegInput::Media(Event::Opened { .. }) => return self.send_invite(s),
            LegInput::Media(Event::OpenFailed { .. } | Event::Failed { .. } | Event::Closed { .. }) => {
                return self.give_up(now, s, 503, "No media port");
            }
            LegInput::Resolved { id, hops } if s.resolving == Some(id) => match hops {
                Ok(hops) => {
                    s.hop = hops.first().copied();
                    return self.send_invite(s);
                }
                Err(why) => {
                    self.end(502, why, EndedBy::Failure, vec![]);
                    return self.close(now);
                }
            },
            LegInput::Response { id, message, source } if s.sent.as_ref().is_some_and(|(sent, _)| *sent == id) => {
                return self.invite_response(now, s, message, source);
            }
            LegInput::RequestFailed { id, failure } if s.sent.as_ref().is_some_and(|(sent, _)| *sent == id) => {
                let (status, why) = match failure {
                    RequestFailure::Timeout => (408, "Request Timeout"),
                    RequestFailure::Transport => (503, "Transport failed"),
                };
                self.end(status, why, EndedBy::Failure, vec![]);
                return self.close(now);
            }
            LegInput::Command(LegCommand::Hangup { .. } | LegCommand::Reject { .. }) => {
                return self.cancel(now, s);
            }
            LegInput::Request { key, message, source } => self.request_early(key, &message, source),
            LegInput::Response { .. }
            | LegInput::RequestFailed { .. }
            | LegInput::Resolved { .. }
            | LegInput::Media(_)
            | LegInput::Cancelled
            | LegInput::Ack(_)
            | LegInput::Command(
                LegCommand::Ring
                | LegCommand::EarlyMedia { .. }
                | LegCommand::Answer { .. }
                | LegCommand::AnswerRefer { .. }
                | LegCommand::Notify { .. },
            ) => {}
        }
        self.state = State::Outgoing(s);
    }

    /// The callee may speak in its early dialog, if not of media: our offer has no answer it could follow. A 481 would
    /// tell it that the dialog is gone (RFC 5057 section 5.1).
    fn request_early(&mut self, key: ServerKey, request: &Message, source: Endpoint) {
        if request.call_id() != self.facts.call_id {
            return self.respond(key, request, source, 481, None, &[]);
        }
        match request.method() {
            Method::Options | Method::Info => self.respond(key, request, source, 200, None, &[]),
            // RFC 3311 section 5.2.
            Method::Update => self.respond(key, request, source, 491, None, &[]),
            Method::Bye => self.respond(key, request, source, 481, None, &[]),
            _ => self.respond(key, request, source, 405, None, &[]),
        }
    }

    pub(super) fn expire_outgoing(&mut self, now: Timestamp, s: Outgoing) {
        drop(s);
        self.close(now);
    }

    /// Sends the INVITE once both a port and a destination are there.
    fn send_invite(&mut self, mut s: Outgoing) {
        if let (true, Some(hop), None) = (self.media.is_open(), s.hop, &s.sent) {
            let sdp = self.make_offer(None);
            let invite = self.invite(&s, hop).body("application/sdp", sdp).build();
            self.launch(&mut s, invite, hop);
        }
        self.state = State::Outgoing(s);
        self.record();
    }

    fn launch(&mut self, s: &mut Outgoing, invite: Message, hop: Endpoint) {
        let id = self.next_request_id();
        self.emit(LegEffect::Request { id, message: invite.clone(), destination: hop });
        s.sent = Some((id, invite));
    }

    fn invite(&mut self, s: &Outgoing, hop: Endpoint) -> Builder {
        let mut b = Message::request("INVITE", &s.spec.request_uri);
        b = self.dress(b, hop.transport);
        b = b
            .header("Max-Forwards", &s.spec.max_forwards.to_string())
            .name_addr("From", s.spec.from_display.as_deref(), &s.spec.from_uri, &format!(";tag={}", self.local_tag))
            .name_addr("To", None, &s.spec.to_uri, "")
            .header("Call-ID", &self.facts.call_id)
            .header("CSeq", &format!("{} INVITE", s.cseq))
            .header("Allow", super::ALLOW)
            .header("Supported", super::SUPPORTED);
        for (name, value) in &s.spec.headers {
            b = b.header(name, value);
        }
        b
    }

    fn invite_response(&mut self, now: Timestamp, mut s: Outgoing, response: Message, source: Endpoint) {
        let status = response.status().unwrap_or(0);
        self.note_allow(&response);
        if (101..300).contains(&status) && s.cancelled.is_none() {
            self.note_dialog(&response);
        }
        match status {
            0..=100 => {}
            101..=199 => {
                if s.cancelled.is_none() {
                    let early_media = match response.body() {
                        [] => None,
                        // An early answer that does not suit is no reason to give up: the 2xx has the final say.
                        body => self.take_early_answer(body),
                    };
                    self.report(LegReport::Progress { status, early_media });
                }
            }
            200..=299 => return self.invite_accepted(now, s, response, source),
            401 | 407 if s.cancelled.is_none() && s.auth_tries < AUTH_TRIES => {
                if let Some(header) = self.authorization(&s, &response) {
                    s.auth_tries += 1;
                    s.cseq += 1;
                    return self.send_again(s, header);
                }
                return self.invite_refused(now, status, response);
            }
            _ => return self.invite_refused(now, status, response),
        }
        self.state = State::Outgoing(s);
    }

    fn take_early_answer(&mut self, body: &[u8]) -> Option<tandem_codecs::CodecId> {
        match self.preview_answer(body) {
            Ok(Some(codec)) => Some(codec),
            Ok(None) | Err(_) => self.current_codec(),
        }
    }

    /// The header field that answers the challenge; None when we have no credentials for it or it is no digest.
    fn authorization(&mut self, s: &Outgoing, response: &Message) -> Option<(&'static str, String)> {
        let credentials = self.credentials.clone()?;
        let challenge = Challenge::from_response(response)?;
        if s.auth_tries > 0 && !challenge.stale {
            return None;
        }
        let account = Account { username: &credentials.username, password: &credentials.password };
        Some(challenge.answer("INVITE", &s.spec.request_uri, account, 1, &mut *self.entropy))
    }

    fn send_again(&mut self, mut s: Outgoing, (name, value): (&'static str, String)) {
        let (Some(hop), Some((_, sent))) = (s.hop, s.sent.take()) else {
            self.state = State::Outgoing(s);
            return;
        };
        let invite = self.invite(&s, hop).header(name, &value).body("application/sdp", sent.body()).build();
        self.launch(&mut s, invite, hop);
        self.state = State::Outgoing(s);
        self.record();
    }

    fn invite_accepted(&mut self, now: Timestamp, s: Outgoing, response: Message, source: Endpoint) {
        let Some((id, invite)) = s.sent else { return self.close(now) };
        let Ok(dialog) = Dialog::uac(&invite, &response) else {
            self.end(502, "2xx without a dialog", EndedBy::Failure, vec![]);
            return self.close(now);
        };
        let mut talking = Talking::accepted(dialog, source, (id, invite));
        self.acknowledge(&mut talking);
        if s.cancelled.is_some() {
            // The 2xx won against our CANCEL: the dialog exists and is ended like any other (RFC 3261 section 9.1).
            return self.bye(now, talking, None);
        }
        let agreed = match response.body() {
            // What was agreed early stands.
            [] => {
                self.media.forget_offer();
                Ok(None)
            }
            body => self.take_answer(body),
        };
        self.facts_from(&response);
        match (agreed, self.current_codec()) {
            (Ok(_), Some(codec)) if self.media.is_agreed() => {
                self.state = State::Talking(Box::new(talking));
                self.record();
                self.now_talking(now, codec);
            }
            (Err(refused), _) => self.unusable_answer(now, talking, &refused.why),
            (Ok(_), _) => self.unusable_answer(now, talking, "2xx without SDP"),
        }
    }

    /// Their 2xx stands, so the only way to refuse its SDP is ACK and BYE (RFC 3261 section 13.2.2.4).
    fn unusable_answer(&mut self, now: Timestamp, talking: Talking, why: &str) {
        self.end(488, why, EndedBy::Failure, vec![]);
        self.bye(now, talking, Some("SIP;cause=488"));
    }

    fn invite_refused(&mut self, now: Timestamp, status: u16, response: Message) {
        self.facts_from(&response);
        let reason = match response.reason() {
            "" => reason_phrase(status).to_owned(),
            text => text.to_owned(),
        };
        self.note_redirect(status, &response);
        self.end(status, reason, EndedBy::Remote, x_headers(&response));
        self.close(now);
    }

    fn facts_from(&mut self, response: &Message) {
        self.final_headers = x_headers(response);
    }

    /// Stops ringing. The leg's end is told at once; the transaction is settled behind it.
    fn cancel(&mut self, now: Timestamp, mut s: Outgoing) {
        self.end(487, "Request Terminated", EndedBy::Local, vec![]);
        match &s.sent {
            Some((id, _)) if s.cancelled.is_none() => {
                self.emit(LegEffect::Cancel { id: *id });
                s.cancelled = Some(now);
                self.state = State::Outgoing(s);
            }
            Some(_) => self.state = State::Outgoing(s),
            None => self.close(now),
        }
    }

    fn give_up(&mut self, now: Timestamp, s: Outgoing, status: u16, why: &str) {
        self.end(status, why, EndedBy::Failure, vec![]);
        self.cancel(now, s);
    }
}

/// Extension header fields, as applications are shown them.
fn x_headers(message: &Message) -> Vec<(String, String)> {
    message
        .all_headers()
        .filter(|(name, _)| name.len() > 2 && name[..2].eq_ignore_ascii_case("x-"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
