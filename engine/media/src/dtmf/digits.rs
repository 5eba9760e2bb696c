use std::collections::VecDeque;
use std::fmt;

/// Digits waiting on one leg: more than any dial string or card number.
const QUEUE_MAX: usize = 256;

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
    /// A telephone-event code, 0..=15 (RFC 4733 section 3.2).
    Event(u8),
    Pause {
        ms: u32,
    },
}

/// The digits of event codes 0..=15.
const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// None for flash (16) and the events that are no digits.
pub(super) fn digit_of(event: u8) -> Option<char> {
    DIGITS.get(usize::from(event)).copied()
}

fn symbol_of(c: char) -> Result<Symbol, DigitError> {
    match c {
        'w' => Ok(Symbol::Pause { ms: 500 }),
        'W' => Ok(Symbol::Pause { ms: 1_000 }),
        _ => {
            let event = DIGITS.iter().position(|d| *d == c.to_ascii_uppercase());
            event.map(|e| Symbol::Event(e as u8)).ok_or(DigitError::NotADigit(c))
        }
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
        let events = [9, 15, 11, 10].map(Symbol::Event);
        assert_eq!(symbols[..4], events);
        assert_eq!(symbols[4..], [Symbol::Pause { ms: 500 }, Symbol::Pause { ms: 1_000 }]);
    }
}
