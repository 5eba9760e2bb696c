//! From a webhook's reply to the verbs of its `<Response>`. Everything is checked before a verb runs, at a cost bounded
//! by the document's size. What the verbs mean is not known here. Start at [`read`].

mod bounds;
mod content_type;
#[cfg(test)]
mod tests;
mod text;

use tandem_model::limits;

use crate::code;

/// Why there is no document to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentError {
    pub code: u32,
    pub message: String,
    pub line: Option<u32>,
}

impl DocumentError {
    fn parse(message: impl Into<String>, line: Option<u32>) -> Self {
        DocumentError { code: code::DOCUMENT_PARSE, message: message.into(), line }
    }
}

/// An element, with the line it starts on, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Child>,
    pub line: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Child {
    Element(Node),
    Text(String),
}

impl Node {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    pub fn elements(&self) -> impl Iterator<Item = &Node> {
        self.children.iter().filter_map(|c| match c {
            Child::Element(node) => Some(node),
            Child::Text(_) => None,
        })
    }

    /// The element's own text, without that of elements inside it, trimmed.
    pub fn text(&self) -> String {
        let mut all = String::new();
        for child in &self.children {
            if let Child::Text(text) = child {
                all.push_str(text);
            }
        }
        all.trim().to_owned()
    }
}

/// Reads a fetched document.
///
/// # Errors
/// 11750 above 64 kB, 12300 for a Content-Type that is missing or not XML, 12100 for all that is wrong inside.
pub(crate) fn read(content_type: Option<&str>, body: &[u8]) -> Result<Vec<Node>, DocumentError> {
    check_size(body.len())?;
    let charset = content_type::charset_of_xml(content_type)?;
    parse(&text::decode(body, charset)?)
}

/// Reads an inline document.
pub(crate) fn read_inline(xml: &str) -> Result<Vec<Node>, DocumentError> {
    check_size(xml.len())?;
    parse(xml)
}

fn check_size(bytes: usize) -> Result<(), DocumentError> {
    if bytes <= limits::LAML_DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the document has {bytes} bytes, more than {}", limits::LAML_DOCUMENT_BYTES_MAX);
    Err(DocumentError { code: code::DOCUMENT_TOO_BIG, message, line: None })
}

fn parse(xml: &str) -> Result<Vec<Node>, DocumentError> {
    let trimmed = xml.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let mut lines = LineCounter::starting_with(&xml[..xml.len() - trimmed.len()], trimmed);
    bounds::check(trimmed, lines.line)?;
    let options = roxmltree::ParsingOptions {
        allow_dtd: false,
        // Elements are counted by now; texts and comments lie between them.
        nodes_limit: 3 * limits::LAML_NODES_MAX,
        entity_resolver: None,
    };
    let tree = roxmltree::Document::parse_with_options(trimmed, options)
        .map_err(|e| DocumentError::parse(format!("not well-formed XML: {e}"), Some(lines.line - 1 + e.pos().row)))?;
    let root = tree.root_element();
    if root.tag_name().name() != "Response" || root.tag_name().namespace().is_some() {
        let line = lines.line_at(root.range().start);
        return Err(DocumentError::parse(
            format!("the root is <{}>, not <Response>", root.tag_name().name()),
            Some(line),
        ));
    }
    let response = copy(root, &mut lines);
    if !response.text().is_empty() {
        return Err(DocumentError::parse("text between the verbs of <Response>", Some(response.line)));
    }
    Ok(response.children.into_iter().filter_map(|c| if let Child::Element(n) = c { Some(n) } else { None }).collect())
}

/// Recursion is bounded by [`bounds::DEPTH_MAX`].
fn copy(element: roxmltree::Node<'_, '_>, lines: &mut LineCounter<'_>) -> Node {
    let line = lines.line_at(element.range().start);
    let attributes = element.attributes().map(|a| (a.name().to_owned(), a.value().to_owned())).collect();
    let children = element
        .children()
        .filter_map(|child| {
            if child.is_element() {
                Some(Child::Element(copy(child, lines)))
            } else if child.is_text() {
                child.text().map(|t| Child::Text(t.to_owned()))
            } else {
                None
            }
        })
        .collect();
    let name = match element.tag_name().namespace() {
        None => element.tag_name().name().to_owned(),
        // LaML has no namespaces: a name in one is nobody's verb.
        Some(namespace) => format!("{namespace}:{}", element.tag_name().name()),
    };
    Node { name, attributes, children, line }
}

/// Line numbers for offsets that only grow, so that a document is walked once.
struct LineCounter<'a> {
    xml: &'a [u8],
    offset: usize,
    line: u32,
}

impl<'a> LineCounter<'a> {
    fn starting_with(skipped: &str, xml: &'a str) -> Self {
        LineCounter { xml: xml.as_bytes(), offset: 0, line: 1 + newlines(skipped.as_bytes()) }
    }

    fn line_at(&mut self, offset: usize) -> u32 {
        if offset > self.offset {
            self.line += newlines(&self.xml[self.offset..offset]);
            self.offset = offset;
        }
        self.line
    }
}

fn newlines(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|b| **b == b'\n').count() as u32
}
