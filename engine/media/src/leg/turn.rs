use tandem_model::{DropReason, Timestamp, WallTime};

use crate::playout::FRAME_SAMPLES_MAX;
use crate::shard::{Batch, DropCounters, EventQueue, Slot};

/// 20 ms at the highest rate.
pub(crate) const TICK_SAMPLES_MAX: usize = 960;

/// What one step of one leg may touch beside the leg itself.
pub(crate) struct Turn<'a> {
    pub now: Timestamp,
    pub slot: Slot,
    pub clock: NtpClock,
    pub batch: &'a mut Batch,
    pub events: &'a mut EventQueue,
    pub drops: &'a mut DropCounters,
    pub scratch: &'a mut Scratch,
}

impl Turn<'_> {
    pub fn count(&mut self, reason: DropReason) {
        self.drops.count(reason);
    }
}

/// Room for PCM on its way; holds nothing between steps.
pub(crate) struct Scratch {
    pub frame: [i16; FRAME_SAMPLES_MAX],
    pub tick: [i16; TICK_SAMPLES_MAX],
}

impl Scratch {
    pub fn new() -> Box<Self> {
        Box::new(Scratch { frame: [0; FRAME_SAMPLES_MAX], tick: [0; TICK_SAMPLES_MAX] })
    }
}

/// Turns `now` into NTP time for sender reports (RFC 3550 section 4). Only differences need be right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NtpClock {
    /// The civil time at [`Timestamp::ZERO`].
    pub origin: WallTime,
}

/// Seconds from 1900 to 1970.
const NTP_TO_UNIX_SECS: u128 = 2_208_988_800;

impl NtpClock {
    pub fn at(self, now: Timestamp) -> u64 {
        let origin_nanos = u128::try_from(self.origin.0).unwrap_or(0) * 1_000_000;
        let nanos = origin_nanos + u128::from(now.as_nanos());
        let fraction = (nanos % 1_000_000_000) << 32;
        // Wraps in 2036, as NTP does.
        ((((nanos / 1_000_000_000) + NTP_TO_UNIX_SECS) << 32) + fraction / 1_000_000_000) as u64
    }
}
