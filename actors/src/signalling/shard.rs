//! One signalling shard: a transaction layer, who owns which dialog, and the first answer to what starts something.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tandem_call::directory::Directory;
use tandem_call::leg::{ALLOW, LegInput, RequestFailure, RequestId};
use tandem_model::{Endpoint, LegId, Timestamp, hex_token, limits};
use tandem_sip::auth::{Challenger, Refusal as AuthRefusal, Role, Secrets};
use tandem_sip::message::{Message as SipMessage, Method, Scheme};
use tandem_sip::transaction::{ClientKey, Config, Event, ServerKey, TransactionKey, TransactionLayer};
use tokio::sync::watch;

use super::admission::{self, Gate, Refusal, Sender};
use super::counts;
use super::message::{FromLeg, OfferCall, SipInbound, ToLeg};
use super::registration::{Register, Registered, RegistrarActor};
use crate::api::Metrics;
use crate::media::MediaHandle;
use crate::supervision::{Mailbox, Overflow};
use crate::transport::Transports;
use crate::world::{Clock, SystemEntropy};

/// What every shard is given.
#[derive(Clone)]
pub struct ShardConfig {
    pub clock: Clock,
    pub directory: watch::Receiver<Arc<Directory>>,
    pub transports: Transports,
    pub registrar: Addr<RegistrarActor>,
    pub switchboard: Recipient<OfferCall>,
    pub gate: Arc<Gate>,
    /// Asked whether there is room for another call.
    pub media: MediaHandle,
    pub calls_max: usize,
    /// New calls a second that this shard lets in.
    pub calls_per_second: u32,
    pub metrics: Metrics,
    pub user_agent: String,
    /// Challenge for SHA-256 too. Clients that know MD5 alone should pass over it (RFC 8760 section 2.4); some in
    /// wide use give up instead.
    pub digest_sha256: bool,
}

pub struct SipShard {
    /// Set when the actor starts; calls answer to it.
    own: Option<Addr<SipShard>>,
    config: ShardConfig,
    layer: TransactionLayer,
    entropy: SystemEntropy,
    challenger: Challenger,
    realm: String,
    /// By local tag.
    legs: HashMap<String, Recipient<ToLeg>>,
    clients: HashMap<ClientKey, (LegId, RequestId, Option<Recipient<ToLeg>>)>,
    requests: HashMap<(LegId, RequestId), ClientKey>,
    invites: HashMap<ServerKey, InviteOwner>,
    timer: Option<(Timestamp, SpawnHandle)>,
    /// REGISTERs that wait for the store.
    registering: usize,
    /// New calls let in during the running second.
    rate: (Timestamp, u32),
}

/// Who is told what becomes of an INVITE's server transaction.
enum InviteOwner {
    /// Its leg is being made.
    Pending {
        cancelled: bool,
    },
    Leg(Recipient<ToLeg>),
}

impl SipShard {
    pub fn new(config: ShardConfig) -> Self {
        let mut entropy = SystemEntropy::new();
        let mut tag_secret = [0; 16];
        tandem_model::Entropy::fill(&mut entropy, &mut tag_secret);
        let realm = config.directory.borrow().project.realm.clone();
        SipShard {
            own: None,
            layer: TransactionLayer::new(Config::new(tag_secret)),
            challenger: Challenger::new(&realm, &mut entropy).accept_own_address({
                let listening = config.transports.listening().to_vec();
                move |host, port| admission::is_ours(&listening, host, port)
            }),
            realm,
            entropy,
            legs: HashMap::new(),
            clients: HashMap::new(),
            requests: HashMap::new(),
            invites: HashMap::new(),
            timer: None,
            registering: 0,
            rate: (Timestamp::ZERO, 0),
            config,
        }
    }

    fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// Sends and tells whatever the last step brought, then waits for the next deadline.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        loop {
            while let Some(t) = self.layer.poll_transmit() {
                if !self.config.transports.send(t.to, t.local, t.bytes) && t.to.transport.is_reliable() {
                    let now = self.now();
                    self.layer.handle_transport_error(now, t.to);
                }
            }
            let Some(event) = self.layer.poll_event() else { break };
            self.event(event, ctx);
        }
        self.arm(ctx);
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        let Some(at) = self.layer.deadline() else { return };
        if let Some((armed, handle)) = self.timer {
            if armed <= at {
                return;
            }
            ctx.cancel_future(handle);
        }
        let handle = ctx.run_later(self.config.clock.until(at), |shard, ctx| {
            shard.timer = None;
            let now = shard.now();
            shard.layer.expire(now);
            shard.settle(ctx);
        });
        self.timer = Some((at, handle));
    }

    fn event(&mut self, event: Event, ctx: &mut Context<Self>) {
        match event {
            Event::Request { key, message, source, .. } => {
                counts::received(&self.config.metrics, &message);
                self.request(key, message, source, ctx);
            }
            Event::Ack { message, .. } => {
                if let Some(leg) = message.to_tag().and_then(|t| self.legs.get(t)) {
                    leg.offer(ToLeg(LegInput::Ack(message)), Overflow::Warn);
                }
            }
            Event::Response { key, message, source } => {
                if let Some((_, id, Some(owner))) = self.clients.get(&key) {
                    owner.offer(ToLeg(LegInput::Response { id: *id, message, source }), Overflow::Warn);
                }
            }
            Event::Timeout { key } => self.request_failed(key, RequestFailure::Timeout),
            Event::TransportFailed { key: TransactionKey::Client(key) } => {
                self.request_failed(key, RequestFailure::Transport);
            }
            Event::Cancelled { key, .. } => match self.invites.get_mut(&key) {
                Some(InviteOwner::Leg(leg)) => {
                    leg.offer(ToLeg(LegInput::Cancelled), Overflow::Warn);
                }
                Some(InviteOwner::Pending { cancelled }) => *cancelled = true,
                None => {}
            },
            Event::AckTimeout { .. } | Event::TransportFailed { key: TransactionKey::Server(_) } => {}
            Event::Terminated { key: TransactionKey::Client(key) } => {
                if let Some((leg, id, _)) = self.clients.remove(&key) {
                    self.requests.remove(&(leg, id));
                }
            }
            Event::Terminated { key: TransactionKey::Server(key) } => {
                self.invites.remove(&key);
            }
        }
    }

    fn request_failed(&mut self, key: ClientKey, failure: RequestFailure) {
        if let Some((_, id, Some(owner))) = self.clients.get(&key) {
            owner.offer(ToLeg(LegInput::RequestFailed { id: *id, failure }), Overflow::Warn);
        }
    }

    /// A request that makes a server transaction: in a dialog it is its leg's, outside it starts something.
    fn request(&mut self, key: ServerKey, message: SipMessage, source: Endpoint, ctx: &mut Context<Self>) {
        if let Some(tag) = message.to_tag() {
            let Some(leg) = self.legs.get(tag) else {
                return self.reply(key, &message, source, 481, &[]);
            };
            let (status, headers) =
                match leg.try_send(ToLeg(LegInput::Request { key, message: message.clone(), source })) {
                    Ok(()) => return,
                    Err(SendError::Full(_)) => (500, [("Retry-After", "1")]),
                    Err(SendError::Closed(_)) => (481, [("Retry-After", "0")]),
                };
            return self.reply(key, &message, source, status, if status == 500 { &headers } else { &[] });
        }
        if let Some(refused) = unsupported_extension(&message) {
            return self.reply(key, &message, source, 420, &[("Unsupported", &refused)]);
        }
        match message.method() {
            Method::Invite => self.invite(key, message, source),
            Method::Register => self.register(key, message, source, ctx),
            Method::Options => {
                let status =
                    if self.config.gate.draining.load(std::sync::atomic::Ordering::Relaxed) { 503 } else { 200 };
                self.reply(key, &message, source, status, &[("Allow", ALLOW), ("Accept", "application/sdp")]);
            }
            // Of a dialog that never was (RFC 3261 section 15.1.2, RFC 6086 section 4.2.2).
            Method::Bye | Method::Info => self.reply(key, &message, source, 481, &[]),
            _ => self.reply(key, &message, source, 405, &[("Allow", ALLOW)]),
        }
    }

    fn invite(&mut self, key: ServerKey, message: SipMessage, source: Endpoint) {
        if message.max_forwards() == Some(0) {
            return self.reply(key, &message, source, 483, &[]);
        }
        let (admitted, username) = match self.admit(&message, source) {
            Ok(admitted) => admitted,
            Err(Verdict::Challenge { stale }) => return self.challenge(Role::Proxy, key, &message, source, stale),
            Err(Verdict::Refuse(refusal)) => {
                tracing::info!(%source, call_id = message.call_id(), status = refusal.status, why = refusal.why, "INVITE refused");
                let retry: &[(&str, &str)] = if refusal.status == 503 { &[("Retry-After", "5")] } else { &[] };
                return self.reply(key, &message, source, refusal.status, retry);
            }
        };
        let Some(own) = self.own.clone() else { return };
        let offer = OfferCall {
            key,
            source,
            plan: admitted.plan,
            media: admitted.media,
            inbound: admission::inbound_leg(&message, source, username),
            shard: own.recipient(),
            message: message.clone(),
        };
        self.invites.insert(key, InviteOwner::Pending { cancelled: false });
        if self.config.switchboard.try_send(offer).is_err() {
            self.invites.remove(&key);
            self.reply(key, &message, source, 503, &[("Retry-After", "5")]);
        }
    }

    fn admit(
        &mut self,
        message: &SipMessage,
        source: Endpoint,
    ) -> Result<(admission::Admitted, Option<String>), Verdict> {
        let scheme = message.request_uri().map(|u| u.scheme());
        if !matches!(scheme, Some(Scheme::Sip | Scheme::Sips | Scheme::Tel)) {
            let status = if scheme.is_none() { 400 } else { 416 };
            return Err(Verdict::Refuse(Refusal { status, why: "Request-URI is not sip, sips or tel" }));
        }
        let directory = self.config.directory.borrow().clone();
        let listening = self.config.transports.listening().to_vec();
        let sender = admission::classify(&directory, message, source.addr)?;
        let (admitted, username) = match sender {
            Sender::ToApp(app) => (admission::to_app(app)?, None),
            Sender::Carrier(carrier) => (admission::from_carrier(&directory, carrier, message, &listening)?, None),
            Sender::Unknown => {
                let username = self.authenticate(Role::Proxy, message, &directory, source)?;
                let endpoint = directory.endpoint(&username).cloned();
                let endpoint = endpoint.ok_or(Refusal { status: 403, why: "endpoint is gone" })?;
                (admission::from_endpoint(&directory, endpoint, message, &listening)?, Some(username))
            }
        };
        admission::admit(&self.config.gate, self.config.calls_max, self.config.media.has_room())?;
        self.within_rate()?;
        Ok((admitted, username))
    }

    fn within_rate(&mut self) -> Result<(), Refusal> {
        let now = self.now();
        if now.since(self.rate.0) >= Duration::from_secs(1) {
            self.rate = (now, 0);
        }
        if self.rate.1 >= self.config.calls_per_second {
            return Err(Refusal { status: 503, why: "too many calls a second" });
        }
        self.rate.1 += 1;
        Ok(())
    }

    fn authenticate(
        &mut self,
        role: Role,
        message: &SipMessage,
        directory: &Directory,
        source: Endpoint,
    ) -> Result<String, Verdict> {
        let now = self.now();
        let result = self.challenger.verify(now, role, message, |user| {
            directory.endpoint(user).map(|e| Secrets { md5: &e.secrets.md5, sha256: &e.secrets.sha256 })
        });
        result.map_err(|refusal| {
            if refusal != AuthRefusal::NoCredentials && refusal != AuthRefusal::StaleNonce {
                tracing::warn!(%source, call_id = message.call_id(), why = refusal.as_str(), "authentication refused");
            }
            Verdict::Challenge { stale: refusal.is_stale() }
        })
    }

    /// 401 or 407; not repeated by a transaction, since nobody has verified where it goes.
    fn challenge(&mut self, role: Role, key: ServerKey, message: &SipMessage, source: Endpoint, stale: bool) {
        let now = self.now();
        let [sha256, md5] = self.challenger.challenge(now, stale, &mut self.entropy);
        let mut response = SipMessage::response(message, source.addr, role.status(), None)
            .to_tag(&hex_token(&mut self.entropy, 8))
            .header("Server", &self.config.user_agent);
        // MD5 first: widely used clients that know it alone look at the first challenge and no further. A client takes
        // any it supports (RFC 8760 section 2.4).
        response = response.header(role.challenge_header(), &md5);
        if self.config.digest_sha256 && !gives_up_at_two_challenges(message) {
            response = response.header(role.challenge_header(), &sha256);
        }
        let response = response.build();
        counts::answered(&self.config.metrics, &response);
        self.layer.respond_stateless(key, &response);
    }

    fn register(&mut self, key: ServerKey, message: SipMessage, source: Endpoint, ctx: &mut Context<Self>) {
        let directory = self.config.directory.borrow().clone();
        let username = match self.authenticate(Role::UserAgent, &message, &directory, source) {
            Ok(username) => username,
            Err(Verdict::Challenge { stale }) => return self.challenge(Role::UserAgent, key, &message, source, stale),
            Err(Verdict::Refuse(r)) => return self.reply(key, &message, source, r.status, &[]),
        };
        let Ok(to) = message.to().uri() else { return self.reply(key, &message, source, 400, &[]) };
        let at_home = to.host().eq_ignore_ascii_case(&directory.profile_domain())
            || admission::is_ours(self.config.transports.listening(), to.host(), to.port());
        if !at_home {
            // On the wire like a wrong password (promises row 10): only the log knows better.
            tracing::warn!(%source, call_id = message.call_id(), "REGISTER for a domain that is not ours");
            tracing::debug!(domain = to.host(), "the domain asked for");
            return self.challenge(Role::UserAgent, key, &message, source, false);
        }
        let aor = to.user_decoded().unwrap_or_default().to_lowercase();
        if aor != username.to_lowercase() {
            tracing::warn!(%source, call_id = message.call_id(), "REGISTER for another user");
            tracing::debug!(aor, username, "the users in question");
            return self.reply(key, &message, source, 403, &[]);
        }
        if self.registering >= limits::REGISTRAR_MAILBOX {
            return self.reply(key, &message, source, 503, &[("Retry-After", "5")]);
        }
        self.registering += 1;
        let ask = self.config.registrar.send(Register { aor, message: message.clone(), source });
        ctx.spawn(ask.into_actor(self).map(move |result, shard, ctx| {
            let now = shard.now();
            shard.registering -= 1;
            let mut response = match result {
                Ok(Registered::Ok(contacts)) => {
                    let mut r = SipMessage::response(&message, source.addr, 200, None);
                    for contact in &contacts {
                        r = r.header("Contact", contact);
                    }
                    r.header("Date", &sip_date(shard.config.clock.wall().rfc2822()))
                }
                Ok(Registered::Refused(refused)) => {
                    let mut r = SipMessage::response(&message, source.addr, refused.status, Some(refused.reason));
                    for (name, value) in &refused.headers {
                        r = r.header(name, value);
                    }
                    r
                }
                Ok(Registered::NotDurable) | Err(_) => {
                    SipMessage::response(&message, source.addr, 500, None).header("Retry-After", "5")
                }
            };
            response = response.to_tag(&hex_token(&mut shard.entropy, 8)).header("Server", &shard.config.user_agent);
            let response = response.build();
            counts::answered(&shard.config.metrics, &response);
            shard.layer.respond(now, key, &response);
            shard.settle(ctx);
        }));
    }

    fn reply(&mut self, key: ServerKey, request: &SipMessage, source: Endpoint, status: u16, headers: &[(&str, &str)]) {
        let mut response = SipMessage::response(request, source.addr, status, None)
            .to_tag(&hex_token(&mut self.entropy, 8))
            .header("Server", &self.config.user_agent);
        for (name, value) in headers {
            response = response.header(name, value);
        }
        self.respond(key, response.build());
    }

    fn respond(&mut self, key: ServerKey, response: SipMessage) {
        counts::answered(&self.config.metrics, &response);
        let now = self.now();
        self.layer.respond(now, key, &response);
    }

    fn handle_leg(&mut self, message: FromLeg) {
        let now = self.now();
        match message {
            FromLeg::Bind { leg: _, local_tag, invite, owner } => {
                if let Some(key) = invite
                    && let Some(at) = self.invites.get_mut(&key)
                {
                    if matches!(at, InviteOwner::Pending { cancelled: true }) {
                        owner.offer(ToLeg(LegInput::Cancelled), Overflow::Warn);
                    }
                    *at = InviteOwner::Leg(owner.clone());
                }
                self.legs.insert(local_tag, owner);
            }
            FromLeg::Unbind { local_tag } => {
                self.legs.remove(&local_tag);
            }
            FromLeg::Request { leg, id, message, destination, owner } => {
                match self.layer.request(now, message, destination) {
                    Ok(key) => {
                        self.clients.insert(key, (leg, id, owner));
                        self.requests.insert((leg, id), key);
                    }
                    Err(error) => {
                        tracing::warn!(%leg, ?error, "request not sent");
                        if let Some(owner) = owner {
                            let failure = RequestFailure::Transport;
                            owner.offer(ToLeg(LegInput::RequestFailed { id, failure }), Overflow::Warn);
                        }
                    }
                }
            }
            FromLeg::Cancel { leg, id } => {
                if let Some(key) = self.requests.get(&(leg, id)) {
                    self.layer.cancel(now, *key);
                }
            }
            FromLeg::SendAck { message, destination } => self.layer.send_stateless(&message, destination),
            FromLeg::Respond { key, message } => self.respond(key, message),
        }
    }
}

