//! What goes into a leg and what comes out: the contract between the leg machine, its actor and its call.

use std::sync::Arc;
use std::time::Duration;

use tandem_codecs::{CodecId, Tuning};
use tandem_media::control::{Command, Event, LegStats, MarkId, PlayId};
use tandem_model::{CallSid, Endpoint, HostAddress, LegId, SrtpSuite, Timestamp};
use tandem_sip::dialog::{DialogId, DialogSnapshot, MIN_SE_SECS};
use tandem_sip::message::Message;
use tandem_sip::transaction::ServerKey;

use super::replaces::Replaces;
use crate::SentBy;
use crate::directory::{DtmfMethod, Encryption};
use crate::own::Own;

/// How this switch appears in SIP and SDP.
#[derive(Clone, Debug)]
pub struct LegEnv {
    pub sent_by: SentBy,
    /// Addresses for SDP's `c=` and `o=` lines.
    pub media_address: HostAddress,
    pub user_agent: String,
    pub codecs: CodecUse,
    pub extensions: Extensions,
    pub own: Arc<Own>,
}

/// What the operator chose of SIP's extensions, for all legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extensions {
    pub reliable: Reliable,
    /// The session interval we ask for (RFC 4028), in seconds; 0: we ask for none, and grant what others ask for.
    pub session_expires_secs: u32,
    /// The shortest interval we take, in seconds.
    pub min_se_secs: u32,
    /// A request within a dialog must come from an address that the dialog knows; see `leg/source.rs`.
    pub known_sources_only: bool,
}

impl Default for Extensions {
    fn default() -> Self {
        Extensions {
            reliable: Reliable::Supported,
            session_expires_secs: 1_800,
            min_se_secs: MIN_SE_SECS,
            known_sources_only: true,
        }
    }
}

/// A party's own session timer (RFC 4028), where it is not to be as [`Extensions`] has it for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionPolicy {
    pub expires_secs: Option<u32>,
    pub min_se_secs: Option<u32>,
}

impl Extensions {
    /// Those towards a party. Whoever changes one of the two moves the other along where they would contradict each other.
    pub fn towards(mut self, party: SessionPolicy) -> Self {
        self.session_expires_secs = party.expires_secs.unwrap_or(self.session_expires_secs);
        self.min_se_secs = party.min_se_secs.unwrap_or(self.min_se_secs);
        if self.session_expires_secs > 0 && self.session_expires_secs < self.min_se_secs {
            match party.min_se_secs {
                Some(min) => self.session_expires_secs = min,
                None => self.min_se_secs = self.session_expires_secs,
            }
        }
        self
    }
}

/// Use of reliable provisional responses (RFC 3262).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliable {
    /// Neither offered nor taken.
    Off,
    /// Sent when the caller requires them, and for what carries SDP when it supports them; taken from callees.
    #[default]
    Supported,
    /// Callers without them get 421, callees 420 us.
    Required,
}

/// What the operator chose of codecs, for all legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodecUse {
    pub tuning: Tuning,
    pub comfort_noise: ComfortNoiseUse,
}

/// What is done of silence suppression (RFC 3389) with codecs that have none of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ComfortNoiseUse {
    /// Never agreed on.
    Off,
    /// Agreed on when a peer offers it, and played; we send all our audio.
    #[default]
    Receive,
    /// Offered too, and sent instead of silence.
    Send,
}

/// What a leg may use of media, and how long the session lasts: from its endpoint, application, carrier or noun.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaPolicy {
    /// In offer order.
    pub codecs: Vec<CodecId>,
    pub suites: Vec<SrtpSuite>,
    pub encryption: Encryption,
    pub dtmf: DtmfMethod,
    pub session: SessionPolicy,
}

impl Default for MediaPolicy {
    fn default() -> Self {
        MediaPolicy {
            codecs: vec![CodecId::Pcmu, CodecId::Pcma],
            suites: SrtpSuite::ALL.to_vec(),
            encryption: Encryption::Optional,
            dtmf: DtmfMethod::Auto,
            session: SessionPolicy::default(),
        }
    }
}

