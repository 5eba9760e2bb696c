use std::fmt;

use tandem_model::limits::LAML_DOCUMENT_BYTES_MAX;

/// A Mustache template: names in double braces, filled from a request's parameters (laml.md 2.8). All values are texts:
/// there are no lists, and no partials. Any text at all either reads or is refused with a line; no value can break out
/// of the XML around it but through `{{{name}}}` and `{{&name}}`, which say that it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    Text(String),
    Value { name: String, escaped: bool },
    Section { name: String, inverted: bool, nodes: Vec<Node> },
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Counted from 1.
    pub line: usize,
    pub what: &'static str,
}

/// The values would make the document larger than one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// Sections in each other at most.
const DEPTH_MAX: usize = 16;

impl Template {
    /// # Errors
    /// A tag that does not end, a section that does not end or was not begun, a partial, or sections too deep.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut reader = Reader { rest: text, line: 1, open: "{{".into(), close: "}}".into() };
        // The innermost section last; the first has no name.
        let mut stack: Vec<(String, bool, Vec<Node>)> = vec![(String::new(), false, Vec::new())];
        loop {
            let (before, tag) = reader.next()?;
            let depth = stack.len();
            let Some((_, _, nodes)) = stack.last_mut() else { return Err(reader.error("a section ends twice")) };
            if !before.is_empty() {
                nodes.push(Node::Text(before.to_owned()));
            }
            match tag {
                None if depth > 1 => return Err(reader.error("a section is not ended")),
                None => break,
                Some(Tag::Nothing) => {}
                Some(Tag::Value { name, escaped }) => nodes.push(Node::Value { name: name.to_owned(), escaped }),
                Some(Tag::Begin { .. }) if depth > DEPTH_MAX => {
                    return Err(reader.error("sections lie too deep in each other"));
                }
                Some(Tag::Begin { name, inverted }) => stack.push((name.to_owned(), inverted, Vec::new())),
                Some(Tag::End(name)) => match (stack.pop(), stack.last_mut()) {
                    (Some((begun, inverted, nodes)), Some((_, _, outer))) if begun == name => {
                        outer.push(Node::Section { name: begun, inverted, nodes });
                    }
                    _ => return Err(reader.error("a section ends that was not begun last")),
                },
            }
        }
        let nodes = stack.pop().map(|(_, _, nodes)| nodes).unwrap_or_default();
        Ok(Template { nodes })
    }

    /// Fills in the values. A name that is not among them is empty; of several of one name the first counts.
    ///
    /// # Errors
    /// When the document becomes larger than documents may be.
    pub fn render(&self, values: &[(String, String)]) -> Result<String, TooLarge> {
        let mut out = String::new();
        write(&self.nodes, values, None, &mut out)?;
        Ok(out)
    }
}

fn write(nodes: &[Node], values: &[(String, String)], this: Option<&str>, out: &mut String) -> Result<(), TooLarge> {
    let value = |name: &str| match name {
        "." => this.unwrap_or_default(),
        name => values.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str()),
    };
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Value { name, escaped: true } => escape(value(name), out),
            Node::Value { name, escaped: false } => out.push_str(value(name)),
            Node::Section { name, inverted, nodes } => {
                let value = value(name);
                let truth = !matches!(value, "" | "false");
                if truth != *inverted {
                    write(nodes, values, if *inverted { this } else { Some(value) }, out)?;
                }
            }
        }
        if out.len() > LAML_DOCUMENT_BYTES_MAX {
            return Err(TooLarge);
        }
    }
    Ok(())
}

/// As text and in quoted attributes. What XML cannot say at all (XML 1.0 section 2.2) is left out.
fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c < ' ' => {}
            c => out.push(c),
        }
    }
}

enum Tag<'t> {
    Value {
        name: &'t str,
        escaped: bool,
    },
    Begin {
        name: &'t str,
        inverted: bool,
    },
    End(&'t str),
    /// A comment, or other delimiters.
    Nothing,
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
    open: String,
    close: String,
}

impl<'t> Reader<'t> {
    /// The text before the next tag, and the tag.
    fn next(&mut self) -> Result<(&'t str, Option<Tag<'t>>), TemplateError> {
        let Some((before, after)) = self.rest.split_once(self.open.as_str()) else {
            return Ok((std::mem::take(&mut self.rest), None));
        };
        self.line += lines(before);
        let triple = self.open == "{{" && after.starts_with('{');
        let (close, inside) = if triple { ("}}}", &after[1..]) } else { (self.close.as_str(), after) };
        let Some((inside, rest)) = inside.split_once(close) else { return Err(self.error("a tag is not ended")) };
        let tag = if triple { Ok(Tag::Value { name: inside.trim(), escaped: false }) } else { self.tag(inside) };
        let tag = tag.map_err(|what| self.error(what))?;
        self.line += lines(inside);
        self.rest = rest;
        Ok((before, Some(tag)))
    }

