//! Keys heard in audio, against the limits of ITU-T Q.24 table A-1 and against what must not be taken for a key.

use std::f64::consts::TAU;

use tandem_codecs::{CODECS, CodecId, CodecSpec, EncoderSettings};
use tandem_media::dtmf::{InBandDetector, Key};
use tandem_model::{Entropy, Ptime, SampleRate, SeedEntropy};

const LOW_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH_HZ: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYPAD: [&str; 4] = ["123A", "456B", "789C", "*0#D"];
const ALL: &str = "0123456789ABCD*#";

/// How a key is pressed. Levels in dBm0, frequencies off by these shares.
#[derive(Clone, Copy, Debug)]
struct Press {
    on_ms: f64,
    off_ms: f64,
    low_dbm0: f64,
    high_dbm0: f64,
    low_off: f64,
    high_off: f64,
    /// White noise below the two tones together; infinite is none.
    snr_db: f64,
}

const PLAIN: Press = Press {
    on_ms: 50.0,
    off_ms: 50.0,
    low_dbm0: -11.0,
    high_dbm0: -9.0,
    low_off: 0.0,
    high_off: 0.0,
    snr_db: f64::INFINITY,
};

struct Line {
    rate: u32,
    entropy: SeedEntropy,
    pcm: Vec<i16>,
}

impl Line {
    fn new(rate: u32) -> Self {
        Line { rate, entropy: SeedEntropy::new(7), pcm: vec![] }
    }

    /// Uniform in -1..1.
    fn random(&mut self) -> f64 {
        f64::from(self.entropy.next_u32()) / f64::from(u32::MAX) * 2.0 - 1.0
    }

    fn add(&mut self, tones: &[(f64, f64)], noise: f64, ms: f64) {
        let start = self.pcm.len();
        let samples = (ms * f64::from(self.rate) / 1_000.0).round() as usize;
        for n in start..start + samples {
            let t = n as f64 / f64::from(self.rate);
            let mut x: f64 = tones.iter().map(|(hz, amplitude)| amplitude * (TAU * hz * t + 0.3).sin()).sum();
            // Six uniform values make a bell of standard deviation sqrt(2).
            x += noise / 2f64.sqrt() * (0..6).map(|_| self.random()).sum::<f64>();
            self.pcm.push(x.round().clamp(-32_768.0, 32_767.0) as i16);
        }
    }

    fn press(&mut self, digits: &str, how: Press) {
        for digit in digits.chars() {
            let (row, column) = place(digit);
            let (low, high) = (amplitude(how.low_dbm0), amplitude(how.high_dbm0));
            let tones = [(LOW_HZ[row] * (1.0 + how.low_off), low), (HIGH_HZ[column] * (1.0 + how.high_off), high)];
            let power = (low * low + high * high) / 2.0;
            let noise = (power * 10f64.powf(-how.snr_db / 10.0)).sqrt();
            self.add(&tones, noise, how.on_ms);
            self.add(&[], noise, how.off_ms);
        }
    }

    /// Through a codec and back, as it comes over the network.
    fn through(&mut self, codec: CodecId) {
        let spec = CodecSpec::by_id(codec);
        let rate = SampleRate(self.rate);
        let ptime = spec.ptime_for(Ptime(20));
        let settings = EncoderSettings::new(rate, ptime);
        let (mut encoder, mut decoder) = ((spec.encoder)(&settings).unwrap(), (spec.decoder)(rate).unwrap());
        let (mut payload, mut pcm, mut out) = ([0; 2_000], [0; 6_000], vec![]);
        for frame in self.pcm.chunks_exact(rate.samples(ptime)) {
            let len = encoder.encode(frame, &mut payload).unwrap();
            let n = decoder.decode(&payload[..len], &mut pcm).unwrap();
            out.extend(&pcm[..n]);
        }
        self.pcm = out;
    }

    fn keys(&self) -> Vec<Key> {
        let (mut detector, mut keys) = (InBandDetector::new(SampleRate(self.rate)).unwrap(), vec![]);
        for frame in self.pcm.chunks(self.rate as usize / 50) {
            detector.hear(frame, |key| keys.push(key));
        }
        detector.broke_off(|key| keys.push(key));
        keys
    }

    fn heard(&self) -> String {
        let down = |key| if let Key::Down { digit } = key { Some(digit) } else { None };
        self.keys().into_iter().filter_map(down).collect()
    }
}

fn place(digit: char) -> (usize, usize) {
    let row = KEYPAD.iter().position(|row| row.contains(digit)).expect("a key");
    (row, KEYPAD[row].find(digit).expect("a key"))
}

fn amplitude(dbm0: f64) -> f64 {
    32_767.0 * 10f64.powf((dbm0 - 3.17) / 20.0)
}

