//! One signalling shard: a transaction layer, who owns which dialog, and the first answer to what starts something.

mod auth;
mod client;
mod invite;
mod legs;
mod merged;
mod overload;
mod register;
mod restraint;
mod source;

pub use auth::AuthPolicy;

use std::sync::Arc;

use actix::prelude::*;
use tandem_call::SentBy;
use tandem_call::directory::{Directory, IpRange};
use tandem_call::leg::{ACCEPT, ALLOW, Extensions, LegInput, RequestFailure, RequestId, supported, unsupported};
use tandem_call::own::Own;
use tandem_model::{Endpoint, LegId, OwnMap, Timestamp, limits};
use tandem_sip::auth::Challenger;
use tandem_sip::message::{Message as SipMessage, Method};
use tandem_sip::overload_client::Restraints;
use tandem_sip::overload_control::LossControl;
use tandem_sip::source_budget::SourceBudget;
use tandem_sip::transaction::{ClientKey, Config, Event, ServerKey, TransactionKey, TransactionLayer};
use tokio::sync::watch;

use super::admission::Gate;
use super::audit::Audit;
use super::counts;
use super::message::{ClientOutcome, ClientRequest, FromLeg, LegMailbox, OfferCall, ShardMailbox, SipInbound, ToLeg};
use super::outside;
use super::own_places::OwnPlaces;
use super::registration::{FlowClosed, RegistrarActor};
use super::screening;
use crate::api::Metrics;
use crate::carrier::Trunks;
use crate::media::MediaHandle;
use crate::supervision::{Mailbox, Overflow};
use crate::transport::Transports;
use crate::world::{Clock, SystemEntropy};
use auth::AuthState;
use merged::Merged;

/// What every shard is given.
#[derive(Clone)]
pub struct ShardConfig {
    pub clock: Clock,
    pub directory: watch::Receiver<Arc<Directory>>,
    pub transports: Transports,
    pub registrar: Addr<RegistrarActor>,
    pub switchboard: Recipient<OfferCall>,
    pub gate: Arc<Gate>,
    pub own: Arc<Own>,
    /// What carriers that call us have room for.
    pub trunks: Trunks,
    /// Asked whether there is room for another call.
    pub media: MediaHandle,
    pub calls_max: usize,
    /// New calls a second that this shard lets in.
    pub calls_per_second: u32,
    pub metrics: Metrics,
    pub user_agent: String,
    pub auth: AuthPolicy,
    /// Service-Route values of a 200 to REGISTER (RFC 3608).
    pub service_route: Vec<String>,
    /// What this server names itself by.
    pub sent_by: SentBy,
    /// Messages a second read from one source that has proved nothing; 0 sets no bound.
    pub unproved_per_second: u32,
    /// Our own proxies: what comes from them is counted by the client that they name.
    pub proxies: Vec<IpRange>,
    /// Next hops that are offered overload control, and obeyed in it.
    pub overload_control: Vec<IpRange>,
    /// Responses are taken only from the addresses that were asked.
    pub known_sources_only: bool,
}

/// Header fields that tell what else might be asked, and change nothing in what was answered.
const INFORMS: [&str; 4] = ["Accept", "Allow", "Allow-Events", "Supported"];

pub struct SipShard {
    /// Set when the actor starts; calls answer to it.
    own: Option<ShardMailbox>,
    /// The clock as it was last looked at: once for each message, not for each question.
    at: Timestamp,
    config: ShardConfig,
    layer: TransactionLayer,
    sources: SourceBudget,
    /// Those behind our proxies: apart, because what one proved there says nothing of what comes from it directly.
    behind_proxies: SourceBudget,
    entropy: SystemEntropy,
    challenger: Challenger,
    realm: String,
    places: Arc<OwnPlaces>,
    /// By local tag.
    legs: OwnMap<String, LegMailbox>,
    clients: OwnMap<ClientKey, (LegId, RequestId, Option<LegMailbox>)>,
    requests: OwnMap<(LegId, RequestId), ClientKey>,
    /// Requests of no leg, by what their owners call them.
    outside: OwnMap<ClientKey, (u64, Recipient<ClientOutcome>)>,
    invites: OwnMap<ServerKey, InviteOwner>,
    merged: Merged,
    timer: Option<(Timestamp, SpawnHandle)>,
    /// REGISTERs that wait for the store.
    registering: usize,
    audit: Audit,
    /// New calls let in during the running second.
    rate: (Timestamp, u32),
    overload: overload::Overload,
    /// What clients that obey are asked to keep back.
    loss: LossControl,
    /// What next hops ask us to keep back, and how many calls that were since it was last logged.
    restraints: Restraints,
    kept_back: u64,
    kept_back_logged: Option<Timestamp>,
    auth: AuthState,
}

