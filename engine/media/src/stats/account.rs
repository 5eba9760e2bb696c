use tandem_model::{RtpTime, SeqNo, Timestamp};

use super::{BurstGap, Fate};
use crate::rtcp::ReportBlock;

/// Largest forward step that is loss and not a restart (RFC 3550 appendix A.1).
const DROPOUT_MAX: u16 = 3_000;
/// Sequence numbers behind the highest in which a packet can be told from its duplicate.
const WINDOW: u32 = 128;
/// Sequence numbers behind the highest after which the fate of a packet is settled: no jitter buffer waits longer.
const SETTLED: u32 = 64;

/// What a packet's sequence number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Not seen before. In order, or late but within the window.
    New,
    Duplicate,
    /// Behind the window: nobody waits for it any more.
    Old,
    /// Far from the sequence; if the next number follows, the stream restarted (RFC 3550 appendix A.1).
    Suspect,
}

/// Receive accounting of one SSRC (RFC 3550 appendices A.1, A.3 and A.8).
#[derive(Clone, Debug)]
pub struct StreamAccount {
    ssrc: u32,
    clock_hz: u32,
    base: u32,
    /// The first number of the present sequence, extended: what lies before has no fate.
    first: u32,
    /// Extended by the cycles.
    highest: u32,
    /// The sequence number that would confirm a restart.
    suspect_next: Option<u16>,
    /// Bit n: `highest - n` was received.
    window: u128,
    /// Bit n: `highest - n` came too late to be played.
    discarded: u128,
    bursts: BurstGap,
    /// Its sender said goodbye (RFC 3550 section 6.6).
    ended: bool,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    /// Losses of the sequence before a restart.
    lost_before: u64,
    transit: Option<i64>,
    /// In units of the clock.
    jitter: f64,
    jitter_max: f64,
    last_arrival: Timestamp,
    last_sr: Option<(u32, Timestamp)>,
}

impl StreamAccount {
    /// `sequence` is that of the packet [`StreamAccount::packet`] will be called with first.
    pub fn new(ssrc: u32, clock_hz: u32, sequence: SeqNo) -> Self {
        StreamAccount {
            ssrc,
            clock_hz: clock_hz.max(1),
            // One cycle up, so that packets from before the first do not underflow.
            base: 0x1_0000 | u32::from(sequence.0),
            first: 0x1_0000 | u32::from(sequence.0),
            highest: 0xffff + u32::from(sequence.0),
            suspect_next: None,
            window: 0,
            discarded: 0,
            bursts: BurstGap::default(),
            ended: false,
            received: 0,
            expected_prior: 0,
            received_prior: 0,
            lost_before: 0,
            transit: None,
            jitter: 0.0,
            jitter_max: 0.0,
            last_arrival: Timestamp::ZERO,
            last_sr: None,
        }
    }

    /// Accounts one packet. `media` is false for packets whose timestamp does not advance with time (telephone-events), which
    /// would spoil the jitter.
    pub fn packet(&mut self, now: Timestamp, sequence: SeqNo, timestamp: RtpTime, media: bool) -> Arrival {
        let arrival = self.place(sequence);
        if arrival != Arrival::New {
            return arrival;
        }
        self.received += 1;
        self.ended = false;
        self.last_arrival = now;
        if media {
            self.time(now, timestamp);
        }
        arrival
    }

    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    pub fn last_arrival(&self) -> Timestamp {
        self.last_arrival
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    /// The packet came, but after its turn to be played.
    pub fn discard(&mut self, sequence: SeqNo) {
        let behind = u32::from((self.highest as u16).wrapping_sub(sequence.0));
        if behind < WINDOW {
            self.discarded |= 1 << behind;
        }
    }

    /// Bursts and gaps, of what is settled.
    pub fn bursts(&self) -> &BurstGap {
        &self.bursts
    }

    /// Its sender said goodbye; more packets of it would belie that.
    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Expected less received, never negative.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.expected().saturating_sub(self.received_of_sequence())
    }

    /// Interarrival jitter now and the largest so far, in milliseconds.
    pub fn jitter_ms(&self) -> (f32, f32) {
        let ms = 1_000.0 / f64::from(self.clock_hz);
        ((self.jitter * ms) as f32, (self.jitter_max * ms) as f32)
    }

    /// The stream goes on with another clock (a re-configured codec): transit times start anew.
    pub fn set_clock(&mut self, clock_hz: u32) {
        if self.clock_hz != clock_hz.max(1) {
            self.clock_hz = clock_hz.max(1);
            self.transit = None;
            self.jitter = 0.0;
        }
    }

    /// Notes a sender report of this SSRC, for the round trip its sender computes.
    pub fn sender_report(&mut self, now: Timestamp, ntp: u64) {
        self.last_sr = Some(((ntp >> 16) as u32, now));
    }

