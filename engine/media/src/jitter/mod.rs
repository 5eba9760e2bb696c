//! The jitter buffer: packets in as they come, frames out as the ear needs them.
//! It decodes nothing and conceals nothing. Start at [`JitterBuffer`].

use tandem_model::Timestamp;

/// Delay bounds, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    pub min_ms: u16,
    pub max_ms: u16,
    /// The delay aimed at from the start.
    pub start_ms: u16,
}

impl Default for JitterConfig {
    fn default() -> Self {
        JitterConfig { min_ms: 20, max_ms: 200, start_ms: 40 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    Stored,
    Duplicate,
    /// Its turn has passed.
    Late,
    /// Too far ahead, too long, or no room left.
    Full,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Pop<'a> {
    /// The packet whose turn it is.
    Frame { payload: &'a [u8], ts: u32 },
    /// The packet whose turn it is has not come: conceal `packet_ms()`. `next` is the one after it, for in-band FEC.
    Missing { next: Option<&'a [u8]> },
    /// Nothing is due: not started, the sender pauses, or the packet due carried no audio. Play silence for a tick.
    Empty,
}

/// Call [`pop`](Self::pop) whenever the leg holds less than one tick of PCM: with 20 ms packets that is once a tick,
/// with 10 ms packets twice, with 60 ms packets every third tick.
pub struct JitterBuffer {}

impl JitterBuffer {
    pub fn new(_clock_hz: u32, _ptime_ms: u32, _config: JitterConfig) -> Self {
        JitterBuffer {}
    }

    /// An empty `payload` marks a packet that took a sequence number but carries no audio (telephone-event,
    /// comfort noise); its turn pops as [`Pop::Empty`].
    pub fn insert(&mut self, _now: Timestamp, _seq: u16, _ts: u32, _marker: bool, _payload: &[u8]) -> Insert {
        Insert::Full
    }

    pub fn pop(&mut self, _now: Timestamp) -> Pop<'_> {
        Pop::Empty
    }

    /// Forget everything: another SSRC, or a new description.
    pub fn reset(&mut self) {}

    /// What one packet lasts, learned from the stream.
    pub fn packet_ms(&self) -> u32 {
        20
    }

    /// Audio held now, in milliseconds.
    pub fn depth_ms(&self) -> u32 {
        0
    }
}
