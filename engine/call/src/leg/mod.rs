//! A call leg: one SIP dialog and its media, from INVITE to the last statistic, as one machine.
//! It does not know the other leg, nor the document that drives the call. Start at [`Leg::handle`].
//!
//! ```text
//!   new_incoming ─► Incoming ──Answer──► Talking ──BYE/Hangup──► Closing ─► Over
//!                      │ Reject/CANCEL                              ▲
//!                      └────────────────────────────────────────────┤
//!   new_outgoing ─► Outgoing ──2xx─────► Talking                    │
//!                      └── final response, failure, Hangup ─────────┘
//! ```

mod abilities;
mod answers;
mod body;
mod challenge;
mod closing;
pub mod contract;
mod facts;
mod failover;
mod forks;
mod hold;
pub mod hop;
mod incoming;
mod info;
mod media;
mod ours;
mod outgoing;
mod prack;
mod redirect;
mod refer;
mod referring;
mod reinvite;
mod replaces;
mod sending;
mod session_timer;
mod source;
mod talking;

pub use abilities::{ACCEPT, ALLOW, supported, unsupported};
pub use body::description;
pub use contract::{
    Answer, CodecUse, ComfortNoiseUse, Credentials, Destination, EndedBy, Extensions, Flow, Hold, InviteSpec,
    KEPT_BACK, LegCommand, LegEffect, LegEnd, LegEnv, LegInput, LegRecord, LegReport, MediaPolicy, NO_MEDIA_PORT,
    RecordStage, ReferReport, ReferRequest, Reliable, RequestFailure, RequestId, SessionPolicy, SharedEnv,
};
pub use facts::LegFacts;
pub use refer::ALLOW_EVENTS;
pub use replaces::Replaces;

use std::collections::VecDeque;
use std::net::IpAddr;

use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event};
use tandem_model::{CallSid, Endpoint, Entropy, LegId, Timestamp, hex_token};
use tandem_sip::message::Message;
use tandem_sip::transaction::ServerKey;

use challenge::Proof;
use closing::Closing;
use incoming::Incoming;
use info::InfoSender;
use media::LegMedia;
use ours::Ours;
use outgoing::Outgoing;
use refer::Referrals;
use referring::Referring;
use session_timer::SessionTimer;
use source::{KnownSources, Strangers};
use talking::{Lost, Talking};

/// Poll [`Leg::poll`] until None after every [`Leg::handle`] and [`Leg::expire`]; then wait for [`Leg::deadline`].
pub struct Leg {
    id: LegId,
    sid: CallSid,
    env: SharedEnv,
    /// Ours, of the family that the peer's media speaks.
    media_address: IpAddr,
    entropy: Box<dyn Entropy + Send>,
    local_tag: String,
    proof: Proof,
    known: KnownSources,
    strangers: Option<Box<Strangers>>,
    /// For the step at hand: see [`Leg::handle_listed`].
    listed: bool,
    media: LegMedia,
    facts: LegFacts,
    /// `X-` header fields of the response that answered us.
    final_headers: Vec<(String, String)>,
    requests: u64,
    info: InfoSender,
    /// The far end's Allow lists UPDATE.
    takes_update: bool,
    timer: SessionTimer,
    ours: Ours,
    /// Callees of our INVITE that answered too late.
    lost: Vec<Lost>,
    referrals: Referrals,
    referring: Option<Box<Referring>>,
    /// How the far end holds us.
    held: Hold,
    /// Nothing has shown yet that the far end is where it says: see [`IncomingInvite::unproved`].
    unproved: bool,
    state: State,
    effects: VecDeque<LegEffect>,
}

enum State {
    Incoming(Box<Incoming>),
    Outgoing(Box<Outgoing>),
    Talking(Box<Talking>),
    Closing(Closing),
    Over,
}

/// An INVITE that starts a leg.
pub struct IncomingInvite {
    pub key: ServerKey,
    pub message: Message,
    pub source: Endpoint,
    pub received: Timestamp,
    /// Anybody may have sent it in the name of its source. No media goes to the address in it before an ACK, a PRACK or RTP
    /// has come, or one INVITE would have sound played at a third party for half a minute (promises row 17).
    pub unproved: bool,
}

/// Why an INVITE cannot start a leg: the response to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub why: String,
    /// Header fields that belong to the status: Unsupported, Min-SE, Accept, Require.
    pub headers: Vec<(&'static str, String)>,
}

