use std::f64::consts::{PI, TAU};
use std::sync::{Arc, OnceLock};

use tandem_model::{Country, SampleRate};

use super::plan::{Sound, Tone, plan};
use crate::control::Clip;

/// Enough for anything below 3.4 kHz; legs resample it to what they send.
const RATE_HZ: u32 = 8_000;
/// Peak of a whole tone: −10 dBm0 as one sine (ITU-T E.180 section 7), where a full-scale sine is +3.17 dBm0.
const AMPLITUDE: f64 = 7_192.0;
/// Rise and fall of each burst, against clicks.
const RAMP_MS: u32 = 4;
/// How deep a beating tone fades.
const DEPTH: f64 = 0.85;

/// One whole period of a tone's cadence: played for ever it has no seam.
pub fn progress_clip(tone: Tone) -> Clip {
    let mut samples = Vec::new();
    for &(on_ms, off_ms) in tone.cadence {
        let (on, off) = (samples_of(on_ms), samples_of(off_ms));
        // What never pauses closes on itself; everything else begins and ends in silence.
        let ramp = if off == 0 { 0 } else { samples_of(RAMP_MS) };
        samples.extend((0..on).map(|n| sample(tone.sound, n, on, ramp)));
        samples.resize(samples.len() + off, 0);
    }
    Clip { rate: SampleRate(RATE_HZ), samples }
}

/// What a caller hears while a telephone of that country rings. Made once.
pub fn ringback(country: Country) -> Arc<Clip> {
    static CLIPS: [OnceLock<Arc<Clip>>; Country::ALL.len()] = [const { OnceLock::new() }; Country::ALL.len()];
    let made = || Arc::new(progress_clip(plan(country).ringback));
    match CLIPS.get(country as usize) {
        Some(clip) => Arc::clone(clip.get_or_init(made)),
        None => made(),
    }
}

/// The beep before a recording: 1,400 Hz for half a second.
pub fn record_beep() -> Clip {
    notes(&[(1_400, 500)])
}

/// Somebody came into a conference: two notes up.
pub fn enter_beep() -> Clip {
    notes(&[(587, 120), (784, 160)])
}

/// Somebody left it: the same down.
pub fn exit_beep() -> Clip {
    notes(&[(784, 120), (587, 160)])
}

fn notes(notes: &[(u16, u32)]) -> Clip {
    let ramp = samples_of(RAMP_MS);
    let mut samples = Vec::new();
    for &(hz, ms) in notes {
        let on = samples_of(ms);
        samples.extend((0..on).map(|n| sample(Sound::One(hz), n, on, ramp)));
    }
    Clip { rate: SampleRate(RATE_HZ), samples }
}

fn samples_of(ms: u32) -> usize {
    (ms * (RATE_HZ / 1_000)) as usize
}