fn heard(how: Press) -> String {
    let mut line = Line::new(8_000);
    // So that presses fall anywhere in the blocks.
    line.add(&[], 0.0, 33.7);
    line.press(ALL, how);
    line.heard()
}

#[test]
fn every_key_is_heard_at_every_rate_and_through_every_codec() {
    for rate in [8_000, 16_000, 24_000, 32_000, 48_000] {
        let mut line = Line::new(rate);
        line.press(ALL, PLAIN);
        assert_eq!(line.heard(), ALL, "{rate} Hz");
    }
    for spec in CODECS {
        let takes = |rate: &u32| (spec.decoder)(SampleRate(*rate)).is_ok();
        let rate = [8_000, 16_000, 24_000, 48_000].into_iter().find(takes).expect("a rate the detector takes");
        let mut line = Line::new(rate);
        line.press(ALL, Press { on_ms: 80.0, off_ms: 80.0, ..PLAIN });
        line.through(spec.id);
        assert_eq!(line.heard(), ALL, "{}", spec.name);
    }
}

#[test]
fn the_shortest_keys_and_pauses_are_told_apart_wherever_they_begin() {
    for start in 0..64 {
        let mut line = Line::new(8_000);
        line.add(&[], 0.0, f64::from(start) / 8.0 + 20.0);
        line.press("112233*##", Press { on_ms: 40.0, off_ms: 40.0, ..PLAIN });
        assert_eq!(line.heard(), "112233*##", "begun {start} samples into a block");
    }
}

#[test]
fn what_is_shorter_than_a_key_is_none_and_a_short_break_does_not_make_two() {
    for start in 0..64 {
        let mut line = Line::new(8_000);
        line.add(&[], 0.0, f64::from(start) / 8.0);
        line.press(ALL, Press { on_ms: 20.0, off_ms: 60.0, ..PLAIN });
        assert_eq!(line.heard(), "", "20 ms, begun {start} samples into a block");
        let mut line = Line::new(8_000);
        line.add(&[], 0.0, f64::from(start) / 8.0);
        line.press("5", Press { on_ms: 60.0, off_ms: 10.0, ..PLAIN });
        line.press("5", Press { on_ms: 60.0, off_ms: 10.0, ..PLAIN });
        assert_eq!(line.heard(), "5", "10 ms of break, begun {start} samples into a block");
    }
}

#[test]
fn frequencies_within_their_tolerance_are_taken_and_beyond_it_are_not() {
    for step in -6..=6 {
        let off = f64::from(step) * 0.0025; // to ±1.5 %
        for (low_off, high_off) in [(off, 0.0), (0.0, off), (off, off), (off, -off)] {
            for level in [-3.0, -24.0] {
                let how = Press { on_ms: 40.0, low_dbm0: level, high_dbm0: level, low_off, high_off, ..PLAIN };
                assert_eq!(heard(how), ALL, "{how:?}");
            }
        }
    }
    for percent in [3.5, 3.8, 4.2, 4.6, 5.0] {
        for off in [percent / 100.0, -percent / 100.0] {
            for (low_off, high_off) in [(off, 0.0), (0.0, off), (off, off), (off, -off)] {
                let how = Press { on_ms: 100.0, low_off, high_off, ..PLAIN };
                assert_eq!(heard(how), "", "{how:?}");
            }
        }
    }
}

#[test]
fn levels_and_twist_within_the_limits_are_taken() {
    for (low_dbm0, high_dbm0) in [
        (0.0, 0.0),
        (-25.0, -25.0),
        // The high tone 4 dB louder, and 8 dB softer.
        (-25.0, -21.0),
        (-17.0, -25.0),
        (-8.0, -4.0),
        (-2.0, -10.0),
    ] {
        for off in [-0.015, 0.0, 0.015] {
            let how = Press { on_ms: 40.0, low_dbm0, high_dbm0, low_off: off, high_off: -off, ..PLAIN };
            assert_eq!(heard(how), ALL, "{how:?}");
        }
    }
}

#[test]
fn levels_and_twist_far_beyond_the_limits_are_not() {
    for (low_dbm0, high_dbm0) in [(-35.0, -35.0), (-55.0, -55.0), (-16.0, -4.0), (-4.0, -20.0)] {
        let how = Press { low_dbm0, high_dbm0, ..PLAIN };
        assert_eq!(heard(how), "", "{how:?}");
    }
    // One tone alone, or three.
    let mut line = Line::new(8_000);
    for hz in LOW_HZ.into_iter().chain(HIGH_HZ) {
        line.add(&[(hz, 8_000.0)], 0.0, 100.0);
    }
    line.add(&[(697.0, 6_000.0), (941.0, 6_000.0), (1_209.0, 6_000.0)], 0.0, 200.0);
    assert_eq!(line.heard(), "");
}

