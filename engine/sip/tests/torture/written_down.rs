//! How a message is written down as text in this folder.

/// A line end stands for CRLF, and `\xHH` for a byte that is not printed.
pub fn written_down(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().replace('\n', "\r\n").into_bytes();
    for part in parts {
        let (hex, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).expect("two hex digits"));
        bytes.extend(rest.replace('\n', "\r\n").bytes());
    }
    bytes
}
