use std::time::Duration;

use tandem_model::Timestamp;
use tandem_model::limits::{RTP_PACKET_BYTES_MAX, TICK};

use super::packets::{Packets, WINDOW};

/// Underruns in a row, in packets, after which the sender is taken to pause.
const STARVED_MAX: u16 = 5;
/// Late packets in a row after which the sender is taken to have gone back.
const LATE_RUN_MAX: u8 = 10;
/// Pops over which the depth must stay too high before one packet is left out.
const SHRINK_POPS: u32 = 50;
/// Longest packet time learned from timestamps, in milliseconds.
const PACKET_MS_MAX: u32 = 120;

/// Delay bounds, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    pub min_ms: u16,
    pub max_ms: u16,
    /// The delay aimed at, held within the bounds.
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

/// Puts packets in order and holds each back for a fixed time, so that late ones still find their turn.
///
/// Call [`pop`](Self::pop) whenever the leg holds less than one tick of PCM: with 20 ms packets that is once a tick,
/// with 10 ms packets twice, with 60 ms packets every third tick.
///
/// The delay grows by a packet when the buffer runs empty and the packet then comes; it shrinks, a packet at a time,
/// when it stayed above the aim for a second, and at once when it passes the maximum.
pub struct JitterBuffer {
    packets: Packets,
    state: State,
    clock_hz: u32,
    target: Duration,
    /// Largest depth, in units of the clock.
    max_units: u32,
    /// What one packet lasts, in units of the clock.
    packet_units: u32,
    /// The newest packet stored, for the learning of `packet_units` and the depth.
    newest: Option<(u16, u32)>,
    /// A packet time seen once; the second time in a row it is believed.
    candidate_units: u32,
    /// The sequence number that would prove a jump.
    after_jump: Option<u16>,
    late_run: u8,
    shrink: Shrink,
    left_out: u64,
}

enum State {
    /// No packet yet.
    Idle,
    /// Holding packets back until `due`; `next` is the oldest.
    Filling {
        next: u16,
        due: Timestamp,
    },
    Playing(Playing),
    /// The sender paused before `next`.
    Paused {
        next: u16,
    },
}

#[derive(Clone, Copy)]
struct Playing {
    next: u16,
    /// The timestamp due; None before the first frame.
    due_ts: Option<u32>,
    /// Packets concealed because the buffer was empty, without passing their turn.
    starved: u16,
    /// The last packet carried no audio: emptiness is a pause, not a loss.
    quiet: bool,
}

/// The least depth of the last pops.
#[derive(Clone, Copy)]
struct Shrink {
    pops: u32,
    least_units: u32,
}

impl Shrink {
    const START: Shrink = Shrink { pops: 0, least_units: u32::MAX };
}

impl JitterBuffer {
    /// `clock_hz` is the payload's RTP clock; `ptime_ms` is what the sender is believed to send until packets show.
    pub fn new(clock_hz: u32, ptime_ms: u32, config: JitterConfig) -> Self {
        let clock_hz = clock_hz.clamp(1_000, 192_000);
        let max_ms = config.max_ms.max(config.min_ms).max(20);
        let target_ms = config.start_ms.clamp(config.min_ms.min(max_ms), max_ms);
        JitterBuffer {
            packets: Packets::new(),
            state: State::Idle,
            clock_hz,
            target: Duration::from_millis(u64::from(target_ms)),
            max_units: units(clock_hz, u32::from(max_ms)),
            packet_units: units(clock_hz, ptime_ms.clamp(1, PACKET_MS_MAX)),
            newest: None,
            candidate_units: 0,
            after_jump: None,
            late_run: 0,
            shrink: Shrink::START,
            left_out: 0,
        }
    }

