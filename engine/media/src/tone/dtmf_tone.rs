use tandem_model::SampleRate;

use super::oscillator::Oscillator;
use crate::dtmf::{DigitError, DigitQueue, Symbol};

const TONE_MS: usize = 100;
const GAP_MS: usize = 60;
/// Rise and fall of each tone, against clicks.
const RAMP_MS: usize = 2;
/// Peak of each of the two sines: −10 dBm0, where a full-scale sine is +3.17 dBm0 (ITU-T G.711).
const AMPLITUDE: f64 = 7_192.0;

const LOW_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH_HZ: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Row and column on the keypad of telephone-events 0..=15.
const KEYS: [(usize, usize); 16] = [
    (3, 1),
    (0, 0),
    (0, 1),
    (0, 2),
    (1, 0),
    (1, 1),
    (1, 2),
    (2, 0),
    (2, 1),
    (2, 2),
    (3, 0),
    (3, 2),
    (0, 3),
    (1, 3),
    (2, 3),
    (3, 3),
];

/// Plays digits as pairs of tones: 100 ms each, 60 ms apart.
#[derive(Debug)]
pub struct DtmfTone {
    samples_per_ms: usize,
    rate_hz: f64,
    queue: DigitQueue,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle,
    Tone { low: Oscillator, high: Oscillator, played: usize },
    Silence { left: usize },
}

impl DtmfTone {
    pub fn new(rate: SampleRate) -> Self {
        let hz = rate.0.clamp(8_000, 192_000);
        let samples_per_ms = hz as usize / 1_000;
        DtmfTone { samples_per_ms, rate_hz: f64::from(hz), queue: DigitQueue::default(), state: State::Idle }
    }

    /// Queues `0-9 A-D * #`, `w` for 500 ms of pause and `W` for 1 s: all of `digits` or none of them.
    pub fn push(&mut self, digits: &str) -> Result<(), DigitError> {
        self.queue.push(digits)
    }

    /// Drops what is queued and what sounds.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.state = State::Idle;
    }

    /// Nothing left to play, the gap after the last digit included.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.queue.is_empty()
    }

    /// Fills `pcm` with tones and pauses, and silence after their end. False when there was nothing to play at all.
    pub fn fill(&mut self, pcm: &mut [i16]) -> bool {
        let busy = !self.is_idle();
        for sample in pcm.iter_mut() {
            *sample = self.next_sample();
        }
        busy
    }

    fn next_sample(&mut self) -> i16 {
        if let State::Idle = self.state {
            self.state = match self.queue.pop() {
                Some(Symbol::Event(code)) => self.tone(code),
                Some(Symbol::Pause { ms }) => State::Silence { left: ms as usize * self.samples_per_ms },
                None => return 0,
            };
        }
        let (length, ramp) = (TONE_MS * self.samples_per_ms, RAMP_MS * self.samples_per_ms);
        let (next, sample) = match &mut self.state {
            State::Idle => (None, 0),
            State::Tone { low, high, played } => {
                let gain = (*played + 1).min(length - *played).min(ramp) as f64 / ramp as f64;
                let sample = ((low.next() + high.next()) * gain) as i16;
                *played += 1;
                ((*played == length).then_some(State::Silence { left: GAP_MS * self.samples_per_ms }), sample)
            }
            State::Silence { left } => {
                *left = left.saturating_sub(1);
                ((*left == 0).then_some(State::Idle), 0)
            }
        };
        if let Some(next) = next {
            self.state = next;
        }
        sample
    }

    fn tone(&self, code: u8) -> State {
        let (row, column) = KEYS[usize::from(code % 16)];
        let oscillator = |hz| Oscillator::new(hz, self.rate_hz, AMPLITUDE);
        State::Tone { low: oscillator(LOW_HZ[row]), high: oscillator(HIGH_HZ[column]), played: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// Level of one frequency in dBm0.
    fn level_dbm0(pcm: &[i16], rate: f64, hz: f64) -> f64 {
        let part = |f: fn(f64) -> f64| -> f64 {
            pcm.iter().enumerate().map(|(n, &s)| f64::from(s) * f(TAU * hz * n as f64 / rate)).sum()
        };
        let amplitude = part(f64::cos).hypot(part(f64::sin)) * 2.0 / pcm.len() as f64;
        20.0 * (amplitude.max(1.0) / 32_767.0).log10() + 3.17
    }

    /// The digits of a recording, by the loudest row and column of each 20 ms.
    fn read(pcm: &[i16], rate: u32) -> String {
        let (mut digits, mut last) = (String::new(), ' ');
        for frame in pcm.chunks_exact(rate as usize / 50) {
            let loudest = |of: &[f64; 4]| {
                let level = |n: usize| level_dbm0(frame, f64::from(rate), of[n]);
                (0..4).map(|n| (n, level(n))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap()
            };
            let ((row, low), (column, high)) = (loudest(&LOW_HZ), loudest(&HIGH_HZ));
            let heard = if low > -20.0 && high > -20.0 {
                ["123A", "456B", "789C", "*0#D"][row].as_bytes()[column]
            } else {
                b' '
            };
            if char::from(heard) != last && heard != b' ' {
                digits.push(char::from(heard));
            }
            last = char::from(heard);
        }
        digits
    }

    #[test]
    fn every_digit_is_heard_as_itself_at_every_rate() {
        for rate in [8_000, 16_000, 48_000] {
            let mut tone = DtmfTone::new(SampleRate(rate));
            tone.push("0123456789abcd*#1100").unwrap();
            let mut pcm = vec![0; rate as usize * 160 * 20 / 1_000];
            assert!(tone.fill(&mut pcm));
            assert!(tone.is_idle());
            assert_eq!(read(&pcm, rate), "0123456789ABCD*#1100", "{rate} Hz");
            assert!(!tone.fill(&mut pcm));
            assert!(pcm.iter().all(|&s| s == 0));
        }
    }

    #[test]
    fn each_tone_is_at_minus_ten_dbm0() {
        let mut tone = DtmfTone::new(SampleRate::HZ_8000);
        tone.push("5").unwrap();
        let mut pcm = [0; 800];
        tone.fill(&mut pcm);
        for hz in [770.0, 1_336.0] {
            let level = level_dbm0(&pcm[40..760], 8_000.0, hz);
            assert!((level + 10.0).abs() < 0.3, "{hz} Hz at {level:.2} dBm0");
        }
        assert!(pcm.iter().all(|s| s.abs() < 14_500));
    }

    #[test]
    fn pauses_last_and_tones_begin_and_end_softly() {
        let mut tone = DtmfTone::new(SampleRate::HZ_8000);
        tone.push("1w2").unwrap();
        let mut pcm = vec![0; 8 * (160 + 500 + 160)];
        tone.fill(&mut pcm);
        assert!(tone.is_idle());
        assert!(pcm[800..8 * 660].iter().all(|&s| s == 0));
        assert!(pcm[8 * 660 + 8..8 * 760].iter().any(|&s| s != 0));
        assert!(pcm[..3].iter().chain(&pcm[798..800]).all(|s| s.abs() < 3_000));
    }
}
