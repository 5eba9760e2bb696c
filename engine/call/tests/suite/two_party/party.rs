//! One end: a leg, the transaction layer below it, and media that does as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tandem_call::SentBy;
use tandem_call::leg::{
    CodecUse, Extensions, Hold, IncomingInvite, InviteSpec, Leg, LegCommand, LegEffect, LegEnd, LegEnv, LegInput,
    LegReport, MediaPolicy, RequestFailure, RequestId,
};
use tandem_media::control::{Command, Event, LegSpec, LegStats};
use tandem_model::{Endpoint, Entropy, LegId, SeedEntropy, Sid, Timestamp, Transport};
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::{ClientKey, Config, Event as SipEvent, ServerKey, TransactionKey, TransactionLayer};

pub struct Party {
    pub at: Endpoint,
    pub media_port: u16,
    pub leg: Option<Leg>,
    pub layer: TransactionLayer,
    extensions: Extensions,
    /// Who calls here may be anybody, who has not shown yet to be where it says.
    pub unproved: bool,
    /// Where a name leads, for whoever calls.
    hops: Vec<Endpoint>,
    entropy: SeedEntropy,
    tag: Option<String>,
    invite: Option<ServerKey>,
    clients: BTreeMap<ClientKey, RequestId>,
    requests: BTreeMap<RequestId, ClientKey>,
    /// What comes by itself, and when.
    pending: VecDeque<(Timestamp, LegInput)>,
    pub seen: Seen,
}

/// What one side has been told and has said.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub answered: u32,
    pub ended: Vec<LegEnd>,
    pub closed: u32,
    pub stopped: bool,
    pub spec: Option<LegSpec>,
    /// How the other side holds it.
    pub held: Hold,
    pub renegotiated: u32,
    /// Requests sent by method, and responses by status, without repetitions.
    pub said: BTreeMap<String, u32>,
    /// An INVITE was refused before it made a leg.
    pub refused: Option<u16>,
}

impl Seen {
    fn count(&mut self, what: String) {
        *self.said.entry(what).or_default() += 1;
    }
}

impl Party {
    pub fn new(host: u8, transport: Transport, extensions: Extensions, seed: u64) -> Party {
        let ip = IpAddr::from([192, 0, 2, host]);
        Party {
            at: Endpoint::new(transport, (ip, 5060).into()),
            media_port: 20_000 + u16::from(host) * 1_000,
            leg: None,
            layer: TransactionLayer::new(Config::new([host; 16])),
            extensions,
            unproved: false,
            hops: vec![],
            entropy: SeedEntropy::new(seed),
            tag: None,
            invite: None,
            clients: BTreeMap::new(),
            requests: BTreeMap::new(),
            pending: VecDeque::new(),
            seen: Seen::default(),
        }
    }

    fn env(&self) -> Arc<LegEnv> {
        Arc::new(LegEnv {
            sent_by: SentBy::new([(self.at, self.at.addr.to_string())]),
            media_address: self.at.addr.ip().into(),
            user_agent: "Tandem".into(),
            codecs: CodecUse::default(),
            extensions: self.extensions,
            own: crate::rig::own(),
        })
    }

    pub fn call(&mut self, spec: InviteSpec, hops: Vec<Endpoint>) {
        self.hops = hops;
        let seed = self.entropy.next_u64();
        let (sid, entropy) = (Sid::from_bytes([1; 16]), Box::new(SeedEntropy::new(seed)));
        self.leg = Some(Leg::new_outgoing(LegId(1), sid, self.env(), spec, entropy));
    }

    pub fn command(&mut self, now: Timestamp, command: LegCommand) {
        self.tell(now, LegInput::Command(command));
    }

    fn tell(&mut self, now: Timestamp, input: LegInput) {
        if let Some(leg) = self.leg.as_mut().filter(|_| !self.seen.stopped) {
            leg.handle(now, input);
        }
    }

    pub fn is_talking(&self) -> bool {
        self.seen.answered > 0 && self.seen.ended.is_empty()
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        let leg = self.leg.as_ref().and_then(Leg::deadline);
        let pending = self.pending.iter().map(|(at, _)| *at).min();
        leg.into_iter().chain(self.layer.deadline()).chain(pending).min()
    }

    pub fn expire(&mut self, now: Timestamp) {
        self.layer.expire(now);
        if let Some(leg) = &mut self.leg {
            leg.expire(now);
        }
        for _ in 0..self.pending.len() {
            let Some((at, input)) = self.pending.pop_front() else { break };
            if at <= now {
                self.tell(now, input);
            } else {
                self.pending.push_back((at, input));
            }
        }
    }

    pub fn receive(&mut self, now: Timestamp, source: Endpoint, bytes: Bytes) {
        let message = Message::parse(bytes).expect("both sides write what can be read");
        self.layer.handle_message(now, message, source, self.at);
    }

    /// Until nothing moves: what is to be sent.
    pub fn settle(&mut self, now: Timestamp) -> Vec<(Endpoint, Bytes)> {
        let mut out = Vec::new();
        loop {
            while let Some(transmit) = self.layer.poll_transmit() {
                out.push((transmit.to, transmit.bytes));
            }
            if let Some(event) = self.layer.poll_event() {
                self.event(now, event);
            } else if let Some(effect) = self.leg.as_mut().and_then(Leg::poll) {
                self.carry_out(now, effect);
            } else {
                return out;
            }
        }
    }