fn sample(sound: Sound, n: usize, on: usize, ramp: usize) -> i16 {
    let sine = |hz: u16| (TAU * f64::from(hz) * (n % RATE_HZ as usize) as f64 / f64::from(RATE_HZ)).sin();
    let wave = match sound {
        Sound::One(hz) => sine(hz),
        // Together as strong as one.
        Sound::Two(a, b) => (sine(a) + sine(b)) / 2f64.sqrt(),
        Sound::Beating(hz, by) => sine(hz) * (1.0 + DEPTH * sine(by)) / (1.0 + DEPTH * DEPTH / 2.0).sqrt(),
    };
    let edge = (n + 1).min(on - n);
    let gain = if edge >= ramp { 1.0 } else { 0.5 - 0.5 * (PI * edge as f64 / ramp as f64).cos() };
    (wave * gain * AMPLITUDE).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Power of one frequency, as a share of all.
    fn share(pcm: &[i16], hz: f64) -> f64 {
        let part = |f: fn(f64) -> f64| -> f64 {
            pcm.iter().enumerate().map(|(n, &s)| f64::from(s) * f(TAU * hz * n as f64 / f64::from(RATE_HZ))).sum()
        };
        let energy: f64 = pcm.iter().map(|&s| f64::from(s).powi(2)).sum();
        2.0 * (part(f64::cos).powi(2) + part(f64::sin).powi(2)) / (energy * pcm.len() as f64)
    }

    fn tones() -> impl Iterator<Item = (Country, Tone)> {
        Country::ALL.iter().flat_map(|&country| {
            let plan = plan(country);
            [plan.ringback, plan.busy, plan.congestion, plan.dial].map(|tone| (country, tone))
        })
    }

    #[test]
    fn every_tone_has_its_cadence_and_its_frequencies() {
        for (country, tone) in tones() {
            let clip = progress_clip(tone);
            let whole: u32 = tone.cadence.iter().map(|(on, off)| on + off).sum();
            assert_eq!(clip.samples.len(), samples_of(whole), "{country:?} {tone:?}");
            let mut at = 0;
            for &(on_ms, off_ms) in tone.cadence {
                let (on, off) = (samples_of(on_ms), samples_of(off_ms));
                let (sounds, silence) = clip.samples[at..at + on + off].split_at(on);
                let middle = &sounds[on / 8..on - on / 8];
                let found: f64 = match tone.sound {
                    Sound::One(hz) => share(middle, hz.into()),
                    Sound::Two(a, b) => {
                        let (a, b) = (share(middle, a.into()), share(middle, b.into()));
                        assert!(a > 0.4 && b > 0.4, "{country:?} {tone:?}: {a:.2} and {b:.2}");
                        a + b
                    }
                    Sound::Beating(hz, by) => {
                        let sides = [hz - by, hz + by].map(|hz| share(middle, hz.into()));
                        assert!(sides.iter().all(|s| *s > 0.08), "{country:?} {tone:?}: {sides:.2?} beside it");
                        share(middle, hz.into()) + sides.iter().sum::<f64>()
                    }
                };
                assert!(found > 0.9 && found < 1.1, "{country:?} {tone:?}: {found:.2} of the energy");
                // −10 dBm0, whatever it is made of.
                let power = middle.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / middle.len() as f64;
                let level = 10.0 * (power / (32_767.0_f64.powi(2) / 2.0)).log10() + 3.17;
                assert!((level + 10.0).abs() < 0.6, "{country:?} {tone:?} at {level:.1} dBm0");
                assert!(silence.iter().all(|s| *s == 0));
                at += on + off;
            }
        }
    }

    #[test]
    fn a_tone_played_over_and_over_has_no_seam() {
        for (country, tone) in tones() {
            let clip = progress_clip(tone);
            let step = |a: i16, b: i16| i32::from(a).abs_diff(i32::from(b));
            let largest = clip.samples.windows(2).map(|w| step(w[0], w[1])).max().unwrap();
            let (first, last) = (clip.samples[0], *clip.samples.last().unwrap());
            assert!(step(last, first) <= largest, "{country:?} {tone:?}");
            if tone.cadence[0].1 == 0 {
                // The first sample again, had it gone on.
                let sound = sample(tone.sound, clip.samples.len(), usize::MAX, 0);
                assert_eq!(sound, first, "{country:?} {tone:?}");
            } else {
                assert!(first.abs() < 300 && last == 0, "{country:?} {tone:?}");
            }
        }
    }

    #[test]
    fn every_country_has_a_ringback_which_is_made_once() {
        for &country in Country::ALL {
            assert!(plan(country).ringback.cadence.iter().all(|(on, off)| *on >= 400 && *off >= 200));
            assert!(Arc::ptr_eq(&ringback(country), &ringback(country)));
            assert_eq!(*ringback(country), progress_clip(plan(country).ringback));
        }
    }

    #[test]
    fn beeps_are_short_and_end_in_silence() {
        for (clip, hz, ms) in [(record_beep(), 1_400.0, 500), (enter_beep(), 587.0, 280), (exit_beep(), 784.0, 280)] {
            assert_eq!(clip.samples.len(), samples_of(ms));
            assert!(share(&clip.samples[40..900], hz) > 0.9, "begins at {hz} Hz");
            assert!(clip.samples[0].abs() < 300 && clip.samples.last().unwrap().abs() < 300);
        }
    }
}