/// An INVITE to send.
#[derive(Clone, Debug)]
pub struct InviteSpec {
    pub request_uri: String,
    pub destination: Destination,
    /// The To URI; usually the Request-URI without its parameters.
    pub to_uri: String,
    pub from_uri: String,
    pub from_display: Option<String>,
    /// Hops left (RFC 3261 section 16.6 step 3): one less than what the caller's INVITE had, so that a loop ends.
    pub max_forwards: u8,
    /// Further header fields, in order.
    pub headers: Vec<(String, String)>,
    pub credentials: Option<Credentials>,
    pub media: MediaPolicy,
    /// Route values to preload, topmost first: a service route, or the Path of a registration (RFC 3327 section 5.3).
    /// The first of them says where the INVITE goes.
    pub route: Vec<String>,
    /// Branches this request may still fork into (RFC 5393 section 5.3).
    pub max_breadth: Option<u32>,
    /// The INVITE goes without SDP: the far end makes the offer (RFC 3261 section 13.2.1).
    pub late_offer: bool,
    /// The only realm that the credentials are for; None: any that the far end asks with.
    pub realm: Option<String>,
    /// The ticket that a carrier was seized with: the leg has one of its channels.
    pub channel: Option<u64>,
    /// Somebody else is called when this one fails: one that says nothing has failed after
    /// [`HOP_WAIT`](tandem_model::limits::HOP_WAIT) (RFC 3263 section 4.3), with 408.
    pub others_follow: bool,
    /// The session interval to ask for (RFC 4028), in seconds; None: as for all legs.
    pub session_expires_secs: Option<u32>,
    /// Further ways to the device that is called, to be tried one after another when the one before has failed (RFC 5626
    /// section 7). Beside [`Destination::Flow`] alone.
    pub other_flows: Vec<Flow>,
}

/// A way to a device: what of an INVITE differs from one to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    pub request_uri: String,
    /// The Path it registered with.
    pub route: Vec<String>,
    pub hop: Endpoint,
}

/// Answers a 401 or 407 of the far end.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?}, ..)", self.username)
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// A flow that is known to work: the source of a registration or of the request that made the dialog.
    Flow(Endpoint),
    /// By the URI (RFC 3263).
    Uri(String),
}

/// Names one client request of one leg. One that is sent again with credentials within a dialog keeps its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// What happened to a leg.
#[derive(Clone, Debug)]
pub enum LegInput {
    /// A request inside the dialog.
    Request {
        key: ServerKey,
        message: Message,
        source: Endpoint,
    },
    /// The INVITE's transaction was cancelled; the CANCEL has its 200 already. With its Reason (RFC 3326).
    Cancelled {
        reason: Option<String>,
    },
    Ack(Message),
    Response {
        id: RequestId,
        message: Message,
        source: Endpoint,
    },
    /// No response (408) or no transport (503).
    RequestFailed {
        id: RequestId,
        failure: RequestFailure,
    },
    /// Answers [`LegEffect::Resolve`] and [`LegEffect::LookUp`]: where to try, in order (RFC 3263 section 4.3); never an empty list.
    Resolved {
        id: RequestId,
        hops: Result<Vec<Endpoint>, String>,
    },
    Media(Event),
    Command(LegCommand),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    Timeout,
    Transport,
    /// It was not sent: its next hop asked for fewer new calls (RFC 7339).
    KeptBack,
}

/// Why a leg ended whose call was kept back everywhere: no fault of the callee's, nor of the carrier's.
pub const KEPT_BACK: &str = "Kept back for overload";
/// Why a leg ended for which no media thread had room.
pub const NO_MEDIA_PORT: &str = "No media port";

/// What the call wants of a leg.
#[derive(Clone, Debug, PartialEq)]
pub enum LegCommand {
    /// 180.
    Ring,
    /// 183 with an SDP answer; the codec named is taken if it is common.
    EarlyMedia { prefer: Option<CodecId> },
    /// 200; the codec named is taken if it is common.
    Answer { prefer: Option<CodecId> },
    /// Refuse an unanswered incoming INVITE.
    Reject { status: u16, reason: Option<String>, headers: Vec<(String, String)> },
    /// Offer the session anew: with the far end on hold or talking, and the codec named first. In an early dialog it goes
    /// as UPDATE when the far end takes that, else it waits for the answer; then it is a re-INVITE. What would change
    /// nothing is not sent.
    Reoffer { hold: Hold, prefer: Option<CodecId> },
    /// End the leg, whatever its state: 480, CANCEL or BYE. `reason` goes into a Reason header (RFC 3326).
    Hangup { reason: Option<String> },
    /// Answers [`LegReport::Refer`]: 202, or why not.
    AnswerRefer { status: u16 },
    /// Ask the far end to call somebody else; `headers` are for the INVITE it is to send. Wants
    /// [`LegReport::ReferEnded`], exactly once, from a leg that talks.
    Refer { to: String, headers: Vec<(String, String)> },
    /// How the transfer that the far end asked for goes, as the status line of a response; `last` ends the subscription.
    Notify { status: u16, reason: String, last: bool },
}

/// How one party of a session holds the other (RFC 3264 section 8.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hold {
    /// Not at all.
    #[default]
    Off,
    /// It takes nothing, and may send: music.
    SendOnly,
    /// It takes nothing and sends nothing.
    Inactive,
}

/// A transfer that the far end asks for (RFC 3515).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferRequest {
    /// The URI of Refer-To, without the header fields in it.
    pub to: String,
    /// The dialog whose place the transferred party is to take: an attended transfer (RFC 5589 section 7).
    pub replaces: Option<Replaces>,
    /// The URI of Referred-By (RFC 3892).
    pub referred_by: Option<String>,
    /// Its `X-` header fields.
    pub headers: Vec<(String, String)>,
}

