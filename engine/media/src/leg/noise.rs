use tandem_codecs::CodecSpec;
use tandem_model::SampleRate;

use super::turn::TICK_SAMPLES_MAX;
use super::{Leg, Turn, tick_samples};
use crate::control::LegSpec;
use crate::noise::{ComfortNoise, NoiseGenerator};

/// The background a peer tells of while it sends no audio. It is heard whenever the stream has nothing to play, from the first
/// description until audio is played again.
pub(super) struct HeardNoise {
    generator: NoiseGenerator,
    /// The last packet was a description: what is still played is from before it.
    is_latest: bool,
}

impl HeardNoise {
    /// None where comfort noise was not agreed.
    pub fn new(spec: &LegSpec) -> Option<Box<Self>> {
        let agreed = spec.comfort_noise?;
        // Any seed will do: nobody hears two of them side by side.
        let generator = NoiseGenerator::new(0x3389_0000 | u32::from(agreed.receive));
        Some(Box::new(HeardNoise { generator, is_latest: false }))
    }

    /// A description, for audio of `own` that is played at `rate`: at another rate the filter would move the spectrum, so there
    /// its level alone is taken.
    pub fn describe(&mut self, payload: &[u8], own: SampleRate, rate: SampleRate) {
        if let Some(noise) = ComfortNoise::parse(payload) {
            self.generator.set(if own == rate { noise } else { ComfortNoise::new(noise.level, &[]) });
            self.is_latest = true;
        }
    }

    /// Audio came: the noise bridges the time until it is played.
    pub fn audio_came(&mut self) {
        self.is_latest = false;
    }

    fn audio_played(&mut self) {
        if !self.is_latest {
            self.generator.stop();
        }
    }
}

impl Leg {
    /// The peer tells of silence, now or some time before.
    pub fn speaks_of_noise(&self) -> bool {
        self.receiver.noise.as_ref().is_some_and(|noise| noise.generator.is_running())
    }

    /// What there is to hear when the stream has nothing to play.
    pub(super) fn play_noise(&mut self, turn: &mut Turn<'_>) -> Option<(usize, SampleRate)> {
        let noise = self.receiver.noise.as_mut().filter(|noise| noise.generator.is_running())?;
        let rate = self.player.as_ref()?.rate();
        let samples = tick_samples(rate).min(TICK_SAMPLES_MAX);
        noise.generator.fill(&mut turn.scratch.tick[..samples]);
        Some((samples, rate))
    }

    pub(super) fn audio_was_played(&mut self) {
        if let Some(noise) = &mut self.receiver.noise {
            noise.audio_played();
        }
    }

    pub(super) fn hear_noise(&mut self, payload: &[u8]) {
        let (Some(noise), Some(spec)) = (&mut self.receiver.noise, self.spec.as_deref()) else { return };
        let own = CodecSpec::by_id(spec.codec).natural_rate;
        noise.describe(payload, own, self.player.as_ref().map_or(own, |player| player.rate()));
    }
}
