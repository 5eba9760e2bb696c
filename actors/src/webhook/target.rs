use std::net::IpAddr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tandem_laml::Dialect;
use url::{Host, Position, Url};

use super::dialect::{Manners, Retry, RetryOn};
use super::failure::{Cause, Failure, fail};

/// A configured URL, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// What goes on the wire: no fragment, no userinfo.
    pub url: Url,
    /// With the userinfo, so that relative URLs of its document resolve to it.
    pub document_url: Url,
    /// The default port was written out: it is signed, though never sent.
    explicit_default_port: Option<u16>,
    pub credentials: Option<(String, String)>,
    pub times: Times,
    pub retry: Retry,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub connect: Duration,
    pub read: Duration,
    pub total: Duration,
}

impl Target {
    pub fn parse(text: &str, manners: &Manners) -> Result<Target, Failure> {
        let url = Url::parse(text.trim()).map_err(|e| fail(Cause::InvalidUrl, format!("the URL is not valid: {e}")))?;
        let manners = url.fragment().map_or(*manners, |fragment| manners.overridden_by(fragment));
        Target::of(url, text, manners.times, manners.retry)
    }

    /// Where a redirect leads. The time limits are the first request's; credentials go on to the same origin alone.
    pub fn redirected(&self, location: &str) -> Result<Target, Failure> {
        let mut url = self
            .url
            .join(location)
            .map_err(|e| fail(Cause::Redirect, format!("redirected to a URL that is not valid: {e}")))?;
        if url.origin() == self.url.origin() && credentials(&url).is_none() {
            // Both setters fail only for URLs without a host, which have no such origin.
            let _ = url.set_username(self.document_url.username());
            let _ = url.set_password(self.document_url.password());
        }
        Target::of(url, location, self.times, self.retry)
    }

    fn of(mut url: Url, text: &str, times: Times, retry: Retry) -> Result<Target, Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(fail(
                Cause::InvalidUrl,
                format!("the URL's scheme is {}; only http and https are", url.scheme()),
            ));
        }
        if url.host().is_none() {
            return Err(fail(Cause::InvalidUrl, "the URL has no host".to_owned()));
        }
        let explicit_default_port =
            url.port().is_none().then(|| url.port_or_known_default()).flatten().filter(|port| names_port(text, *port));
        let credentials = credentials(&url);
        url.set_fragment(None);
        let document_url = url.clone();
        // Both setters fail only for URLs without a host, which were refused above.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Target { url, document_url, explicit_default_port, credentials, times, retry })
    }

    /// The URL as a validator sees it, with the port where one was configured.
    pub fn signed_url(&self) -> String {
        match self.explicit_default_port {
            Some(port) => format!("{}:{port}{}", &self.url[..Position::AfterHost], &self.url[Position::BeforePath..]),
            None => self.url.as_str().to_owned(),
        }
    }

    /// `host:port`, the unit of the in-flight bound.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.url.host_str().unwrap_or_default(), self.url.port_or_known_default().unwrap_or_default())
    }

    /// The host where it is an address. The URL standard reads decimal, octal and hex notations as such.
    pub fn literal_address(&self) -> Option<IpAddr> {
        match self.url.host() {
            Some(Host::Ipv4(v4)) => Some(v4.into()),
            Some(Host::Ipv6(v6)) => Some(v6.into()),
            Some(Host::Domain(_)) | None => None,
        }
    }
}

impl Manners {
    /// `ot` (Twilio: `ct`), `rt` and `tt` in milliseconds within their documented bounds, and Twilio's `rc` and `rp`
    /// (laml.md 2.7); what is unknown or out of bounds changes nothing.
    fn overridden_by(mut self, fragment: &str) -> Manners {
        let mut last = "";
        let mut retry_on = String::new();
        for item in fragment.split(['&', ',']) {
            let Some((name, value)) = item.split_once('=') else {
                // The list of `rp` has commas of its own.
                if last == "rp" {
                    retry_on = format!("{retry_on},{item}");
                }
                continue;
            };
            last = name.trim();
            if last == "rp" {
                retry_on = value.to_owned();
                continue;
            }
            let Ok(number) = value.trim().parse::<u32>() else { continue };
            let time = Duration::from_millis(number.into());
            match last {
                "ot" | "ct" if (100..=10_000).contains(&number) => self.times.connect = time,
                "rt" if (100..=15_000).contains(&number) => self.times.read = time,
                "tt" if (100..=15_000).contains(&number) => self.times.total = time,
                "rc" if self.dialect == Dialect::Twilio && number <= 5 => self.retry.count = number,
                _ => {}
            }
        }
        if self.dialect == Dialect::Twilio && !retry_on.is_empty() {
            self.retry.on = RetryOn::read(&retry_on);
        }
        self
    }
}

fn credentials(url: &Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decoded(url.username()), decoded(url.password().unwrap_or_default())))
}