impl Refused {
    pub fn new(status: u16, why: impl Into<String>) -> Self {
        Refused { status, why: why.into(), headers: Vec::new() }
    }
}

impl Leg {
    /// A leg somebody calls us on. Takes a media port at once; answers nothing until told.
    pub fn new_incoming(
        id: LegId,
        sid: CallSid,
        env: SharedEnv,
        policy: MediaPolicy,
        invite: IncomingInvite,
        mut entropy: Box<dyn Entropy + Send>,
    ) -> Result<Leg, Refused> {
        let remote_tag = invite.message.from_tag().unwrap_or_default().to_owned();
        let local_tag = env.own.tag(id, &mut *entropy);
        let (source, unproved) = (invite.source, invite.unproved);
        let extensions = env.extensions.towards(policy.session);
        let incoming = Incoming::new(invite, &extensions, &local_tag, &mut *entropy)?;
        let call_id = incoming.call_id().to_owned();
        let state = State::Incoming(Box::new(incoming));
        let mut leg = Leg::assemble(id, sid, env, policy, local_tag, call_id, Proof::default(), state, entropy);
        leg.known.add(source);
        leg.face(source.addr.ip());
        leg.unproved = unproved;
        leg.allow_of_invite();
        leg.emit(LegEffect::Bind { local_tag: leg.local_tag.clone() });
        leg.report_dialog(&remote_tag);
        leg.emit(LegEffect::Media(Command::Open { leg: id }));
        leg.record();
        Ok(leg)
    }

    /// A leg we call somebody on. The INVITE leaves when a port is open and the destination is known.
    pub fn new_outgoing(
        id: LegId,
        sid: CallSid,
        env: SharedEnv,
        spec: InviteSpec,
        mut entropy: Box<dyn Entropy + Send>,
    ) -> Leg {
        let local_tag = env.own.tag(id, &mut *entropy);
        let call_id = format!("{}@{}", hex_token(&mut *entropy, 16), env.media_address);
        let policy = spec.media.clone();
        let proof = Proof::new(spec.credentials.clone(), spec.realm.clone());
        let mut leg = Leg::assemble(id, sid, env, policy, local_tag, call_id, proof, State::Over, entropy);
        leg.emit(LegEffect::Bind { local_tag: leg.local_tag.clone() });
        leg.emit(LegEffect::Media(Command::Open { leg: id }));
        leg.start_outgoing(spec);
        leg
    }

    #[expect(clippy::too_many_arguments, reason = "what both kinds of leg begin with")]
    fn assemble(
        id: LegId,
        sid: CallSid,
        env: SharedEnv,
        policy: MediaPolicy,
        local_tag: String,
        call_id: String,
        proof: Proof,
        state: State,
        mut entropy: Box<dyn Entropy + Send>,
    ) -> Leg {
        let timer = SessionTimer::new(&env.extensions.towards(policy.session));
        let media = LegMedia::new(policy, &mut *entropy);
        Leg {
            id,
            sid,
            media_address: env.media_address.first(),
            env,
            entropy,
            local_tag,
            proof,
            known: KnownSources::default(),
            strangers: None,
            listed: false,
            media,
            facts: LegFacts::new(call_id),
            final_headers: Vec::new(),
            requests: 0,
            info: InfoSender::default(),
            takes_update: false,
            timer,
            ours: Ours::default(),
            lost: Vec::new(),
            referrals: Referrals::default(),
            referring: None,
            held: Hold::Off,
            unproved: false,
            state,
            effects: VecDeque::new(),
        }
    }

    pub fn id(&self) -> LegId {
        self.id
    }

    pub fn sid(&self) -> CallSid {
        self.sid
    }

    /// Codecs of the offer that started this leg which we speak, in its order.
    pub fn offered_codecs(&self) -> Vec<CodecId> {
        match &self.state {
            State::Incoming(s) => s.offered_codecs(),
            State::Outgoing(_) | State::Talking(_) | State::Closing(_) | State::Over => Vec::new(),
        }
    }

