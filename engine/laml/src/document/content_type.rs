use super::DocumentError;
use crate::code;

/// The `charset` parameter of a Content-Type that may carry LaML: any `*/xml`, or `text/html`.
///
/// # Errors
/// 12300 when the header is missing or names another type.
pub(super) fn charset_of_xml(content_type: Option<&str>) -> Result<Option<&str>, DocumentError> {
    let refuse = |message: String| DocumentError { code: code::CONTENT_TYPE, message, line: None };
    let value = content_type.ok_or_else(|| refuse("the reply has no Content-Type".to_owned()))?;
    let mut parts = value.split(';');
    let media_type = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let xml = media_type.split_once('/').is_some_and(|(kind, subtype)| !kind.is_empty() && subtype == "xml");
    if !xml && media_type != "text/html" {
        let shown: String = media_type.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(refuse(format!("the reply is of type \"{shown}\", not XML")));
    }
    let charset = parts.find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    Ok(charset)
}