    fn event(&mut self, now: Timestamp, event: SipEvent) {
        match event {
            SipEvent::Request { key, message, source, .. } => self.request(now, key, message, source),
            SipEvent::Ack { message, .. } => {
                if message.to_tag().is_some() && message.to_tag() == self.tag.as_deref() {
                    self.unproved = false;
                    self.tell(now, LegInput::Ack(message));
                }
            }
            SipEvent::Response { key, message, source } => {
                if let Some(id) = self.clients.get(&key).copied() {
                    self.tell(now, LegInput::Response { id, message, source });
                }
            }
            SipEvent::Cancelled { key, .. } if self.invite == Some(key) => {
                self.tell(now, LegInput::Cancelled { reason: None });
            }
            SipEvent::Timeout { key } => self.failed(now, key, RequestFailure::Timeout),
            SipEvent::TransportFailed { key: TransactionKey::Client(key) } => {
                self.failed(now, key, RequestFailure::Transport);
            }
            SipEvent::Terminated { key: TransactionKey::Client(key) } => {
                self.clients.remove(&key);
            }
            SipEvent::Cancelled { .. }
            | SipEvent::AckTimeout { .. }
            | SipEvent::TransportFailed { .. }
            | SipEvent::Terminated { .. } => {}
        }
    }

    fn failed(&mut self, now: Timestamp, key: ClientKey, failure: RequestFailure) {
        if let Some(id) = self.clients.get(&key).copied() {
            self.tell(now, LegInput::RequestFailed { id, failure });
        }
    }

    fn request(&mut self, now: Timestamp, key: ServerKey, message: Message, source: Endpoint) {
        if message.to_tag().is_some() {
            if message.to_tag() == self.tag.as_deref() && !self.seen.stopped {
                self.unproved &= message.method() != Method::Prack;
                return self.tell(now, LegInput::Request { key, message, source });
            }
            return self.answer(now, key, &message, source, 481);
        }
        if message.method() != Method::Invite || self.leg.is_some() {
            return self.answer(now, key, &message, source, 482);
        }
        let (sid, seed) = (Sid::from_bytes([2; 16]), self.entropy.next_u64());
        let unproved = self.unproved;
        let invite = IncomingInvite { key, message: message.clone(), source, received: now, unproved };
        let entropy = Box::new(SeedEntropy::new(seed));
        match Leg::new_incoming(LegId(2), sid, self.env(), MediaPolicy::default(), invite, entropy) {
            Ok(leg) => (self.leg, self.invite) = (Some(leg), Some(key)),
            Err(refused) => {
                self.seen.refused = Some(refused.status);
                self.answer(now, key, &message, source, refused.status);
            }
        }
    }

    fn answer(&mut self, now: Timestamp, key: ServerKey, request: &Message, source: Endpoint, status: u16) {
        let response = Message::response(request, source.addr, status, None).to_tag("nobody").build();
        self.layer.respond(now, key, &response);
    }

    fn carry_out(&mut self, now: Timestamp, effect: LegEffect) {
        assert!(!self.seen.stopped, "{effect:?} after Stop");
        match effect {
            LegEffect::Request { id, message, destination } => {
                self.seen.count(message.method_str().to_owned());
                let key = self.layer.request(now, message, destination).expect("branches are fresh and there is room");
                self.clients.insert(key, id);
                self.requests.insert(id, key);
            }
            LegEffect::Cancel { id, reason } => {
                if let Some(key) = self.requests.get(&id) {
                    self.layer.cancel_because(now, *key, reason.as_deref());
                }
            }
            LegEffect::SendAck { message, destination } => self.layer.send_stateless(&message, destination),
            LegEffect::Respond { key, message } => {
                let reliable = if message.header("RSeq").is_some() { " reliable" } else { "" };
                let status = message.status().unwrap_or(0);
                self.seen.count(format!("{status}{reliable} {}", message.method_str()));
                self.layer.respond(now, key, &message);
            }
            LegEffect::Resolve { id, .. } | LegEffect::LookUp { id, .. } => {
                self.pending.push_back((now, LegInput::Resolved { id, hops: Ok(self.hops.clone()) }));
            }
            LegEffect::Media(command) => self.media(now, command),
            LegEffect::Bind { local_tag } => self.tag = Some(local_tag),
            LegEffect::Record(_) => {}
            LegEffect::Report(report) => self.report(report),
            LegEffect::Stop => self.seen.stopped = true,
        }
    }

    fn media(&mut self, now: Timestamp, command: Command) {
        let soon = now + Duration::from_millis(self.entropy.next_u64() % 20);
        match command {
            Command::Open { leg } => {
                let event = Event::Opened { leg, rtp_port: self.media_port };
                self.pending.push_back((soon, LegInput::Media(event)));
            }
            Command::Close { leg } => {
                let event = Event::Closed { leg, stats: Box::new(LegStats::default()) };
                self.pending.push_back((soon, LegInput::Media(event)));
            }
            Command::Configure { spec, .. } => {
                assert!(!(spec.send && self.unproved), "sound for who has not shown to be there");
                self.seen.spec = Some(*spec);
            }
            other => panic!("nobody asked for {other:?}"),
        }
    }

    fn report(&mut self, report: LegReport) {
        assert_eq!(self.seen.closed, 0, "{report:?} after Closed");
        match report {
            LegReport::Answered { .. } => {
                assert!(!self.unproved, "a call of who has not shown to be there");
                self.seen.answered += 1;
            }
            LegReport::Renegotiated { .. } => self.seen.renegotiated += 1,
            LegReport::Ended(end) => self.seen.ended.push(end),
            LegReport::Closed(_) => self.seen.closed += 1,
            LegReport::Held(held) => self.seen.held = held,
            LegReport::Progress { .. }
            | LegReport::Digit(_)
            | LegReport::DigitEnded { .. }
            | LegReport::Dialog(_)
            | LegReport::Refer(_)
            | LegReport::ReferEnded(_)
            | LegReport::Redirected { .. }
            | LegReport::Marked { .. }
            | LegReport::PlayDone { .. } => {}
        }
    }
}