/// Who is told what becomes of an INVITE's server transaction.
enum InviteOwner {
    /// Its leg is being made.
    Pending {
        cancelled: bool,
    },
    Leg(LegMailbox),
}

impl SipShard {
    pub fn new(config: ShardConfig) -> Self {
        let mut entropy = SystemEntropy::new();
        let mut tag_secret = [0; 16];
        tandem_model::Entropy::fill(&mut entropy, &mut tag_secret);
        let wall_ms = u64::try_from(config.clock.wall().0).unwrap_or(0);
        let origin_ms = wall_ms.saturating_sub(config.clock.now().as_millis());
        let places = Arc::new(OwnPlaces::new(config.transports.listening(), &config.sent_by));
        let realm = config.directory.borrow().project.realm.clone();
        SipShard {
            own: None,
            at: config.clock.now(),
            layer: TransactionLayer::new(Config::new(tag_secret)),
            sources: SourceBudget::new(config.unproved_per_second),
            behind_proxies: SourceBudget::new(config.unproved_per_second),
            challenger: Challenger::new(&realm, &mut entropy).offer_auth_int(config.auth.auth_int).accept_own_address(
                {
                    let places = places.clone();
                    move |host, port| places.holds(host, port)
                },
            ),
            realm,
            places,
            entropy,
            legs: OwnMap::default(),
            clients: OwnMap::default(),
            requests: OwnMap::default(),
            outside: OwnMap::default(),
            invites: OwnMap::default(),
            merged: Merged::default(),
            timer: None,
            registering: 0,
            audit: Audit::default(),
            rate: (Timestamp::ZERO, 0),
            overload: overload::Overload::default(),
            loss: LossControl::new(origin_ms),
            restraints: Restraints::default(),
            kept_back: 0,
            kept_back_logged: None,
            auth: AuthState::default(),
            config,
        }
    }

    /// When the message came that is being worked on.
    fn now(&self) -> Timestamp {
        self.at
    }

    fn look_at_clock(&mut self) -> Timestamp {
        self.at = self.config.clock.now();
        self.at
    }

    /// Sends and tells whatever the last step brought, then waits for the next deadline.
    fn settle(&mut self, ctx: &mut Context<Self>) {
        loop {
            while let Some(t) = self.layer.poll_transmit() {
                if !self.may_send(&t) {
                    continue;
                }
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
            let now = shard.look_at_clock();
            shard.layer.expire(now);
            shard.settle(ctx);
        });
        self.timer = Some((at, handle));
    }

