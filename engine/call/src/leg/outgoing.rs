use std::time::Duration;

use bytes::Bytes;
use tandem_media::control::Event;
use tandem_model::{Endpoint, Timestamp};
use tandem_sip::dialog::route_to;
use tandem_sip::message::{Message, Method, NameAddr, Uri};
use tandem_sip::transaction::ServerKey;

use super::body::description;
use super::contract::{
    Destination, EndedBy, InviteSpec, LegCommand, LegEffect, LegInput, LegReport, NO_MEDIA_PORT, RecordStage,
    ReferReport, RequestId,
};
use super::failover::Hops;
use super::forks::Forks;
use super::{Leg, Reliable, State, hop};

/// A cancelled INVITE whose final response never comes is given up after this (RFC 3261 section 9.1, 64*T1).
const CANCEL_WAIT: Duration = Duration::from_secs(33);

/// An INVITE of ours without a final response.
pub(super) struct Outgoing {
    pub(super) spec: InviteSpec,
    pub(super) hops: Hops,
    resolving: Option<RequestId>,
    any_transport: bool,
    /// Our offer, once it is made; empty when the far end makes one.
    pub(super) offer: Option<Bytes>,
    pub(super) sent: Option<(RequestId, Message)>,
    pub(super) cseq: u32,
    pub(super) auth_tries: u8,
    pub(super) too_small: u8,
    pub(super) forks: Forks,
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
        if let Some(secs) = spec.session_expires_secs {
            self.timer.ask_for(secs);
        }
        // The first route decides, as it does within a dialog (RFC 3261 section 8.1.2).
        let route = spec.route.first().map(|route| NameAddr::parse(route).map_or(route.as_str(), |a| a.uri_str()));
        let (hops, uri) = match (&spec.destination, route) {
            (Destination::Flow(flow), None) => (Hops::flow(*flow, &spec.other_flows), None),
            (Destination::Flow(flow), Some(route)) => {
                (Hops::flow(hop::next_hop(route, *flow), &spec.other_flows), None)
            }
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
                return self.give_up(now, s, 503, NO_MEDIA_PORT);
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
            LegInput::Response { id, message, source } => self.other_response(&mut s, id, &message, source),
            LegInput::RequestFailed { id, failure } if s.is_of(id) => return self.invite_failed(now, s, failure),
            LegInput::RequestFailed { id, .. } if self.ours.is_of(id) => self.early_update_failed(),
            LegInput::Command(LegCommand::Hangup { reason }) => return self.cancel(now, s, reason),
            LegInput::Command(LegCommand::Reject { .. }) => return self.cancel(now, s, None),
            LegInput::Command(LegCommand::Refer { .. }) => {
                self.report(LegReport::ReferEnded(ReferReport::default()));
            }
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
            Method::Update if description(request).is_ok_and(<[u8]>::is_empty) => {
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
            if let Some(hop) = s.hops.current() {
                self.face(hop.addr.ip());
            }
            s.offer = Some(if s.spec.late_offer { Bytes::new() } else { self.make_offer(None) });
            self.launch(now, &mut s, None);
        }
        self.state = State::Outgoing(s);
        self.record();
    }

    pub(super) fn invite(&mut self, s: &Outgoing, hop: Endpoint, proof: Option<&(&'static str, String)>) -> Message {
        let (request_uri, routes) = route_to(&s.spec.request_uri, &s.spec.route);
        let mut b = Message::request("INVITE", &request_uri);
        b = self.dress(b, hop);
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

    /// Stops ringing. The leg's end is told at once; the transaction is settled behind it.
    fn cancel(&mut self, now: Timestamp, mut s: Box<Outgoing>, reason: Option<String>) {
        self.facts.was_silent |= s.hops.is_silent(now);
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

    pub(super) fn give_up(&mut self, now: Timestamp, s: Box<Outgoing>, status: u16, why: &str) {
        self.end(status, why, EndedBy::Failure, vec![]);
        self.cancel(now, s, None);
    }
}
