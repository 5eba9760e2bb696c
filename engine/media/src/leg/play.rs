use tandem_codecs::{CodecSpec, Decoder};
use tandem_model::{DropReason, SampleRate, Timestamp};

use super::receive::Heard;
use super::turn::{FRAME_SAMPLES_MAX, TICK_SAMPLES_MAX};
use super::{Leg, Turn, clock_hz, tick_samples};
use crate::conceal::Concealer;
use crate::control::LegSpec;
use crate::jitter::{Insert, JitterBuffer, JitterConfig, Pop};

/// A tick takes at most this many packets: eight of 2.5 ms, the shortest there are.
const POPS_PER_TICK_MAX: usize = 8;

/// What a leg hears, made PCM at the rate its listener takes.
pub(super) struct Player {
    rate: SampleRate,
    ssrc: Option<u32>,
    jitter: JitterBuffer,
    decoder: Box<dyn Decoder>,
    concealer: Concealer,
    /// Decoded and not yet played.
    fifo: Vec<i16>,
}

/// What one tick came to.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    concealed: u64,
    undecodable: u64,
}

impl Player {
    /// None when the codec does not decode to `rate`.
    pub fn new(spec: &LegSpec, rate: SampleRate) -> Option<Self> {
        Some(Player {
            rate,
            ssrc: None,
            jitter: JitterBuffer::new(clock_hz(spec), u32::from(spec.ptime.0), JitterConfig::default()),
            decoder: (CodecSpec::by_id(spec.codec).decoder)(rate).ok()?,
            concealer: Concealer::new(rate),
            fifo: Vec::with_capacity(FRAME_SAMPLES_MAX + TICK_SAMPLES_MAX),
        })
    }

    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    pub fn insert(&mut self, now: Timestamp, heard: &Heard, audio: &[u8]) -> Insert {
        if self.ssrc != Some(heard.ssrc) {
            self.ssrc = Some(heard.ssrc);
            self.jitter.reset();
        }
        self.jitter.insert(now, heard.sequence.0, heard.timestamp.0, heard.marker, audio)
    }

    /// Fills one tick. False when there is nothing to play: then nothing is sent either.
    fn fill(
        &mut self,
        now: Timestamp,
        frame: &mut [i16; FRAME_SAMPLES_MAX],
        tick: &mut [i16],
        tally: &mut Tally,
    ) -> bool {
        for _ in 0..POPS_PER_TICK_MAX {
            if self.fifo.len() >= tick.len() || !self.decode_next(now, frame, tally) {
                break;
            }
        }
        if self.fifo.is_empty() {
            return false;
        }
        let n = self.fifo.len().min(tick.len());
        tick[..n].copy_from_slice(&self.fifo[..n]);
        tick[n..].fill(0);
        self.fifo.copy_within(n.., 0);
        self.fifo.truncate(self.fifo.len() - n);
        true
    }

    /// Pop, then decode or conceal. False when the jitter buffer has nothing due.
    fn decode_next(&mut self, now: Timestamp, frame: &mut [i16; FRAME_SAMPLES_MAX], tally: &mut Tally) -> bool {
        let lost_samples =
            (self.rate.0 as usize * self.jitter.packet_ms() as usize / 1_000).clamp(1, FRAME_SAMPLES_MAX);
        let samples = match self.jitter.pop(now) {
            Pop::Empty => return false,
            Pop::Frame { payload, .. } => match self.decoder.decode(payload, frame) {
                Ok(samples) => {
                    self.concealer.good(&mut frame[..samples]);
                    samples
                }
                Err(_) => {
                    tally.undecodable += 1;
                    self.concealer.conceal(&mut frame[..lost_samples]);
                    lost_samples
                }
            },
            Pop::Missing { next } => {
                tally.concealed += 1;
                let recovered = next.and_then(|next| self.decoder.decode_fec(next, &mut frame[..lost_samples]));
                match recovered {
                    Some(samples) => samples,
                    None if self.decoder.conceal(&mut frame[..lost_samples]) => lost_samples,
                    None => {
                        self.concealer.conceal(&mut frame[..lost_samples]);
                        lost_samples
                    }
                }
            }
        };
        let room = self.fifo.capacity() - self.fifo.len();
        self.fifo.extend_from_slice(&frame[..samples.min(room)]);
        samples > 0
    }
}

impl Leg {
    /// The play spine: one tick of what this leg hears into `turn.scratch.tick`, at the rate its listener takes.
    pub fn play_out(&mut self, turn: &mut Turn<'_>) -> Option<(usize, SampleRate)> {
        let player = self.player.as_mut()?;
        let (rate, samples) = (player.rate, tick_samples(player.rate).min(TICK_SAMPLES_MAX));
        let mut tally = Tally::default();
        let scratch = &mut *turn.scratch;
        let heard = player.fill(turn.now, &mut scratch.frame, &mut scratch.tick[..samples], &mut tally);
        self.concealed += tally.concealed;
        for _ in 0..tally.undecodable {
            self.drop_packet(turn, DropReason::Undecodable);
        }
        heard.then_some((samples, rate))
    }
}
