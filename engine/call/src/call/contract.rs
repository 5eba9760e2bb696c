//! What goes into a call and what comes out: the contract between the call machine and its actor.

use std::sync::Arc;
use std::time::Duration;

use tandem_codecs::CodecId;
use tandem_laml::instruction::{
    Document, FetchFailure, ListenId, Method, Prompt, PromptFailure, PromptId, Recording, StatusCallback,
};
use tandem_media::control::{Clip, Command, LegStats, MoveFailed};
use tandem_model::{CallSid, Endpoint, LegId, Sid, WallTime};
use tandem_sip::message::NameAddr;

use super::amd::{AmdEffect, AmdNews, ApiAmd};
use super::bind::{ListenEffect, SpeechNews};
use super::carriers::{CarriersBusy, SeizedCarrier};
use super::hold::HoldUse;
use super::hops::Hops;
use super::identity::Asserted;
use super::recording::{RecordingEffect, RecordingNews};
use super::streams::{StreamEffect, StreamInput};
use crate::directory::{Carrier, Directory, DomainApp, Encryption, PhoneNumber, SipEndpoint};
use crate::leg::{Credentials, InviteSpec, LegCommand, LegReport, MediaPolicy, Replaces};
use crate::own::Own;
use crate::room::conference::{ConferenceCommand, ConferenceEvent};
use crate::room::queue::{QueueAsk, QueueNews};
use crate::routing::{Caller, Route};

/// What a call needs to know of its world.
#[derive(Clone)]
pub struct CallEnv {
    /// As it stood when the call began; a call does not change its rules half-way.
    pub directory: Arc<Directory>,
    /// `host:port` of this server's first UDP listener, where a call to an own application is sent.
    pub own_address: String,
    /// No call lasts longer once it is answered.
    pub call_duration_max: Duration,
    pub own: Arc<Own>,
    /// Scheme, host and port under which REST is reached, without a slash at the end: for the addresses of recordings.
    pub public_url: String,
    /// The transport for SIP addresses that name none (`udp`, `tcp`, `tls`); None: as DNS says (RFC 3263).
    pub dial_transport: Option<&'static str>,
    /// Contacts of 3xx responses that one run of dialling follows; 0: none are followed.
    pub redirect_targets_max: usize,
    pub hold: HoldUse,
}

/// How a call came to be.
pub enum Origin {
    /// Somebody rang us.
    Inbound { leg: Box<InboundLeg>, plan: Plan },
    /// The REST API asked for it.
    Api(Box<ApiCall>),
}

/// What an inbound leg is for.
#[derive(Debug)]
pub enum Plan {
    /// An endpoint dialled: connect it.
    Connect { caller: Party, route: Route },
    /// A document drives it.
    App { app: Arc<DomainApp> },
    /// An endpoint whose own handler is a document.
    Handler { endpoint: Arc<SipEndpoint> },
    /// A carrier brings a call to a number whose handler is a document.
    Number { number: Arc<PhoneNumber>, carrier: Arc<Carrier> },
    /// It takes the place of a party to a dialog of ours (RFC 3891): for the call that dialog belongs to.
    Replace { replaces: Replaces, by: Caller },
}

/// Who calls, as far as the other side is shown.
#[derive(Clone, Debug)]
pub enum Party {
    Endpoint(Arc<SipEndpoint>),
    Carrier(Arc<Carrier>),
    Stranger,
}

/// What the INVITE said.
#[derive(Clone, Debug)]
pub struct InboundLeg {
    pub sid: CallSid,
    pub from_uri: String,
    pub from_display: Option<String>,
    pub from_user: String,
    pub to_uri: String,
    /// User part of the Request-URI, decoded.
    pub request_user: String,
    pub request_host: String,
    /// Query parameters of the Request-URI and `X-` header fields, name as sent.
    pub headers: Vec<(String, String)>,
    pub call_id: String,
    pub source: Endpoint,
    pub max_forwards: u8,
    pub hops: Hops,
    pub asserted: Asserted,
    /// The digest user, where one authenticated.
    pub username: Option<String>,
    /// Codecs of its offer that we speak, in its order; empty with a late offer.
    pub offered: Vec<CodecId>,
}

/// A call to create for the REST API.
#[derive(Clone, Debug)]
pub struct ApiCall {
    pub sid: CallSid,
    pub to: String,
    pub from: String,
    pub caller_id: Option<String>,
    pub document: ApiDocument,
    pub fallback: Option<(String, Method)>,
    pub status_callback: Option<StatusCallback>,
    pub timeout: Duration,
    pub send_digits: Option<String>,
    /// Find out who answered.
    pub amd: Option<Box<ApiAmd>>,
    /// Record from its answer on.
    pub record: Option<Box<Recording>>,
    /// How long it may last once it is answered.
    pub time_limit: Option<Duration>,
    pub credentials: Option<Credentials>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ApiDocument {
    Url(String, Method),
    Inline(String),
}

/// What the REST API may change of a live call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallUpdate {
    Document(ApiDocument),
    Fallback(String, Method),
    StatusCallback(String, Method),
    /// Record that leg, which talks.
    Record {
        sid: Sid,
        call: CallSid,
        what: Box<Recording>,
    },
    StopRecording {
        sid: Sid,
    },
    /// Only before it is answered.
    Cancel,
    Complete,
}

