use tandem_model::Dbov;

/// Tells sound from silence, tick by tick, by level alone: what trims a recording and ends it when nobody speaks any more.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Mean square of the samples from which a tick is loud.
    threshold: f32,
    loud_ticks: u32,
}

/// Shorter sounds are clicks.
const ONSET_TICKS: u32 = 2;

impl Activity {
    /// Between a quiet voice, some −35 dBov, and a noisy line, some −50.
    pub const THRESHOLD: Dbov = Dbov(-44);

    pub fn new(threshold: Dbov) -> Self {
        let amplitude = 32_768.0 * 10f32.powf(f32::from(threshold.0) / 20.0);
        Activity { threshold: amplitude * amplitude, loud_ticks: 0 }
    }

    /// Whether there is sound in this tick; for a sound that begins, from its second tick on.
    pub fn take<'a>(&mut self, tracks: impl IntoIterator<Item = &'a [i16]>) -> bool {
        if tracks.into_iter().any(|track| self.is_loud(track)) {
            self.loud_ticks = self.loud_ticks.saturating_add(1);
        } else {
            self.loud_ticks = 0;
        }
        self.loud_ticks >= ONSET_TICKS
    }

    fn is_loud(&self, samples: &[i16]) -> bool {
        let energy: f32 = samples.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
        energy > self.threshold * samples.len().max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_is_sound_and_noise_and_clicks_are_not() {
        let mut activity = Activity::new(Activity::THRESHOLD);
        let (voice, noise) = ([600; 160], [100; 160]);
        let mut take = |tick: &[i16]| activity.take([tick]);
        assert_eq!(
            [&voice, &noise, &voice, &voice, &voice, &noise].map(|t| take(t)),
            [false, false, false, true, true, false]
        );
        assert!(!take(&[]) && !take(&[0; 160]));
        assert!(!activity.take([&noise[..], &voice]) && activity.take([&voice[..], &noise]));
    }
}
