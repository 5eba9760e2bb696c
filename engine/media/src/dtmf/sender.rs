use tandem_model::limits::TICK;

use super::digits::{DigitError, DigitQueue, Symbol, TONE_MS};

const STEP_MS: u32 = TICK.as_millis() as u32;
/// The silence after a digit (ITU-T Q.24 asks receivers for 40 ms; many want more).
const GAP_MS: u32 = 60;
/// The last packet of an event is sent so often (RFC 4733 section 2.5.1.4).
const ENDS: u32 = 3;
/// −10 dBm0, as its absolute value (RFC 4733 section 2.3.4).
const VOLUME: u8 = 10;
const E_BIT: u8 = 0x80;

/// What one segment of an event can last, in units of its clock (RFC 4733 section 2.5.1.3).
const SEGMENT_MAX: u32 = 0xFFFF;
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
    /// `held_ms`: how long the key will have been held.
    Packet { marker: bool, timestamp: u32, payload: [u8; 4], finished: bool, held_ms: u32 },
}

/// Sends digits as telephone-events: 100 ms each or as long as asked, 60 ms apart, the end three times.
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
    Event(Sounding),
    Silence { steps_left: u32 },
}

/// An event on its way.
#[derive(Clone, Copy, Debug)]
struct Sounding {
    code: u8,
    /// Start of the segment.
    timestamp: u32,
    /// Units that segments before it lasted.
    before: u32,
    /// Steps it lasts, and packets of it that are out.
    steps: u32,
    sent: u32,
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

    /// Queues one key that is held for `ms`, within 40 ms and 10 s.
    pub fn push_held(&mut self, digit: char, ms: u32) -> Result<(), DigitError> {
        self.queue.push_held(digit, ms)
    }

    /// Drops what is queued and what sounds; the far end takes the event for over when no more of it comes.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.state = State::Idle;
    }

    /// What has not begun to sound, to be sent in another way.
    pub(crate) fn take_rest(&mut self) -> DigitQueue {
        std::mem::take(&mut self.queue)
    }

    /// The telephone-event clock is another one from now on.
    pub(crate) fn set_clock(&mut self, clock_hz: u32) {
        self.step_units = clock_hz / (1_000 / STEP_MS);
    }

    /// Nothing left: the next step gives `Idle`.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.queue.is_empty()
    }

    /// Once per 20 ms; `rtp_ts_now` is the timestamp an audio packet would carry now, in the event's clock.
    pub fn step(&mut self, rtp_ts_now: u32) -> Step {
        match self.state {
            State::Event(event) => self.event(event),
            State::Silence { steps_left } => self.silence(steps_left),
            State::Idle => match self.queue.pop() {
                Some(Symbol::Event { code, ms }) => {
                    let steps = ms.div_ceil(STEP_MS);
                    self.event(Sounding { code, timestamp: rtp_ts_now, before: 0, steps, sent: 0 })
                }
                Some(Symbol::Pause { ms }) => self.silence(ms / STEP_MS),
                None => Step::Idle,
            },
        }
    }

    fn event(&mut self, mut event: Sounding) -> Step {
        event.sent += 1;
        let (marker, ending) = (event.sent == 1, event.sent >= event.steps);
        let finished = event.sent == event.steps + ENDS - 1;
        let units = event.sent.min(event.steps) * self.step_units;
        if ending && units - event.before > SEGMENT_MAX {
            event.next_segment();
        }
        let duration = (units - event.before).min(SEGMENT_MAX);
        let [high, low] = (duration as u16).to_be_bytes();
        let payload = [event.code, if ending { E_BIT } else { 0 } | VOLUME, high, low];
        let held_ms = event.steps * STEP_MS;
        let step = Step::Packet { marker, timestamp: event.timestamp, payload, finished, held_ms };
        if !ending && units - event.before >= SEGMENT_MAX {
            event.next_segment();
        }
        self.state = match finished {
            true => State::Silence { steps_left: REST_STEPS },
            false => State::Event(event),
        };
        step
    }

    fn silence(&mut self, steps_left: u32) -> Step {
        self.state = match steps_left {
            0 | 1 => State::Idle,
            _ => State::Silence { steps_left: steps_left - 1 },
        };
        Step::Pause
    }
}

impl Sounding {
    fn next_segment(&mut self) {
        self.timestamp = self.timestamp.wrapping_add(SEGMENT_MAX);
        self.before += SEGMENT_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{EventPacket, EventReceiver, Key};
    use tandem_model::Timestamp;

    /// What a receiver makes of steps.
    fn keys(steps: impl IntoIterator<Item = Step>, clock_hz: u32) -> Vec<Key> {
        let (mut receiver, mut keys) = (EventReceiver::new(), vec![]);
        for step in steps {
            if let Step::Packet { marker, timestamp, payload, .. } = step {
                let packet = EventPacket { ts: timestamp, marker, clock_hz, payload: &payload };
                receiver.packet(Timestamp::ZERO, packet, |key| keys.push(key));
            }
        }
        keys
    }

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
                Step::Packet { marker: n == 0, timestamp: start, payload, finished, held_ms: 100 }
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
            let packets = steps(digits, 8_000).into_iter().map(|(_, step)| step);
            let kept = packets.filter(|s| matches!(s, Step::Packet { .. })).enumerate().filter(|(n, _)| n % 7 < keep);
            let down = |key| if let Key::Down { digit } = key { Some(digit) } else { None };
            let heard: String = keys(kept.map(|(_, step)| step), 8_000).into_iter().filter_map(down).collect();
            assert_eq!(heard, digits, "{keep} of 7 packets arrive");
        }
    }

    #[test]
    fn a_held_key_is_heard_as_long_as_it_is_held_at_every_clock() {
        for clock_hz in [8_000, 16_000, 24_000, 48_000] {
            for ms in [40, 50, 160, 1_360, 1_380, 9_000] {
                let mut sender = EventSender::new(clock_hz);
                sender.push_held('7', ms).unwrap();
                let mut sent = vec![];
                while !sender.is_idle() {
                    sent.push(sender.step(5));
                }
                let markers = sent.iter().filter(|s| matches!(s, Step::Packet { marker: true, .. })).count();
                assert_eq!(markers, 1, "a long key is one press in segments");
                let duration_ms = ms.div_ceil(20) * 20;
                let pressed = [Key::Down { digit: '7' }, Key::Up { digit: '7', duration_ms }];
                assert_eq!(keys(sent.clone(), clock_hz), pressed, "{ms} ms at {clock_hz} Hz");
                let few = sent.into_iter().enumerate().filter(|(n, _)| n % 3 == 2).map(|(_, step)| step);
                let heard = keys(few, clock_hz);
                assert_eq!(heard[0], pressed[0], "{ms} ms at {clock_hz} Hz with loss");
                assert_eq!(heard.len(), 2, "{ms} ms at {clock_hz} Hz with loss: {heard:?}");
            }
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