#[test]
fn noise_15_db_below_takes_no_key_away_and_noise_alone_makes_none() {
    for level in [-4.0, -22.0] {
        for off in [-0.015, 0.0, 0.015] {
            let how = Press { low_dbm0: level, high_dbm0: level, low_off: off, high_off: off, snr_db: 15.0, ..PLAIN };
            let mut line = Line::new(8_000);
            for _ in 0..20 {
                line.press(ALL, how);
            }
            assert_eq!(line.heard(), ALL.repeat(20), "{how:?}");
        }
    }
    let mut line = Line::new(8_000);
    line.add(&[], 3_000.0, 60_000.0);
    assert_eq!(line.heard(), "");
}

#[test]
fn a_key_comes_up_with_about_the_time_it_was_held() {
    for ms in [40.0, 70.0, 100.0, 333.0, 2_000.0] {
        let mut line = Line::new(8_000);
        line.add(&[], 0.0, 13.0);
        line.press("8", Press { on_ms: ms, ..PLAIN });
        let keys = line.keys();
        let [Key::Down { digit: '8' }, Key::Up { digit: '8', duration_ms }] = keys[..] else {
            panic!("{ms} ms: {keys:?}")
        };
        assert!((f64::from(duration_ms) - ms).abs() <= 12.0, "{ms} ms measured as {duration_ms}");
    }
}

/// Something like a voice (after Klatt's cascade): a buzz of harmonics that fall by 6 dB an octave as they leave the lips,
/// whose pitch glides, with a little breath, through resonances that move, in syllables.
fn speech_like(seconds: usize, seed: u64) -> Vec<i16> {
    let mut entropy = SeedEntropy::new(seed);
    let mut uniform =
        move |from: f64, to: f64| from + (to - from) * f64::from(entropy.next_u32()) / f64::from(u32::MAX);
    let (mut pcm, mut phase) = (Vec::with_capacity(seconds * 8_000), 0.0);
    while pcm.len() < seconds * 8_000 {
        let length = uniform(0.08, 0.35) * 8_000.0;
        let (pitch, glide) = (uniform(80.0, 320.0), uniform(-0.25, 0.25));
        let formants = [uniform(280.0, 900.0), uniform(850.0, 2_400.0), uniform(2_000.0, 3_400.0)];
        let (moves, level) = (uniform(-0.2, 0.2), uniform(1_500.0, 9_000.0));
        for n in 0..length as usize {
            let at = n as f64 / length;
            let f0 = pitch * (1.0 + glide * at);
            phase += TAU * f0 / 8_000.0;
            let mut x = 0.0;
            let mut k = 1.0;
            while k * f0 < 3_600.0 {
                let hz = k * f0;
                let resonance = |(f, width): (&f64, f64)| {
                    let f = f * (1.0 + moves * at);
                    f * f / ((f * f - hz * hz).powi(2) + (width * hz).powi(2)).sqrt()
                };
                let gain: f64 = formants.iter().zip([70.0, 90.0, 130.0]).map(resonance).product();
                x += gain / k * (k * phase).sin();
                k += 1.0;
            }
            let envelope = (std::f64::consts::PI * at).sin();
            x += uniform(-0.1, 0.1);
            pcm.push((x * level * envelope).clamp(-32_768.0, 32_767.0) as i16);
        }
        pcm.extend(std::iter::repeat_n(0, uniform(0.0, 1_200.0) as usize));
    }
    pcm
}

#[test]
fn four_minutes_of_something_like_speech_hold_no_key() {
    for seed in 0..4 {
        let line = Line { rate: 8_000, entropy: SeedEntropy::new(0), pcm: speech_like(60, seed) };
        assert_eq!(line.heard(), "", "seed {seed}");
    }
}

#[test]
fn progress_tones_and_music_of_two_notes_hold_no_key() {
    let mut line = Line::new(8_000);
    for tones in [[350.0, 440.0], [440.0, 480.0], [480.0, 620.0], [425.0, 0.0], [1_400.0, 0.0], [1_100.0, 2_100.0]] {
        line.add(&tones.map(|hz| (hz, 6_000.0)), 0.0, 500.0);
    }
    // Every two notes of three octaves of the tempered scale, but those that are a key's to within what must be taken.
    let note = |n: i32| 440.0 * 2f64.powf(f64::from(n) / 12.0);
    let off = |hz: f64, of: [f64; 4]| of.iter().map(|f| (hz / f - 1.0).abs()).fold(1.0, f64::min);
    for a in 0..36 {
        for b in a + 1..36 {
            if off(note(a), LOW_HZ) > 0.035 || off(note(b), HIGH_HZ) > 0.035 {
                line.add(&[(note(a), 8_000.0), (note(b), 8_000.0)], 0.0, 60.0);
            }
        }
    }
    assert_eq!(line.heard(), "");
}