    /// An empty `payload` marks a packet that took a sequence number but carries no audio (telephone-event,
    /// comfort noise); its turn pops as [`Pop::Empty`].
    pub fn insert(&mut self, now: Timestamp, seq: u16, ts: u32, marker: bool, payload: &[u8]) -> Insert {
        if payload.len() > RTP_PACKET_BYTES_MAX {
            return Insert::Full;
        }
        let next = match &self.state {
            State::Idle => seq,
            State::Filling { next, .. } | State::Paused { next } => *next,
            State::Playing(playing) => playing.next,
        };
        let ahead = i32::from(seq.wrapping_sub(next) as i16);
        let window = i32::from(WINDOW);
        let held = self.newest.map_or(0, |(newest, _)| i32::from(newest.wrapping_sub(seq) as i16));
        match self.state {
            State::Idle => self.start_filling(now, seq),
            State::Paused { .. } if ahead >= 0 => self.start_filling(now, seq),
            State::Playing(Playing { starved: 1.., .. }) if marker && ahead >= 0 => self.start_filling(now, seq),
            State::Filling { due, .. } if ahead < 0 && held < window && -ahead < window => {
                self.state = State::Filling { next: seq, due };
            }
            _ if (0..window).contains(&ahead) => {}
            _ if (1..window).contains(&-ahead) => return self.late(now, seq, ts, payload),
            _ => return self.jump(now, seq, ts, payload),
        }
        self.store(seq, ts, payload)
    }