    pub fn facts(&self) -> &LegFacts {
        &self.facts
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Everything that happens to a leg comes through here.
    pub fn handle(&mut self, now: Timestamp, input: LegInput) {
        if self.is_over() && matches!(input, LegInput::Media(_)) {
            // `Closed` was the last report.
            return;
        }
        if let LegInput::Media(event) = &input
            && self.common_media_event(now, event)
        {
            return;
        }
        if let LegInput::Resolved { id, hops } = &input
            && self.looked_up(now, *id, hops)
        {
            return;
        }
        // The state is taken out so that its step may replace it; `Over` only ever shows inside a step.
        match std::mem::replace(&mut self.state, State::Over) {
            State::Incoming(s) => self.step_incoming(now, s, input),
            State::Outgoing(s) => self.step_outgoing(now, s, input),
            State::Talking(s) => self.step_talking(now, s, input),
            State::Closing(s) => self.step_closing(now, s, input),
            State::Over => self.step_over(input),
        }
    }

    pub fn poll(&mut self) -> Option<LegEffect> {
        let effect = self.effects.pop_front();
        if effect.is_none() {
            // Between events a leg holds no room for them.
            self.effects.shrink_to_fit();
        }
        effect
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Over => None,
            State::Incoming(s) => s.deadline(),
            State::Outgoing(s) => s.deadline(),
            State::Talking(s) => {
                let own = s.deadline().into_iter().chain(self.refer_deadline());
                own.chain(self.ours.deadline()).chain(self.timer.deadline()).min()
            }
            State::Closing(s) => Some(s.deadline()),
        }
    }

    pub fn expire(&mut self, now: Timestamp) {
        if self.deadline().is_none_or(|d| d > now) {
            return;
        }
        match std::mem::replace(&mut self.state, State::Over) {
            State::Incoming(s) => self.expire_incoming(now, s),
            State::Outgoing(s) => self.expire_outgoing(now, s),
            State::Talking(s) => self.expire_talking(now, s),
            State::Closing(s) => self.expire_closing(s),
            State::Over => {}
        }
    }

    /// Media events whose meaning does not depend on the state. True when it is dealt with.
    fn common_media_event(&mut self, now: Timestamp, event: &Event) -> bool {
        match event {
            Event::Digit { digit, .. } => self.report(LegReport::Digit(*digit)),
            Event::PlayDone { play, completed, .. } => {
                self.report(LegReport::PlayDone { play: *play, completed: *completed });
            }
            Event::Marked { play, mark, .. } => self.report(LegReport::Marked { play: *play, mark: *mark }),
            Event::Started { .. } => self.peer_is_there(now),
            Event::Stats { .. } | Event::JoinRefused { .. } | Event::Speaking { .. } | Event::Floor { .. } => {}
            Event::DigitEnded { digit, duration_ms, .. } => {
                self.report(LegReport::DigitEnded { digit: *digit, duration_ms: *duration_ms });
            }
            Event::DigitForPeer { .. } | Event::KeyExpiring { .. } => return false,
            Event::Opened { rtp_port, .. } => {
                self.media.opened(*rtp_port);
                return false;
            }
            Event::OpenFailed { .. } => {
                self.media.never_opened();
                return false;
            }
            Event::Failed { stats, .. } | Event::Closed { stats, .. } => {
                self.media.closed((**stats).clone());
                return false;
            }
            Event::TimedOut { .. } => {
                return false;
            }
        }
        true
    }

    fn step_over(&mut self, input: LegInput) {
        // A request that crossed our end: its dialog is gone (RFC 3261 section 12.2.2).
        if let LegInput::Request { key, message, source } = input {
            self.respond(key, &message, source, 481, None, &[]);
        }
    }

    fn end(&mut self, status: u16, reason: impl Into<String>, by: EndedBy, headers: Vec<(String, String)>) {
        if let Some(end) = self.facts.end(status, reason, by, headers) {
            self.report(LegReport::Ended(end));
        }
    }

    fn report(&mut self, report: LegReport) {
        self.emit(LegEffect::Report(report));
    }

    fn emit(&mut self, effect: LegEffect) {
        self.effects.push_back(effect);
    }

    /// Tells the supervisor what it would take to end this leg from here.
    fn record(&mut self) {
        let stage = match &self.state {
            State::Incoming(s) => s.stage(&self.local_tag),
            State::Outgoing(s) => s.stage(),
            State::Talking(s) => s.stage(),
            State::Closing(_) | State::Over => RecordStage::Over,
        };
        self.emit(LegEffect::Record(Box::new(LegRecord { leg: self.id, sid: self.sid, stage })));
    }

    fn next_request_id(&mut self) -> RequestId {
        self.requests += 1;
        RequestId(self.requests)
    }
}