enum Verdict {
    Challenge { stale: bool },
    Refuse(Refusal),
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Verdict::Refuse(refusal)
    }
}

impl Actor for SipShard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::SHARD_MAILBOX);
        self.own = Some(ctx.address());
        tracing::debug!(realm = self.realm, "signalling shard started");
    }
}

impl Handler<SipInbound> for SipShard {
    type Result = ();

    fn handle(&mut self, msg: SipInbound, ctx: &mut Self::Context) {
        let now = self.now();
        match msg {
            SipInbound::Message { message, source, local } => self.layer.handle_message(now, message, source, local),
            SipInbound::Unreachable { peer } => self.layer.handle_transport_error(now, peer),
        }
        self.settle(ctx);
    }
}

impl Handler<FromLeg> for SipShard {
    type Result = ();

    fn handle(&mut self, msg: FromLeg, ctx: &mut Self::Context) {
        self.handle_leg(msg);
        self.settle(ctx);
    }
}

/// Clients known to fail when one of several challenges is not MD5, though RFC 8760 section 2.4 has them pass over it.
fn gives_up_at_two_challenges(message: &SipMessage) -> bool {
    message.header("User-Agent").is_some_and(|agent| agent.to_ascii_lowercase().starts_with("baresip"))
}

/// The option tags in Require that this server does not have (RFC 3261 section 8.2.2.3): all of them.
fn unsupported_extension(message: &SipMessage) -> Option<String> {
    let tags: Vec<_> = message.token_list("Require").collect();
    (!tags.is_empty()).then(|| tags.join(", "))
}

/// RFC 3261 section 20.17 wants GMT.
fn sip_date(mail: String) -> String {
    mail.replace("+0000", "GMT")
}
