use tandem_model::limits::TICK;

/// Above the background by so much is speech; below this nothing is.
const ABOVE_NOISE_DB: f32 = 9.0;
const SPEECH_MIN_DBOV: f32 = -52.0;
/// The background is learnt downwards at once and upwards slowly, so that speech is not taken for it.
const NOISE_RISE_DB_PER_TICK: f32 = 0.06;
const NOISE_START_DBOV: f32 = -60.0;
const NOISE_MIN_DBOV: f32 = -80.0;
const NOISE_MAX_DBOV: f32 = -35.0;
/// Speech goes on through the pauses between words.
const HANGOVER_TICKS: u32 = 400 / TICK.as_millis() as u32;
/// Somebody speaks, and has not only coughed, after so much speech in a row or nearly.
const SPEAKING_TICKS: u32 = 120 / TICK.as_millis() as u32;

/// Who speaks, from the loudness of each 20 ms: an energy detector over a learnt background.
#[derive(Clone, Debug)]
pub struct Activity {
    noise_dbov: f32,
    level_dbov: f32,
    hangover: u32,
    /// Ticks with speech, less those without, within 0..=SPEAKING_TICKS.
    evidence: u32,
    speaking: bool,
}

impl Default for Activity {
    fn default() -> Self {
        Activity { noise_dbov: NOISE_START_DBOV, level_dbov: NOISE_MIN_DBOV, hangover: 0, evidence: 0, speaking: false }
    }
}

impl Activity {
    /// Takes one tick of sound; None is silence.
    pub fn hear(&mut self, pcm: Option<&[i16]>) {
        let now = pcm.map_or(f32::NEG_INFINITY, level_dbov).max(NOISE_MIN_DBOV);
        // Up at once, down in about 100 ms.
        self.level_dbov = now.max(self.level_dbov + (now - self.level_dbov) * 0.2);
        let speech = now > (self.noise_dbov + ABOVE_NOISE_DB).max(SPEECH_MIN_DBOV);
        if pcm.is_some() {
            let risen = self.noise_dbov + NOISE_RISE_DB_PER_TICK;
            self.noise_dbov = now.min(risen).clamp(NOISE_MIN_DBOV, NOISE_MAX_DBOV);
        }
        if speech {
            self.hangover = HANGOVER_TICKS;
            self.evidence = (self.evidence + 1).min(SPEAKING_TICKS);
        } else {
            self.hangover = self.hangover.saturating_sub(1);
            self.evidence = self.evidence.saturating_sub(1);
        }
        self.speaking = self.hangover > 0 && (self.speaking || self.evidence >= SPEAKING_TICKS);
    }

    /// There is speech, or was a moment ago: to be heard from its first 20 ms on.
    pub fn is_active(&self) -> bool {
        self.hangover > 0
    }

    /// There is speech that lasts: to be told to applications.
    pub fn is_speaking(&self) -> bool {
        self.speaking
    }

    /// Loudness lately, in dB below overload.
    pub fn level_dbov(&self) -> f32 {
        self.level_dbov
    }
}

/// Root mean square in dB below a full-scale square wave (RFC 6464 section 3); negative infinity for silence.
pub fn level_dbov(pcm: &[i16]) -> f32 {
    let energy: i64 = pcm.iter().map(|&s| i64::from(s) * i64::from(s)).sum();
    10.0 * (energy as f32 / pcm.len().max(1) as f32 / (32_768.0 * 32_768.0)).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_model::{Entropy, SeedEntropy};

    fn noise(seed: u64, amplitude: i32) -> Vec<i16> {
        let mut entropy = SeedEntropy::new(seed);
        (0..160).map(|_| (entropy.next_u32() as i32 % (amplitude + 1)) as i16).collect()
    }

    fn hear(activity: &mut Activity, ticks: u64, amplitude: i32) {
        (0..ticks).for_each(|n| activity.hear(Some(&noise(n, amplitude))));
    }

    #[test]
    fn a_full_scale_square_wave_is_0_dbov() {
        assert!(level_dbov(&[i16::MIN; 160]).abs() < 0.01);
        assert_eq!(level_dbov(&[0; 160]), f32::NEG_INFINITY);
        assert!((level_dbov(&[328; 160]) + 40.0).abs() < 0.1);
    }

    #[test]
    fn speech_stands_out_of_its_own_background_and_lasts_through_a_pause() {
        for background in [0, 30, 300] {
            let mut activity = Activity::default();
            hear(&mut activity, 500, background);
            assert!(!activity.is_active(), "background {background}");
            hear(&mut activity, 1, 8_000);
            assert!(activity.is_active() && !activity.is_speaking(), "heard at once, told later");
            hear(&mut activity, 10, 8_000);
            assert!(activity.is_speaking());
            hear(&mut activity, 15, background);
            assert!(activity.is_speaking(), "300 ms are a pause between words");
            hear(&mut activity, 10, background);
            assert!(!activity.is_speaking() && !activity.is_active());
        }
    }

    #[test]
    fn a_cough_is_not_told_and_steady_noise_becomes_background() {
        let mut activity = Activity::default();
        hear(&mut activity, 100, 20);
        hear(&mut activity, 3, 8_000);
        hear(&mut activity, 5, 20);
        assert!(!activity.is_speaking());
        // A fan that is switched on: half a minute later nobody takes it for speech.
        hear(&mut activity, 1_500, 400);
        assert!(!activity.is_active() && !activity.is_speaking());
    }

    #[test]
    fn nothing_heard_is_silence() {
        let mut activity = Activity::default();
        hear(&mut activity, 10, 8_000);
        (0..25).for_each(|_| activity.hear(None));
        assert!(!activity.is_active() && activity.level_dbov() < -60.0);
    }
}
