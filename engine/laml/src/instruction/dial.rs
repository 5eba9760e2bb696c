use std::time::Duration;

use tandem_model::Country;

use super::{Conference, MachineDetection, Method, QueueTarget, Recording, RecordingRef};

/// A `<Dial>` with its nouns.
#[derive(Clone, Debug, PartialEq)]
pub struct Dial {
    pub to: DialTo,
    /// The targets are rung one after the other, each for the time-out, instead of all at once.
    pub sequential: bool,
    pub answer_on_bridge: bool,
    pub caller_id: Option<String>,
    pub caller_name: Option<String>,
    pub timeout: Duration,
    pub time_limit: Duration,
    pub hangup_on_star: bool,
    /// Whose ringback the caller hears while nobody has answered.
    pub ring_tone: Option<Country>,
    pub record: Option<DialRecording>,
    /// Asked for a document when a party of the bridge sends REFER: it goes on with whoever is left. Without it the REFER is
    /// dealt with as SIP's, where the parties may transfer each other.
    pub refer: Option<(String, Method)>,
}

/// Whom a `<Dial>` connects to.
#[derive(Clone, Debug, PartialEq)]
pub enum DialTo {
    /// The first to answer wins.
    Targets(Vec<Target>),
    /// Whoever is next in a call queue.
    Queue(Box<QueueTarget>),
    /// A room of that name; it ends with [`DialStatus::Answered`].
    Conference(Box<Conference>),
}

impl Dial {
    pub fn targets(&self) -> &[Target] {
        match &self.to {
            DialTo::Targets(targets) => targets,
            DialTo::Queue(_) => &[],
            DialTo::Conference(_) => &[],
        }
    }
}

/// What a `<Dial record>` records. The first channel of two is the caller's.
#[derive(Clone, Debug, PartialEq)]
pub struct DialRecording {
    /// From the moment it rings, else from the bridge.
    pub from_ringing: bool,
    pub what: Box<Recording>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub to: TargetAddress,
    pub status_callback: Option<StatusCallback>,
    /// Whisper document, run on the callee before the bridge.
    pub url: Option<(String, Method)>,
    /// DTMF to send once the target has answered.
    pub send_digits: Option<String>,
    /// Find out who answered.
    pub amd: Option<Box<MachineDetection>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TargetAddress {
    /// As written, e.g. `+15551230000`.
    Number(String),
    /// A user of this server by name, as `<Client>` and `<Verto>` have it: its registered endpoint.
    User(String),
    Sip {
        /// Trimmed, scheme added, the `?name=value` part taken off.
        uri: String,
        /// From the URI's header part: name (`X-` added where missing) and decoded value, in order.
        headers: Vec<(String, String)>,
        username: Option<String>,
        password: Option<String>,
        /// SDP codec names in the order to offer; empty = the default.
        codecs: Vec<String>,
        /// For Session-Expires; None = the server's own.
        session_expires_secs: Option<u32>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct StatusCallback {
    /// Absolute.
    pub url: String,
    pub method: Method,
    pub events: StatusEvents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusEvents {
    pub initiated: bool,
    pub ringing: bool,
    pub answered: bool,
    pub completed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DialOutcome {
    pub status: DialStatus,
    /// The child leg that answered, or the last that failed; None when none was tried.
    pub call_sid: Option<String>,
    /// Bridged time.
    pub duration: Option<Duration>,
    /// Where its recording is, or will be.
    pub recording: Option<RecordingRef>,
    /// Whether two parties were connected.
    pub bridged: bool,
    /// Only for `<Queue>`: which one, and how long the caller had waited in it.
    pub queue: Option<DialQueue>,
    /// Only for `<Sip>` targets: Call-ID of our INVITE, final response code, `X-` headers of that response.
    pub sip: Option<DialSip>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DialQueue {
    pub sid: String,
    pub waited: Duration,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DialSip {
    pub call_id: String,
    pub response_code: u16,
    pub headers: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialStatus {
    Completed,
    /// It was in a conference.
    Answered,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}
