/// Frequencies of the rows and of the columns of the keypad (ITU-T Q.23 section 5).
pub(crate) const LOW_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
pub(crate) const HIGH_HZ: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];

/// Row by row, as the keys lie.
const KEYS: [[char; 4]; 4] = [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// The digits of telephone-events 0..=15 (RFC 4733 section 3.2).
const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// A key going down or coming up at the far end, however it was told: event, tone or signalling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// Known at its start.
    Down { digit: char },
    /// Follows each `Down` once.
    Up { digit: char, duration_ms: u32 },
}

/// None for flash (16) and the events that are no digits.
pub(crate) fn digit_of(event: u8) -> Option<char> {
    DIGITS.get(usize::from(event)).copied()
}

/// The event of a digit, whatever its case; None when it is no digit.
pub(super) fn event_of(digit: char) -> Option<u8> {
    DIGITS.iter().position(|d| *d == digit.to_ascii_uppercase()).map(|event| event as u8)
}

/// The digit as it is reported, `0-9 A-D * #`; None for anything else.
pub fn digit_named(name: char) -> Option<char> {
    event_of(name).and_then(digit_of)
}

/// The key at a row and a column, each 0..=3.
pub(super) fn key_at(row: usize, column: usize) -> char {
    KEYS[row % 4][column % 4]
}

/// Row and column of a telephone-event 0..=15.
pub(crate) fn place_of(event: u8) -> (usize, usize) {
    let digit = DIGITS[usize::from(event % 16)];
    let place = |row: usize| KEYS[row].iter().position(|key| *key == digit).map(|column| (row, column));
    (0..4).find_map(place).unwrap_or((0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_its_own_key() {
        for event in 0..16 {
            let (row, column) = place_of(event);
            assert_eq!(Some(key_at(row, column)), digit_of(event));
            assert_eq!(digit_of(event).and_then(event_of), Some(event));
        }
        assert_eq!((digit_of(16), event_of('x'), digit_named('d'), digit_named('w')), (None, None, Some('D'), None));
    }
}
