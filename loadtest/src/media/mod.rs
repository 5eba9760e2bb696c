//! RTP from both ends of every call, on one pair of sockets per side, and the tally of what came out at the other end.
//!
//! ```text
//!  sender thread: each 1 ms, the calls whose turn it is ──► server ──► receiver thread per side ──► Tally
//! ```

mod payload;
mod pump;
mod speech;
mod tally;

pub use pump::{Ends, Pump};
pub use tally::{Percentiles, Totals};

/// What the two ends speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PCMU and PCMU: the server hands payloads on as they are, so they can carry a stamp.
    Relay,
    /// Opus and PCMU.
    Transcode,
}

impl Kind {
    /// The media line and its attributes, without the port, of the calling side and of the called one.
    pub fn formats(self) -> [&'static str; 2] {
        const PCMU: &str = "RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\n";
        const OPUS: &str = "RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=ptime:20\r\n";
        match self {
            Kind::Relay => [PCMU, PCMU],
            Kind::Transcode => [OPUS, PCMU],
        }
    }
}