    fn event(&mut self, event: Event, ctx: &mut Context<Self>) {
        self.heed(&event);
        let Some(event) = self.client_event(event) else { return };
        match event {
            Event::Request { key, message, source, .. } => {
                counts::received(&self.config.metrics, &message);
                self.request(key, message, source, ctx);
            }
            Event::Ack { message, source, .. } => {
                if let Some(leg) = message.to_tag().and_then(|t| self.legs.get(t)).cloned() {
                    self.proved(&message, source);
                    leg.offer(ToLeg(LegInput::Ack(message)), Overflow::Warn);
                }
            }
            Event::Response { key, message, source } => {
                self.proved(&message, source);
                if let Some((_, id, Some(owner))) = self.clients.get(&key) {
                    owner.offer(ToLeg(LegInput::Response { id: *id, message, source }), Overflow::Warn);
                }
            }
            Event::Timeout { key } => self.request_failed(key, RequestFailure::Timeout),
            Event::TransportFailed { key: TransactionKey::Client(key) } => {
                self.request_failed(key, RequestFailure::Transport);
            }
            Event::Cancelled { key, cancel } => match self.invites.get_mut(&key) {
                Some(InviteOwner::Leg(leg)) => {
                    let reason = cancel.header("Reason").map(str::to_owned);
                    leg.offer(ToLeg(LegInput::Cancelled { reason }), Overflow::Warn);
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
                self.merged.leaves(key);
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
            let Some(leg) = self.legs.get(tag).cloned() else {
                return self.reply(key, &message, source, 481, &[]);
            };
            self.proved(&message, source);
            let (status, headers) =
                match leg.try_send(ToLeg(LegInput::Request { key, message: message.clone(), source })) {
                    Ok(()) => return,
                    Err(SendError::Full(_)) => (500, [("Retry-After", "1")]),
                    Err(SendError::Closed(_)) => (481, [("Retry-After", "0")]),
                };
            return self.reply(key, &message, source, status, if status == 500 { &headers } else { &[] });
        }
        let directory = self.config.directory.borrow().clone();
        if let Err(refused) = screening::only_ours_on_route(&self.config.own, &directory, &message) {
            self.audit(&message, source, refused.status, refused.why);
            return self.reply(key, &message, source, refused.status, &[]);
        }
        let refused = match message.method() {
            Method::Register => register::unsupported_extension(&message),
            _ => unsupported(&Extensions::default(), &message),
        };
        if let Some(refused) = refused {
            return self.reply(key, &message, source, 420, &[("Unsupported", &refused)]);
        }
        match message.method() {
            Method::Invite => self.invite(key, message, source),
            Method::Register => self.register(key, message, source, ctx),
            Method::Options => {
                let status =
                    if self.config.gate.draining.load(std::sync::atomic::Ordering::Relaxed) { 503 } else { 200 };
                let supported = supported(&Extensions::default());
                self.reply(
                    key,
                    &message,
                    source,
                    status,
                    &[("Allow", ALLOW), ("Accept", ACCEPT), ("Supported", supported)],
                );
            }
            _ => {
                let answer = outside::answer_to(&message);
                if let Some(what) = answer.audit {
                    self.audit(&message, source, answer.status, what);
                }
                self.reply(key, &message, source, answer.status, answer.header.as_slice());
            }
        }
    }

    /// A final answer to a request that starts nothing here: sent once and not remembered, so that no flood fills the
    /// table of transactions, and a repeated request gets the same again (RFC 3261 section 8.2.7).
    fn reply(&mut self, key: ServerKey, request: &SipMessage, source: Endpoint, status: u16, headers: &[(&str, &str)]) {
        let now = self.now();
        let tag = self.layer.tag_for(request);
        let known = !self.sources.is_stranger(now, source);
        let build = |headers: &mut dyn Iterator<Item = &(&str, &str)>| {
            let response = SipMessage::response(request, source.addr, status, None).to_tag(&tag);
            let response = if known { response.header("Server", &self.config.user_agent) } else { response };
            headers.fold(response, |response, (name, value)| response.header(name, value)).build()
        };
        let mut response = build(&mut headers.iter());
        // What a stranger gets is weighed against what it sent: rather an answer that says less than none.
        if response.bytes().len() > self.sources.room(now, source) {
            response = build(&mut headers.iter().filter(|(name, _)| !INFORMS.contains(name)));
        }
        counts::answered(&self.config.metrics, &response);
        self.layer.respond_stateless(key, &response);
    }

    fn respond(&mut self, key: ServerKey, response: SipMessage) {
        counts::answered(&self.config.metrics, &response);
        let now = self.now();
        self.layer.respond(now, key, &response);
    }
}

impl Actor for SipShard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::SHARD_MAILBOX);
        self.own = Some(Arc::new(ctx.address().recipient()));
        tracing::debug!(realm = self.realm, "signalling shard started");
    }
}

impl Handler<SipInbound> for SipShard {
    type Result = ();

    fn handle(&mut self, msg: SipInbound, ctx: &mut Self::Context) {
        let now = self.look_at_clock();
        match msg {
            SipInbound::Message { message, source, local, behind_since } => {
                if self.admits(&message, source) && self.was_asked(&message, source) {
                    let message = self.stating_load(message, source);
                    if !self.sheds(&message, source, local, behind_since) {
                        self.layer.handle_message(now, message, source, local);
                    }
                }
            }
            SipInbound::Unreachable { peer } => {
                self.layer.handle_transport_error(now, peer);
                if peer.transport.is_reliable() {
                    self.config.registrar.offer(FlowClosed { peer }, Overflow::Warn);
                }
            }
        }
        self.settle(ctx);
    }
}

impl Handler<ClientRequest> for SipShard {
    type Result = ();

    fn handle(&mut self, msg: ClientRequest, ctx: &mut Self::Context) {
        self.look_at_clock();
        self.client_request(msg);
        self.settle(ctx);
    }
}

impl Handler<FromLeg> for SipShard {
    type Result = ();

    fn handle(&mut self, msg: FromLeg, ctx: &mut Self::Context) {
        self.look_at_clock();
        self.handle_leg(msg);
        self.settle(ctx);
    }
}
