use tandem_model::{DropReason, SampleRate, Timestamp};

use super::receive::{Content, Heard};
use super::turn::TICK_SAMPLES_MAX;
use super::{Leg, Turn, tick_samples};
use crate::control::LegSpec;
use crate::jitter::{self, Insert, JitterConfig, Packet};
use crate::playout::{Playout, PlayoutCounts};

/// What a leg hears, made PCM at the rate its listener takes.
pub(super) struct Player {
    ssrc: Option<u32>,
    playout: Playout,
    /// At the tick played last, for the statistics.
    delay_ms: Option<f32>,
}

impl Player {
    /// None when the codec does not decode to `rate`.
    pub fn new(spec: &LegSpec, rate: SampleRate, jitter: JitterConfig) -> Option<Self> {
        let playout = Playout::new(spec.codec, rate, u32::from(spec.ptime.0), jitter)?;
        Some(Player { ssrc: None, playout, delay_ms: None })
    }

    pub fn rate(&self) -> SampleRate {
        self.playout.rate()
    }

    /// What the buffer adds to the delay of the best path, and what it aims at, in milliseconds.
    pub fn delay_ms(&self) -> (Option<f32>, f32) {
        (self.delay_ms, self.playout.wanted_ms())
    }

    pub fn insert(&mut self, now: Timestamp, heard: &Heard, payload: &[u8]) -> Insert {
        if self.ssrc != Some(heard.ssrc) {
            self.ssrc = Some(heard.ssrc);
            self.playout.reset();
        }
        let content = match heard.content {
            Content::Audio => jitter::Content::Audio(payload),
            Content::Noise => jitter::Content::Noise(payload),
            Content::Event { .. } => jitter::Content::Nothing,
        };
        let packet = Packet { sequence: heard.sequence.0, timestamp: heard.timestamp.0, marker: heard.marker, content };
        self.playout.insert(now, packet)
    }
}

impl Leg {
    /// The play spine: one tick of what this leg hears into `turn.scratch.tick`, at the rate its listener takes.
    pub fn play_out(&mut self, turn: &mut Turn<'_>) -> Option<(usize, SampleRate)> {
        // Where the peer describes its background, the noise is made of that (`play_noise`).
        let described = self.speaks_of_noise();
        let player = self.player.as_mut()?;
        player.playout.leave_pauses(described);
        let (rate, samples) = (player.rate(), tick_samples(player.rate()).min(TICK_SAMPLES_MAX));
        let mut counts = PlayoutCounts::default();
        let scratch = &mut *turn.scratch;
        player.delay_ms = player.playout.delay_ms(turn.now);
        let heard = player.playout.fill(turn.now, &mut scratch.frame, &mut scratch.tick[..samples], &mut counts);
        self.played.add(&counts);
        for _ in 0..counts.undecodable {
            self.drop_packet(turn, DropReason::Undecodable);
        }
        heard.then_some((samples, rate))
    }
}