/// Names one document that runs in a call; a call may run several, on different legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub u64);

/// What happened to a call.
pub enum CallInput {
    Leg {
        leg: LegId,
        report: LegReport,
    },
    /// A leg's actor died; whoever supervises it is settling the leg.
    LegCrashed {
        leg: LegId,
    },
    Document {
        run: RunId,
        result: Result<Document, FetchFailure>,
    },
    PromptLoaded {
        run: RunId,
        id: PromptId,
        result: Result<Arc<Clip>, PromptFailure>,
    },
    /// Answers [`CallEffect::Lookup`].
    Contacts {
        ticket: u64,
        contacts: Vec<RegisteredContact>,
    },
    /// Answers [`CallEffect::SeizeCarrier`].
    CarrierSeized {
        ticket: u64,
        seized: Result<SeizedCarrier, CarriersBusy>,
    },
    /// What a conference says to the leg it has, or had.
    Conference {
        leg: LegId,
        event: ConferenceEvent,
    },
    /// What became of a recording of this call.
    Recording {
        sid: Sid,
        news: RecordingNews,
    },
    /// Answers [`CallEffect::MoveMedia`].
    MediaMoved {
        result: Result<(), MoveFailed>,
    },
    /// Answers [`CallEffect::Queue`], and what else the queue tells.
    Queue(QueueNews),
    /// Answers [`CallEffect::Listen`].
    Heard {
        run: RunId,
        id: ListenId,
        news: SpeechNews,
    },
    /// Answers [`CallEffect::Amd`].
    Amd {
        leg: LegId,
        news: AmdNews,
    },
    Stream(StreamInput),
    Update(CallUpdate),
    /// A leg takes the place of another ([`super::Call::may_replace`]): the next of this call, which is being started.
    Replace {
        replaced: LegId,
        inbound: Box<InboundLeg>,
        by: Caller,
    },
    /// REST ends one dialled leg.
    EndLeg {
        sid: CallSid,
    },
    /// The server is going down.
    Drain,
}

/// Where a registered endpoint is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct RegisteredContact {
    pub uri: String,
    /// The flow of its REGISTER.
    pub source: Endpoint,
    /// Route values to preload, first hop first: the Path it registered with (RFC 3327 section 5.4).
    pub path: Vec<String>,
    /// Reached by that flow alone, whatever `uri` says: behind a NAT, or a flow the client keeps (RFC 5626).
    pub over_flow: bool,
    /// Of the same device, for when this one fails (RFC 5626 section 7).
    pub other_flows: Vec<RegisteredContact>,
}

impl RegisteredContact {
    /// Where a request to it goes first.
    pub fn hop(&self) -> Endpoint {
        if self.over_flow {
            return self.source;
        }
        let first = self.path.first().and_then(|path| NameAddr::parse(path).ok()).map(|path| path.uri_str());
        crate::leg::hop::next_hop(first.unwrap_or(&self.uri), self.source)
    }
}

/// What the call wants done.
#[derive(Clone, Debug)]
pub enum CallEffect {
    Leg {
        leg: LegId,
        command: LegCommand,
    },
    CreateLeg {
        leg: LegId,
        sid: CallSid,
        spec: Box<InviteSpec>,
    },
    Media(Command),
    /// All legs of this call go to the media thread that a leg of another call is on, so that they can be bridged or mixed.
    MoveMedia {
        beside: LegId,
    },
    Stream(StreamEffect),
    Fetch {
        run: RunId,
        url: String,
        method: Method,
        params: Vec<(String, String)>,
    },
    /// The fetch under way for that document is not wanted any more: what it brings must not be handed in.
    CancelFetch {
        run: RunId,
    },
    LoadPrompt {
        run: RunId,
        id: PromptId,
        what: Prompt,
    },
    Recording(RecordingEffect),
    /// To the conference of a leg.
    Conference(ConferenceCommand),
    Listen(ListenEffect),
    Amd(AmdEffect),
    Lookup {
        ticket: u64,
        aor: String,
    },
    /// Take a channel of one of these carriers, the best that has room; `draw` is what chance is made of
    /// ([`crate::carrier::choose`]). The channel belongs to the leg whose [`InviteSpec::channel`] names the ticket, and
    /// is free again when no leg is created with it.
    SeizeCarrier {
        ticket: u64,
        carriers: Vec<Arc<Carrier>>,
        draw: u64,
    },
    /// To the queues.
    Queue(QueueAsk),
    /// A status callback; delivered in order for one call.
    Notify {
        url: String,
        method: Method,
        params: Vec<(String, String)>,
    },
    /// How a leg stands now: for the call resource, and once `closed`, the CDR.
    Record(Box<LegRow>),
    /// Somebody tried what they may not, or did what costs money: a line for the audit log.
    Audit {
        what: &'static str,
        leg: LegId,
        detail: String,
    },
    /// A warning for the call's log.
    Warn {
        code: u32,
        message: String,
        line: Option<u32>,
    },
    /// All legs are closed; nothing follows.
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    OutboundApi,
    OutboundDial,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::OutboundApi => "outbound-api",
            Direction::OutboundDial => "outbound-dial",
        }
    }
}