    fn tag(&mut self, inside: &'t str) -> Result<Tag<'t>, &'static str> {
        let inside = inside.trim();
        let kind = inside.chars().next().ok_or("a tag is empty")?;
        let name = inside[kind.len_utf8()..].trim();
        let tag = match kind {
            '!' => return Ok(Tag::Nothing),
            '>' => return Err("there are no partials here"),
            '=' => {
                let (open, close) = name
                    .strip_suffix('=')
                    .and_then(|both| both.trim().split_once(char::is_whitespace))
                    .ok_or("delimiters are set as {{=<% %>=}}")?;
                let close = close.trim();
                if open.contains('=') || close.contains('=') || close.is_empty() || close.contains(char::is_whitespace)
                {
                    return Err("delimiters may have neither = nor spaces");
                }
                (self.open, self.close) = (open.to_owned(), close.to_owned());
                return Ok(Tag::Nothing);
            }
            '&' => Tag::Value { name, escaped: false },
            '#' => Tag::Begin { name, inverted: false },
            '^' => Tag::Begin { name, inverted: true },
            '/' => Tag::End(name),
            _ => return Ok(Tag::Value { name: inside, escaped: true }),
        };
        if name.is_empty() { Err("a tag has no name") } else { Ok(tag) }
    }

    fn error(&self, what: &'static str) -> TemplateError {
        TemplateError { line: self.line, what }
    }
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|b| *b == b'\n').count()
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn render(template: &str, values: &[(&str, &str)]) -> String {
        let values: Vec<_> = values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Template::parse(template).unwrap().render(&values).unwrap()
    }

    #[test]
    fn values_are_filled_in_escaped_unless_the_template_says_otherwise() {
        let values = [("From", "+1555"), ("SipHeader_X-N", "a<b & \"c\" 'd'>"), ("bell", "a\u{7}b\u{ffff}\tc")];
        for (template, want) in [
            ("<Dial callerId=\"{{From}}\"/>", "<Dial callerId=\"+1555\"/>"),
            ("{{ From }}{{From}}", "+1555+1555"),
            ("{{SipHeader_X-N}}", "a&lt;b &amp; &quot;c&quot; &#39;d&#39;&gt;"),
            ("{{{SipHeader_X-N}}}{{&From}}{{& From }}", "a<b & \"c\" 'd'>+1555+1555"),
            ("{{missing}}|{{{missing}}}|{{from}}|{{.}}", "|||"),
            ("{{bell}}", "ab\tc"),
            ("a{{! {{ what ever\n }}b", "ab"),
            ("{ {From} }} {", "{ {From} }} {"),
            ("{{=<% %>=}}<%From%>{{From}}<%={{ }}=%>{{From}}", "+1555{{From}}+1555"),
            ("\u{e9}{{From}}\u{e9}", "\u{e9}+1555\u{e9}"),
            ("", ""),
        ] {
            assert_eq!(render(template, &values), want, "{template}");
        }
    }

    #[test]
    fn sections_are_there_when_their_value_is_and_inverted_ones_when_it_is_not() {
        let values = [("a", "1"), ("b", "2"), ("no", "false"), ("empty", "")];
        for (template, want) in [
            ("{{#a}}<{{.}}>{{#b}}{{.}}{{a}}{{/b}}{{/a}}", "<1>21"),
            ("{{#no}}x{{/no}}{{#empty}}x{{/empty}}{{#gone}}x{{/gone}}", ""),
            ("{{^no}}x{{/no}}{{^empty}}y{{/empty}}{{^gone}}z{{/gone}}{{^a}}x{{/a}}", "xyz"),
            ("{{#a}}{{^gone}}{{.}}{{/gone}}{{/ a }}", "1"),
        ] {
            assert_eq!(render(template, &values), want, "{template}");
        }
    }

    #[test]
    fn what_does_not_read_is_refused_with_its_line() {
        for (template, line) in [
            ("a\n{{From", 2),
            ("{{{From}}", 1),
            ("\n\n{{> other}}", 3),
            ("{{#a}}\n{{/b}}", 2),
            ("{{#a}}\n{{#b}}{{/a}}{{/b}}", 2),
            ("{{/a}}", 1),
            ("{{#a}}\n\n", 1),
            ("{{}}", 1),
            ("{{#}}{{/}}", 1),
            ("{{=a=}}", 1),
            ("{{== ==}}", 1),
            (&format!("{}{}", "{{#a}}".repeat(40), "{{/a}}".repeat(40)), 1),
        ] {
            assert_eq!(Template::parse(template).unwrap_err().line, line, "{template}");
        }
    }

    #[test]
    fn a_document_that_grows_without_end_is_given_up() {
        let template = Template::parse(&"{{a}}".repeat(10_000)).unwrap();
        assert_eq!(template.render(&[("a".into(), "x".repeat(1_000))]), Err(TooLarge));
        assert_eq!(template.render(&[("a".into(), "x".into())]).unwrap().len(), 10_000);
    }

    proptest! {
        #[test]
        fn any_text_reads_or_is_refused_and_no_escaped_value_leaves_its_place(
            text in "[a{}#^/&!=> \n<%.\u{e9}]{0,60}",
            value in any::<String>(),
        ) {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.render(&[("a".into(), value.clone())]);
            }
            let document = render("<a b=\"{{v}}\">{{v}}</a>", &[("v", &value)]);
            let inside = document.strip_prefix("<a b=\"").and_then(|d| d.strip_suffix("</a>")).unwrap();
            let (attribute, text) = inside.split_once("\">").unwrap();
            prop_assert!(!attribute.contains(['<', '"', '\'']) && !text.contains('<'));
        }
    }
}