/// Whether the authority of `text` ends in `:port`.
fn names_port(text: &str, port: u16) -> bool {
    let after_scheme = text.split_once("//").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    authority.rsplit_once(':').is_some_and(|(_, digits)| digits.parse() == Ok(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::webhook::Limits;

    fn manners(dialect: Dialect) -> Manners {
        Manners::of(dialect, &Limits::default())
    }

    fn parse(text: &str) -> Target {
        Target::parse(text, &manners(Dialect::SignalWire)).unwrap()
    }

    #[test]
    fn the_signed_url_has_no_fragment_and_no_userinfo_and_keeps_a_written_port() {
        for (text, signed) in [
            ("https://h.example/a?b=1", "https://h.example/a?b=1"),
            ("https://h.example:443/a", "https://h.example:443/a"),
            ("http://h.example:80/a?x=%20y", "http://h.example:80/a?x=%20y"),
            ("https://h.example:8443/a", "https://h.example:8443/a"),
            ("https://u:p@h.example/a#rt=100", "https://h.example/a"),
            ("https://u:443@h.example/a", "https://h.example/a"),
            ("https://u:p@h.example:443/a", "https://h.example:443/a"),
            ("http://[2606:4700::80]/", "http://[2606:4700::80]/"),
            ("http://h.example/a:80", "http://h.example/a:80"),
        ] {
            assert_eq!(parse(text).signed_url(), signed, "{text}");
        }
    }

    #[test]
    fn times_come_from_the_fragment_within_their_bounds() {
        let ms = Duration::from_millis;
        let times = |text: &str| parse(text).times;
        assert_eq!(times("http://h/"), Times { connect: ms(2_000), read: ms(5_000), total: ms(15_000) });
        assert_eq!(times("http://h/#ot=100&rt=200&tt=300"), Times { connect: ms(100), read: ms(200), total: ms(300) });
        assert_eq!(
            times("http://h/#ct=10000,rt=15000"),
            Times { connect: ms(10_000), read: ms(15_000), total: ms(15_000) }
        );
        assert_eq!(times("http://h/#ot=99&rt=15001&tt=soon&e=dublin&rc"), times("http://h/"));
    }

    #[test]
    fn the_twilio_dialect_has_longer_times_and_tries_again_as_the_fragment_says() {
        let ms = Duration::from_millis;
        let of = |text: &str| {
            let target = Target::parse(text, &manners(Dialect::Twilio)).unwrap();
            (target.times, target.retry)
        };
        let (connect, none) = (RetryOn { connecting: true, ..RetryOn::default() }, RetryOn::default());
        let usual = Times { connect: ms(5_000), read: ms(15_000), total: ms(15_000) };
        let all = RetryOn { client_errors: true, server_errors: true, connecting: true, reading: true };
        for (text, times, count, on) in [
            ("http://h/", usual, 1, connect),
            (
                "http://h/#ct=2000&rt=3000&tt=4000",
                Times { connect: ms(2_000), read: ms(3_000), total: ms(4_000) },
                1,
                connect,
            ),
            ("http://h/#rc=5&rp=all", usual, 5, all),
            ("http://h/#rc=0", usual, 0, connect),
            ("http://h/#rc=6&rp=never", usual, 1, none),
            ("http://h/#rp=5xx,rt&rc=2", usual, 2, RetryOn { server_errors: true, reading: true, ..none }),
            ("http://h/#rc=2&rp=4xx", usual, 2, RetryOn { client_errors: true, ..none }),
            ("http://h/#e=dublin&sni=n", usual, 1, connect),
        ] {
            assert_eq!(of(text), (times, Retry { count, on }), "{text}");
        }
        // SignalWire's documents know no retries.
        let target = Target::parse("http://h/#rc=5&rp=all", &manners(Dialect::SignalWire)).unwrap();
        assert_eq!(target.retry, Retry { count: 0, on: none });
    }

    #[test]
    fn every_notation_of_an_address_is_recognised_as_one() {
        for text in
            ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.1/", "http://127.0.0.1./"]
        {
            assert_eq!(parse(text).literal_address(), Some("127.0.0.1".parse().unwrap()), "{text}");
        }
        assert_eq!(parse("http://[::ffff:127.0.0.1]/").literal_address(), Some("::ffff:127.0.0.1".parse().unwrap()));
        assert_eq!(parse("http://h.example/").literal_address(), None);
    }

    #[test]
    fn other_schemes_and_broken_urls_are_refused() {
        for text in [
            "file:///etc/passwd",
            "gopher://h/",
            "ftp://h/",
            "data:text/xml,<a/>",
            "/relative",
            "",
            "http://",
            "http://a:b:c/",
        ] {
            assert_eq!(
                Target::parse(text, &manners(Dialect::SignalWire)).unwrap_err().cause,
                Cause::InvalidUrl,
                "{text}"
            );
        }
        assert!(parse("http://h/a").redirected("file:///etc/passwd").is_err());
    }

    #[test]
    fn credentials_are_decoded_and_go_on_to_the_same_origin_alone() {
        let target = parse("https://us%40er:p%3Aw%2541@h.example/#rt=100");
        let expected = Some(("us@er".to_owned(), "p:w%41".to_owned()));
        assert_eq!(target.credentials, expected);
        assert_eq!(target.document_url.as_str(), "https://us%40er:p%3Aw%2541@h.example/");
        let next = target.redirected("/next?a=1").unwrap();
        assert_eq!((next.url.as_str(), &next.credentials), ("https://h.example/next?a=1", &expected));
        let own = target.redirected("https://other@h.example/").unwrap();
        assert_eq!(own.credentials, Some(("other".to_owned(), String::new())));
        for elsewhere in ["https://evil.example/", "http://h.example/", "https://h.example:8443/", "//evil.example/"] {
            assert_eq!(target.redirected(elsewhere).unwrap().credentials, None, "{elsewhere}");
        }
    }
}
