//! The addresses an INVITE is tried at, one after another (RFC 3263 section 4.3), and the transport for its size
//! (RFC 3261 section 18.1.1).
//!
//! The next is tried after a 503, a transport that fails, or silence; never once a callee was heard of, as it could ring
//! twice. What is silent is cancelled, and a 2xx that it gives late is acknowledged and ended.
//!
//! The flows of one device are tried in the same way (RFC 5626 section 7), but after a 430 or 408 in place of a 503: any
//! other response is the device's own.

use std::collections::VecDeque;

use tandem_model::{Endpoint, Timestamp, Transport, limits};
use tandem_sip::message::{Message, NameAddr};

use super::contract::{Flow, LegEffect, RequestId};
use super::hop::next_hop;
use super::outgoing::Outgoing;
use super::{Leg, State};

/// Where an INVITE has been and may still go.
#[derive(Default)]
pub(super) struct Hops {
    current: Option<Hop>,
    left: VecDeque<Hop>,
    /// Of the device, beside the current one. There are either these or addresses.
    flows: VecDeque<Flow>,
    /// The transport is ours to choose. A flow that is known to work is used as it is, and so is UDP where the URI asks
    /// for it: whoever wrote that knows of no TCP there.
    any_transport: bool,
    /// The current hop has said something.
    heard: bool,
    /// It should have, for there are others to try.
    silent_at: Option<Timestamp>,
    /// When it was asked, until it says something, if only 100.
    asked_at: Option<Timestamp>,
    /// INVITEs that were left unanswered.
    pub(super) given_up: Vec<(RequestId, Message)>,
}

#[derive(Clone, Copy)]
struct Hop {
    at: Endpoint,
    /// UDP in spite of the request's size: TCP to the same address has failed.
    in_spite_of_size: bool,
}

impl Hops {
    pub(super) fn flow(at: Endpoint, others: &[Flow]) -> Self {
        let flows = others.iter().take(limits::HOPS_MAX).cloned().collect();
        Hops { current: Some(Hop { at, in_spite_of_size: false }), flows, ..Hops::default() }
    }

    /// `any_transport`: the URI names none, so that a large request may go by TCP.
    pub(super) fn resolved(hops: &[Endpoint], any_transport: bool) -> Self {
        let mut left: VecDeque<Hop> =
            hops.iter().take(limits::HOPS_MAX).map(|at| Hop { at: *at, in_spite_of_size: false }).collect();
        Hops { current: left.pop_front(), left, any_transport, ..Hops::default() }
    }

    pub(super) fn current(&self) -> Option<Endpoint> {
        self.current.map(|hop| hop.at)
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.silent_at
    }

    /// Whether a response sends the INVITE on, if there is anywhere to go.
    pub(super) fn moves_after(&self, status: u16) -> bool {
        if self.flows.is_empty() { status == 503 } else { matches!(status, 408 | 430) }
    }

    /// The current hop answers: it is the one, unless it says that it is not.
    pub(super) fn answers(&mut self, status: u16) {
        (self.silent_at, self.asked_at) = (None, None);
        self.heard |= (101..=699).contains(&status) && !self.moves_after(status);
        // TCP works there: no need for UDP to the same address.
        if self.left.front().is_some_and(|next| next.in_spite_of_size) {
            self.left.pop_front();
        }
    }

    fn may_move(&self) -> bool {
        let anywhere = !self.left.is_empty() || !self.flows.is_empty();
        anywhere && !self.heard
    }

    /// On to the next. Some: it is another flow.
    fn go_on(&mut self) -> Option<Flow> {
        self.current = self.left.pop_front();
        let flow = self.flows.pop_front_if(|_| self.current.is_none())?;
        self.current = Some(Hop { at: first_hop(&flow), in_spite_of_size: false });
        Some(flow)
    }

