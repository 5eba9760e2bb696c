//! Character classes of RFC 3261 section 25.1 and the scanners built on them.

const TOKEN: u8 = 1;
const URI: u8 = 2;
const HOST: u8 = 4;
const LIST_MARK: u8 = 8;
const VALUE_END: u8 = 16;

const fn class(byte: u8) -> u8 {
    let mut bits = 0;
    if byte.is_ascii_alphanumeric() || in_set(byte, b"-.!%*_+`'~") {
        bits |= TOKEN;
    }
    if byte.is_ascii_alphanumeric() || in_set(byte, b"-_.!~*'()%;/?:@&=+$,[]#") {
        bits |= URI;
    }
    if byte.is_ascii_alphanumeric() || in_set(byte, b"-._") {
        bits |= HOST;
    }
    if in_set(byte, b",\"<") {
        bits |= LIST_MARK;
    }
    if in_set(byte, b" \t;\"<>,") {
        bits |= VALUE_END;
    }
    bits
}

const fn in_set(byte: u8, set: &[u8]) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == byte {
            return true;
        }
        i += 1;
    }
    false
}

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
};

/// A character of `token`.
#[inline]
pub(super) fn is_token_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TOKEN != 0
}

/// A character some URI may contain unescaped. `{`, `|` and the like are not, nor are quotes, brackets or spaces.
#[inline]
pub(super) fn is_uri_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & URI != 0
}

/// A character of a host name. Looser than `hostname`: underscores occur in real networks.
#[inline]
pub(super) fn is_host_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & HOST != 0
}

/// A character that ends, or hides the end of, an element of a comma-separated list.
#[inline]
pub(super) fn is_list_mark(byte: u8) -> bool {
    CLASSES[byte as usize] & LIST_MARK != 0
}

/// A character no unquoted parameter value holds.
#[inline]
pub(super) fn ends_value(byte: u8) -> bool {
    CLASSES[byte as usize] & VALUE_END != 0
}

/// A non-empty `token`.
pub(super) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&b| is_token_byte(b))
}

/// Linear white space within one line.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Position of the first control character (but HTAB counts too) or non-ASCII byte at or after `from`, or the end.
/// Eight bytes at a time: this is where reading a message spends its time.
#[inline]
pub(super) fn next_odd(bytes: &[u8], from: usize) -> usize {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const LOW: u64 = 0x0101_0101_0101_0101;
    let mut at = from;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        // Below 0x20: the subtraction borrows. 0x7F: equals DEL. At or above 0x80: the top bit itself.
        let del = word ^ (LOW * 0x7F);
        let odd = (word.wrapping_sub(LOW * 0x20) | del.wrapping_sub(LOW) | word) & HIGH;
        if odd != 0 {
            let hit = at + (odd.trailing_zeros() / 8) as usize;
            // A borrow can only mark a byte above the one that caused it, so the lowest mark is exact.
            return hit;
        }
        at += 8;
    }
    while at < bytes.len() && (0x20..0x7F).contains(&bytes[at]) {
        at += 1;
    }
    at
}

/// `text` without surrounding blanks.
pub(super) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let (mut start, mut end) = (0, bytes.len());
    while start < end && is_blank(bytes[start]) {
        start += 1;
    }
    while end > start && is_blank(bytes[end - 1]) {
        end -= 1;
    }
    &text[start..end]
}

/// Where the ASCII character `byte` first is. For the short texts here a plain loop beats the general search.
pub(super) fn find(text: &str, byte: u8) -> Option<usize> {
    text.as_bytes().iter().position(|&b| b == byte)
}

/// The text before and after the first ASCII character `byte`.
pub(super) fn split(text: &str, byte: u8) -> Option<(&str, &str)> {
    find(text, byte).map(|at| (&text[..at], &text[at + 1..]))
}

/// Length of the quoted string `text` starts with, quotes included (RFC 3261 section 25.1: `quoted-pair` may hide a
/// quote). `None` if it does not end.
pub(super) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// A decimal number that fits, digits only.
pub(super) fn number<T: TryFrom<u64>>(text: &str) -> Option<T> {
    let mut value: u64 = 0;
    if text.is_empty() {
        return None;
    }
    for digit in text.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    T::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wide_scanner_agrees_with_a_byte_by_byte_one() {
        for odd in [0u8, 9, 10, 13, 0x1F, 0x20, 0x7E, 0x7F, 0x80, 0xFF] {
            for at in 0..20 {
                for second in [0u8, 0x20, 0x7F, 0x80] {
                    let mut bytes = [b'a'; 20];
                    bytes[at] = odd;
                    bytes[19] = second;
                    let slow = bytes.iter().position(|b| !(0x20..0x7F).contains(b)).unwrap_or(20);
                    assert_eq!(next_odd(&bytes, 0), slow, "{odd:#x} at {at}");
                }
            }
        }
    }

    #[test]
    fn numbers_hold_digits_only_and_must_fit() {
        assert_eq!(number::<u8>("0068"), Some(68));
        assert_eq!(number::<u8>("300"), None);
        assert_eq!(number::<u32>("-1"), None);
        assert_eq!(number::<u32>("+1"), None);
        assert_eq!(number::<u64>("36893488147419103232"), None);
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_quoted_string() {
        assert_eq!(quoted_len(br#""a\"b" c"#), Some(6));
        assert_eq!(quoted_len(br#""a\\" c"#), Some(5));
        assert_eq!(quoted_len(br#""a\""#), None);
        assert_eq!(quoted_len(br#""a\"#), None);
    }
}
