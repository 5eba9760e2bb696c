use std::borrow::Cow;

/// Fields in one value: RFC 7616 names a dozen.
const PARAMS_MAX: usize = 32;

/// The auth-params of a `Digest` challenge or credentials value (RFC 3261 section 25.1).
pub(super) struct Params<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Params<'a> {
    /// None: another scheme, not the grammar, or a name that comes twice.
    pub fn parse(value: &'a str) -> Option<Params<'a>> {
        let value = value.trim();
        let (scheme, mut rest) = value.split_once(|c: char| c.is_ascii_whitespace())?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut params: Vec<(&str, Cow<'_, str>)> = Vec::new();
        loop {
            rest = rest.trim_start();
            let (name, after) = rest.split_once('=')?;
            let name = name.trim_end();
            let (text, after) = read_value(after.trim_start())?;
            let known = params.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
            if !is_token(name) || known || params.len() == PARAMS_MAX {
                return None;
            }
            params.push((name, text));
            rest = after.trim_start();
            if rest.is_empty() {
                return Some(Params(params));
            }
            rest = rest.strip_prefix(',')?;
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_ref())
    }
}

/// `Digest`, and then something: the only scheme of RFC 3261 section 22.1.
pub(super) fn is_digest(value: &str) -> bool {
    let scheme = value.trim().split(|c: char| c.is_ascii_whitespace()).next();
    scheme.is_some_and(|s| s.eq_ignore_ascii_case("Digest"))
}

/// A quoted-string without its quotes and escapes, or a token; and what follows.
fn read_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_ascii_whitespace()).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return is_token(token).then_some((Cow::Borrowed(token), rest));
    };
    let mut escaped = false;
    let mut escapes = false;
    for (i, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => (escaped, escapes) = (true, true),
            '"' => {
                let text = if escapes { Cow::Owned(unescape(&inner[..i])) } else { Cow::Borrowed(&inner[..i]) };
                return Some((text, &inner[i + 1..]));
            }
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

/// A quoted-string (RFC 3261 section 25.1). Control characters cannot be written in one and are left out.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_tokens_or_quoted_strings_and_names_are_unique() {
        let p = Params::parse(" digest  realm=\"a \\\"b\\\" , c\" ,nc=00000001,\tqop = auth").unwrap();
        assert_eq!(p.get("REALM"), Some("a \"b\" , c"));
        assert_eq!(p.get("nc"), Some("00000001"));
        assert_eq!(p.get("qop"), Some("auth"));
        assert_eq!(p.get("uri"), None);
    }

    #[test]
    fn what_is_not_a_digest_value_is_refused() {
        for bad in [
            "",
            "Digest",
            "Basic abc=",
            "Digest a",
            "Digest a=",
            "Digest a=\"b",
            "Digest a=\"b\\\"",
            "Digest a=1,",
            "Digest a=1,,b=2",
            "Digest a=1 b=2",
            "Digest a=1, A=2",
            "Digest =1",
            "Digest a b=1",
        ] {
            assert!(Params::parse(bad).is_none(), "{bad}");
        }
        let many: Vec<String> = (0..=PARAMS_MAX).map(|i| format!("p{i}=1")).collect();
        assert!(Params::parse(&format!("Digest {}", many.join(","))).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}", digest in "Digest( ?[a-c]=?\"?\\\\?[^x]{0,3}\"?,?){0,4}") {
            Params::parse(&text);
            Params::parse(&digest);
        }

        #[test]
        fn what_is_quoted_reads_back_without_its_control_characters(text in ".{0,40}") {
            let plain: String = text.chars().filter(|c| !c.is_control()).collect();
            let quoted = quoted(&text);
            proptest::prop_assert_eq!(read_value(&quoted), Some((Cow::Owned(plain), "")));
        }
    }

    #[test]
    fn quoting_reads_back() {
        let text = "a \"quoted\\\" name";
        assert_eq!(read_value(&quoted(text)).unwrap().0, text);
        assert_eq!(quoted("a\r\nb\0"), "\"ab\"");
    }
}
