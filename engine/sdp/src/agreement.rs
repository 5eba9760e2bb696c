use std::fmt;
use std::net::SocketAddr;

use tandem_model::SrtpKey;

use crate::{Direction, RtcpXr};

/// What offer and answer agreed on, from our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Where to send; None while the peer has no address for us (0.0.0.0, `::`) or the line is inactive.
    pub remote_rtp: Option<SocketAddr>,
    /// Where RTCP goes: `a=rtcp`, else the next port; the RTP address with rtcp-mux.
    pub remote_rtcp: Option<SocketAddr>,
    pub rtcp_mux: bool,
    /// Either may send RTCP packets that are no whole compound (RFC 5506).
    pub rtcp_rsize: bool,
    /// Extended reports (RFC 3611) that the peer takes and we can send.
    pub rtcp_xr: RtcpXr,
    /// The codec to speak.
    pub codec: AgreedFormat,
    /// All common codecs, the chosen one included, in order of choice.
    pub common: Vec<AgreedFormat>,
    /// Milliseconds per packet to send with: 10..60, and one the codec has.
    pub ptime_ms: u8,
    pub dtmf: Option<AgreedDtmf>,
    /// Comfort noise (RFC 3389) beside the codec, on its clock.
    pub comfort_noise: Option<AgreedNoise>,
    /// We send.
    pub send: bool,
    /// We take what the peer sends.
    pub receive: bool,
    /// What the peer's description says it does. It receives nothing while it has no address for us. In an answer it says
    /// no more than ours let it.
    pub peer: Direction,
    /// The peer's own offer put the line away, with port 0: until a later description of its gives it a port again.
    pub put_away: bool,
    /// None is plain RTP.
    pub srtp: Option<AgreedSrtp>,
    /// The audio line's place among the media lines.
    pub media_index: usize,
    /// All media lines, for the next offer: see [`LocalMedia::layout`](crate::LocalMedia).
    pub layout: Layout,
}

/// A codec with the numbers both ends gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedFormat {
    /// Encoding name in our spelling.
    pub name: String,
    pub clock_hz: u32,
    pub channels: u8,
    /// What the peer expects to receive.
    pub payload_type_send: u8,
    /// What the peer was told to send.
    pub payload_type_receive: u8,
    /// The peer's parameters as written: what its receiver likes.
    pub fmtp: String,
}

/// telephone-event (RFC 4733) with the numbers both ends gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreedDtmf {
    pub payload_type_send: u8,
    pub payload_type_receive: u8,
    pub clock_hz: u32,
}

/// Comfort noise with the numbers both ends gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreedNoise {
    pub payload_type_send: u8,
    pub payload_type_receive: u8,
}

/// SDES keys, both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreedSrtp {
    /// Protects what we send.
    pub outbound: SrtpKey,
    /// Protects what we receive.
    pub inbound: SrtpKey,
    /// Further keys of the same line: packets say by identifier which one they are under.
    pub inbound_more: Vec<SrtpKey>,
}

/// The media lines of a session and the place of our audio among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Empty in a new session: the audio line alone.
    pub lines: Vec<LineShape>,
    pub audio: usize,
}

/// What must be repeated of a media line that stays declined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineShape {
    pub kind: String,
    pub proto: String,
    pub format: String,
}

/// Why no media could be agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// SIP status for the refused request: 488 (RFC 3261 section 21.4.26).
    pub status: u16,
    pub why: &'static str,
}

impl Refusal {
    pub(crate) fn not_acceptable(why: &'static str) -> Self {
        Refusal { status: 488, why }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.why)
    }
}

impl std::error::Error for Refusal {}
