use std::borrow::Cow;

use super::DocumentError;

/// The body as text. The charset of the Content-Type wins over that of the XML declaration; without either it is
/// UTF-8. US-ASCII and ISO-8859-1 are read too.
///
/// # Errors
/// 12100 for another charset, or bytes that are not of the one named.
pub(super) fn decode<'a>(body: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, str>, DocumentError> {
    let name = charset.map_or_else(|| declared(body), |c| Some(c.to_owned()));
    match name.as_deref().unwrap_or("utf-8").to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => match std::str::from_utf8(body) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(e) => {
                let line = 1 + super::newlines(&body[..e.valid_up_to()]);
                Err(DocumentError::parse("the document is not UTF-8", Some(line)))
            }
        },
        "iso-8859-1" | "latin1" => Ok(Cow::Owned(body.iter().map(|b| char::from(*b)).collect())),
        other => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
            Err(DocumentError::parse(format!("the charset \"{shown}\" is not supported"), None))
        }
    }
}

/// The `encoding` of an XML declaration, if there is one.
fn declared(body: &[u8]) -> Option<String> {
    let start = body.iter().position(|b| !b.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(b))?;
    let rest = body[start..].strip_prefix(b"<?xml")?;
    let end = rest.windows(2).position(|w| w == b"?>")?;
    let declaration = std::str::from_utf8(&rest[..end]).ok()?;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split_once(quote).map(|(name, _)| name.to_owned())
}
