//! One field of a message, changed.

/// What is done to a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Empty,
    OneByte,
    /// 64 KiB of it.
    Huge,
    Nul,
    BadUtf8,
    Folded,
    Twice,
    Missing,
    /// 2^31
    SignBit,
    /// 2^64
    TooWide,
    /// -1
    Negative,
}

impl Change {
    pub const ALL: [Change; 11] = [
        Change::Empty,
        Change::OneByte,
        Change::Huge,
        Change::Nul,
        Change::BadUtf8,
        Change::Folded,
        Change::Twice,
        Change::Missing,
        Change::SignBit,
        Change::TooWide,
        Change::Negative,
    ];
}

/// Where the header fields of `message` are, folds and line end included.
pub fn fields(message: &[u8]) -> Vec<std::ops::Range<usize>> {
    let line_ends = |from: usize| message[from..].windows(2).position(|w| w == b"\r\n").map(|at| from + at + 2);
    let mut fields: Vec<std::ops::Range<usize>> = Vec::new();
    let mut at = line_ends(0).expect("a start line");
    while let Some(end) = line_ends(at).filter(|end| *end > at + 2) {
        match fields.last_mut() {
            Some(last) if matches!(message[at], b' ' | b'\t') => last.end = end,
            _ => fields.push(at..end),
        }
        at = end;
    }
    fields
}

/// The name of the field at `at`, as written.
pub fn name<'a>(message: &'a [u8], at: &std::ops::Range<usize>) -> &'a str {
    let line = &message[at.clone()];
    let end = line.iter().position(|&b| b == b':').expect("a colon");
    std::str::from_utf8(line[..end].trim_ascii_end()).expect("a token")
}

/// The message with the field at `at` changed.
pub fn changed(message: &[u8], at: &std::ops::Range<usize>, change: Change) -> Vec<u8> {
    let line = &message[at.clone()];
    let colon = at.start + line.iter().position(|&b| b == b':').expect("a colon") + 1;
    let name = &message[at.start..colon];
    let value = &message[colon..at.end - 2];
    let middle = value.len() / 2;
    let with = |value: &[u8]| [name, value, b"\r\n"].concat();
    let spliced = |byte: u8| with(&[&value[..middle], &[byte], &value[middle..]].concat());
    let new = match change {
        Change::Empty => with(b""),
        Change::OneByte => with(b"x"),
        Change::Huge => with(&[b'x'; 65_536]),
        Change::Nul => spliced(0),
        Change::BadUtf8 => spliced(0xFF),
        // Blanks stay where blanks are: a fold within a token would be another message.
        Change::Folded => match value.iter().rposition(|&b| b == b' ') {
            Some(blank) => with(&[&value[..blank], b"\r\n ", &value[blank + 1..]].concat()),
            None => with(&[b"\r\n ", value].concat()),
        },
        Change::Twice => [line, line].concat(),
        Change::Missing => Vec::new(),
        Change::SignBit => with(b" 2147483648"),
        Change::TooWide => with(b" 18446744073709551616"),
        Change::Negative => with(b" -1"),
    };
    [&message[..at.start], &new, &message[at.end..]].concat()
}