    /// What our next report says of this stream; starts a new reporting interval.
    pub fn report(&mut self, now: Timestamp) -> ReportBlock {
        let (expected, received) = (self.expected(), self.received_of_sequence());
        let expected_interval = expected.saturating_sub(self.expected_prior);
        let received_interval = received.saturating_sub(self.received_prior);
        self.expected_prior = expected;
        self.received_prior = received;
        let lost_interval = expected_interval.saturating_sub(received_interval);
        let (last_sr, delay_since_last_sr) = match self.last_sr {
            Some((middle, at)) => {
                let delay = now.since(at).as_nanos() * 65_536 / 1_000_000_000;
                (middle, u32::try_from(delay).unwrap_or(u32::MAX))
            }
            None => (0, 0),
        };
        ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: (lost_interval * 256).checked_div(expected_interval).unwrap_or(0).min(255) as u8,
            cumulative_lost: (self.lost().min(0x7f_ffff)) as i32,
            highest_sequence: self.highest.wrapping_sub(0x1_0000),
            jitter: self.jitter as u32,
            last_sr,
            delay_since_last_sr,
        }
    }

    fn expected(&self) -> u64 {
        u64::from(self.highest.wrapping_sub(self.base).wrapping_add(1))
    }

    fn received_of_sequence(&self) -> u64 {
        self.received
    }

    fn place(&mut self, sequence: SeqNo) -> Arrival {
        let ahead = sequence.0.wrapping_sub(self.highest as u16);
        if ahead == 0 {
            return if self.window & 1 == 1 { Arrival::Duplicate } else { self.mark(0) };
        }
        if ahead < DROPOUT_MAX {
            for _ in 0..ahead {
                self.step();
            }
            self.window |= 1;
            self.suspect_next = None;
            return Arrival::New;
        }
        let behind = u32::from((self.highest as u16).wrapping_sub(sequence.0));
        if behind < WINDOW {
            return if self.window >> behind & 1 == 1 { Arrival::Duplicate } else { self.mark(behind) };
        }
        if self.suspect_next == Some(sequence.0) {
            self.restart(sequence);
            return Arrival::New;
        }
        self.suspect_next = Some(sequence.0.wrapping_add(1));
        if behind < u32::from(DROPOUT_MAX) { Arrival::Old } else { Arrival::Suspect }
    }

    /// Moves on by one sequence number, which settles the fate of another.
    fn step(&mut self) {
        self.highest = self.highest.wrapping_add(1);
        (self.window, self.discarded) = (self.window << 1, self.discarded << 1);
        let settled = self.highest.wrapping_sub(SETTLED);
        if settled.wrapping_sub(self.first) < 0x8000_0000 {
            let was = |bits: u128| bits >> SETTLED & 1 == 1;
            let fate = match (was(self.window), was(self.discarded)) {
                (false, _) => Fate::Lost,
                (true, true) => Fate::Discarded,
                (true, false) => Fate::Received,
            };
            self.bursts.packet(fate);
        }
    }

    fn mark(&mut self, behind: u32) -> Arrival {
        // From before the first packet we heard: it counts as expected from here on.
        let number = self.highest.wrapping_sub(behind);
        if number < self.base {
            self.base = number;
            self.first = number;
        }
        self.window |= 1 << behind;
        Arrival::New
    }

    /// A new sequence of the same SSRC: what was lost of the old one stays lost.
    fn restart(&mut self, sequence: SeqNo) {
        self.lost_before = self.lost();
        self.base = 0x1_0000 | u32::from(sequence.0);
        // Received packets of the old sequence are taken out of the new expectation by moving its base back.
        self.base = self.base.wrapping_sub(u32::try_from(self.received).unwrap_or(0));
        self.highest = 0x1_0000 | u32::from(sequence.0);
        (self.window, self.discarded) = (1, 0);
        self.first = self.highest;
        self.suspect_next = None;
        self.transit = None;
        self.expected_prior = self.received;
        self.received_prior = self.received;
    }

    /// RFC 3550 appendix A.8.
    fn time(&mut self, now: Timestamp, timestamp: RtpTime) {
        let arrival = (u128::from(now.as_nanos()) * u128::from(self.clock_hz) / 1_000_000_000) as u32;
        let transit = i64::from(arrival.wrapping_sub(timestamp.0));
        if let Some(before) = self.transit {
            // The difference of two 32-bit transits, right across the wrap.
            let d = f64::from((transit as u32).wrapping_sub(before as u32) as i32).abs();
            // A step of seconds is a new timestamp origin (hold, transfer), not the network.
            if d < 5.0 * f64::from(self.clock_hz) {
                self.jitter += (d - self.jitter) / 16.0;
                self.jitter_max = self.jitter_max.max(self.jitter);
            }
        }
        self.transit = Some(transit);
    }
}
