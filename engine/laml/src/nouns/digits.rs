use crate::code;
use crate::effects::Effects;

/// Digits one prompt sends; at a fifth of a second each, this is under a minute.
const DIGITS_MAX: usize = 256;

/// DTMF to send, letters of the key pad in capitals; None, with warning 13222, when it holds anything but
/// `0-9 A-D * # w W`, nothing, or too much.
pub(crate) fn read(given: &str, what: &str, line: Option<u32>, fx: &mut Effects) -> Option<String> {
    let digits: String = given.trim().chars().map(|c| if c == 'w' { c } else { c.to_ascii_uppercase() }).collect();
    let allowed = |c: char| matches!(c, '0'..='9' | 'A'..='D' | '*' | '#' | 'w' | 'W');
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.chars().all(allowed) {
        fx.warn(code::SEND_DIGITS, line, format!("{what} takes 1 to {DIGITS_MAX} of 0-9 A-D * # w W, it is ignored"));
        return None;
    }
    Some(digits)
}
