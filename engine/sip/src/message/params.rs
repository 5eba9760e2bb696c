use super::chars::{ends_value, is_blank, is_token_byte, quoted_len, split, trim};

/// Parameters of a URI or a header field, in the order written: `(name, value)`, the value `""` when there is none
/// and a quoted one with its quotes. Also the `?name=value&…` part of a URI.
#[derive(Clone, Copy, Debug)]
pub struct Params<'a> {
    rest: &'a str,
    separator: u8,
}

impl<'a> Params<'a> {
    /// From text such as `;lr;transport=udp`, with or without the first semicolon.
    pub(super) fn new(text: &'a str) -> Params<'a> {
        Params { rest: text, separator: b';' }
    }

    /// From text such as `a=b&c=d`.
    pub(super) fn uri_headers(text: &'a str) -> Params<'a> {
        Params { rest: text, separator: b'&' }
    }

    /// The value of the first parameter of that name, case-insensitive; `Some("")` for one without a value.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let mut params = *self;
        params.find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Writes them anew, each behind a semicolon, but for those of these names.
    pub(super) fn write_without(self, names: &[&str], out: &mut Vec<u8>) {
        for (name, value) in self {
            if names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
                continue;
            }
            out.push(b';');
            out.extend_from_slice(name.as_bytes());
            if !value.is_empty() {
                out.push(b'=');
                out.extend_from_slice(value.as_bytes());
            }
        }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = end_of_param(self.rest.as_bytes(), self.separator);
            let item = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or("");
            let (name, value) = split(item, b'=').unwrap_or((item, ""));
            let name = trim(name);
            if !name.is_empty() {
                return Some((name, trim(value)));
            }
        }
    }
}

/// Where the first parameter of `text` ends. A quoted string may hold the separator.
fn end_of_param(text: &[u8], separator: u8) -> usize {
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b if b == separator => return at,
            b'"' => at += quoted_len(&text[at..]).unwrap_or(text.len() - at),
            _ => at += 1,
        }
    }
    at
}

/// Reads `*( SEMI generic-param )` (RFC 3261 section 25.1), a value being anything without white space, quotes or
/// angle brackets: that is what peers send in branches and tags. Tells each parameter as [`Params`] would; false if
/// `text` is no such thing.
#[inline]
pub(super) fn read_params<'a>(text: &'a str, mut tell: impl FnMut(&'a str, &'a str)) -> bool {
    let bytes = text.as_bytes();
    let mut at = skip_blanks(bytes, 0);
    while at < bytes.len() {
        if bytes[at] != b';' {
            return false;
        }
        at = skip_blanks(bytes, at + 1);
        let name = at;
        while at < bytes.len() && is_token_byte(bytes[at]) {
            at += 1;
        }
        let name_end = at;
        if name_end == name {
            return false;
        }
        at = skip_blanks(bytes, at);
        let mut value = at..at;
        if bytes.get(at) == Some(&b'=') {
            at = skip_blanks(bytes, at + 1);
            let Some(len) = value_len(&bytes[at..]) else { return false };
            value = at..at + len;
            at = skip_blanks(bytes, value.end);
        }
        tell(&text[name..name_end], &text[value]);
    }
    true
}

fn value_len(bytes: &[u8]) -> Option<usize> {
    if bytes.first() == Some(&b'"') {
        return quoted_len(bytes);
    }
    let len = bytes.iter().position(|&b| ends_value(b)).unwrap_or(bytes.len());
    (len > 0).then_some(len)
}

pub(super) fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() && is_blank(bytes[at]) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_read_through_blanks_and_quotes() {
        let params = Params::new(r#" ; a = 1 ;b; c="x;y" "#);
        assert_eq!(params.collect::<Vec<_>>(), [("a", "1"), ("b", ""), ("c", r#""x;y""#)]);
        assert_eq!(params.get("C"), Some(r#""x;y""#));
        assert_eq!(params.get("d"), None);
    }

    #[test]
    fn empty_parameters_and_values_are_refused() {
        for good in ["", "  ", ";a", " ; a = b ; c", r#";a="b c""#, "; a=b=c ;d"] {
            let mut told = Vec::new();
            assert!(read_params(good, |name, value| told.push((name, value))), "{good}");
            assert_eq!(told, Params::new(good).collect::<Vec<_>>(), "{good}");
        }
        for bad in [";", ";;a", ";a;", ";a=", "a", ";a b", r#";a="b"#, ";a=b c", ";a=<"] {
            assert!(!read_params(bad, |_, _| ()), "{bad}");
        }
    }
}
