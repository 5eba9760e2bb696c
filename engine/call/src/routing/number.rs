use std::borrow::Cow;

use tandem_sip::message::Uri;

/// Whom a URI names: its user part, without what a telephone number has there beside (RFC 3261 section 19.1.6). A local
/// number in a global context is a global one (RFC 3966 section 5.1.5); a domain as context does not make it one.
pub fn named<'a>(uri: &Uri<'a>) -> Cow<'a, str> {
    let name = uri.subscriber().unwrap_or_default();
    let is_local =
        name.bytes().any(|b| b.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_digit() || is_separator(c));
    match uri.phone_context() {
        Some(prefix) if prefix.starts_with('+') && is_local => Cow::Owned(format!("{prefix}{name}")),
        Some(_) | None => name,
    }
}

/// The E.164 form of what somebody dialled: `+` and 5 to 15 digits, visual separators taken out
/// (RFC 3966 section 5.1.1). None when it is no international number.
pub fn normalise(dialled: &str) -> Option<String> {
    let digits: String = dialled.chars().filter(|c| !is_separator(*c)).collect();
    is_number(&digits).then_some(digits)
}

/// RFC 3966 section 5.1.1, and the blank that people write.
fn is_separator(c: char) -> bool {
    matches!(c, '-' | '.' | '(' | ')' | ' ')
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
    fn a_uri_names_a_user_or_a_number_without_its_parameters() {
        for (uri, want) in [
            ("sip:alice@h", "alice"),
            ("sip:100;isub=1@h", "100"),
            ("sip:100%3Bisub=1@h", "100;isub=1"),
            ("sip:a%3Bb;x=y@h;user=phone", "a;b"),
            ("sip:+15550100;phone-context=example.com@h;user=phone", "+15550100"),
            ("sip:+15550100;phone-context=+1@h", "+15550100"),
            ("sip:555-0100;isub=1;Phone-Context=+1@h", "+1555-0100"),
            ("sip:5550100;phone-context=%2B1@h", "+15550100"),
            ("sip:alice;phone-context=+1@h", "alice"),
            ("tel:5550100;phone-context=+1", "+15550100"),
            ("tel:5550100;phone-context=example.com", "5550100"),
            ("sip:5550100@h;phone-context=+1", "5550100"),
            ("sip:h", ""),
        ] {
            assert_eq!(named(&Uri::parse(uri).unwrap()), want, "{uri}");
        }
    }

    #[test]
    fn numbers_are_taken_with_separators_and_nothing_else_is() {
        assert_eq!(normalise("+1 (555) 123-4567").as_deref(), Some("+15551234567"));
        for bad in ["", "+", "5551234567", "+1234", "+0123456", "+1234567890123456", "+1555a123", "alice"] {
            assert_eq!(normalise(bad), None, "{bad}");
        }
    }
}