    /// What to play next. Time moves on by it: one packet, or one tick when [`Pop::Empty`].
    pub fn pop(&mut self, now: Timestamp) -> Pop<'_> {
        let playing = match self.state {
            State::Idle | State::Paused { .. } => return Pop::Empty,
            State::Filling { due, .. } if now < due => return Pop::Empty,
            State::Filling { next, .. } => Playing { next, due_ts: None, starved: 0, quiet: false },
            State::Playing(playing) => playing,
        };
        self.play(playing)
    }

    /// Forget everything: another SSRC, or a new description.
    pub fn reset(&mut self) {
        self.packets.clear();
        self.state = State::Idle;
        self.newest = None;
        self.after_jump = None;
        self.late_run = 0;
        self.shrink = Shrink::START;
    }

    /// What one packet lasts, learned from the stream; at least 1.
    pub fn packet_ms(&self) -> u32 {
        (u64::from(self.packet_units) * 1000 / u64::from(self.clock_hz)).max(1) as u32
    }

    /// Audio held now, in milliseconds, with the gaps in it.
    pub fn depth_ms(&self) -> u32 {
        let next = match &self.state {
            State::Idle | State::Paused { .. } => return 0,
            State::Filling { next, .. } => *next,
            State::Playing(playing) => playing.next,
        };
        (u64::from(self.depth_units(next)) * 1000 / u64::from(self.clock_hz)) as u32
    }

    /// Packets that came in time and were left out to bring the delay down, since construction.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn start_filling(&mut self, now: Timestamp, seq: u16) {
        self.packets.clear();
        self.newest = None;
        self.shrink = Shrink::START;
        self.state = State::Filling { next: seq, due: now + self.target };
    }

    fn store(&mut self, seq: u16, ts: u32, payload: &[u8]) -> Insert {
        self.after_jump = None;
        if self.packets.get(seq).is_some() {
            return Insert::Duplicate;
        }
        if !self.packets.put(seq, ts, payload) {
            return Insert::Full;
        }
        self.late_run = 0;
        match self.newest {
            Some((newest, _)) if (seq.wrapping_sub(newest) as i16) < 0 => {}
            Some((newest, newest_ts)) => {
                if seq == newest.wrapping_add(1) && !payload.is_empty() {
                    self.learn_packet_time(ts.wrapping_sub(newest_ts));
                }
                self.newest = Some((seq, ts));
            }
            None => self.newest = Some((seq, ts)),
        }
        Insert::Stored
    }

    fn learn_packet_time(&mut self, step: u32) {
        if step == 0 || step > units(self.clock_hz, PACKET_MS_MAX) {
            return;
        }
        if step == self.candidate_units {
            self.packet_units = step;
        }
        self.candidate_units = step;
    }

    /// Some packets behind is lateness; a run of them is a sender that restarted just behind.
    fn late(&mut self, now: Timestamp, seq: u16, ts: u32, payload: &[u8]) -> Insert {
        self.late_run += 1;
        if self.late_run < LATE_RUN_MAX {
            return Insert::Late;
        }
        self.start_filling(now, seq);
        self.store(seq, ts, payload)
    }

    /// A jump is believed when the packet after it comes too (RFC 3550 appendix A.1).
    fn jump(&mut self, now: Timestamp, seq: u16, ts: u32, payload: &[u8]) -> Insert {
        if self.after_jump == Some(seq) {
            self.start_filling(now, seq);
            return self.store(seq, ts, payload);
        }
        self.after_jump = Some(seq.wrapping_add(1));
        Insert::Full
    }

    fn play(&mut self, mut playing: Playing) -> Pop<'_> {
        self.trim(&mut playing);
        let depth = self.depth_units(playing.next);
        if depth == 0 {
            return self.starve(playing);
        }
        if self.packets.get(playing.next).is_none() && playing.starved > 0 {
            self.skip_concealed(&mut playing);
        }
        let Some(slot) = self.packets.get(playing.next) else {
            playing.next = playing.next.wrapping_add(1);
            playing.due_ts = playing.due_ts.map(|ts| ts.wrapping_add(self.packet_units));
            self.state = State::Playing(playing);
            let next = self.packets.get(playing.next).filter(|slot| slot.len > 0);
            return Pop::Missing { next: next.map(|slot| self.packets.payload(slot)) };
        };
        if slot.len > 0 && self.pauses_before(slot.ts, &mut playing) {
            self.state = State::Playing(playing);
            return Pop::Empty;
        }
        self.packets.take(playing.next);
        playing.next = playing.next.wrapping_add(1);
        playing.starved = 0;
        playing.quiet = slot.len == 0;
        playing.due_ts = match playing.due_ts {
            Some(due) if playing.quiet => Some(due.wrapping_add(self.packet_units)),
            _ => Some(slot.ts.wrapping_add(self.packet_units)),
        };
        self.state = State::Playing(playing);
        if playing.quiet { Pop::Empty } else { Pop::Frame { payload: self.packets.payload(slot), ts: slot.ts } }
    }

    /// Nothing is held: hold the turn, for the packet may be a little late, until the sender seems to pause.
    fn starve(&mut self, mut playing: Playing) -> Pop<'_> {
        self.shrink = Shrink::START;
        playing.starved += 1;
        if playing.starved > STARVED_MAX {
            self.state = State::Paused { next: playing.next };
            return Pop::Empty;
        }
        self.state = State::Playing(playing);
        if playing.quiet { Pop::Empty } else { Pop::Missing { next: None } }
    }

    /// Packets that were concealed while the buffer was empty and then proved lost are not concealed again.
    fn skip_concealed(&mut self, playing: &mut Playing) {
        while playing.starved > 0 && self.packets.get(playing.next).is_none() {
            playing.starved -= 1;
            playing.next = playing.next.wrapping_add(1);
            playing.due_ts = playing.due_ts.map(|ts| ts.wrapping_add(self.packet_units));
        }
        playing.starved = 0;
    }

    /// True while a gap in the timestamps, with none in the sequence, has not passed yet (a short DTX pause).
    fn pauses_before(&self, ts: u32, playing: &mut Playing) -> bool {
        let Some(due) = playing.due_ts else { return false };
        let gap = ts.wrapping_sub(due);
        if gap < self.packet_units || gap > self.max_units {
            return false;
        }
        playing.due_ts = Some(due.wrapping_add(units(self.clock_hz, TICK.as_millis() as u32)));
        true
    }

    /// Leaves packets out when the delay is above the maximum, or one when it stayed above the aim.
    fn trim(&mut self, playing: &mut Playing) {
        let depth = self.depth_units(playing.next);
        self.shrink.pops += 1;
        self.shrink.least_units = self.shrink.least_units.min(depth);
        let aim = units(self.clock_hz, self.target.as_millis() as u32) + self.packet_units;
        let mut leave_out = depth.saturating_sub(self.max_units).div_ceil(self.packet_units);
        if self.shrink.pops >= SHRINK_POPS {
            leave_out = leave_out.max(u32::from(self.shrink.least_units > aim));
            self.shrink = Shrink::START;
        }
        for _ in 0..leave_out {
            self.left_out += u64::from(self.packets.take(playing.next).is_some());
            playing.next = playing.next.wrapping_add(1);
            playing.due_ts = None;
        }
    }

    fn depth_units(&self, next: u16) -> u32 {
        let Some((newest, _)) = self.newest else { return 0 };
        let packets = i32::from(newest.wrapping_sub(next) as i16) + 1;
        u32::try_from(packets).unwrap_or(0) * self.packet_units
    }
}

fn units(clock_hz: u32, ms: u32) -> u32 {
    (u64::from(clock_hz) * u64::from(ms) / 1000).max(1) as u32
}