    /// TCP for what is too large for UDP, with UDP as the next resort.
    fn upgrade(&mut self, bytes: usize, tcp_listens: bool) -> bool {
        let Some(hop) = self.current else { return false };
        let too_large = bytes > limits::SIP_UDP_REQUEST_BYTES_MAX && hop.at.transport == Transport::Udp;
        if !too_large || !tcp_listens || !self.any_transport || hop.in_spite_of_size {
            return false;
        }
        self.left.push_front(Hop { in_spite_of_size: true, ..hop });
        self.current = Some(Hop { at: Endpoint { transport: Transport::Tcp, ..hop.at }, in_spite_of_size: false });
        true
    }

    /// Whether whoever was asked should have said something by now.
    pub(super) fn is_silent(&self, now: Timestamp) -> bool {
        self.asked_at.is_some_and(|at| now.since(at) >= limits::HOP_WAIT)
    }

    /// `others_follow`: somebody else is asked when no hop answers.
    fn wait(&mut self, now: Timestamp, others_follow: bool) {
        self.heard = false;
        self.asked_at = Some(now);
        let for_size = self.left.front().is_some_and(|next| next.in_spite_of_size);
        let wait = if for_size { limits::HOP_WAIT_FOR_SIZE } else { limits::HOP_WAIT };
        self.silent_at = (self.may_move() || others_follow).then(|| now + wait);
    }
}

fn first_hop(flow: &Flow) -> Endpoint {
    match flow.route.first() {
        Some(route) => next_hop(NameAddr::parse(route).map_or(route.as_str(), |a| a.uri_str()), flow.hop),
        None => flow.hop,
    }
}

impl Leg {
    /// Sends the INVITE to the current hop, with credentials when there are some.
    pub(super) fn launch(&mut self, now: Timestamp, s: &mut Outgoing, proof: Option<&(&'static str, String)>) {
        let Some(mut hop) = s.hops.current() else { return };
        // A hop of the other family of addresses is offered media at one that it can reach.
        if self.face(hop.addr.ip()) && s.offer.as_ref().is_some_and(|offer| !offer.is_empty()) {
            s.offer = Some(self.make_offer(None));
        }
        let mut message = self.invite(s, hop, proof);
        if s.hops.upgrade(message.bytes().len(), self.env.sent_by.listens(Transport::Tcp)) {
            hop = s.hops.current().unwrap_or(hop);
            message = self.invite(s, hop, proof);
        }
        self.known.add(hop);
        let id = self.next_request_id();
        // Both copies are read: the transaction asks for one's branch, the dialog for the other's tag.
        message.index_now();
        self.emit(LegEffect::Request { id, message: message.clone(), destination: hop });
        s.sent = Some((id, message));
        s.hops.wait(now, s.spec.others_follow);
    }

    /// The current hop failed: tries the next one, in a transaction of its own. Gives the INVITE back when there is none
    /// that may be tried.
    pub(super) fn try_next_hop(&mut self, now: Timestamp, mut s: Box<Outgoing>) -> Result<(), Box<Outgoing>> {
        if s.cancelled.is_some() || !s.hops.may_move() {
            return Err(s);
        }
        if let Some(flow) = s.hops.go_on() {
            (s.spec.request_uri, s.spec.route) = (flow.request_uri, flow.route);
        }
        s.auth_tries = 0;
        self.launch(now, &mut s, None);
        self.state = State::Outgoing(s);
        self.record();
        Ok(())
    }

    /// Whether the current hop has been silent for too long. It is cancelled, in case it wakes up; it was the last, but somebody else
    /// is to be called: this call has failed.
    pub(super) fn leave_silent_hop(&mut self, now: Timestamp, mut s: Box<Outgoing>) -> Result<(), Box<Outgoing>> {
        if s.hops.silent_at.is_none_or(|at| at > now) {
            return Err(s);
        }
        s.hops.silent_at = None;
        if s.cancelled.is_some() {
            return Err(s);
        }
        if !s.hops.may_move() {
            self.give_up(now, s, 408, "Request Timeout");
            return Ok(());
        }
        if let Some((id, invite)) = s.sent.take() {
            self.emit(LegEffect::Cancel { id, reason: None });
            s.hops.given_up.push((id, invite));
        }
        self.try_next_hop(now, s)
    }
}
