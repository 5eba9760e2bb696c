use std::fmt;
use std::net::IpAddr;

use tandem_model::{SrtpKey, SrtpSuite};

/// What a peer said, as far as audio needs it. Lines and attributes that do not matter to audio are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// None when the peer left the line out. Compare with the last one to see whether anything changed
    /// (RFC 3264 section 8).
    pub origin: Option<Origin>,
    /// Session-level `c=`; a media line's own goes before it: see [`Description::connection_of`].
    pub connection: Option<Connection>,
    /// The first `t=`, start and stop in NTP seconds (RFC 8866 section 5.9); None when the peer left it out.
    pub timing: Option<(u64, u64)>,
    /// Session-level direction; `sendrecv` when unsaid. Media lines without one have it already.
    pub direction: Direction,
    pub media: Vec<Media>,
}

impl Description {
    /// The connection that holds for `media`: its own, else the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The first audio line with a port.
    pub fn audio(&self) -> Option<&Media> {
        self.media.iter().find(|m| m.is_audio() && m.port != 0)
    }

    /// Where the peer wants its audio; None where it names no address, or the one that means hold (RFC 3264 section 8.4).
    pub fn peer(&self) -> Option<IpAddr> {
        match self.connection_of(self.audio()?)? {
            Connection::Address(ip) => Some(ip.to_canonical()).filter(|ip| !ip.is_unspecified()),
            Connection::Name(_) => None,
        }
    }
}

/// `o=` (RFC 8866 section 5.2). Ids are text: real ones exceed 64 bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub username: String,
    pub session_id: String,
    pub session_version: String,
    pub address: String,
}

/// `c=` (RFC 8866 section 5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    Address(IpAddr),
    /// A host name: legal, but not resolved here.
    Name(String),
}

/// `a=sendrecv` and its kin (RFC 8866 section 6.7), as seen by the one who wrote it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    #[default]
    SendReceive,
    SendOnly,
    ReceiveOnly,
    Inactive,
}

impl Direction {
    pub fn new(send: bool, receive: bool) -> Self {
        match (send, receive) {
            (true, true) => Direction::SendReceive,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::ReceiveOnly,
            (false, false) => Direction::Inactive,
        }
    }

    pub fn sends(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Direction::SendReceive | Direction::ReceiveOnly)
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendReceive => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::ReceiveOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Direction::SendReceive, Direction::SendOnly, Direction::ReceiveOnly, Direction::Inactive]
            .into_iter()
            .find(|d| d.as_str() == name)
    }
}

/// One `m=` line with its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, …, in lower case.
    pub kind: String,
    /// 0 when the line is declined or removed.
    pub port: u16,
    pub proto: Proto,
    /// First token of the format list, for echoing a line that is declined.
    pub first_format: String,
    /// The RTP formats in the peer's order; empty when `proto` is not one of ours.
    pub formats: Vec<Format>,
    pub direction: Direction,
    /// Milliseconds of audio per packet the peer likes to receive.
    pub ptime: Option<u16>,
    /// Milliseconds of audio per packet it can take at most.
    pub maxptime: Option<u16>,
    pub rtcp: Option<Rtcp>,
    pub rtcp_mux: bool,
    /// `a=rtcp-rsize` (RFC 5506 section 5).
    pub rtcp_rsize: bool,
    pub rtcp_xr: RtcpXr,
    /// The crypto lines we can read, in the peer's order. Unknown suites and broken keys are left out.
    pub cryptos: Vec<Crypto>,
    pub connection: Option<Connection>,
}

impl Media {
    pub fn is_audio(&self) -> bool {
        self.kind == "audio"
    }
}

/// The transport of a media line (RFC 3551, 3711, 4585, 5124).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proto {
    /// `RTP/AVP`
    Avp,
    /// `RTP/SAVP`
    Savp,
    /// `RTP/AVPF`
    Avpf,
    /// `RTP/SAVPF`
    Savpf,
    Other(String),
}

impl Proto {
    pub fn as_str(&self) -> &str {
        match self {
            Proto::Avp => "RTP/AVP",
            Proto::Savp => "RTP/SAVP",
            Proto::Avpf => "RTP/AVPF",
            Proto::Savpf => "RTP/SAVPF",
            Proto::Other(name) => name,
        }
    }

    pub fn from_name(name: &str) -> Self {
        [Proto::Avp, Proto::Savp, Proto::Avpf, Proto::Savpf]
            .into_iter()
            .find(|p| p.as_str().eq_ignore_ascii_case(name))
            .unwrap_or_else(|| Proto::Other(name.to_owned()))
    }

    /// RTP over UDP as we speak it, plain or with SDES keys.
    pub fn is_rtp(&self) -> bool {
        !matches!(self, Proto::Other(_))
    }

    /// The profile demands SRTP.
    pub fn is_secure(&self) -> bool {
        matches!(self, Proto::Savp | Proto::Savpf)
    }
}

/// One RTP payload format: `m=` number, `a=rtpmap` and `a=fmtp` together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// 0..127.
    pub payload_type: u8,
    /// Encoding name as written; compare without case.
    pub name: String,
    /// RTP clock.
    pub clock_hz: u32,
    pub channels: u8,
    /// Parameters as written; empty when there are none.
    pub fmtp: String,
}

impl Format {
    pub fn is_telephone_event(&self) -> bool {
        self.name.eq_ignore_ascii_case("telephone-event")
    }

    /// RFC 3389 section 4.
    pub fn is_comfort_noise(&self) -> bool {
        self.name.eq_ignore_ascii_case("CN")
    }
}

/// `a=rtcp` (RFC 3605).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtcp {
    pub port: u16,
    /// None: the address of the media line.
    pub address: Option<IpAddr>,
}

/// The extended reports of `a=rtcp-xr` (RFC 3611 section 5) that we know: what its writer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtcpXr {
    pub voip_metrics: bool,
    /// Reference times of receivers, whoever is meant by `all` or `sender`.
    pub receiver_rtt: bool,
}

impl RtcpXr {
    /// What both take.
    pub fn and(self, other: RtcpXr) -> RtcpXr {
        RtcpXr {
            voip_metrics: self.voip_metrics && other.voip_metrics,
            receiver_rtt: self.receiver_rtt && other.receiver_rtt,
        }
    }
}

/// One `a=crypto` line (RFC 4568 section 9.1) with a known suite and keys of the right length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// At most nine digits.
    pub tag: u32,
    pub suite: SrtpSuite,
    /// At least one; each with the lifetime and the identifier the line gives it.
    pub keys: Vec<SrtpKey>,
    /// Session parameters as written: `KDR=0`, `WSH=64`, `UNENCRYPTED_SRTP`, …
    pub session_parameters: Vec<String>,
}

/// Why a description could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdpError {
    /// Counted from 1; 0 is the whole text.
    pub line: usize,
    pub what: &'static str,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session description, line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for SdpError {}
