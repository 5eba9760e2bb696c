use std::collections::VecDeque;
use std::fmt;

use super::keypad::event_of;

/// Digits waiting on one leg: more than any dial string or card number.
const QUEUE_MAX: usize = 256;
/// How long a digit sounds when nobody says (ITU-T Q.24 asks receivers for 40 ms; many want more).
pub(crate) const TONE_MS: u32 = 100;
/// What a key may be held at the least: the shortest that receivers must take (Q.24).
const TONE_MS_MIN: u32 = 40;
/// And at the most: longer is a stuck key or a mistake.
const TONE_MS_MAX: u32 = 10_000;

/// Why digits were not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigitError {
    /// Not one of `0-9 A-D a-d * # w W`.
    NotADigit(char),
    /// More than 256 would wait.
    TooMany,
}

impl fmt::Display for DigitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DigitError::NotADigit(c) => write!(f, "{c:?} is no digit"),
            DigitError::TooMany => write!(f, "more than {QUEUE_MAX} digits waiting"),
        }
    }
}

impl std::error::Error for DigitError {}

/// One character of a digit string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// A telephone-event code, 0..=15 (RFC 4733 section 3.2), and how long its key is held.
    Event {
        code: u8,
        ms: u32,
    },
    Pause {
        ms: u32,
    },
}

fn symbol_of(c: char) -> Result<Symbol, DigitError> {
    match c {
        'w' => Ok(Symbol::Pause { ms: 500 }),
        'W' => Ok(Symbol::Pause { ms: 1_000 }),
        _ => event_of(c).map(|code| Symbol::Event { code, ms: TONE_MS }).ok_or(DigitError::NotADigit(c)),
    }
}

/// Digits still to send, in order.
#[derive(Debug, Default)]
pub(crate) struct DigitQueue(VecDeque<Symbol>);

impl DigitQueue {
    /// All of `digits` or none of them.
    pub fn push(&mut self, digits: &str) -> Result<(), DigitError> {
        digits.chars().try_for_each(|c| symbol_of(c).map(drop))?;
        if self.0.len() + digits.len() > QUEUE_MAX {
            return Err(DigitError::TooMany);
        }
        self.0.extend(digits.chars().filter_map(|c| symbol_of(c).ok()));
        Ok(())
    }

    /// One key held for so long, within 40 ms and 10 s.
    pub fn push_held(&mut self, digit: char, ms: u32) -> Result<(), DigitError> {
        let code = event_of(digit).ok_or(DigitError::NotADigit(digit))?;
        if self.0.len() >= QUEUE_MAX {
            return Err(DigitError::TooMany);
        }
        self.0.push_back(Symbol::Event { code, ms: ms.clamp(TONE_MS_MIN, TONE_MS_MAX) });
        Ok(())
    }

    pub fn pop(&mut self) -> Option<Symbol> {
        self.0.pop_front()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_string_is_taken_whole_or_not_at_all() {
        let mut queue = DigitQueue::default();
        assert_eq!(queue.push("12x"), Err(DigitError::NotADigit('x')));
        assert_eq!(queue.push(&"1".repeat(257)), Err(DigitError::TooMany));
        assert!(queue.is_empty());
        queue.push("9d#*wW").unwrap();
        let symbols: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        let events = [9, 15, 11, 10].map(|code| Symbol::Event { code, ms: 100 });
        assert_eq!(symbols[..4], events);
        assert_eq!(symbols[4..], [Symbol::Pause { ms: 500 }, Symbol::Pause { ms: 1_000 }]);
    }

    #[test]
    fn a_held_key_keeps_its_length_within_reason() {
        let mut queue = DigitQueue::default();
        for (ms, kept) in [(0, 40), (160, 160), (3_000, 3_000), (u32::MAX, 10_000)] {
            queue.push_held('5', ms).unwrap();
            assert_eq!(queue.pop(), Some(Symbol::Event { code: 5, ms: kept }));
        }
        assert_eq!(queue.push_held('w', 100), Err(DigitError::NotADigit('w')));
        queue.push(&"1".repeat(256)).unwrap();
        assert_eq!(queue.push_held('1', 100), Err(DigitError::TooMany));
    }
}
