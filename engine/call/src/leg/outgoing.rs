use std::time::Duration;

use bytes::Bytes;
use tandem_media::control::Event;
use tandem_model::{Endpoint, Timestamp};
use tandem_sip::dialog::{Dialog, RAck, reliable_rseq, route_to};
use tandem_sip::message::{Message, Method, NameAddr, Uri, reason_phrase};
use tandem_sip::transaction::ServerKey;

use super::contract::{
    Destination, EndedBy, InviteSpec, LegCommand, LegEffect, LegInput, LegReport, RecordStage, RequestFailure,
    RequestId,
};
use super::failover::Hops;
use super::forks::Forks;
use super::media::parse;
use super::session_timer::TOO_SMALL_MAX;
use super::talking::Talking;
use super::{Leg, Reliable, State, hop};

/// A cancelled INVITE whose final response never comes is given up after this (RFC 3261 section 9.1, 64*T1).
const CANCEL_WAIT: Duration = Duration::from_secs(33);

/// An INVITE of ours without a final response.
pub(super) struct Outgoing {
    spec: InviteSpec,
    pub(super) hops: Hops,
    resolving: Option<RequestId>,
    any_transport: bool,
    /// Our offer, once it is made; empty when the far end makes one.
    offer: Option<Bytes>,
    pub(super) sent: Option<(RequestId, Message)>,
    cseq: u32,
    pub(super) auth_tries: u8,
    too_small: u8,
    forks: Forks,
    /// Set when we gave up: nothing is reported from then on.
    pub(super) cancelled: Option<Timestamp>,
}

impl Outgoing {
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let given_up = self.cancelled.map(|at| at + CANCEL_WAIT);
        given_up.into_iter().chain(self.hops.deadline()).min()
    }

    pub(super) fn stage(&self) -> RecordStage {
        self.sent.as_ref().map_or(RecordStage::Over, |(id, _)| RecordStage::Outgoing { id: *id })
    }

    fn is_of(&self, id: RequestId) -> bool {
        self.sent.as_ref().is_some_and(|(sent, _)| *sent == id)
    }
}

impl Leg {
    pub(super) fn start_outgoing(&mut self, spec: InviteSpec) {
        // The first route decides, as it does within a dialog (RFC 3261 section 8.1.2).
        let route = spec.route.first().map(|route| NameAddr::parse(route).map_or(route.as_str(), |a| a.uri_str()));
        let (hops, uri) = match (&spec.destination, route) {
            (Destination::Flow(flow), None) => (Hops::flow(*flow), None),
            (Destination::Flow(flow), Some(route)) => (Hops::flow(hop::next_hop(route, *flow)), None),
            (Destination::Uri(uri), None) => (Hops::default(), Some(uri.clone())),
            (Destination::Uri(_), Some(route)) => (Hops::default(), Some(route.to_owned())),
        };
        let any_transport =
            uri.as_deref().is_some_and(|uri| Uri::parse(uri).is_ok_and(|u| u.param("transport").is_none()));
        let resolving = uri.map(|uri| {
            let id = self.next_request_id();
            self.emit(LegEffect::Resolve { id, uri });
            id
        });
        let (forks, sent, offer, cancelled) = (Forks::default(), None, None, None);
        self.state = State::Outgoing(Box::new(Outgoing {
            spec,
            hops,
            resolving,
            any_transport,
            offer,
            sent,
            cseq: 1,
            auth_tries: 0,
            too_small: 0,
            forks,
            cancelled,
        }));
    }

