//! Streams of a call's audio to a customer's WebSocket server (laml.md 1.16).

use std::fmt;

use tandem_model::SampleRate;

use super::Method;

/// What a script wants of streams.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamCommand {
    /// A copy of the leg's audio, beside whatever the document goes on with. Nothing follows.
    Start(Box<Stream>),
    /// End the stream of this name. One that does not run is the call's to warn of.
    Stop { name: String, line: u32 },
    /// Audio both ways, and nothing else meanwhile. [`StreamEvent::Ended`] follows exactly once.
    Connect { id: ConnectId, stream: Box<Stream> },
    /// Give it up: nothing follows, nor did anything.
    Disconnect { id: ConnectId },
}

/// What happened to a stream that a script waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    Ended {
        id: ConnectId,
        sid: String,
        name: String,
        /// Why it did not run, or ended other than by its far side.
        fault: Option<StreamFault>,
    },
}

/// Names one `<Connect>` of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectId(pub u64);

/// What to stream, and where to.
#[derive(Clone, PartialEq, Eq)]
pub struct Stream {
    /// Absolute, `wss` or `ws`, without query and fragment; as far as it could be read when there is a `fault`.
    pub url: String,
    /// Unique among the streams of a call that run.
    pub name: Option<String>,
    pub track: Track,
    pub codec: StreamCodec,
    /// What waits to be played is kept short: late audio is left out rather than played late.
    pub realtime: bool,
    /// Sent as `Authorization: Bearer`.
    pub bearer_token: Option<String>,
    pub status_callback: Option<(String, Method)>,
    /// `customParameters` of the start message, in order.
    pub parameters: Vec<(String, String)>,
    /// It cannot run: whoever starts it reports this instead.
    pub fault: Option<StreamFault>,
}

/// Whose audio: inbound is what the leg's far end says, outbound what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Track {
    #[default]
    Inbound,
    Outbound,
    Both,
}

/// How the audio is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StreamCodec {
    /// G.711 µ-law at 8 kHz.
    #[default]
    Pcmu,
    /// 16-bit samples, little-endian.
    L16(SampleRate),
}

/// The values of `StreamError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamFault {
    MissingUrl,
    InvalidUrl,
    InvalidTrack,
    Codec,
    /// The server said no, or nobody listens there.
    Refused,
    /// No connection came about in time, or none that is trusted.
    Unreachable,
    /// A stream of this name runs in the call.
    DuplicateName,
    General,
}

impl Track {
    pub fn parse(text: &str) -> Option<Track> {
        match text {
            "inbound_track" => Some(Track::Inbound),
            "outbound_track" => Some(Track::Outbound),
            "both_tracks" => Some(Track::Both),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Track::Inbound => "inbound_track",
            Track::Outbound => "outbound_track",
            Track::Both => "both_tracks",
        }
    }

    pub fn has_inbound(self) -> bool {
        matches!(self, Track::Inbound | Track::Both)
    }

    pub fn has_outbound(self) -> bool {
        matches!(self, Track::Outbound | Track::Both)
    }
}

impl StreamCodec {
    pub fn parse(text: &str) -> Option<StreamCodec> {
        match text.to_ascii_uppercase().as_str() {
            "PCMU@8000H" | "PCMU" => Some(StreamCodec::Pcmu),
            "L16@16000H" => Some(StreamCodec::L16(SampleRate::HZ_16000)),
            "L16@24000H" => Some(StreamCodec::L16(SampleRate(24_000))),
            _ => None,
        }
    }

    pub fn rate(self) -> SampleRate {
        match self {
            StreamCodec::Pcmu => SampleRate::HZ_8000,
            StreamCodec::L16(rate) => rate,
        }
    }
}

impl StreamFault {
    pub fn as_str(self) -> &'static str {
        match self {
            StreamFault::MissingUrl => "missing_url",
            StreamFault::InvalidUrl => "invalid_url",
            StreamFault::InvalidTrack => "invalid_track",
            StreamFault::Codec => "codec_error",
            StreamFault::Refused => "connection_refused",
            StreamFault::Unreachable => "connection_refused_timeout_or_ssl_error",
            StreamFault::DuplicateName => "Duplicated stream name",
            StreamFault::General => "general_error",
        }
    }
}

/// By hand: neither the token nor what the customer tells its server is for logs.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("name", &self.name)
            .field("track", &self.track)
            .field("codec", &self.codec)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
