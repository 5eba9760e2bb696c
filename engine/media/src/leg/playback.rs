use std::sync::Arc;

use tandem_model::limits::TICK;
use tandem_model::{DropReason, SampleRate};

use super::send::{Frame, encoder_rate};
use super::turn::TICK_SAMPLES_MAX;
use super::{Leg, Turn, clock_hz, tick_samples};
use crate::control::{Clip, Event, LegSpec, PlayId, Repeat};
use crate::dtmf::keypad::digit_of;
use crate::dtmf::{EventSender, Step};
use crate::resample::Resampler;
use crate::tone::DtmfTone;

/// What a leg plays to its own peer.
pub(super) enum Playback {
    Idle,
    Clip {
        play: PlayId,
        reader: Box<ClipReader>,
    },
    /// `play` is None for a partner's digits handed on.
    Events {
        play: Option<PlayId>,
        sender: EventSender,
    },
    Tones {
        play: Option<PlayId>,
        tone: DtmfTone,
        rate: SampleRate,
    },
}

/// A clip on its way to a leg, at the rate its encoder takes.
pub(crate) struct ClipReader {
    clip: Arc<Clip>,
    position: usize,
    /// Passes still to play, this one included; None plays for ever.
    passes: Option<u32>,
    rate: SampleRate,
    resampler: Option<Resampler>,
    /// Resampled and not yet played.
    fifo: Vec<i16>,
    chunk: Vec<i16>,
}

impl Playback {
    pub fn clip(play: PlayId, clip: Arc<Clip>, repeat: Repeat, spec: Option<&LegSpec>) -> Self {
        let rate = spec.map_or(SampleRate::HZ_8000, |spec| encoder_rate(spec.codec, clip.rate));
        Playback::Clip { play, reader: Box::new(ClipReader::new(clip, repeat, rate)) }
    }

    /// None when `digits` holds something that is not a digit, or too many of them.
    pub fn digits(play: Option<PlayId>, digits: &str, spec: Option<&LegSpec>) -> Option<Self> {
        let mut playback = Self::no_digits(play, spec?);
        match &mut playback {
            Playback::Events { sender, .. } => sender.push(digits).ok()?,
            Playback::Tones { tone, .. } => tone.push(digits).ok()?,
            Playback::Idle | Playback::Clip { .. } => return None,
        }
        Some(playback)
    }

    /// One key handed on.
    pub fn key(digit: char, duration_ms: u32, spec: Option<&LegSpec>) -> Option<Self> {
        let mut playback = Self::no_digits(None, spec?);
        playback.push_key(digit, duration_ms).then_some(playback)
    }

    /// Ready for digits, in the leg's way.
    fn no_digits(play: Option<PlayId>, spec: &LegSpec) -> Self {
        match event_clock_hz(spec) {
            Some(clock_hz) => Playback::Events { play, sender: EventSender::new(clock_hz) },
            None => {
                let rate = encoder_rate(spec.codec, SampleRate::HZ_8000);
                Playback::Tones { play, tone: DtmfTone::new(rate), rate }
            }
        }
    }

    /// A re-offer may have taken the telephone-event away, or given it another clock, while digits are being sent.
    fn suit(&mut self, spec: &LegSpec) {
        let Playback::Events { play, sender } = self else { return };
        match event_clock_hz(spec) {
            Some(clock_hz) => sender.set_clock(clock_hz),
            None => {
                let (play, rest) = (*play, sender.take_rest());
                let rate = encoder_rate(spec.codec, SampleRate::HZ_8000);
                *self = Playback::Tones { play, tone: DtmfTone::with_rest(rate, rest), rate };
            }
        }
    }

    pub fn is_idle(&self) -> bool {
        matches!(self, Playback::Idle)
    }

    pub fn id(&self) -> Option<PlayId> {
        match self {
            Playback::Idle => None,
            Playback::Clip { play, .. } => Some(*play),
            Playback::Events { play, .. } | Playback::Tones { play, .. } => *play,
        }
    }

