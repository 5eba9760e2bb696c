use url::{ParseError, Url};

use crate::address::BadUrl;

/// A stream's address: `wss`, or `ws` which only some servers may be reached by, and no query, fragment or white space
/// (31922). One relative to the document's own URL is taken too.
pub(super) fn resolve(base: Option<&str>, reference: &str) -> Result<String, BadUrl> {
    let bad = |what: &str| {
        let shown: String = reference.chars().filter(|c| !c.is_control()).take(200).collect();
        BadUrl(format!("\"{shown}\" {what}"))
    };
    if reference.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(bad("has white space in it"));
    }
    match Url::parse(reference) {
        Ok(url) => check(&url).map(|()| reference.to_owned()).map_err(bad),
        Err(ParseError::RelativeUrlWithoutBase) => {
            let base = base.and_then(|b| Url::parse(b).ok()).ok_or_else(|| bad("is relative to nothing"))?;
            let mut url = base.join(reference).map_err(|_| bad("is no URL"))?;
            let scheme = match url.scheme() {
                "https" => "wss",
                "http" => "ws",
                _ => return Err(bad("is no URL of a stream")),
            };
            // Both are special schemes, between which a URL may change.
            let _ = url.set_scheme(scheme);
            check(&url).map_err(bad)?;
            Ok(url.into())
        }
        Err(_) => Err(bad("is no URL")),
    }
}

/// Whether `text` is an absolute address that a stream may go to, or why not.
pub fn stream_address(text: &str) -> Result<(), String> {
    resolve(None, text).map(drop).map_err(|bad| bad.0)
}

fn check(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "wss" | "ws") {
        Err("is no wss URL")
    } else if url.host_str().is_none_or(str::is_empty) {
        Err("has no host")
    } else if url.query().is_some() {
        // laml.md 1.16; what an application has to say to its server goes into Parameter.
        Err("has a query, which streams do not take")
    } else if url.fragment().is_some() {
        // RFC 6455 section 3.
        Err("has a fragment")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_wss_without_query_fragment_and_white_space() {
        let base = Some("https://app.example/calls/start");
        for (text, want) in [
            ("wss://a.example/audio", Some("wss://a.example/audio")),
            ("ws://127.0.0.1:9/", Some("ws://127.0.0.1:9/")),
            ("wss://a.example:443", Some("wss://a.example:443")),
            ("audio", Some("wss://app.example/calls/audio")),
            ("/audio", Some("wss://app.example/audio")),
            ("https://a.example/audio", None),
            ("ftp://a.example/audio", None),
            ("wss://a.example/audio?x=1", None),
            ("audio?x", None),
            ("wss://a.example/audio#tt=5", None),
            ("wss://a.example/audio ", None),
            ("wss://a.example/au dio", None),
            ("wss://", None),
        ] {
            assert_eq!(resolve(base, text).ok().as_deref(), want, "{text:?}");
        }
        assert_eq!(resolve(Some("http://a.example/x"), "y").as_deref(), Ok("ws://a.example/y"));
        assert!(stream_address("audio").is_err() && stream_address("wss://a.example/").is_ok());
    }
}
