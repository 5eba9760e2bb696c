use tandem_codecs::{CodecId, CodecSpec, Decoder};
use tandem_model::limits::TICK;
use tandem_model::{SampleRate, Timestamp};

use super::counts::PlayoutCounts;
use super::line::Line;
use crate::conceal::{Background, Concealer};
use crate::jitter::{Insert, JitterBuffer, JitterConfig, Packet, Pop};
use crate::stretch::{Allowance, Stretcher};

/// 120 ms at the highest rate: the longest frame a codec can hand over (RFC 6716 section 2.1.4).
pub const FRAME_SAMPLES_MAX: usize = 5_760;
const FRAME_MS_MAX: usize = 120;
/// A tick takes at most this many steps: eight packets of 2.5 ms are the most it holds, and each may bring a gap.
const STEPS_PER_TICK_MAX: usize = 16;
/// Encoded audio kept, in milliseconds: the longest delay and a burst behind a stall.
const ROOM_MS: u32 = 500;
/// Compressed audio needs no more than this: 500 ms at 128 kbit/s.
const ROOM_BYTES_COMPRESSED: usize = 8 * 1024;
/// A payload this short says that the sender pauses (RFC 6716 section 2.1.9, as libopus does it).
const PAUSE_BYTES_MAX: usize = 2;
/// How long a pause is filled with comfort noise: as long as the sender may be thought to be there. Then nothing is
/// played, as before the first packet.
const NOISE_MS_MAX: u64 = 10_000;
const TICK_MS: i64 = TICK.as_millis() as i64 + 1;
/// A likeness that no two pieces have.
const SILENCE_ONLY: f32 = 2.0;
/// Below this mean square everything passes for silence, whatever the background: -60 dBov.
const QUIET: f32 = 33.0 * 33.0;
/// Between two changes of length, in ticks, and the surplus above which there is no waiting.
const STRETCH_EVERY_TICKS: u8 = 3;
const HURRY_MS: i64 = 40;
/// A smaller surplus is left alone.
const SURPLUS_MS_MIN: i64 = 4;
/// A surplus up to a tick waits this long, in ticks, for a silence to go in.
const PATIENCE_TICKS: u8 = 150;

/// Plays one stream: holds packets back for as long as they need, decodes, makes up for what is missing, and keeps
/// the delay where it is wanted by playing a little faster or slower.
///
/// A sender that pauses (DTX, RFC 3551 section 4.1; RFC 3389) is heard as comfort noise at the level learned from it, for
/// up to ten seconds after its last packet: a far end that hears nothing at all takes the call for dead.
pub struct Playout {
    rate: SampleRate,
    clock_hz: u32,
    jitter: JitterBuffer,
    decoder: Box<dyn Decoder>,
    line: Line,
    concealer: Concealer,
    background: Background,
    stretcher: Stretcher,
    /// When the last packet came; None before the first, and when the pause became too long.
    last_packet: Option<Timestamp>,
    /// Something was played already.
    started: bool,
    /// Somebody else fills the sender's pauses.
    leaves_pauses: bool,
    rest_ticks: u8,
    /// How long there has been a surplus.
    surplus_ticks: u8,
    seen: (u64, u64),
}

/// What one step brought.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Audio,
    MadeUp,
    Nothing,
}

impl Playout {
    /// None when the codec does not decode to `rate`. `ptime_ms` is believed until packets show another.
    pub fn new(codec: CodecId, rate: SampleRate, ptime_ms: u32, config: JitterConfig) -> Option<Self> {
        let spec = CodecSpec::by_id(codec);
        // Samples need at most two bytes each at their own clock.
        let room = match codec {
            CodecId::Opus => ROOM_BYTES_COMPRESSED,
            _ => (2 * spec.clock_hz * ROOM_MS / 1_000) as usize,
        };
        let concealer = Concealer::new(rate);
        let stretcher = Stretcher::new(rate);
        let ms = rate.0 as usize / 1_000;
        let past = concealer.reach().max(stretcher.reach());
        Some(Playout {
            rate,
            clock_hz: spec.clock_hz,
            jitter: JitterBuffer::new(spec.clock_hz, ptime_ms, room.max(ROOM_BYTES_COMPRESSED), config),
            decoder: (spec.decoder)(rate).ok()?,
            line: Line::new(past, (FRAME_MS_MAX + 2 * TICK.as_millis() as usize) * ms + stretcher.longest()),
            concealer,
            background: Background::new(rate),
            stretcher,
            last_packet: None,
            started: false,
            leaves_pauses: false,
            rest_ticks: 0,
            surplus_ticks: 0,
            seen: (0, 0),
        })
    }

    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Whether somebody else fills the sender's pauses: who heard its own description of its background (RFC 3389).
    pub fn leave_pauses(&mut self, leave: bool) {
        self.leaves_pauses = leave;
    }