    /// Adds to digits that are being sent. False when none are, or they are too many.
    pub fn push_key(&mut self, digit: char, duration_ms: u32) -> bool {
        match self {
            Playback::Idle | Playback::Clip { .. } => false,
            Playback::Events { sender, .. } => sender.push_held(digit, duration_ms).is_ok(),
            Playback::Tones { tone, .. } => tone.push_held(digit, duration_ms).is_ok(),
        }
    }
}

/// The clock of the events that digits go out as; None where they go out as tones. Signalling wants their pace alone.
fn event_clock_hz(spec: &LegSpec) -> Option<u32> {
    if spec.dtmf_in_signalling { Some(8_000) } else { spec.dtmf.map(|dtmf| dtmf.clock_hz) }
}

impl Leg {
    /// One tick of what plays.
    pub(super) fn advance_playback(&mut self, turn: &mut Turn<'_>) {
        let mut playback = std::mem::replace(&mut self.playback, Playback::Idle);
        if let Some(spec) = self.spec() {
            playback.suit(spec);
        }
        let goes_on = match &mut playback {
            Playback::Idle => true,
            Playback::Clip { reader, .. } => self.play_clip(turn, reader),
            Playback::Events { sender, .. } => self.play_events(turn, sender),
            Playback::Tones { tone, rate, .. } => self.play_tones(turn, tone, *rate),
        };
        if goes_on {
            self.playback = playback;
        } else if let Some(play) = playback.id() {
            turn.events.push(Event::PlayDone { leg: self.id, play, completed: true });
        }
    }

    fn play_clip(&mut self, turn: &mut Turn<'_>, reader: &mut ClipReader) -> bool {
        if let Some(spec) = self.spec.as_deref() {
            reader.set_rate(encoder_rate(spec.codec, reader.clip.rate));
        }
        let mut pcm = [0; TICK_SAMPLES_MAX];
        let pcm = &mut pcm[..tick_samples(reader.rate).min(TICK_SAMPLES_MAX)];
        let goes_on = reader.fill(pcm);
        if goes_on {
            self.send_pcm(turn, pcm, reader.rate);
        }
        goes_on
    }

    fn play_tones(&mut self, turn: &mut Turn<'_>, tone: &mut DtmfTone, rate: SampleRate) -> bool {
        let mut pcm = [0; TICK_SAMPLES_MAX];
        let pcm = &mut pcm[..tick_samples(rate).min(TICK_SAMPLES_MAX)];
        let goes_on = tone.fill(pcm);
        if goes_on {
            self.send_pcm(turn, pcm, rate);
        }
        goes_on
    }

    fn play_events(&mut self, turn: &mut Turn<'_>, events: &mut EventSender) -> bool {
        let Some(spec) = self.spec.as_deref() else { return false };
        let (dtmf, clock_hz) = (spec.dtmf.filter(|_| !spec.dtmf_in_signalling), clock_hz(spec));
        // Time goes on by ticks here, whatever the packet time of the audio.
        let units = (u64::from(clock_hz) * TICK.as_millis() as u64 / 1_000) as u32;
        let now_ts = self.sender.cursor.timestamp_at(turn.now, clock_hz);
        match (events.step(now_ts.0), dtmf) {
            (Step::Idle, _) => return false,
            (Step::Pause, _) => self.sender.cursor.pass(turn.now, now_ts, units),
            (Step::Packet { marker, payload, held_ms, .. }, None) => {
                if let Some(digit) = digit_of(payload[0]).filter(|_| marker) {
                    turn.events.push(Event::DigitForPeer { leg: self.id, digit, duration_ms: held_ms });
                    self.sender.digits += 1;
                }
                self.sender.cursor.pass(turn.now, now_ts, units);
            }
            (Step::Packet { marker, timestamp, payload, finished, .. }, Some(dtmf)) => {
                if marker {
                    // Audio that waits for a whole packet is older than the digit.
                    self.sender.forget_pending();
                }
                let frame = Frame {
                    payload_type: dtmf.payload_type_send,
                    marker,
                    sequence: self.sender.cursor.sequence,
                    timestamp: tandem_model::RtpTime(timestamp),
                    units,
                };
                self.packetise(turn, frame, |room| {
                    room.get_mut(..payload.len()).ok_or(DropReason::SendFailed)?.copy_from_slice(&payload);
                    Ok(payload.len())
                });
                // The packets of an event all bear its start; the audio behind it goes on from now.
                self.sender.cursor.pass(turn.now, now_ts, units);
                self.sender.digits += u64::from(finished);
            }
        }
        true
    }
}

