use std::borrow::Cow;

/// Pieces of what a Say says (`Prompt::Speech`): text and the few elements its grammar writes. Anything else is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(Cow<'a, str>),
    Open(Element<'a>),
    Close(&'a str),
    /// An element without content.
    Alone(Element<'a>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub name: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
}

impl Element<'_> {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_ref())
    }
}

/// Total: a `<` that begins no element of ours is text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((piece, after)) = tag(rest) {
            out.push(piece);
            rest = after;
            continue;
        }
        let end = rest.char_indices().skip(1).find(|(_, c)| *c == '<').map_or(rest.len(), |(at, _)| at);
        out.push(Piece::Text(unescape(&rest[..end])));
        rest = &rest[end..];
    }
    out
}

/// The words alone.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(words) => out.push_str(&words),
            // Words on both sides of an element without letters between them stay two words.
            Piece::Alone(_) => out.push(' '),
            Piece::Open(e) if matches!(e.name, "p" | "s") => out.push(' '),
            Piece::Close("p" | "s") => out.push(' '),
            Piece::Open(_) | Piece::Close(_) => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// As standard SSML, for engines that read it.
pub(super) fn ssml(text: &str, language: &str) -> String {
    let mut out = format!("<speak version=\"1.1\" xml:lang=\"{}\">", escaped(language));
    for piece in pieces(text) {
        match piece {
            Piece::Text(words) => out.push_str(&escaped(&words)),
            Piece::Open(e) => out.push_str(&standard(&e, ">")),
            Piece::Alone(e) => out.push_str(&standard(&e, "/>")),
            Piece::Close(name) => out.push_str(&format!("</{name}>")),
        }
    }
    out + "</speak>"
}

fn standard(element: &Element<'_>, end: &str) -> String {
    let mut out = format!("<{}", element.name);
    for (name, value) in &element.attributes {
        let name = match (element.name, *name) {
            ("lang", "tag") => "xml:lang",
            ("say-as", "as") => "interpret-as",
            (_, other) => other,
        };
        let unit = if (element.name, name) == ("break", "time") { "ms" } else { "" };
        out.push_str(&format!(" {name}=\"{}{unit}\"", escaped(value)));
    }
    out + end
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Plain text as the content of a Say.
pub fn text_as_markup(text: &str) -> String {
    escaped(text)
}

const NAMES: &[&str] = &["break", "emphasis", "lang", "p", "s", "phoneme", "prosody", "say-as"];

fn tag(text: &str) -> Option<(Piece<'_>, &str)> {
    let inner = text.strip_prefix('<')?;
    if let Some(closing) = inner.strip_prefix('/') {
        let (name, rest) = closing.split_once('>')?;
        return NAMES.contains(&name).then_some((Piece::Close(name), rest));
    }
    let end = inner.find(|c: char| !c.is_ascii_lowercase() && c != '-')?;
    let (name, mut rest) = inner.split_at(end);
    if !NAMES.contains(&name) {
        return None;
    }
    let mut attributes = Vec::new();
    while let Some(next) = rest.strip_prefix(' ') {
        let (name, value) = next.split_once("=\"")?;
        let (value, after) = value.split_once('"')?;
        if !name.bytes().all(|b| b.is_ascii_lowercase()) {
            return None;
        }
        attributes.push((name, unescape(value)));
        rest = after;
    }
    let element = Element { name, attributes };
    match rest.strip_prefix("/>") {
        Some(rest) => Some((Piece::Alone(element), rest)),
        None => rest.strip_prefix('>').map(|rest| (Piece::Open(element), rest)),
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    // The ampersand last: what it gives is not read again.
    Cow::Owned(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_become_standard_ssml_and_their_words_plain_text() {
        let text = r#"a &amp; b<break time="500"/><lang tag="fr-FR">ça</lang> <say-as as="date" format="mdy">1/2</say-as><p>x</p>y"#;
        assert_eq!(
            ssml(text, "en-US"),
            "<speak version=\"1.1\" xml:lang=\"en-US\">a &amp; b<break time=\"500ms\"/><lang xml:lang=\"fr-FR\">ça</lang> \
             <say-as interpret-as=\"date\" format=\"mdy\">1/2</say-as><p>x</p>y</speak>"
        );
        assert_eq!(plain(text), "a & b ça 1/2 x y");
    }

    #[test]
    fn what_is_no_element_is_text() {
        for text in [
            "<",
            "<x>",
            "a<b",
            "<break",
            "<break time=>",
            "</speak>",
            "<p A=\"1\">",
            "&lt;break/&gt;",
            "<break time=\"1",
        ] {
            let shown = pieces(text);
            assert!(shown.iter().all(|p| matches!(p, Piece::Text(_))), "{text}: {shown:?}");
        }
        assert_eq!(pieces(&text_as_markup("<p>&\"")), [Piece::Text("<p>&\"".into())]);
        assert_eq!(plain("&amp;lt;"), "&lt;");
    }
}
