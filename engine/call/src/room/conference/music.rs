//! What conferences play that nobody recorded: made by arithmetic, so that it is nobody's work but ours.

use std::f32::consts::TAU;
use std::sync::Arc;

use tandem_media::control::Clip;
use tandem_model::SampleRate;

use super::contract::Sounds;

const RATE: SampleRate = SampleRate::HZ_8000;
/// Of one chord.
const BAR_SAMPLES: usize = 16_000;
/// Four chords, low note first, in semitones from A 220 Hz.
const BARS: [[i32; 4]; 4] = [[-9, -2, 3, 7], [-12, -5, 0, 3], [-16, -4, 0, 5], [-14, -2, 2, 5]];
/// When each note of a bar is struck, in parts of a bar.
const STRIKES: [(usize, usize); 6] = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 2), (5, 1)];
const LEVEL: f32 = 2_600.0;

impl Sounds {
    pub fn new() -> Self {
        Sounds { beep: Arc::new(beep()), music: Arc::new(music()) }
    }
}

impl Default for Sounds {
    fn default() -> Self {
        Sounds::new()
    }
}

/// A fifth of a second, with soft edges.
fn beep() -> Clip {
    const SAMPLES: usize = 1_600;
    const EDGE: usize = 160;
    let sample = |n: usize| {
        let edge = n.min(SAMPLES - 1 - n).min(EDGE) as f32 / EDGE as f32;
        (tone(880.0, n) * 5_000.0 * edge) as i16
    };
    Clip { rate: RATE, samples: (0..SAMPLES).map(sample).collect() }
}

/// Eight seconds of broken chords, whose end leads into its beginning.
fn music() -> Clip {
    let length = BAR_SAMPLES * BARS.len();
    let mut sum = vec![0.0_f32; length];
    for (bar, notes) in BARS.iter().enumerate() {
        for (strike, note) in STRIKES {
            let from = bar * BAR_SAMPLES + strike * BAR_SAMPLES / STRIKES.len();
            let hz = 220.0 * (notes[note] as f32 / 12.0).exp2();
            // Rings on for two bars, round the end of the loop.
            for n in 0..2 * BAR_SAMPLES {
                let attack = (n as f32 / 200.0).min(1.0);
                let decay = (-(n as f32) / 6_000.0).exp();
                sum[(from + n) % length] += attack * decay * (tone(hz, n) + 0.25 * tone(2.0 * hz, n));
            }
        }
    }
    let samples = sum.into_iter().map(|s| (s * LEVEL).clamp(-16_000.0, 16_000.0) as i16).collect();
    Clip { rate: RATE, samples }
}

fn tone(hz: f32, n: usize) -> f32 {
    // In turns, so that the angle stays small.
    let turns = hz * n as f32 / RATE.0 as f32;
    (turns.fract() * TAU).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_music_is_soft_never_silent_and_goes_round_without_a_click() {
        let music = music();
        assert_eq!(music.samples.len(), 64_000);
        let loudest = music.samples.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!((3_000..16_000).contains(&loudest), "{loudest}");
        for part in music.samples.chunks(800) {
            assert!(part.iter().any(|s| s.unsigned_abs() > 100));
        }
        let step = |a: i16, b: i16| (i32::from(a) - i32::from(b)).unsigned_abs();
        let steepest = music.samples.windows(2).map(|w| step(w[0], w[1])).max().unwrap();
        assert!(step(music.samples[63_999], music.samples[0]) <= steepest);
    }

    #[test]
    fn the_beep_begins_and_ends_softly() {
        let beep = beep();
        assert_eq!((beep.samples[0], beep.samples[1_599]), (0, 0));
        assert!(beep.samples.iter().any(|s| *s > 4_000));
    }
}
