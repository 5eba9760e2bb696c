use tandem_model::SampleRate;

use super::oscillator::Oscillator;
use crate::dtmf::keypad::{HIGH_HZ, LOW_HZ, place_of};
use crate::dtmf::{DigitError, DigitQueue, Symbol};

const GAP_MS: usize = 60;
/// Rise and fall of each tone, against clicks.
const RAMP_MS: usize = 2;
/// Peaks of the two sines: −11 and −9 dBm0, where a full-scale sine is +3.17 dBm0 (ITU-T G.711). Telephones send the high
/// one 2 dB louder, which is what lines take from it.
const LOW_AMPLITUDE: f64 = 6_411.0;
const HIGH_AMPLITUDE: f64 = 8_070.0;

/// Plays digits as pairs of tones: 100 ms each or as long as asked, 60 ms apart.
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
    Tone { low: Oscillator, high: Oscillator, played: usize, length: usize },
    Silence { left: usize },
}

impl DtmfTone {
    pub fn new(rate: SampleRate) -> Self {
        let hz = rate.0.clamp(8_000, 192_000);
        let samples_per_ms = hz as usize / 1_000;
        DtmfTone { samples_per_ms, rate_hz: f64::from(hz), queue: DigitQueue::default(), state: State::Idle }
    }

    /// Goes on with digits that were to be sent in another way.
    pub(crate) fn with_rest(rate: SampleRate, rest: DigitQueue) -> Self {
        DtmfTone { queue: rest, ..DtmfTone::new(rate) }
    }

    /// Queues `0-9 A-D * #`, `w` for 500 ms of pause and `W` for 1 s: all of `digits` or none of them.
    pub fn push(&mut self, digits: &str) -> Result<(), DigitError> {
        self.queue.push(digits)
    }

    /// Queues one key that is held for `ms`, within 40 ms and 10 s.
    pub fn push_held(&mut self, digit: char, ms: u32) -> Result<(), DigitError> {
        self.queue.push_held(digit, ms)
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
                Some(Symbol::Event { code, ms }) => self.tone(code, ms),
                Some(Symbol::Pause { ms }) => State::Silence { left: ms as usize * self.samples_per_ms },
                None => return 0,
            };
        }
        let ramp = RAMP_MS * self.samples_per_ms;
        let (next, sample) = match &mut self.state {
            State::Idle => (None, 0),
            State::Tone { low, high, played, length } => {
                let gain = (*played + 1).min(*length - *played).min(ramp) as f64 / ramp as f64;
                let sample = ((low.next() + high.next()) * gain) as i16;
                *played += 1;
                ((*played == *length).then_some(State::Silence { left: GAP_MS * self.samples_per_ms }), sample)
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

    fn tone(&self, code: u8, ms: u32) -> State {
        let (row, column) = place_of(code);
        State::Tone {
            low: Oscillator::new(LOW_HZ[row], self.rate_hz, LOW_AMPLITUDE),
            high: Oscillator::new(HIGH_HZ[column], self.rate_hz, HIGH_AMPLITUDE),
            played: 0,
            length: ms as usize * self.samples_per_ms,
        }
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
    fn the_low_tone_is_at_minus_eleven_dbm0_and_the_high_one_at_minus_nine() {
        let mut tone = DtmfTone::new(SampleRate::HZ_8000);
        tone.push("5").unwrap();
        let mut pcm = [0; 800];
        tone.fill(&mut pcm);
        for (hz, wanted) in [(770.0, -11.0), (1_336.0, -9.0)] {
            let level = level_dbm0(&pcm[40..760], 8_000.0, hz);
            assert!((level - wanted).abs() < 0.3, "{hz} Hz at {level:.2} dBm0");
        }
        assert!(pcm.iter().all(|s| s.abs() < 14_500));
    }

    #[test]
    fn a_held_key_sounds_as_long_as_it_is_held() {
        let mut tone = DtmfTone::new(SampleRate::HZ_8000);
        tone.push_held('5', 250).unwrap();
        let mut pcm = vec![0; 8 * 310];
        tone.fill(&mut pcm);
        assert!(tone.is_idle());
        assert!(pcm[8 * 245..8 * 250].iter().any(|s| s.abs() > 1_000));
        assert!(pcm[8 * 250..].iter().all(|s| *s == 0));
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
