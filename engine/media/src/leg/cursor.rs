use std::time::Duration;

use tandem_model::{Entropy, RtpTime, SeqNo, Timestamp};

/// Where a leg's outgoing stream stands. It outlives everything else of the leg: prompts, bridges, re-configurations and a
/// rebuild after a panic all go on from here, so the far end hears one stream (RFC 3550 section 5.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub ssrc: u32,
    pub sequence: SeqNo,
    /// Timestamp of the first packet, until one was sent.
    first: RtpTime,
    last: Option<Sent>,
    pub packets: u64,
    pub bytes: u64,
    /// Payload bytes, as sender reports count them.
    pub octets: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Timestamp,
    timestamp: RtpTime,
    /// What the packet lasts, in clock units.
    units: u32,
}

impl Cursor {
    /// SSRC and starting points are random (RFC 3550 section 5.1). The first sequence number is kept low so that the roll-over
    /// counter of SRTP is not ambiguous from the start (RFC 3711 section 3.3.1).
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        Cursor {
            ssrc: entropy.next_u32(),
            sequence: SeqNo(entropy.next_u32() as u16 & 0x7fff),
            first: RtpTime(entropy.next_u32()),
            last: None,
            packets: 0,
            bytes: 0,
            octets: 0,
        }
    }

    /// The timestamp of something that starts now: time went on while nothing was sent.
    pub fn timestamp_at(&self, now: Timestamp, clock_hz: u32) -> RtpTime {
        match self.last {
            None => self.first,
            Some(sent) => sent.timestamp.wrapping_add(units(now.since(sent.at), clock_hz).max(sent.units)),
        }
    }

    /// The timestamp of the next frame of what was sent before; None when a gap of more than `gap` makes it a new start.
    pub fn timestamp_next(&self, now: Timestamp, gap: Duration) -> Option<RtpTime> {
        let sent = self.last?;
        (now.since(sent.at) <= gap).then(|| sent.timestamp.wrapping_add(sent.units))
    }

    /// A packet went out with this sequence number. A relayed one may be older than the latest.
    pub fn sent(
        &mut self,
        now: Timestamp,
        sequence: SeqNo,
        timestamp: RtpTime,
        units: u32,
        bytes: usize,
        octets: usize,
    ) {
        if sequence.diff(self.sequence) >= 0 {
            self.sequence = sequence.next();
            self.last = Some(Sent { at: now, timestamp, units });
        }
        self.packets += 1;
        self.bytes += bytes as u64;
        self.octets += octets as u64;
    }

    /// Time passes on the stream with nothing sent, or with packets that carry another time (telephone-events).
    pub fn pass(&mut self, now: Timestamp, timestamp: RtpTime, units: u32) {
        self.last = Some(Sent { at: now, timestamp, units });
    }
}

/// `elapsed` in units of a clock; wraps.
fn units(elapsed: Duration, clock_hz: u32) -> u32 {
    (elapsed.as_nanos() * u128::from(clock_hz) / 1_000_000_000) as u32
}
