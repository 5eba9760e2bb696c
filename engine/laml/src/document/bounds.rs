//! One pass over the bytes before a tree is built: the tree's cost is then bounded whatever the document says.
//! It counts tags; whether they are well-formed is left to the parser.

use tandem_model::limits;

use super::DocumentError;

/// Elements inside one another. Gather / Say / a few SSML elements need fewer than ten.
pub(crate) const DEPTH_MAX: usize = 32;
/// Attributes of one element; Dial, the richest, has under 30. Checking that they differ costs their square.
pub(crate) const ATTRIBUTES_MAX: usize = 64;
/// Namespace declarations: LaML has none, and each costs every element below it.
const NAMESPACES_MAX: usize = 8;

/// Markup and attributes the parser sets memory aside for by counting these two bytes, wherever they stand. With these
/// limits that is below 1 MB; a document of 2,000 elements needs 4,000 and a few.
const OPENING_BRACKETS_MAX: usize = 5_000;
const EQUALS_SIGNS_MAX: usize = 4_096;

/// # Errors
/// 12100 for document type declarations, processing instructions, and more or deeper elements than the limits.
pub(super) fn check(xml: &str, first_line: u32) -> Result<(), DocumentError> {
    for (byte, max) in [(b'<', OPENING_BRACKETS_MAX), (b'=', EQUALS_SIGNS_MAX)] {
        if xml.bytes().filter(|b| *b == byte).count() > max {
            let message = format!("more than {max} of the character {}", char::from(byte));
            return Err(DocumentError::parse(message, Some(first_line)));
        }
    }
    let mut scan = Scan { xml, at: 0, line: first_line, elements: 0, depth: 0, namespaces: 0 };
    while let Some(next) = xml[scan.at..].find('<') {
        scan.skip(next);
        scan.markup()?;
    }
    Ok(())
}

struct Scan<'a> {
    xml: &'a str,
    at: usize,
    line: u32,
    elements: u32,
    depth: usize,
    namespaces: usize,
}

impl Scan<'_> {
    fn markup(&mut self) -> Result<(), DocumentError> {
        let rest = &self.xml[self.at..];
        if rest.starts_with("<!--") {
            self.skip_past("<!--".len(), "-->")
        } else if rest.starts_with("<![CDATA[") {
            self.skip_past("<![CDATA[".len(), "]]>")
        } else if rest.starts_with("<!") {
            Err(self.error("a document type declaration is not allowed"))
        } else if rest.starts_with("<?") {
            let declaration = self.at == 0 && rest.starts_with("<?xml") && !rest.starts_with("<?xml-");
            if !declaration {
                return Err(self.error("a processing instruction is not allowed"));
            }
            self.skip_past(2, "?>")
        } else if rest.starts_with("</") {
            self.depth = self.depth.saturating_sub(1);
            self.skip_past(2, ">")
        } else {
            self.start_tag()
        }
    }

    fn start_tag(&mut self) -> Result<(), DocumentError> {
        let rest = &self.xml.as_bytes()[self.at..];
        let (mut quote, mut quotes, mut end) = (None, 0, None);
        for (i, &byte) in rest.iter().enumerate() {
            match (quote, byte) {
                (None, b'"' | b'\'') => {
                    quote = Some(byte);
                    quotes += 1;
                }
                (Some(open), _) if open == byte => quote = None,
                (None, b'>') => {
                    end = Some(i);
                    break;
                }
                (None | Some(_), _) => {}
            }
        }
        let Some(end) = end else { return Err(self.error("a tag is not closed")) };
        let tag = &rest[..end];
        self.elements += 1;
        self.namespaces += tag.windows(5).filter(|w| w == b"xmlns").count();
        if !tag.ends_with(b"/") {
            self.depth += 1;
        }
        if self.elements > limits::LAML_NODES_MAX {
            return Err(self.error("too many elements"));
        }
        if self.depth > DEPTH_MAX {
            return Err(self.error("elements are nested too deep"));
        }
        if quotes > ATTRIBUTES_MAX {
            return Err(self.error("an element has too many attributes"));
        }
        if self.namespaces > NAMESPACES_MAX {
            return Err(self.error("too many namespaces"));
        }
        self.skip(end + 1);
        Ok(())
    }

    fn skip_past(&mut self, from: usize, end: &str) -> Result<(), DocumentError> {
        match self.xml[self.at + from..].find(end) {
            Some(i) => {
                self.skip(from + i + end.len());
                Ok(())
            }
            None => Err(self.error(&format!("{end} is missing"))),
        }
    }

    fn skip(&mut self, bytes: usize) {
        self.line += super::newlines(&self.xml.as_bytes()[self.at..self.at + bytes]);
        self.at += bytes;
    }

    fn error(&self, message: &str) -> DocumentError {
        DocumentError::parse(message, Some(self.line))
    }
}
