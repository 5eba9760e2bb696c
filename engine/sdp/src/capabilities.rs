use std::net::IpAddr;

use tandem_model::{SrtpKey, SrtpSuite};

use crate::{Agreement, Direction, Layout, RtcpXr};

/// What we are willing to speak on one leg.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// In order of preference.
    pub codecs: Vec<CodecOffer>,
    /// Speak telephone-event (RFC 4733) beside the codec, events 0-15.
    pub dtmf: bool,
    pub comfort_noise: ComfortNoise,
    /// Milliseconds per packet we like, 10..60.
    pub ptime_ms: u8,
    pub encryption: Encryption,
    /// Suites we allow; in an offer their order is ours.
    pub suites: Vec<SrtpSuite>,
    /// RTP and RTCP on one port (RFC 5761), where the peer agrees.
    pub rtcp_mux: bool,
    /// RTCP packets that are no whole compound (RFC 5506), where the peer agrees.
    pub rtcp_rsize: bool,
    /// Extended reports (RFC 3611) we take, and send to a peer that takes them.
    pub rtcp_xr: RtcpXr,
    /// Payload types agreed earlier in the session; a later offer may not give them to another codec
    /// (RFC 3264 section 8.3.2). Filled by [`Capabilities::pin`].
    pub pins: Vec<Pin>,
}

impl Capabilities {
    /// Remembers the payload types of `agreement` for later offers of the same session.
    pub fn pin(&mut self, agreement: &Agreement) {
        let formats = agreement.common.iter().map(|f| Pin {
            name: f.name.clone(),
            clock_hz: f.clock_hz,
            payload_type: f.payload_type_receive,
        });
        let dtmf = agreement.dtmf.iter().map(|d| Pin {
            name: "telephone-event".to_owned(),
            clock_hz: d.clock_hz,
            payload_type: d.payload_type_receive,
        });
        let noise = agreement.comfort_noise.iter().map(|n| Pin {
            name: "CN".to_owned(),
            clock_hz: agreement.codec.clock_hz,
            payload_type: n.payload_type_receive,
        });
        let agreed: Vec<Pin> = formats.chain(dtmf).chain(noise).collect();
        self.pins.retain(|old| !agreed.iter().any(|new| old.same_format(new) || old.payload_type == new.payload_type));
        self.pins.extend(agreed);
    }
}

/// One codec we speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecOffer {
    /// Encoding name as registered: `PCMU`, `opus`, …
    pub name: String,
    /// RTP clock.
    pub clock_hz: u32,
    pub channels: u8,
    /// Taken however many channels the peer writes.
    pub any_channels: bool,
    /// Milliseconds of the packets it can send, ascending.
    pub ptimes_ms: &'static [u8],
    /// Comfort noise (RFC 3389) may go beside it.
    pub comfort_noise: bool,
    /// The number we like for it: its static one, or one of 96..127.
    pub payload_type: u8,
    /// What we say of our receiver; empty says nothing.
    pub fmtp: String,
}

impl CodecOffer {
    /// The longest packet time that is not above `liked_ms`, else the shortest.
    pub(crate) fn ptime_ms(&self, liked_ms: u16) -> u8 {
        let fits = self.ptimes_ms.iter().copied().rfind(|ms| u16::from(*ms) <= liked_ms);
        fits.or(self.ptimes_ms.first().copied()).unwrap_or(20)
    }
}

/// Whether silence may be told instead of sent (RFC 3389).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComfortNoise {
    /// Never spoken of.
    Off,
    /// Taken when the peer offers it. Our own offers leave it out, so that no peer stops sending because of us.
    Accept,
    /// Offered too.
    Offer,
}

/// A payload type that stays with its format while the session lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub name: String,
    pub clock_hz: u32,
    pub payload_type: u8,
}

impl Pin {
    fn same_format(&self, other: &Pin) -> bool {
        self.clock_hz == other.clock_hz && self.name.eq_ignore_ascii_case(&other.name)
    }
}

/// Whether media is SRTP with SDES keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Never: crypto lines are ignored, `RTP/SAVP` is refused.
    Off,
    /// Whenever the peer offers it. Our own offer is plain `RTP/AVP`, because a peer without SRTP refuses
    /// `RTP/SAVP` and peers differ on crypto lines under `RTP/AVP`; a session that is encrypted already stays so.
    Optional,
    /// Always: offers are `RTP/SAVP`, plain offers are refused.
    Required,
}

/// Our end of the media, for one offer or answer.
#[derive(Clone, Debug)]
pub struct LocalMedia {
    pub address: IpAddr,
    /// `o=` address; stays for the session's life, wherever media moves to (RFC 3264 section 8).
    pub origin: IpAddr,
    pub rtp_port: u16,
    /// `o=` id; stays for the session's life.
    pub session_id: u64,
    /// `o=` version; one more for each later description of the session (RFC 3264 section 8).
    pub session_version: u64,
    /// What we wish to do; the peer's direction narrows it. `SendOnly` or `Inactive` puts the peer on hold.
    pub direction: Direction,
    /// The key we already send with: kept while its suite is, so that a re-offer does not re-key the stream.
    pub outbound_key: Option<SrtpKey>,
    /// The session's media lines so far ([`Agreement::layout`]); a later offer has them all (RFC 3264 section 8).
    pub layout: Layout,
}

impl LocalMedia {
    /// A new session at version 1, that sends and receives.
    pub fn new(address: IpAddr, rtp_port: u16, session_id: u64) -> Self {
        LocalMedia {
            address,
            origin: address,
            rtp_port,
            session_id,
            session_version: 1,
            direction: Direction::SendReceive,
            outbound_key: None,
            layout: Layout::default(),
        }
    }

    /// The same session after `agreement`, one version on: for the next offer or answer.
    pub fn next(&self, agreement: &Agreement) -> Self {
        LocalMedia {
            session_version: self.session_version.wrapping_add(1),
            outbound_key: agreement.srtp.as_ref().map(|s| s.outbound.clone()),
            layout: agreement.layout.clone(),
            ..self.clone()
        }
    }
}

/// Which of the common codecs an answer takes.
#[derive(Clone, Copy, Debug)]
pub enum Preference<'a> {
    /// The peer's order, as RFC 3264 section 6.1 recommends.
    Offered,
    /// The order of [`Capabilities::codecs`].
    Ours,
    /// The first of these encoding names and clocks that is common, else the peer's order.
    First(&'a [(&'a str, u32)]),
}