    pub fn insert(&mut self, now: Timestamp, packet: Packet<'_>) -> Insert {
        self.last_packet = Some(now);
        self.jitter.insert(now, packet)
    }

    /// Another stream takes over: its packets have nothing to do with those before. What waits is still played.
    pub fn reset(&mut self) {
        self.jitter.reset();
        self.decoder.reset();
    }

    /// What the buffer adds to the delay of the best path, in milliseconds; None while nothing plays.
    pub fn delay_ms(&self, now: Timestamp) -> Option<f32> {
        self.jitter.delay_ms(now, self.held_units())
    }

    /// What it aims at, in milliseconds.
    pub fn wanted_ms(&self) -> f32 {
        self.jitter.wanted_ms()
    }

    /// Fills one tick (exactly, whatever the packets). False when there is nothing to play: then nothing is to be sent either.
    /// `frame` is room for one decoded frame, [`FRAME_SAMPLES_MAX`]; it holds nothing between calls.
    pub fn fill(&mut self, now: Timestamp, frame: &mut [i16], tick: &mut [i16], counts: &mut PlayoutCounts) -> bool {
        let (mut made_up, mut shortened) = (false, false);
        self.rest_ticks = self.rest_ticks.saturating_sub(1);
        for _ in 0..STEPS_PER_TICK_MAX {
            if self.line.ahead() >= tick.len() {
                if made_up || shortened || !self.shorten(counts) {
                    break;
                }
                shortened = true;
                continue;
            }
            match self.step(now, frame, tick.len(), counts) {
                Step::Audio => {}
                Step::MadeUp => made_up = true,
                Step::Nothing => break,
            }
        }
        let missing = tick.len().saturating_sub(self.line.ahead());
        if missing > 0 {
            if self.line.ahead() == 0 && !self.fills_pauses(now) {
                return false;
            }
            // The last of the audio, or more steps than a tick may take: the rest is made up.
            counts.noise += missing as u64;
            self.make_up(&mut frame[..missing.min(FRAME_SAMPLES_MAX)]);
        } else if !made_up && !shortened {
            self.lengthen(counts);
        }
        self.take(tick, counts)
    }

    fn take(&mut self, tick: &mut [i16], counts: &mut PlayoutCounts) -> bool {
        counts.played += self.line.take(tick) as u64;
        let (concealed, left_out) = (self.jitter.packets_concealed(), self.jitter.left_out());
        counts.packets_concealed += concealed - self.seen.0;
        counts.packets_discarded += left_out - self.seen.1;
        self.seen = (concealed, left_out);
        true
    }

    /// Pop, then decode, recover, conceal or fill the pause.
    fn step(&mut self, now: Timestamp, frame: &mut [i16], tick: usize, counts: &mut PlayoutCounts) -> Step {
        let held = self.held_units();
        let wanted = tick - self.line.ahead();
        let packet = self.samples(self.jitter.packet_units()).clamp(1, frame.len());
        match self.jitter.pop(now, held) {
            Pop::Frame { payload, skip, broken } => {
                let pauses = payload.len() <= PAUSE_BYTES_MAX;
                let Ok(samples) = self.decoder.decode(payload, frame) else {
                    counts.undecodable += 1;
                    counts.concealed += packet as u64;
                    self.make_up(&mut frame[..packet]);
                    return Step::MadeUp;
                };
                self.jitter.lasted(self.units(samples));
                if pauses {
                    self.jitter.pauses();
                }
                let skip = self.samples(skip).min(samples);
                self.hear(&mut frame[skip..samples], broken, counts);
                self.started = true;
                Step::Audio
            }
            Pop::Missing { next, units } => {
                let missing = (u64::from(units) * u64::from(self.rate.0) / u64::from(self.clock_hz)) as usize;
                let recovered = next.and_then(|next| self.decoder.decode_fec(next, &mut frame[..packet]));
                if let Some(samples) = recovered.map(|n| n.min(packet)) {
                    counts.packets_recovered += 1;
                    let skip = samples.saturating_sub(missing);
                    self.jitter.concealed(units, true);
                    self.hear(&mut frame[skip..samples], false, counts);
                    return Step::Audio;
                }
                let samples = self.conceal(frame, wanted, missing);
                self.jitter.concealed(self.units(samples), false);
                counts.concealed += samples as u64;
                Step::MadeUp
            }
            Pop::Noise { .. } => {
                // The sender pauses. Its description was heard when it came: see `leave_pauses`.
                Step::Audio
            }
            Pop::Empty => {
                if !self.fills_pauses(now) {
                    return Step::Nothing;
                }
                let samples = self.fill_pause(frame, wanted);
                counts.noise += samples as u64;
                Step::MadeUp
            }
        }
    }