impl ClipReader {
    pub fn new(clip: Arc<Clip>, repeat: Repeat, rate: SampleRate) -> Self {
        let passes = match repeat {
            Repeat::Times(times) => Some(times),
            Repeat::Forever => None,
        };
        let mut reader =
            ClipReader { clip, position: 0, passes, rate, resampler: None, fifo: Vec::new(), chunk: Vec::new() };
        reader.prepare();
        reader
    }

    /// The leg may have been re-configured while the clip plays.
    pub fn set_rate(&mut self, rate: SampleRate) {
        if self.rate != rate {
            self.rate = rate;
            self.prepare();
        }
    }

    fn prepare(&mut self) {
        self.fifo.clear();
        self.resampler =
            (self.clip.rate != self.rate && self.clip.rate.0 > 0).then(|| Resampler::new(self.clip.rate, self.rate));
        if let Some(resampler) = &self.resampler {
            let room = resampler.output_max(self.chunk_samples());
            self.chunk.resize(room, 0);
            self.fifo.reserve(room + TICK_SAMPLES_MAX);
        }
    }

    /// Input of one tick, at least one sample.
    fn chunk_samples(&self) -> usize {
        tick_samples(self.clip.rate).max(1)
    }

    /// Fills `pcm`, with silence behind the end. False when nothing was left to play.
    pub fn fill(&mut self, pcm: &mut [i16]) -> bool {
        let mut filled = 0;
        while filled < pcm.len() {
            let n = self.take(&mut pcm[filled..]);
            if n == 0 {
                break;
            }
            filled += n;
        }
        pcm[filled..].fill(0);
        filled > 0
    }

    fn take(&mut self, out: &mut [i16]) -> usize {
        if self.resampler.is_none() {
            let Some(rest) = self.rest() else { return 0 };
            let n = rest.len().min(out.len());
            out[..n].copy_from_slice(&rest[..n]);
            self.position += n;
            return n;
        }
        // The resampler may hold its first samples back: feed it until it gives some.
        while self.fifo.is_empty() {
            let max = self.chunk_samples();
            if self.rest().is_none() {
                return 0;
            }
            let clip = Arc::clone(&self.clip);
            let input = &clip.samples[self.position..];
            let input = &input[..input.len().min(max)];
            self.position += input.len();
            let Some(resampler) = &mut self.resampler else { return 0 };
            let n = resampler.process(input, &mut self.chunk);
            self.fifo.extend_from_slice(&self.chunk[..n]);
        }
        let n = self.fifo.len().min(out.len());
        out[..n].copy_from_slice(&self.fifo[..n]);
        self.fifo.copy_within(n.., 0);
        self.fifo.truncate(self.fifo.len() - n);
        n
    }

    /// What is left of this pass, or the next one; None at the end, and at once for an empty clip.
    fn rest(&mut self) -> Option<&[i16]> {
        if self.passes == Some(0) || self.clip.samples.is_empty() {
            return None;
        }
        if self.position >= self.clip.samples.len() {
            self.position = 0;
            if let Some(passes) = &mut self.passes {
                *passes -= 1;
                if *passes == 0 {
                    return None;
                }
            }
        }
        self.clip.samples.get(self.position..)
    }
}
