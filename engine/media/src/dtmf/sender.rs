use tandem_model::limits::TICK;

use super::digits::{DigitError, DigitQueue, Symbol};

const STEP_MS: u32 = TICK.as_millis() as u32;
/// How long a digit sounds, and the silence after it (ITU-T Q.24 asks of receivers 40 ms and 40 ms; many want more).
const TONE_MS: u32 = 100;
const GAP_MS: u32 = 60;
/// The last packet of an event is sent so often (RFC 4733 section 2.5.1.4).
const ENDS: u32 = 3;
/// −10 dBm0, as its absolute value (RFC 4733 section 2.3.4).
const VOLUME: u8 = 10;
const E_BIT: u8 = 0x80;

const TONE_STEPS: u32 = TONE_MS / STEP_MS;
/// Steps after the last end packet until the gap is over.
const REST_STEPS: u32 = GAP_MS / STEP_MS - (ENDS - 1);

const _: () = assert!(TONE_MS >= 40 && GAP_MS >= 60 && REST_STEPS >= 1);

/// What to send in this 20 ms step instead of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// No digit is left: audio goes on.
    Idle,
    /// Silence between digits: send nothing.
    Pause,
    /// `finished`: the last packet of its digit.
    Packet { marker: bool, timestamp: u32, payload: [u8; 4], finished: bool },
}

/// Sends digits as telephone-events: 100 ms each, 60 ms apart, the end three times.
///
/// ```text
///  step        0      1     2     3     4      5      6      7     8
///  packet   M 20ms   40    60    80   E100   E100   E100     -   next
///  tone     ├──────────────────────────────┤├───── gap ──────┤
/// ```
#[derive(Debug)]
pub struct EventSender {
    queue: DigitQueue,
    state: State,
    step_units: u32,
}

#[derive(Debug)]
enum State {
    Idle,
    /// `sent` packets of the event are out.
    Event {
        code: u8,
        timestamp: u32,
        sent: u32,
    },
    Silence {
        steps_left: u32,
    },
}

impl EventSender {
    /// `clock_hz` is the telephone-event clock (RFC 4733 section 2.1), at most 600 kHz so that a duration fits.
    pub fn new(clock_hz: u32) -> Self {
        EventSender { queue: DigitQueue::default(), state: State::Idle, step_units: clock_hz / (1_000 / STEP_MS) }
    }

    /// Queues `0-9 A-D * #`, `w` for 500 ms of pause and `W` for 1 s: all of `digits` or none of them.
    pub fn push(&mut self, digits: &str) -> Result<(), DigitError> {
        self.queue.push(digits)
    }

    /// Drops what is queued and what sounds; the far end takes the event for over when no more of it comes.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.state = State::Idle;
    }

    /// Nothing left: the next step gives `Idle`.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.queue.is_empty()
    }

    /// Once per 20 ms; `rtp_ts_now` is the timestamp an audio packet would carry now, in the event's clock.
    pub fn step(&mut self, rtp_ts_now: u32) -> Step {
        match self.state {
            State::Event { code, timestamp, sent } => self.event(code, timestamp, sent),
            State::Silence { steps_left } => self.silence(steps_left),
            State::Idle => match self.queue.pop() {
                Some(Symbol::Event(code)) => self.event(code, rtp_ts_now, 0),
                Some(Symbol::Pause { ms }) => self.silence(ms / STEP_MS),
                None => Step::Idle,
            },
        }
    }

    fn event(&mut self, code: u8, timestamp: u32, sent: u32) -> Step {
        let number = sent + 1;
        let duration = (number.min(TONE_STEPS) * self.step_units).min(0xFFFF) as u16;
        let [high, low] = duration.to_be_bytes();
        let end = if number >= TONE_STEPS { E_BIT } else { 0 };
        let finished = number == TONE_STEPS + ENDS - 1;
        self.state = match finished {
            true => State::Silence { steps_left: REST_STEPS },
            false => State::Event { code, timestamp, sent: number },
        };
        Step::Packet { marker: sent == 0, timestamp, payload: [code, end | VOLUME, high, low], finished }
    }

    fn silence(&mut self, steps_left: u32) -> Step {
        self.state = match steps_left {
            0 | 1 => State::Idle,
            _ => State::Silence { steps_left: steps_left - 1 },
        };
        Step::Pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::EventReceiver;

    /// Steps until idle, with the timestamp that was shown at each.
    fn steps(digits: &str, clock_hz: u32) -> Vec<(u32, Step)> {
        let mut sender = EventSender::new(clock_hz);
        sender.push(digits).unwrap();
        let mut steps = vec![];
        for n in 0..1_000 {
            let now = 0xFFFF_FF00_u32.wrapping_add(n * clock_hz / 50);
            match sender.step(now) {
                Step::Idle => break,
                step => steps.push((now, step)),
            }
        }
        assert!(sender.is_idle());
        steps
    }

    #[test]
    fn a_digit_grows_to_100_ms_and_ends_three_times() {
        for clock_hz in [8_000, 48_000] {
            let steps = steps("5", clock_hz);
            let start = steps[0].0;
            let packet = |n: u32, ms: u32, end: u8, finished| {
                let [high, low] = ((ms * clock_hz / 1_000) as u16).to_be_bytes();
                let payload = [5, end | 10, high, low];
                Step::Packet { marker: n == 0, timestamp: start, payload, finished }
            };
            let expected = [
                packet(0, 20, 0, false),
                packet(1, 40, 0, false),
                packet(2, 60, 0, false),
                packet(3, 80, 0, false),
                packet(4, 100, 0x80, false),
                packet(5, 100, 0x80, false),
                packet(6, 100, 0x80, true),
                Step::Pause,
            ];
            assert_eq!(steps.into_iter().map(|(_, step)| step).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn digits_are_60_ms_apart_and_pauses_last() {
        let starts = |digits| -> Vec<u32> {
            let starts = steps(digits, 8_000).into_iter().zip(0_u32..);
            starts.filter(|((_, s), _)| matches!(s, Step::Packet { marker: true, .. })).map(|(_, n)| n * 20).collect()
        };
        assert_eq!(starts("12"), [0, 160]);
        assert_eq!(starts("1w2W3"), [0, 160 + 500, 160 + 500 + 160 + 1_000]);
        assert_eq!(steps("w", 8_000).len(), 25);
    }

    #[test]
    fn what_is_sent_is_what_a_receiver_hears_at_any_loss() {
        let digits = "0123456789ABCD*#1100";
        for keep in 1..8_usize {
            let mut receiver = EventReceiver::new();
            let packets = steps(digits, 8_000).into_iter().filter_map(|(_, step)| match step {
                Step::Packet { marker, timestamp, payload, .. } => Some((timestamp, marker, payload)),
                _ => None,
            });
            let heard: String = packets
                .enumerate()
                .filter(|(n, _)| n % 7 < keep)
                .filter_map(|(_, (ts, marker, payload))| receiver.packet(ts, marker, &payload))
                .collect();
            assert_eq!(heard, digits, "{keep} of 7 packets arrive");
        }
    }

    #[test]
    fn clearing_stops_at_once() {
        let mut sender = EventSender::new(8_000);
        sender.push("123").unwrap();
        sender.step(0);
        sender.clear();
        assert_eq!(sender.step(160), Step::Idle);
    }
}