/// A leg's status as applications see it (laml.md 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegStatus {
    Queued,
    Initiated,
    Ringing,
    InProgress,
    Completed,
    Busy,
    Failed,
    NoAnswer,
    Canceled,
}

impl LegStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            LegStatus::Queued => "queued",
            LegStatus::Initiated => "initiated",
            LegStatus::Ringing => "ringing",
            LegStatus::InProgress => "in-progress",
            LegStatus::Completed => "completed",
            LegStatus::Busy => "busy",
            LegStatus::Failed => "failed",
            LegStatus::NoAnswer => "no-answer",
            LegStatus::Canceled => "canceled",
        }
    }

    pub fn is_final(self) -> bool {
        match self {
            LegStatus::Queued | LegStatus::Initiated | LegStatus::Ringing | LegStatus::InProgress => false,
            LegStatus::Completed | LegStatus::Busy | LegStatus::Failed | LegStatus::NoAnswer | LegStatus::Canceled => {
                true
            }
        }
    }
}

/// One leg's row in the calls table: the REST resource and the CDR.
#[derive(Clone, Debug)]
pub struct LegRow {
    pub sid: CallSid,
    pub parent_sid: Option<CallSid>,
    pub direction: Direction,
    pub from: String,
    pub to: String,
    pub caller_name: Option<String>,
    /// Who sent the call on to here.
    pub forwarded_from: Option<String>,
    pub status: LegStatus,
    pub created_at: WallTime,
    pub answered_at: Option<WallTime>,
    pub ended_at: Option<WallTime>,
    /// Whole seconds of talk, by the monotonic clock.
    pub duration_secs: u64,
    pub sip_code: Option<u16>,
    pub sip_reason: Option<String>,
    pub sip_call_id: Option<String>,
    /// `human` or `machine`, where that was asked.
    pub answered_by: Option<&'static str>,
    /// The address of whoever hung up.
    pub hangup_by: Option<String>,
    /// `inbound` when the far end did, `outbound` when we did.
    pub hangup_direction: Option<&'static str>,
    pub codec: Option<CodecId>,
    pub encrypted: bool,
    pub stats: Option<LegStats>,
    /// Nothing of this leg is alive any more.
    pub closed: bool,
}

/// What each kind of leg may use of media, from configuration.
pub fn policy_of(names: &[String], ciphers: &[String], encryption: Encryption) -> MediaPolicy {
    let mut codecs = Vec::new();
    for spec in names.iter().filter_map(|n| tandem_codecs::CodecSpec::by_laml_name(n)) {
        if !codecs.contains(&spec.id) {
            codecs.push(spec.id);
        }
    }
    let suites: Vec<_> = ciphers.iter().filter_map(|c| suite_by_rest_name(c)).collect();
    let default = MediaPolicy::default();
    MediaPolicy {
        codecs: if codecs.is_empty() { default.codecs } else { codecs },
        suites: if suites.is_empty() { default.suites } else { suites },
        encryption,
        ..default
    }
}

/// What a carrier's legs may use of media, and its session timer.
pub fn carrier_media(carrier: &Carrier) -> MediaPolicy {
    let default = ["PCMU".to_owned(), "PCMA".to_owned()];
    let codecs = if carrier.codecs.is_empty() { &default[..] } else { &carrier.codecs };
    let encryption = match carrier.encryption {
        Encryption::Default => Encryption::Optional,
        said @ (Encryption::Optional | Encryption::Required | Encryption::Forbidden) => said,
    };
    MediaPolicy { dtmf: carrier.dtmf, session: carrier.session, ..policy_of(codecs, &carrier.ciphers, encryption) }
}

/// REST spells suites its own way (laml.md 3.3): `AES_CM_128_HMAC_SHA1_80`, `AEAD_AES_256_GCM_8`.
fn suite_by_rest_name(name: &str) -> Option<tandem_model::SrtpSuite> {
    tandem_model::SrtpSuite::from_name(name.trim_end_matches("_8").trim())
        .or_else(|| tandem_model::SrtpSuite::from_name(name))
}
