//! Digits as telephone-events (RFC 4733), both ways. In-band tones are in [`tone`](crate::tone).
//! Start at [`EventReceiver`] and [`EventSender`].

pub struct EventReceiver {}

impl EventReceiver {
    #[expect(clippy::new_without_default, reason = "skeleton")]
    pub fn new() -> Self {
        EventReceiver {}
    }

    /// The digit, once per event, at the first packet of it that comes.
    pub fn packet(&mut self, _ts: u32, _marker: bool, _payload: &[u8]) -> Option<char> {
        None
    }
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitError {
    /// Not one of `0-9 A-D a-d * # w W`.
    NotADigit(char),
    TooMany,
}

pub struct EventSender {}

impl EventSender {
    pub fn new(_clock_hz: u32) -> Self {
        EventSender {}
    }

    /// All of `digits` or none of them are queued.
    pub fn push(&mut self, _digits: &str) -> Result<(), DigitError> {
        Ok(())
    }

    /// Drops what is queued and what sounds.
    pub fn clear(&mut self) {}

    /// Nothing left: the next step gives `Idle`.
    pub fn is_idle(&self) -> bool {
        true
    }

    /// Once per 20 ms; `rtp_ts_now` is the timestamp an audio packet would carry now, in the event's clock.
    pub fn step(&mut self, _rtp_ts_now: u32) -> Step {
        Step::Idle
    }
}
