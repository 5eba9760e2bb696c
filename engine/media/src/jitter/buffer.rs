use tandem_model::Timestamp;
use tandem_model::limits::{RTP_PACKET_BYTES_MAX, TICK};

use super::JitterConfig;
use super::arrivals::Arrivals;
use super::packets::{Kind, Packets, Slot, WINDOW};
use super::timeline::{Newest, Timeline};

/// Made-up audio after which the sender is taken to pause: at least this long, and at least two packets.
const STARVED_MS_MAX: u32 = 100;
/// Late packets in a row after which the sender is taken to have gone back.
const LATE_RUN_MAX: u8 = 10;
/// Longest packet time learned from timestamps, in milliseconds.
const PACKET_MS_MAX: u32 = 120;
/// How far the delay wanted may change before the delay there is follows: the tick's phase is fixed, so the next
/// better delay is a whole tick away.
const SLACK_MS: i64 = 4;

/// One packet of the stream, as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub sequence: u16,
    pub timestamp: u32,
    pub marker: bool,
    pub content: Content<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    Audio(&'a [u8]),
    /// Comfort noise (RFC 3389): the sender pauses.
    Noise(&'a [u8]),
    /// It took a sequence number but carries nothing to hear (telephone-event), and its timestamp tells no time.
    Nothing,
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
    /// The packet whose turn it is. Its first `skip` units were made up for already and are not to be heard again.
    /// `broken`: even so it does not follow in time what was heard before.
    Frame { payload: &'a [u8], skip: u32, broken: bool },
    /// The sender describes its background and pauses (RFC 3389).
    Noise { payload: &'a [u8] },
    /// What is due has not come: make up for it, `units` at most, and say how much with [`JitterBuffer::concealed`].
    /// `next` is the packet after it, for in-band FEC, when what it recovers ends what is missing.
    Missing { next: Option<&'a [u8]>, units: u32 },
    /// Nothing is due: not started, or the sender pauses.
    Empty,
}

/// Puts packets in order and says when each is due. The delay is learned from arrivals; it is measured from the best
/// path, so it is what the buffer adds.
///
/// Call [`pop`](Self::pop) whenever the leg holds less than one tick of PCM: with 20 ms packets that is once a tick,
/// with 10 ms packets twice, with 60 ms packets every third tick. All times are in units of the RTP clock.
pub struct JitterBuffer {
    packets: Packets,
    arrivals: Arrivals,
    timeline: Timeline,
    state: State,
    clock_hz: u32,
    max_units: i64,
    /// What one packet lasts.
    packet_units: u32,
    /// A packet time seen once; the second time in a row it is believed.
    candidate_units: u32,
    newest: Option<Newest>,
    /// The sequence number that would prove a jump.
    after_jump: Option<u16>,
    late_run: u8,
    pace: Option<Pace>,
    left_out: u64,
    packets_concealed: u64,
}

#[derive(Clone, Copy)]
enum State {
    /// No packet yet.
    Idle,
    /// Holding packets back until the delay wanted is reached; `next` is the oldest.
    Filling {
        next: u16,
    },
    Playing(Turn),
    /// The sender paused before `next`.
    Paused {
        next: u16,
    },
}

#[derive(Clone, Copy)]
struct Turn {
    next: u16,
    /// The media time due.
    media: i64,
    /// What was made up from there on.
    made_up: i64,
    /// The last packet carried no audio: emptiness is a pause, not a loss.
    quiet: bool,
    /// The next frame does not follow in time what was heard last.
    broken: bool,
}

/// The delay at the last frame taken.
#[derive(Clone, Copy)]
struct Pace {
    /// Of the packet, when it was taken: it could have come this much later than by the best path.
    lag: i64,
    /// PCM that was still to be played then.
    held: i64,
}

impl JitterBuffer {
    /// `clock_hz` is the payload's RTP clock; `ptime_ms` is what the sender is believed to send until packets show;
    /// `bytes` is the room for payloads.
    pub fn new(clock_hz: u32, ptime_ms: u32, bytes: usize, config: JitterConfig) -> Self {
        let clock_hz = clock_hz.clamp(1_000, 192_000);
        let config = config.ordered();
        JitterBuffer {
            packets: Packets::new(bytes.clamp(RTP_PACKET_BYTES_MAX, 1 << 20)),
            arrivals: Arrivals::new(clock_hz, config),
            timeline: Timeline::new(clock_hz),
            state: State::Idle,
            clock_hz,
            max_units: i64::from(units(clock_hz, u32::from(config.max_ms))),
            packet_units: units(clock_hz, ptime_ms.clamp(1, PACKET_MS_MAX)),
            candidate_units: 0,
            newest: None,
            after_jump: None,
            late_run: 0,
            pace: None,
            left_out: 0,
            packets_concealed: 0,
        }
    }

    pub fn insert(&mut self, now: Timestamp, packet: Packet<'_>) -> Insert {
        let (kind, payload) = match packet.content {
            Content::Audio(payload) if !payload.is_empty() => (Kind::Audio, payload),
            Content::Noise(payload) if !payload.is_empty() => (Kind::Noise, payload),
            Content::Audio(_) | Content::Noise(_) | Content::Nothing => (Kind::Nothing, &[][..]),
        };
        if payload.len() > RTP_PACKET_BYTES_MAX {
            return Insert::Full;
        }
        let seq = packet.sequence;
        let next = match self.state {
            State::Idle => seq,
            State::Filling { next } | State::Paused { next } => next,
            State::Playing(turn) => turn.next,
        };
        let ahead = i32::from(seq.wrapping_sub(next) as i16);
        let window = i32::from(WINDOW);
        let held = self.newest.map_or(0, |newest| i32::from(newest.seq.wrapping_sub(seq) as i16));
        match self.state {
            State::Idle => self.start_filling(seq),
            State::Paused { .. } if ahead >= 0 => self.start_filling(seq),
            // A talk spurt begins where nothing was there to play (RFC 3551 section 4.1): silence takes any length.
            State::Playing(Turn { made_up: 1.., next, .. })
                if packet.marker && ahead >= 0 && self.packets.first(next).is_none() =>
            {
                self.start_filling(seq);
            }
            State::Filling { .. } if ahead < 0 && held < window && -ahead < window => {
                self.state = State::Filling { next: seq };
            }
            _ if (0..window).contains(&ahead) => {}
            _ if (1..window).contains(&-ahead) => {
                // Some packets behind is lateness; a run of them is a sender that restarted just behind.
                self.late_run += 1;
                if self.late_run < LATE_RUN_MAX {
                    return Insert::Late;
                }
                self.restart(seq);
            }
            // A jump is believed when the packet after it comes too (RFC 3550 appendix A.1).
            _ if self.after_jump != Some(seq) => {
                self.after_jump = Some(seq.wrapping_add(1));
                return Insert::Full;
            }
            _ => self.restart(seq),
        }
        self.store(self.units_at(now), seq, packet.timestamp, kind, payload)
    }

    /// What to play next; `held` is what is decoded and not yet played.
    pub fn pop(&mut self, now: Timestamp, held: u32) -> Pop<'_> {
        let held = i64::from(held);
        // When what is taken now will be heard.
        let at = self.units_at(now) + held;
        let turn = match self.state {
            State::Idle | State::Paused { .. } => return Pop::Empty,
            State::Filling { next } => match self.start_playing(at, next) {
                Some(turn) => turn,
                None => return Pop::Empty,
            },
            State::Playing(turn) => turn,
        };
        self.play(at, held, turn)
    }

    /// Says that `units` were made up for what [`Pop::Missing`] told of, or recovered from its `next`.
    pub fn concealed(&mut self, units: u32, recovered: bool) {
        let packet = i64::from(self.packet_units);
        let State::Playing(turn) = &mut self.state else { return };
        let begun = |made_up: i64| (made_up + packet - 1) / packet;
        let before = begun(turn.made_up);
        turn.made_up += i64::from(units);
        if !recovered {
            self.packets_concealed += (begun(turn.made_up) - before).max(0) as u64;
        }
    }

    /// Says how long the frame taken last proved to be.
    pub fn lasted(&mut self, units: u32) {
        if let State::Playing(turn) = &mut self.state {
            turn.media += i64::from(units) - i64::from(self.packet_units);
        }
    }

    /// Says that the frame taken last announced a pause (RFC 6716 section 2.1.9): emptiness is no loss then.
    pub fn pauses(&mut self) {
        if let State::Playing(turn) = &mut self.state {
            turn.quiet = true;
        }
    }

    /// By how much the delay is longer than it need be, in units; negative when it is too short. Within the tick's
    /// phase: leaving out less than a tick brings nothing unless it lets a packet be taken a tick later.
    pub fn surplus(&self) -> i64 {
        let (State::Playing(turn), Some(pace)) = (self.state, self.pace) else { return 0 };
        if turn.made_up > 0 {
            return 0;
        }
        let tick = i64::from(units(self.clock_hz, TICK.as_millis() as u32));
        let slack = SLACK_MS * i64::from(self.clock_hz) / 1_000;
        let wanted = self.arrivals.wanted_units();
        let spare = pace.held - (tick - i64::from(self.packet_units)).max(0);
        // Whole ticks by which the packet could have been taken earlier, or should have been taken later.
        let earlier = (pace.lag - wanted - slack).max(0) / tick;
        let later = (wanted - pace.lag + tick - 1).max(0) / tick;
        let highest = (self.max_units - pace.lag - spare).max(0) / tick;
        spare + earlier * tick - later.min(highest) * tick
    }

    /// Says that PCM which waits to be played became longer by `units`, or shorter.
    pub fn stretched(&mut self, units: i64) {
        if let Some(pace) = &mut self.pace {
            pace.held += units;
        }
    }

    /// Forget the stream: another SSRC. What was learned of the path stays.
    pub fn reset(&mut self) {
        self.packets.clear();
        self.state = State::Idle;
        self.newest = None;
        self.timeline.reset();
        self.after_jump = None;
        self.late_run = 0;
        self.pace = None;
    }

    /// What one packet lasts, learned from the stream; at least 1.
    pub fn packet_units(&self) -> u32 {
        self.packet_units
    }

    pub fn packet_ms(&self) -> u32 {
        (u64::from(self.packet_units) * 1000 / u64::from(self.clock_hz)).max(1) as u32
    }

    /// Audio held now, in milliseconds, with the gaps in it.
    pub fn depth_ms(&self) -> u32 {
        let (next, made_up) = match self.state {
            State::Idle | State::Paused { .. } => return 0,
            State::Filling { next } => (next, 0),
            State::Playing(turn) => (turn.next, turn.made_up),
        };
        let Some(newest) = self.newest else { return 0 };
        let packets = i64::from(newest.seq.wrapping_sub(next) as i16) + 1;
        let depth = (packets * i64::from(self.packet_units) - made_up).max(0);
        (depth * 1000 / i64::from(self.clock_hz)) as u32
    }

    /// What the buffer adds to the best path's delay, in milliseconds; `held` as in [`pop`](Self::pop). None while nothing plays.
    pub fn delay_ms(&self, now: Timestamp, held: u32) -> Option<f32> {
        let State::Playing(turn) = self.state else { return None };
        let added = self.arrivals.added(self.units_at(now) + i64::from(held), turn.media + turn.made_up);
        Some(added as f32 * 1_000.0 / self.clock_hz as f32)
    }

    /// What it aims at, in milliseconds.
    pub fn wanted_ms(&self) -> f32 {
        self.arrivals.wanted_ms()
    }

    /// Packets that came and were left out to keep the delay within its maximum, since construction.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Packets that something was made up for, since construction.
    pub fn packets_concealed(&self) -> u64 {
        self.packets_concealed
    }

    fn units_at(&self, now: Timestamp) -> i64 {
        (u128::from(now.as_nanos()) * u128::from(self.clock_hz) / 1_000_000_000) as i64
    }

    fn start_filling(&mut self, seq: u16) {
        self.packets.clear();
        self.newest = None;
        self.pace = None;
        self.state = State::Filling { next: seq };
    }

    /// Another sequence: its timestamps have nothing to do with those before.
    fn restart(&mut self, seq: u16) {
        self.timeline.reset();
        self.start_filling(seq);
    }

    fn store(&mut self, arrival: i64, seq: u16, ts: u32, kind: Kind, payload: &[u8]) -> Insert {
        self.after_jump = None;
        if self.packets.get(seq).is_some() {
            return Insert::Duplicate;
        }
        let overtaken = self.newest.is_some_and(|newest| (seq.wrapping_sub(newest.seq) as i16) < 0);
        let media = match kind {
            Kind::Nothing => 0,
            Kind::Audio | Kind::Noise => {
                let placed = self.timeline.place(&self.arrivals, arrival, (seq, ts), self.newest, self.packet_units);
                match placed {
                    Some(media) => media,
                    None => return Insert::Late,
                }
            }
        };
        if !self.packets.put(seq, media, kind, payload) {
            return Insert::Full;
        }
        self.late_run = 0;
        if kind == Kind::Audio {
            self.arrivals.packet(arrival, media, self.packet_units, overtaken);
            if let Some(newest) = self.newest.filter(|newest| newest.seq.wrapping_add(1) == seq) {
                self.learn_packet_time(media - newest.media);
            }
        }
        if !overtaken {
            // What carries no time leaves the time where it was, so that the next packet is expected right.
            let media = if kind == Kind::Nothing { self.newest.map_or(0, |newest| newest.media) } else { media };
            self.newest = Some(Newest { seq, media });
        }
        Insert::Stored
    }

    fn learn_packet_time(&mut self, step: i64) {
        let Ok(step) = u32::try_from(step) else { return };
        if step == 0 || step > units(self.clock_hz, PACKET_MS_MAX) {
            return;
        }
        if step == self.candidate_units {
            self.packet_units = step;
        }
        self.candidate_units = step;
    }

    /// Held back long enough?
    fn start_playing(&mut self, at: i64, mut next: u16) -> Option<Turn> {
        let first = loop {
            let first = self.packets.first(next)?;
            if first.kind != Kind::Nothing {
                break first;
            }
            self.packets.take(first.seq);
            next = first.seq.wrapping_add(1);
            self.state = State::Filling { next };
        };
        let ripe = self.arrivals.added(at, first.media) >= self.arrivals.wanted_units();
        ripe.then_some(Turn { next: first.seq, media: first.media, made_up: 0, quiet: false, broken: true })
    }

    fn play(&mut self, at: i64, held: i64, mut turn: Turn) -> Pop<'_> {
        loop {
            let Some(first) = self.packets.first(turn.next) else { return self.starve(turn) };
            if first.kind == Kind::Nothing {
                self.packets.take(first.seq);
                turn.next = first.seq.wrapping_add(1);
                turn.quiet = true;
                continue;
            }
            if self.leave_out(at, &mut turn, first) {
                continue;
            }
            let lost = i64::from(first.seq.wrapping_sub(turn.next));
            let packet = i64::from(self.packet_units);
            let mut missing = first.media - turn.media - turn.made_up;
            // Of the time up to it, only so much was lost: the rest the sender paused (RFC 3551 section 4.1).
            let unheard = lost * packet - turn.made_up;
            let paused = missing - unheard.max(0) >= packet / 2;
            if lost > 0 && !turn.quiet && unheard > packet / 8 && missing > packet / 8 {
                missing = missing.min(unheard);
                self.state = State::Playing(turn);
                let whole = missing * 8 <= packet * 9;
                let next = (whole && !paused && first.kind == Kind::Audio).then(|| self.packets.payload(first));
                let units = if whole { missing } else { missing - packet };
                return Pop::Missing { next, units: units as u32 };
            }
            if paused || (turn.quiet && missing > 0) {
                if self.arrivals.added(at, first.media) < self.arrivals.wanted_units() {
                    self.state = State::Playing(turn);
                    return Pop::Empty;
                }
                turn = Turn { next: first.seq, media: first.media, made_up: 0, quiet: false, broken: true };
            }
            match self.overlap(at, &turn, first) {
                skip if skip >= packet => {
                    self.packets.take(first.seq);
                    self.left_out += 1;
                    let media = first.media + packet;
                    let made_up = (turn.media + turn.made_up - media).max(0);
                    turn = Turn { next: first.seq.wrapping_add(1), media, made_up, quiet: false, broken: true };
                }
                skip => return self.hand_out(at - held, held, turn, first, skip),
            }
        }
    }

    fn hand_out(&mut self, now: i64, held: i64, turn: Turn, first: Slot, skip: i64) -> Pop<'_> {
        self.packets.take(first.seq);
        let broken = turn.broken || (turn.made_up > 0 && turn.media + turn.made_up != first.media + skip);
        let noise = first.kind == Kind::Noise;
        let lasts = if noise { 0 } else { i64::from(self.packet_units) };
        self.state = State::Playing(Turn {
            next: first.seq.wrapping_add(1),
            media: first.media + lasts,
            made_up: 0,
            quiet: noise,
            broken: false,
        });
        let payload = self.packets.payload(first);
        if noise {
            return Pop::Noise { payload };
        }
        self.pace = Some(Pace { lag: self.arrivals.added(now, first.media), held });
        Pop::Frame { payload, skip: skip.max(0) as u32, broken }
    }

    /// A packet that came while something was made up for it: how much of its beginning is not to be heard.
    fn overlap(&self, at: i64, turn: &Turn, first: Slot) -> i64 {
        let over = turn.media + turn.made_up - first.media;
        if turn.made_up == 0 || over <= 0 {
            return 0;
        }
        // Heard whole, the delay grows by what was made up. That is right when it is wanted, and after a stall, of
        // which nothing shall be missed: what is too much is played faster later. A little is cut off instead.
        let whole = self.arrivals.added(at, first.media);
        let tick = i64::from(units(self.clock_hz, TICK.as_millis() as u32));
        let stalled = over >= i64::from(self.packet_units);
        if stalled || whole <= self.arrivals.wanted_units() + tick {
            (whole - self.max_units).clamp(0, over)
        } else {
            over
        }
    }

    /// Above the greatest delay the oldest packet goes, if another is there to go on with.
    fn leave_out(&mut self, at: i64, turn: &mut Turn, first: Slot) -> bool {
        let due = (turn.media + turn.made_up).min(first.media);
        let behind = self.packets.first(first.seq.wrapping_add(1)).is_some();
        if !behind || self.arrivals.added(at, due) <= self.max_units {
            return false;
        }
        self.packets.take(first.seq);
        self.left_out += 1;
        *turn = Turn {
            next: first.seq.wrapping_add(1),
            media: first.media + i64::from(self.packet_units),
            made_up: 0,
            quiet: turn.quiet,
            broken: true,
        };
        true
    }

    /// Nothing is held: hold the turn, for the packet may be a little late, until the sender seems to pause.
    fn starve(&mut self, turn: Turn) -> Pop<'_> {
        let most = i64::from(units(self.clock_hz, STARVED_MS_MAX).max(2 * self.packet_units));
        if turn.quiet || turn.made_up >= most {
            self.pace = None;
            self.state = State::Paused { next: turn.next };
            return Pop::Empty;
        }
        self.state = State::Playing(turn);
        Pop::Missing { next: None, units: self.packet_units }
    }
}

fn units(clock_hz: u32, ms: u32) -> u32 {
    (u64::from(clock_hz) * u64::from(ms) / 1000).max(1) as u32
}
