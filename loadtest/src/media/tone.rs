//! The tone of each party, and whose is heard: the oracle of calls whose payloads are made anew.

use std::f64::consts::TAU;
use std::ops::Range;

use tandem_model::SampleRate;

use super::heard::RATE;

/// Different tones. With more than half as many calls, two calls share theirs.
pub const TONES: usize = 100;
/// 100 ms at 8 kHz: tones 25 Hz apart lie two and a half widths of this window from each other.
const WINDOW: usize = 800;
const HOP: usize = WINDOW / 2;
/// The share of a window's power that one tone must have to be taken for it. Voices and hiss stay far below.
const PURITY: f64 = 0.7;
/// Mean power of the softest window that is looked at: -43 dBFS.
const POWER_MIN: f64 = 230.0 * 230.0 / 2.0;
/// Of the windows with a tone that were sent, at least this share must be heard: pauses are smeared at their edges.
const HEARD_MIN: f64 = 0.6;

/// A tone has begun at the first sample as loud as this after 10 ms that were softer; and it is alone in the 20 ms from there.
const ONSET_LOUD: u16 = 1_500;
const ONSET_QUIET: usize = 80;
const ONSET_PURE: usize = 160;

pub fn frequency_hz(tone: usize) -> f64 {
    400.0 + 25.0 * (tone % TONES) as f64
}

/// The tone that a party sends.
pub fn of_party(side: usize, call: usize) -> usize {
    (2 * call + side) % TONES
}

/// One period of a party's tone put over a part of a recording.
pub fn lay_over(pcm: &mut [i16], part: Range<usize>, rate: SampleRate, tone: usize, amplitude: f64) {
    let step = TAU * frequency_hz(tone) / f64::from(rate.0);
    for (n, sample) in pcm[part].iter_mut().enumerate() {
        *sample = (amplitude * (step * n as f64).sin()) as i16;
    }
}

/// Where a tone begins: after quiet, at once, and alone for the next 20 ms.
pub fn onsets(pcm: &[i16], tone: usize) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    let loud = |s: &i16| s.unsigned_abs() >= ONSET_LOUD;
    for at in ONSET_QUIET..pcm.len().saturating_sub(ONSET_PURE) {
        let far = found.last().is_none_or(|last| at - last >= WINDOW);
        let quiet = |part: &[i16]| part.iter().all(|s| s.unsigned_abs() < ONSET_LOUD);
        if far && loud(&pcm[at]) && quiet(&pcm[at - ONSET_QUIET..at]) {
            let window = &pcm[at..at + ONSET_PURE];
            if goertzel(window, frequency_hz(tone)) >= PURITY * power(window) {
                found.push(at);
            }
        }
    }
    found
}

/// Windows of one recording in which a tone stands alone, by tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tones(Vec<usize>);

impl Tones {
    /// `pcm` is at [`RATE`].
    pub fn of(pcm: &[i16]) -> Self {
        let mut counts = vec![0; TONES];
        for window in pcm.windows(WINDOW).step_by(HOP) {
            if let Some(tone) = pure_tone(window) {
                counts[tone] += 1;
            }
        }
        Tones(counts)
    }

    /// The tone heard most, and in how many windows.
    pub fn loudest(&self) -> (usize, usize) {
        self.0.iter().copied().enumerate().max_by_key(|(_, n)| *n).unwrap_or_default()
    }

    /// Windows with any tone but the one heard most.
    pub fn strangers(&self) -> usize {
        self.0.iter().sum::<usize>() - self.loudest().1
    }

    /// Whether one party alone is heard, as often as in `sent`, a recording of `sent_samples`, when this one has `samples`.
    pub fn is_one_party(&self, samples: usize, sent: &Tones, sent_samples: usize) -> bool {
        let expected = sent.loudest().1 as f64 * samples as f64 / sent_samples.max(1) as f64;
        let heard = self.loudest().1 as f64;
        heard >= 1.0 && heard >= expected * HEARD_MIN && self.strangers() == 0
    }
}

fn pure_tone(window: &[i16]) -> Option<usize> {
    let power = power(window);
    if power < POWER_MIN {
        return None;
    }
    let (tone, share) = (0..TONES)
        .map(|tone| (tone, goertzel(window, frequency_hz(tone)) / power))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (share >= PURITY).then_some(tone)
}

fn power(window: &[i16]) -> f64 {
    window.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / window.len() as f64
}

/// Power of one frequency (Goertzel's recurrence): that of a sine of amplitude a is a²/2.
fn goertzel(window: &[i16], frequency_hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * frequency_hz / f64::from(RATE.0)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in window {
        (last, before) = (f64::from(*sample) + coefficient * last - before, last);
    }
    let magnitude = last * last + before * before - coefficient * last * before;
    2.0 * magnitude / (window.len() as f64).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(tones: &[(usize, f64)]) -> Vec<i16> {
        (0..8_000)
            .map(|n| {
                let t = n as f64 / 8_000.0;
                tones.iter().map(|(tone, a)| a * (TAU * frequency_hz(*tone) * t).sin()).sum::<f64>() as i16
            })
            .collect()
    }

    #[test]
    fn every_tone_is_told_from_its_neighbours() {
        for tone in 0..TONES {
            let tones = Tones::of(&recording(&[(tone, 6_000.0)]));
            assert_eq!((tones.loudest(), tones.strangers()), ((tone, 19), 0));
        }
    }

    #[test]
    fn a_tone_begins_where_it_does_and_another_one_is_not_taken_for_it() {
        let mut pcm = vec![0; 1_000];
        pcm.extend_from_slice(&recording(&[(7, 6_000.0)])[..2_000]);
        pcm.extend([0; 1_000]);
        pcm.extend_from_slice(&recording(&[(31, 6_000.0)])[..2_000]);
        let [at] = onsets(&pcm, 7)[..] else { panic!("{:?}", onsets(&pcm, 7)) };
        assert!((1_000..1_008).contains(&at), "{at}");
        assert!(onsets(&pcm, 31).iter().all(|at| (4_000..4_008).contains(at)));
        assert_eq!(onsets(&pcm, 31).len(), 1);
        assert_eq!(onsets(&[], 7), [0; 0]);
    }

    #[test]
    fn a_stranger_who_mixes_in_or_takes_over_is_noticed() {
        let own = recording(&[(7, 6_000.0)]);
        let sent = Tones::of(&own);
        assert!(sent.is_one_party(8_000, &sent, 8_000));
        let mixed = Tones::of(&recording(&[(7, 6_000.0), (31, 6_000.0)]));
        assert!(!mixed.is_one_party(8_000, &sent, 8_000), "no window is pure: {mixed:?}");
        let half = [&own[..4_000], &recording(&[(31, 6_000.0)])[..4_000]].concat();
        assert!(!Tones::of(&half).is_one_party(8_000, &sent, 8_000));
        assert!(!Tones::of(&[0; 8_000]).is_one_party(8_000, &sent, 8_000), "silence");
        assert_eq!(Tones::of(&recording(&[(7, 100.0)])).loudest().1, 0, "too soft to count");
    }
}