/// How far a REFER of ours came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReferReport {
    /// The final response; None when none came, or it was not sent.
    pub response_code: Option<u16>,
    /// The last status that a NOTIFY told.
    pub notified_code: Option<u16>,
}

/// What the leg wants done.
#[derive(Clone, Debug)]
pub enum LegEffect {
    /// Send in a new client transaction.
    Request {
        id: RequestId,
        message: Message,
        destination: Endpoint,
    },
    /// CANCEL that INVITE, with a Reason (RFC 3326).
    Cancel {
        id: RequestId,
        reason: Option<String>,
    },
    /// Outside transactions: the ACK of a 2xx.
    SendAck {
        message: Message,
        destination: Endpoint,
    },
    /// A response within a server transaction.
    Respond {
        key: ServerKey,
        message: Message,
    },
    /// Find where a URI leads, to call there.
    Resolve {
        id: RequestId,
        uri: String,
    },
    /// Find where a URI of the far end's leads, to know it by its address.
    LookUp {
        id: RequestId,
        uri: String,
    },
    Media(Command),
    /// Requests with this local tag are this leg's.
    Bind {
        local_tag: String,
    },
    /// The dialog as it stands now, for whoever must end it should this leg die.
    Record(Box<LegRecord>),
    Report(LegReport),
    /// Nothing follows: the leg's actor may stop.
    Stop,
}

/// What it takes to end a leg politely without its machine.
#[derive(Clone, Debug)]
pub struct LegRecord {
    pub leg: LegId,
    pub sid: CallSid,
    pub stage: RecordStage,
}

#[derive(Clone, Debug)]
pub enum RecordStage {
    /// An INVITE we have not answered finally.
    Incoming {
        key: ServerKey,
        invite: Box<Message>,
        source: Endpoint,
        local_tag: String,
    },
    /// An INVITE of ours without a final response.
    Outgoing {
        id: RequestId,
    },
    /// A dialog that takes a BYE, sent to this destination.
    Confirmed {
        dialog: Box<DialogSnapshot>,
        destination: Endpoint,
    },
    Over,
}

/// What the call hears of a leg.
#[derive(Clone, Debug)]
pub enum LegReport {
    /// A provisional response above 100. `early_media`: its SDP agreed media.
    Progress {
        status: u16,
        early_media: Option<CodecId>,
    },
    /// 2xx sent or received; media is agreed.
    Answered {
        codec: CodecId,
        encrypted: bool,
        /// What the 200 to our INVITE said beside; None of a leg that called us.
        answer: Option<Box<Answer>>,
    },
    /// Offer and answer have changed the session.
    Renegotiated {
        codec: CodecId,
    },
    /// The far end has put us on hold, holds us in another way, or has taken us back.
    Held(Hold),
    /// The names of the dialog, as far as they are known: told again when a response brings another tag.
    Dialog(Box<DialogId>),
    /// A REFER: wants [`LegCommand::AnswerRefer`].
    Refer(Box<ReferRequest>),
    /// What came of our REFER.
    ReferEnded(ReferReport),
    /// A 3xx, before the `Ended` it brings: where else to try, best first.
    Redirected {
        targets: Vec<String>,
    },
    Digit(char),
    /// The key of an earlier `Digit` came up.
    DigitEnded {
        digit: char,
        duration_ms: u32,
    },
    PlayDone {
        play: PlayId,
        completed: bool,
    },
    /// A mark of a stream was reached, or cleared.
    Marked {
        play: PlayId,
        mark: MarkId,
    },
    /// No more talking on this leg. Exactly once.
    Ended(LegEnd),
    /// Ports are free and the dialog is settled. The last report.
    Closed(Box<LegStats>),
}

/// What is kept of a 200 to our INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub call_id: String,
    /// Its `X-` header fields.
    pub headers: Vec<(String, String)>,
}

/// Why and how a leg ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegEnd {
    /// Final response to the INVITE: 200 when it was answered.
    pub status: u16,
    pub reason: String,
    pub by: EndedBy,
    /// Call-ID of the leg's dialog.
    pub call_id: String,
    /// Reason header field of the BYE, CANCEL or final response that ended it (RFC 3326).
    pub cause: Option<String>,
    /// How long a 503 asks us to stay away.
    pub retry_after: Option<Duration>,
    /// Our INVITE had not even a 100 by [`HOP_WAIT`](tandem_model::limits::HOP_WAIT) and after.
    pub was_silent: bool,
    /// `X-` header fields of the final response.
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The far end: BYE, CANCEL or a final response that is no success.
    Remote,
    /// We did.
    Local,
    /// RTP stopped.
    MediaTimeout,
    /// Media failed, the leg's actor died, or ACK never came.
    Failure,
}

/// A leg's environment is shared by all legs.
pub type SharedEnv = Arc<LegEnv>;

/// When a leg wants to be called again.
pub type Deadline = Option<Timestamp>;
