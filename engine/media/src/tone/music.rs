use std::f64::consts::TAU;
use std::sync::{Arc, OnceLock};

use tandem_model::SampleRate;

use crate::control::Clip;

const RATE_HZ: usize = 8_000;
/// A quarter of a second each.
const STEP: usize = RATE_HZ / 4;
/// How long a note is heard at most; what is left of it then is no more than noise.
const NOTE: usize = 2 * RATE_HZ;
/// Peak of a note. Four sound together: about 20 dB below the loudest a codec carries, quieter than speech.
const AMPLITUDE: f64 = 2_000.0;

/// Broken chords, as semitones above A2 (110 Hz): one line a chord, its notes up and down over eight steps.
const CHORDS: [[i32; 4]; 8] = [
    [3, 10, 19, 22],
    [8, 15, 19, 24],
    [0, 12, 15, 19],
    [5, 12, 17, 20],
    [3, 10, 15, 19],
    [8, 12, 20, 24],
    [10, 17, 20, 26],
    [10, 14, 17, 22],
];
const FIGURE: [usize; 8] = [0, 1, 2, 3, 2, 1, 2, 1];

/// What those hear who wait, where nobody gives them anything else. Sixteen seconds, made once and shared by all; the end runs into
/// the beginning.
pub fn wait_music() -> Arc<Clip> {
    static CLIP: OnceLock<Arc<Clip>> = OnceLock::new();
    Arc::clone(CLIP.get_or_init(|| Arc::new(Clip { rate: SampleRate(RATE_HZ as u32), samples: compose() })))
}

fn compose() -> Vec<i16> {
    let length = CHORDS.len() * FIGURE.len() * STEP;
    let mut mix = vec![0.0; length];
    for (bar, chord) in CHORDS.iter().enumerate() {
        for (beat, &voice) in FIGURE.iter().enumerate() {
            let at = (bar * FIGURE.len() + beat) * STEP;
            let hz = 110.0 * (f64::from(chord[voice]) / 12.0).exp2();
            for n in 0..NOTE {
                // A note that rings over the end is heard at the beginning.
                mix[(at + n) % length] += AMPLITUDE * pluck(hz, n);
            }
        }
    }
    mix.into_iter().map(|sample: f64| sample.round().clamp(-32_767.0, 32_767.0) as i16).collect()
}

/// A soft string: two partials beside the tone, which die away sooner.
fn pluck(hz: f64, n: usize) -> f64 {
    let seconds = n as f64 / RATE_HZ as f64;
    let partial =
        |k: f64, share: f64, half_life: f64| share * (-seconds / half_life).exp2() * (TAU * hz * k * seconds).sin();
    // Rises in ten milliseconds and is let go at the end, against clicks.
    let rise = (seconds / 0.01).min(1.0);
    let fall = ((NOTE - n) as f64 / (0.2 * RATE_HZ as f64)).min(1.0);
    rise * fall * (partial(1.0, 0.7, 0.35) + partial(2.0, 0.25, 0.2) + partial(3.0, 0.1, 0.12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_music_is_made_once_and_goes_round_without_a_seam_or_a_hole() {
        let clip = wait_music();
        assert!(Arc::ptr_eq(&clip, &wait_music()));
        assert_eq!(clip.samples.len(), 16 * RATE_HZ);
        let step = |a: i16, b: i16| i32::from(a).abs_diff(i32::from(b));
        let largest = clip.samples.windows(2).map(|w| step(w[0], w[1])).max().unwrap();
        assert!(step(*clip.samples.last().unwrap(), clip.samples[0]) <= largest / 2);
        for (nth, part) in clip.samples.chunks(RATE_HZ / 2).enumerate() {
            let level = (part.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / part.len() as f64).sqrt();
            assert!((400.0..3_500.0).contains(&level), "half second {nth} at {level:.0}");
        }
        assert!(clip.samples.iter().all(|s| s.unsigned_abs() < 16_000), "far from clipping");
    }
}
