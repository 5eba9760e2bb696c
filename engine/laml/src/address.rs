//! URLs in documents: which are taken, and what a relative one means.

use url::{ParseError, Url};

/// Why a URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadUrl(pub String);

/// `reference` as an absolute `http` or `https` URL. A relative one is resolved against `base`, the URL of the
/// document it stands in (RFC 3986 section 5); an empty one is `base` itself.
///
/// An absolute URL is kept as written, because signatures cover what was configured; its fragment is kept for the
/// webhook layer, which reads time limits from it.
pub(crate) fn resolve(base: Option<&str>, reference: &str) -> Result<String, BadUrl> {
    let reference = reference.trim();
    if reference.is_empty() {
        return base.map(str::to_owned).ok_or_else(|| BadUrl("the document has no URL of its own".to_owned()));
    }
    let shown: String = reference.chars().filter(|c| !c.is_control()).take(200).collect();
    let (url, relative) = match Url::parse(reference) {
        Ok(url) => (url, false),
        Err(ParseError::RelativeUrlWithoutBase) => {
            let base = base.and_then(|b| Url::parse(b).ok());
            let base = base.ok_or_else(|| BadUrl(format!("\"{shown}\" is relative, but the document has no URL")))?;
            let url = base.join(reference).map_err(|e| BadUrl(format!("\"{shown}\" is no URL: {e}")))?;
            (url, true)
        }
        Err(e) => return Err(BadUrl(format!("\"{shown}\" is no URL: {e}"))),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadUrl(format!("\"{shown}\" is neither http nor https")));
    }
    // The URL standard drops line breaks and escapes spaces; a raw copy would carry them into a request line.
    let plain = !reference.chars().any(|c| c.is_control() || c.is_whitespace());
    Ok(if relative || !plain { url.into() } else { reference.to_owned() })
}

/// `url` as another server may see it: without user and password, and without the fragment, which is the webhook
/// layer's alone.
pub fn without_secrets(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            parsed.set_fragment(None);
            // Neither can fail: the URL has a host, or there would be no user in it.
            let _ = parsed.set_password(None);
            let _ = parsed.set_username("");
            parsed.into()
        }
        Ok(_) | Err(_) => url.split_once('#').map_or(url, |(url, _)| url).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_resolve_against_the_document_they_stand_in() {
        let base = Some("https://user:pw@app.example/calls/start.xml?x=1#rt=500");
        for (reference, expected) in [
            ("http://Other.example:80/a", "http://Other.example:80/a"),
            ("next.xml", "https://user:pw@app.example/calls/next.xml"),
            ("/next?y=2#rt=900&tt=2000", "https://user:pw@app.example/next?y=2#rt=900&tt=2000"),
            ("?z=3", "https://user:pw@app.example/calls/start.xml?z=3"),
            ("../up", "https://user:pw@app.example/up"),
            ("//cdn.example/b", "https://cdn.example/b"),
            ("", "https://user:pw@app.example/calls/start.xml?x=1#rt=500"),
            (" \n next.xml ", "https://user:pw@app.example/calls/next.xml"),
            ("https://a.example/x y\nz", "https://a.example/x%20yz"),
            ("https://a.example/%7Euser#ot=100", "https://a.example/%7Euser#ot=100"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Ok(expected), "{reference}");
        }
    }

    #[test]
    fn an_address_told_to_others_holds_no_password() {
        for (url, expected) in [
            ("https://u:p@a.example:8443/x?y=1#rt=5", "https://a.example:8443/x?y=1"),
            ("https://u@a.example/x", "https://a.example/x"),
            ("https://:p@a.example/x", "https://a.example/x"),
            ("https://a.example/%7e?m=a@b#rt=5", "https://a.example/%7e?m=a@b"),
        ] {
            assert_eq!(without_secrets(url), expected);
        }
    }

    #[test]
    fn other_schemes_and_relative_urls_without_a_base_are_refused() {
        for reference in ["file:///etc/passwd", "gopher://a/", "javascript:1", "http://", "https://[::1", "data:,x"] {
            assert!(resolve(Some("http://a.example/"), reference).is_err(), "{reference}");
        }
        assert!(resolve(None, "next.xml").is_err());
        assert!(resolve(None, "").is_err());
        assert!(resolve(None, "http://a.example/").is_ok());
    }
}
