//! Character classes of RFC 3261 section 25.1 and the scanners built on them.

const TOKEN: u8 = 1;
const URI: u8 = 2;
const HOST: u8 = 4;
const LIST_MARK: u8 = 8;
const VALUE_END: u8 = 16;
/// Of a URI, and separates none of its parts.
const URI_PLAIN: u8 = 32;
const VALUE: u8 = 64;

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
    if bits & URI != 0 && !in_set(byte, b":@;?") {
        bits |= URI_PLAIN;
    }
    if (byte >= b' ' || byte == b'\t') && byte != 0x7F {
        bits |= VALUE;
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

/// How many characters of a URI `text` starts with that separate none of its parts. Eight are looked at at once.
#[inline]
pub(super) fn plain_uri_len(text: &[u8]) -> usize {
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>()
        && all_in(chunk, URI_PLAIN)
    {
        rest = after;
    }
    let plain = rest.iter().position(|&b| CLASSES[b as usize] & URI_PLAIN == 0).unwrap_or(rest.len());
    text.len() - rest.len() + plain
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
    !text.is_empty() && all_in(text, TOKEN)
}

/// Whether a URI may hold all of `text` unescaped.
pub(super) fn are_uri_bytes(text: &[u8]) -> bool {
    all_in(text, URI)
}

/// Whether a host name may hold all of `text`. Looser than `hostname`: underscores occur in real networks.
pub(super) fn are_host_bytes(text: &[u8]) -> bool {
    all_in(text, HOST)
}

/// Whether `text` can be a field's value, or part of one, as it is: no control characters but HTAB.
pub(super) fn are_value_bytes(text: &[u8]) -> bool {
    all_in(text, VALUE)
}

/// Looks at every byte: for the short texts here that costs less than a branch for each.
#[inline]
fn all_in(text: &[u8], class: u8) -> bool {
    text.iter().fold(class, |bits, &b| bits & CLASSES[b as usize]) != 0
}

/// Linear white space within one line.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

const HIGH: u64 = 0x8080_8080_8080_8080;
const LOW: u64 = 0x0101_0101_0101_0101;

/// Where `byte` first is, eight bytes at a time.
#[inline]
pub(super) fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    let wanted = LOW * u64::from(byte);
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk) ^ wanted;
        let hits = word.wrapping_sub(LOW) & !word & HIGH;
        if hits != 0 {
            return Some(bytes.len() - rest.len() + (hits.trailing_zeros() / 8) as usize);
        }
        rest = after;
    }
    let at = rest.iter().position(|&b| b == byte)?;
    Some(bytes.len() - rest.len() + at)
}

/// `text` without surrounding blanks.
#[inline]
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

/// Where the ASCII character `byte` first is.
pub(super) fn find(text: &str, byte: u8) -> Option<usize> {
    find_byte(text.as_bytes(), byte)
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

/// Appends `value` in decimal, with zeros before it up to `digits_min`.
pub(super) fn push_decimal(out: &mut Vec<u8>, mut value: usize, digits_min: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    while value > 0 {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits[start.min(digits.len() - digits_min.min(digits.len()))..]);
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
    fn the_wide_search_agrees_with_a_byte_by_byte_one() {
        for odd in [0u8, 1, 9, 10, 13, 0x1F, 0x20, 0x7E, 0x7F, 0x80, 0xFF] {
            for at in 0..20 {
                for other in [0u8, 0x20, 0x7F, 0x80, odd ^ 1] {
                    let mut bytes = [b'a'; 20];
                    bytes[at] = odd;
                    bytes[19 - at] = other;
                    for from in 0..=20 {
                        let slow = bytes[from..].iter().position(|&b| b == odd);
                        assert_eq!(find_byte(&bytes[from..], odd), slow, "{odd:#x} at {at} from {from}");
                    }
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
    fn numbers_are_written_as_they_are_formatted() {
        for value in [0, 7, 10, 99, 100, 65_535, usize::MAX] {
            for digits in [1, 3] {
                let mut out = Vec::new();
                push_decimal(&mut out, value, digits);
                assert_eq!(String::from_utf8(out).unwrap(), format!("{value:0digits$}"));
            }
        }
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_quoted_string() {
        assert_eq!(quoted_len(br#""a\"b" c"#), Some(6));
        assert_eq!(quoted_len(br#""a\\" c"#), Some(5));
        assert_eq!(quoted_len(br#""a\""#), None);
        assert_eq!(quoted_len(br#""a\"#), None);
    }
}