    /// Makes up for what is missing: by the codec in whole steps of 10 ms, else on PCM and exactly.
    fn conceal(&mut self, frame: &mut [i16], wanted: usize, missing: usize) -> usize {
        let step = self.rate.0 as usize / 100;
        let whole = wanted.min(missing).max(1).div_ceil(step) * step;
        if whole <= frame.len() && self.decoder.conceal(&mut frame[..whole]) {
            self.line.append(&frame[..whole]);
            self.concealer.end();
            return whole;
        }
        let exact = wanted.min(missing).clamp(1, frame.len());
        self.make_up(&mut frame[..exact]);
        exact
    }

    /// The sender pauses: the codec's own idea of that, else what was heard fades into comfort noise.
    fn fill_pause(&mut self, frame: &mut [i16], wanted: usize) -> usize {
        self.conceal(frame, wanted, usize::MAX)
    }

    fn make_up(&mut self, pcm: &mut [i16]) {
        self.concealer.conceal(self.line.known(), pcm, &mut self.background);
        self.line.append(pcm);
    }

    /// Appends what came, joined to what was made up before it.
    fn hear(&mut self, pcm: &mut [i16], broken: bool, counts: &mut PlayoutCounts) {
        self.background.learn(pcm);
        if pcm.is_empty() || !(self.concealer.is_active() || broken) {
            return self.line.append(pcm);
        }
        // Leaving out is free only while the delay can spare it.
        let spare = self.samples(u32::try_from(self.jitter.surplus()).unwrap_or(0));
        let joined = self.concealer.join(self.line.known(), pcm, spare, &mut self.background);
        counts.concealed += joined.lead as u64;
        self.line.append(self.concealer.lead(joined));
        self.line.append(&pcm[joined.skip..]);
        let moved = joined.lead as i64 - joined.skip as i64;
        self.jitter.stretched(moved * i64::from(self.clock_hz) / i64::from(self.rate.0));
    }

    /// Takes a little out when the delay is longer than it need be. True when it did.
    fn shorten(&mut self, counts: &mut PlayoutCounts) -> bool {
        let surplus = self.jitter.surplus();
        let ms = surplus * 1_000 / i64::from(self.clock_hz);
        if ms < SURPLUS_MS_MIN {
            self.surplus_ticks = 0;
            return false;
        }
        self.surplus_ticks = self.surplus_ticks.saturating_add(1);
        if self.rest_ticks > 0 && ms < HURRY_MS {
            return false;
        }
        self.rest_ticks = STRETCH_EVERY_TICKS;
        let likeness = match ms {
            0..TICK_MS if self.surplus_ticks < PATIENCE_TICKS => SILENCE_ONLY,
            0..HURRY_MS => 0.9,
            HURRY_MS..80 => 0.75,
            _ => 0.5,
        };
        let allowance = Allowance { samples: self.samples(surplus as u32), likeness, quiet: self.quiet() };
        let (pcm, at, len) = self.line.stretchable(0);
        let cut = self.stretcher.shorten(&mut pcm[..len], at, allowance);
        counts.accelerated += cut as u64;
        self.stretched(-(cut as i64));
        cut > 0
    }

    /// Adds a little when the delay is too short for the jitter there is.
    fn lengthen(&mut self, counts: &mut PlayoutCounts) {
        let deficit = -self.jitter.surplus();
        let ms = deficit * 1_000 / i64::from(self.clock_hz);
        if deficit <= 0 || (self.rest_ticks > 0 && ms < HURRY_MS) {
            return;
        }
        self.rest_ticks = STRETCH_EVERY_TICKS;
        let likeness = if ms < HURRY_MS { 0.85 } else { 0.6 };
        let allowance = Allowance { samples: self.samples(deficit as u32), likeness, quiet: self.quiet() };
        let (pcm, at, len) = self.line.stretchable(self.stretcher.longest());
        let added = self.stretcher.lengthen(pcm, at, len, allowance);
        counts.expanded += added as u64;
        self.stretched(added as i64);
    }

    fn stretched(&mut self, by: i64) {
        if by != 0 {
            self.line.stretched(by);
            self.jitter.stretched(by * i64::from(self.clock_hz) / i64::from(self.rate.0));
        }
    }

    fn quiet(&self) -> f32 {
        QUIET.max(self.background.energy() * 2.0)
    }

    fn fills_pauses(&self, now: Timestamp) -> bool {
        self.started
            && !self.leaves_pauses
            && self.last_packet.is_some_and(|last| now.since(last).as_millis() < u128::from(NOISE_MS_MAX))
    }

    fn held_units(&self) -> u32 {
        self.units(self.line.ahead())
    }

    fn units(&self, samples: usize) -> u32 {
        (samples as u64 * u64::from(self.clock_hz) / u64::from(self.rate.0)) as u32
    }

    fn samples(&self, units: u32) -> usize {
        (u64::from(units) * u64::from(self.rate.0) / u64::from(self.clock_hz)) as usize
    }
}