    pub(super) fn step_outgoing(&mut self, now: Timestamp, mut s: Box<Outgoing>, input: LegInput) {
        match input {
            LegInput::Media(Event::Opened { .. }) => return self.send_invite(now, s),
            LegInput::Media(Event::OpenFailed { .. } | Event::Failed { .. } | Event::Closed { .. }) => {
                return self.give_up(now, s, 503, "No media port");
            }
            LegInput::Resolved { id, hops } if s.resolving == Some(id) => match hops {
                Ok(hops) => {
                    s.resolving = None;
                    s.hops = Hops::resolved(&hops, s.any_transport);
                    return self.send_invite(now, s);
                }
                Err(why) => {
                    self.end(502, why, EndedBy::Failure, vec![]);
                    return self.close(now);
                }
            },
            LegInput::Response { id, message, source } if s.is_of(id) => {
                return self.invite_response(now, s, message, source);
            }
            LegInput::Response { id, message, source } => self.other_response(now, &mut s, id, &message, source),
            LegInput::RequestFailed { id, failure } if s.is_of(id) => return self.invite_failed(now, s, failure),
            LegInput::RequestFailed { id, .. } if self.ours.is_of(id) => self.early_update_failed(now),
            LegInput::Command(LegCommand::Hangup { reason }) => return self.cancel(now, s, reason),
            LegInput::Command(LegCommand::Reject { .. }) => return self.cancel(now, s, None),
            LegInput::Command(LegCommand::Reoffer { hold, prefer }) => {
                self.ours.want_offer(hold, prefer);
                if let Some(fork) = s.forks.settled().filter(|f| f.pracking.is_none()) {
                    let hop = fork.hop();
                    self.early_update(&mut fork.dialog, hop);
                }
            }
            LegInput::Request { key, message, source } => self.request_early(&mut s, key, &message, source),
            LegInput::RequestFailed { .. }
            | LegInput::Resolved { .. }
            | LegInput::Media(_)
            | LegInput::Cancelled { .. }
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

    /// The callee may speak in its early dialog: about media only once our offer has its answer (RFC 3311 section 5.2).
    fn request_early(&mut self, s: &mut Outgoing, key: ServerKey, request: &Message, source: Endpoint) {
        if request.call_id() != self.facts.call_id {
            return self.respond(key, request, source, 481, None, &[]);
        }
        let fork = request.from_tag().and_then(|tag| s.forks.with_tag(tag));
        let settled = match fork {
            Some(fork) => {
                if !self.accepts(&mut fork.dialog, key, request, source) {
                    return;
                }
                fork.settled
            }
            // A 481 would tell a callee whose response we have not seen that its dialog is gone (RFC 5057 section 5.1).
            None if !self.is_known_source(source) => return self.respond(key, request, source, 481, None, &[]),
            None if self.refuses_extension(key, request, source) => return,
            None => false,
        };
        let follows = request.from_tag().is_some_and(|tag| s.forks.settled().is_some_and(|f| f.tag() == tag));
        match request.method() {
            Method::Update if request.body().is_empty() => {
                self.respond_in_dialog(key, request, source, 200, None, &[], None);
            }
            Method::Update if settled && follows => self.answer_early_offer(key, request, source),
            // RFC 3311 section 5.2: our offer waits for its answer, or another fork has the media.
            Method::Update => self.respond(key, request, source, 491, None, &[]),
            // RFC 3261 section 15: a callee does not end an early dialog so.
            Method::Bye => self.respond(key, request, source, 481, None, &[]),
            _ => self.request_of_any_state(key, request, source),
        }
    }

    pub(super) fn expire_outgoing(&mut self, now: Timestamp, s: Box<Outgoing>) {
        if s.cancelled.is_some_and(|at| at + CANCEL_WAIT <= now) {
            return self.close(now);
        }
        if let Err(s) = self.leave_silent_hop(now, s) {
            self.state = State::Outgoing(s);
        }
    }

    /// Sends the INVITE once both a port and a destination are there.
    fn send_invite(&mut self, now: Timestamp, mut s: Box<Outgoing>) {
        if self.media.is_open() && s.hops.current().is_some() && s.sent.is_none() {
            s.offer = Some(if s.spec.late_offer { Bytes::new() } else { self.make_offer(None) });
            self.launch(now, &mut s, None);
        }
        self.state = State::Outgoing(s);
        self.record();
    }

    pub(super) fn invite(&mut self, s: &Outgoing, hop: Endpoint, proof: Option<&(&'static str, String)>) -> Message {
        let (request_uri, routes) = route_to(&s.spec.request_uri, &s.spec.route);
        let mut b = Message::request("INVITE", &request_uri);
        b = self.dress(b, hop.transport);
        for route in &routes {
            b = b.header("Route", route);
        }
        b = b
            .header("Max-Forwards", &s.spec.max_forwards.to_string())
            .name_addr("From", s.spec.from_display.as_deref(), &s.spec.from_uri, &format!(";tag={}", self.local_tag))
            .name_addr("To", None, &s.spec.to_uri, "")
            .header("Call-ID", &self.facts.call_id)
            .header("CSeq", &format!("{} INVITE", s.cseq))
            .header("Allow", super::ALLOW)
            .header("Supported", super::supported(&self.env.extensions));
        if self.env.extensions.reliable == Reliable::Required {
            b = b.header("Require", "100rel");
        }
        if let Some(breadth) = s.spec.max_breadth {
            b = b.header("Max-Breadth", &breadth.to_string());
        }
        b = self.timer.ask(b);
        for (name, value) in &s.spec.headers {
            b = b.header(name, value);
        }
        if let Some((name, value)) = proof {
            b = b.header(name, value);
        }
        match &s.offer {
            Some(offer) if !offer.is_empty() => b.body("application/sdp", offer),
            _ => b,
        }
        .build()
    }

    fn invite_response(&mut self, now: Timestamp, mut s: Box<Outgoing>, response: Message, source: Endpoint) {
        let status = response.status().unwrap_or(0);
        self.note_allow(&response);
        s.hops.answers(status);
        if (101..300).contains(&status) && s.cancelled.is_none() {
            self.note_dialog(&response);
        }
        match status {
            0..=100 => {}
            101..=199 => self.provisional(&mut s, &response, source),
            200..=299 => return self.invite_accepted(now, s, response, source),
            401 | 407 if s.cancelled.is_none() => {
                let proof = match (&s.sent, s.hops.current()) {
                    (Some((_, invite)), Some(hop)) => self.prove(invite, s.auth_tries, &response, hop, source),
                    _ => None,
                };
                let Some(proof) = proof else { return self.invite_refused(now, status, response) };
                s.auth_tries += 1;
                return self.send_again(now, s, Some(proof));
            }
            422 if s.cancelled.is_none() && s.too_small < TOO_SMALL_MAX && self.timer.too_small(&response) => {
                s.too_small += 1;
                return self.send_again(now, s, None);
            }
            503 => match self.try_next_hop(now, s) {
                Ok(()) => return,
                Err(_) => return self.invite_refused(now, status, response),
            },
            _ => return self.invite_refused(now, status, response),
        }
        self.state = State::Outgoing(s);
    }

    fn invite_failed(&mut self, now: Timestamp, s: Box<Outgoing>, failure: RequestFailure) {
        if self.try_next_hop(now, s).is_ok() {
            return;
        }
        let (status, why) = match failure {
            RequestFailure::Timeout => (408, "Request Timeout"),
            RequestFailure::Transport => (503, "Transport failed"),
        };
        self.end(status, why, EndedBy::Failure, vec![]);
        self.close(now);
    }

    /// The INVITE as a new one of the same call (RFC 3261 section 22.2, RFC 4028 section 7.1).
    fn send_again(&mut self, now: Timestamp, mut s: Box<Outgoing>, proof: Option<(&'static str, String)>) {
        s.cseq += 1;
        s.forks = Forks::default();
        self.launch(now, &mut s, proof.as_ref());
        self.state = State::Outgoing(s);
        self.record();
    }

    fn provisional(&mut self, s: &mut Outgoing, response: &Message, source: Endpoint) {
        let status = response.status().unwrap_or(0);
        if status == 199 {
            return self.drop_fork(&mut s.forks, response);
        }
        let Some((_, invite)) = &s.sent else { return };
        let (at, invite_cseq) = (s.forks.of_response(invite, response, source), invite.cseq().number);
        let rseq = reliable_rseq(response).filter(|_| self.env.extensions.reliable != Reliable::Off);
        let fork = at.and_then(|at| s.forks.get(at));
        if let (Some(rseq), Some(fork)) = (rseq, &fork)
            && fork.rseq.is_some_and(|last| rseq != last.wrapping_add(1))
        {
            // Again, or before one that was lost: it is no news, or will come again (RFC 3262 section 4).
            return;
        }
        let settled = fork.is_some_and(|f| f.settled);
        let (mut early_media, mut answer, mut settles) = (None, None, false);
        if !response.body().is_empty() && !settled {
            if let Some(at) = at {
                self.follow_fork(&mut s.forks, at);
            }
            if s.spec.late_offer {
                // Their offer counts only where our answer can follow (RFC 3262 section 5).
                let offer = rseq.and_then(|_| parse(response.body()).ok());
                let agreed = offer.and_then(|offer| self.negotiate_answer(&offer, None).ok());
                settles = agreed.is_some();
                (answer, early_media) = agreed.map_or((None, None), |(sdp, codec)| (Some(sdp), Some(codec)));
            } else {
                // An early answer that does not suit is no reason to give up: the 2xx has the final say.
                early_media = match self.preview_answer(response.body()) {
                    Ok(codec) => {
                        settles = rseq.is_some();
                        codec
                    }
                    Err(_) => None,
                };
                if settles {
                    self.media.settle_offer();
                }
                early_media = early_media.or(self.current_codec());
            }
        }
        if let (Some(rseq), Some(fork)) = (rseq, at.and_then(|at| s.forks.get(at))) {
            fork.rseq = Some(rseq);
            fork.settled |= settles;
            let rack = RAck { rseq, cseq: invite_cseq, method: Method::Invite };
            self.acknowledge_provisional(fork, rack, answer);
        }
        if s.cancelled.is_none() {
            self.report(LegReport::Progress { status, early_media });
        }
    }

    /// A response to a request of an early dialog, or to an INVITE that was left unanswered.
    fn other_response(
        &mut self,
        now: Timestamp,
        s: &mut Outgoing,
        id: RequestId,
        response: &Message,
        source: Endpoint,
    ) {
        if let Some((_, invite)) = s.hops.given_up.iter().find(|(sent, _)| *sent == id) {
            return self.decline_2xx(&invite.clone(), None, response, source);
        }
        let Some(fork) = response.to_tag().and_then(|tag| s.forks.with_tag(tag)) else { return };
        if fork.pracking == Some(id) && response.status().is_some_and(|c| c >= 200) {
            fork.pracking = None;
        }
        let hop = fork.hop();
        self.early_update_response(now, &mut fork.dialog, hop, id, response, source);
    }

    fn invite_accepted(&mut self, now: Timestamp, mut s: Box<Outgoing>, response: Message, source: Endpoint) {
        let Some((id, invite)) = s.sent.take() else { return self.close(now) };
        let fork = self.answered_fork(&mut s.forks, &response);
        let settled = fork.as_ref().is_some_and(|f| f.settled);
        let dialog = match fork {
            Some(mut fork) => fork.dialog.handle_response(&response).map(|()| fork.dialog),
            None => Dialog::uac(&invite, &response),
        };
        let Ok(dialog) = dialog else {
            self.end(502, "2xx without a dialog", EndedBy::Failure, vec![]);
            return self.close(now);
        };
        self.known.add(source);
        let forks = std::mem::take(&mut s.forks);
        let mut talking = Talking::accepted(dialog, source, (id, invite), forks, std::mem::take(&mut s.hops.given_up));
        if s.cancelled.is_some() {
            // The 2xx won against our CANCEL: the dialog exists and is ended like any other (RFC 3261 section 9.1).
            self.acknowledge(&mut talking, None);
            return self.bye(now, talking, None);
        }
        let agreed = if s.spec.late_offer && !settled {
            // Their offer, answered by our ACK (RFC 3261 section 13.2.2.4).
            let agreed = parse(response.body()).and_then(|offer| self.negotiate_answer(&offer, None));
            self.acknowledge(&mut talking, agreed.as_ref().ok().map(|(sdp, _)| sdp.clone()));
            agreed.map(|_| ())
        } else {
            self.acknowledge(&mut talking, None);
            match response.body() {
                _ if settled => Ok(()),
                // What was agreed early stands.
                [] => {
                    self.media.forget_offer();
                    Ok(())
                }
                body => self.take_answer(body).map(|_| ()),
            }
        };
        self.facts_from(&response);
        self.timer.granted(now, &response);
        match (agreed, self.current_codec()) {
            (Ok(()), Some(codec)) if self.media.is_agreed() => {
                self.state = State::Talking(Box::new(talking));
                self.record();
                self.now_talking(now, codec);
                self.resume_ours(now);
            }
            (Err(refused), _) => self.unusable_answer(now, talking, &refused.why),
            (Ok(()), _) => self.unusable_answer(now, talking, "2xx without SDP"),
        }
    }

    /// Their 2xx stands, so the only way to refuse its SDP is ACK and BYE (RFC 3261 section 13.2.2.4).
    fn unusable_answer(&mut self, now: Timestamp, talking: Talking, why: &str) {
        self.end(488, why, EndedBy::Failure, vec![]);
        self.bye(now, talking, Some("SIP;cause=488"));
    }

    /// All early dialogs end with it (RFC 3261 section 13.2.2.3): what forked, a proxy has put together.
    fn invite_refused(&mut self, now: Timestamp, status: u16, response: Message) {
        self.facts_from(&response);
        self.facts.cause = response.header("Reason").map(str::to_owned);
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
    fn cancel(&mut self, now: Timestamp, mut s: Box<Outgoing>, reason: Option<String>) {
        self.end(487, "Request Terminated", EndedBy::Local, vec![]);
        match &s.sent {
            Some((id, _)) if s.cancelled.is_none() => {
                self.emit(LegEffect::Cancel { id: *id, reason });
                s.cancelled = Some(now);
                self.state = State::Outgoing(s);
            }
            Some(_) => self.state = State::Outgoing(s),
            None => self.close(now),
        }
    }

    fn give_up(&mut self, now: Timestamp, s: Box<Outgoing>, status: u16, why: &str) {
        self.end(status, why, EndedBy::Failure, vec![]);
        self.cancel(now, s, None);
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
