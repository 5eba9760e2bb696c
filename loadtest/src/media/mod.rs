//! RTP from both ends of every call, on one pair of sockets per side, and the tally of what came out at the other end.
//!
//! ```text
//!  one thread, each turn: send the calls whose turn it is ──► server ──► read what came ──► Tally per side
//! ```
//!
//! The thread never waits in a read, so nobody pays for waking it; delays are from before a packet is sent until the kernel
//! has what came of it, so they hold nothing of ours. Start at [`Pump`].

mod ends;
mod heard;
mod histogram;
mod pairing;
mod payload;
mod pump;
mod remote;
mod speech;
mod tally;
mod tone;
mod verdict;
mod waker;

pub use ends::Ends;
pub use heard::{Heard, RATE};
pub use histogram::{Histogram, Percentiles};
pub use payload::Payloads;
pub use pump::{Outcome, Pump, TURN};
pub use remote::{Remote, own_crypto_line, own_key};
pub use speech::encode;
#[cfg(test)]
pub use speech::spoken_with_tone;
pub use verdict::{Parties, PayloadMaker, clock_step};
pub use waker::Waker;

/// What the two ends speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PCMU and PCMU: the server hands payloads on as they are, so they can carry a stamp.
    Relay,
    /// The same, with SRTP by SDES at the calling side.
    Srtp,
    /// Opus and PCMU.
    Transcode,
}

impl Kind {
    /// The media line and its attributes, without the port, of the calling side and of the called one. Like any phone's they name
    /// telephone-event: without, a server may have to listen for digits in the audio.
    pub fn formats(self) -> [String; 2] {
        const PCMU: &str =
            "RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n";
        const OPUS: &str = "RTP/AVP 96 110\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\na=ptime:20\r\n";
        let caller = match self {
            Kind::Relay => PCMU.into(),
            Kind::Srtp => format!("{}{}", PCMU.replace("/AVP", "/SAVP"), own_crypto_line()),
            Kind::Transcode => OPUS.into(),
        };
        [caller, PCMU.into()]
    }

    /// As the runs record it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Relay => "relay",
            Kind::Srtp => "srtp",
            Kind::Transcode => "opus",
        }
    }

    /// Payloads say who sent them and when.
    pub fn is_stamped(self) -> bool {
        self != Kind::Transcode
    }

    /// By side, what it sends and hears.
    pub fn codecs(self) -> [tandem_codecs::CodecId; 2] {
        use tandem_codecs::CodecId::{Opus, Pcmu};
        if self == Kind::Transcode { [Opus, Pcmu] } else { [Pcmu, Pcmu] }
    }
}
