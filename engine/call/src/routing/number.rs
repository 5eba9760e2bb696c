/// The E.164 form of what somebody dialled: `+` and 5 to 15 digits, visual separators taken out
/// (RFC 3966 section 5.1.1). None when it is no international number.
pub fn normalise(dialled: &str) -> Option<String> {
    let digits: String = dialled.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
    is_number(&digits).then_some(digits)
}

/// Whether this is an E.164 number as it stands.
pub fn is_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|d| (5..=15).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()) && !d.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_with_separators_and_nothing_else_is() {
        assert_eq!(normalise("+1 (555) 123-4567").as_deref(), Some("+15551234567"));
        for bad in ["", "+", "5551234567", "+1234", "+0123456", "+1234567890123456", "+1555a123", "alice"] {
            assert_eq!(normalise(bad), None, "{bad}");
        }
    }
}
