//! Headers that are not what the rest of the reader wants: folded lines and bytes that are not UTF-8.

use std::borrow::Cow;

use super::chars::is_blank;

/// Replaces the CRLF of each fold by two blanks, which mean the same (RFC 3261 section 7.3.1) and keep every position.
/// A line end before the empty line that ends the header, and the request line's, are no folds.
pub(super) fn unfolded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(bytes);
    let mut at = after_start_line(bytes);
    while let Some(line_end) = find_crlf(bytes, at) {
        match bytes.get(line_end + 2) {
            Some(&next) if is_blank(next) => {
                out.to_mut()[line_end..line_end + 2].copy_from_slice(b"  ");
            }
            Some(b'\r') if bytes.get(line_end + 3) == Some(&b'\n') => break,
            _ => {}
        }
        at = line_end + 2;
    }
    out
}

/// The message with each header line that is not UTF-8 read as ISO 8859-1, so that no value is lost and all text is
/// text. The body is left alone.
pub(super) fn transcoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let mut at = 0;
    while let Some(line_end) = find_crlf(bytes, at) {
        let line = &bytes[at..line_end];
        match std::str::from_utf8(line) {
            Ok(_) => out.extend_from_slice(line),
            Err(_) => {
                for &byte in line {
                    let mut utf8 = [0; 2];
                    out.extend_from_slice(char::from(byte).encode_utf8(&mut utf8).as_bytes());
                }
            }
        }
        out.extend_from_slice(b"\r\n");
        at = line_end + 2;
        if line.is_empty() {
            break;
        }
    }
    out.extend_from_slice(&bytes[at..]);
    out
}

fn after_start_line(bytes: &[u8]) -> usize {
    find_crlf(bytes, 0).map_or(bytes.len(), |end| end + 2)
}

fn find_crlf(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(2).position(|pair| pair == b"\r\n").map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_become_blanks_in_the_header_only() {
        let folded = unfolded(b"A\r\nB:\r\n c\r\n\td\r\nE: f\r\n\r\nbody\r\n more");
        assert_eq!(&*folded, b"A\r\nB:   c  \td\r\nE: f\r\n\r\nbody\r\n more");
        assert!(matches!(unfolded(b"A\r\nB: c\r\n\r\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn latin_1_lines_are_transcoded_and_utf_8_ones_kept() {
        let text = transcoded(b"A\r\nB: caf\xE9\r\nC: caf\xC3\xA9\r\n\r\n\xFF");
        assert_eq!(text, b"A\r\nB: caf\xC3\xA9\r\nC: caf\xC3\xA9\r\n\r\n\xFF");
    }
}
