use super::chars::{is_list_mark, quoted_len, trim};

/// Elements of a comma-separated header value (RFC 3261 section 7.3.1). A comma inside a quoted string or angle
/// brackets separates nothing. Empty elements are passed on: whether they matter is the element's grammar.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    rest: Option<&'a str>,
}

impl<'a> List<'a> {
    pub(super) fn new(value: &'a str) -> List<'a> {
        List { rest: Some(value) }
    }

    /// What follows the elements taken so far.
    pub(super) fn rest(&self) -> Option<&'a str> {
        self.rest
    }
}

impl<'a> Iterator for List<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest?;
        let end = end_of_element(text.as_bytes());
        self.rest = text.get(end + 1..);
        Some(trim(&text[..end]))
    }
}

fn end_of_element(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        if !is_list_mark(text[at]) {
            at += 1;
            continue;
        }
        match text[at] {
            b',' => return at,
            b'"' => at += quoted_len(&text[at..]).unwrap_or(text.len() - at),
            _ => at += text[at..].iter().position(|&b| b == b'>').unwrap_or(text.len() - at),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_separate() {
        let list = List::new(r#" "a,\"b" <sip:x,y@h> , c ,d"#);
        assert_eq!(list.collect::<Vec<_>>(), [r#""a,\"b" <sip:x,y@h>"#, "c", "d"]);
    }

    #[test]
    fn empty_elements_are_seen() {
        assert_eq!(List::new("a,,").collect::<Vec<_>>(), ["a", "", ""]);
    }
}
