use std::time::{Duration, SystemTime};

use time::{Date, Month, OffsetDateTime, Time};
use url::{Host, Url};

/// The cookies of one call, by the rules of RFC 6265. There is no list of public suffixes: a cookie for a domain of two labels or
/// more is taken, one for a single label is not.
#[derive(Debug, Default)]
pub(super) struct CookieJar {
    cookies: Vec<Cookie>,
}

/// More push out the oldest.
const COOKIES_MAX: usize = 32;
/// RFC 6265 section 6.1: what every client should take. More is not taken.
const COOKIE_BYTES_MAX: usize = 4_096;
/// Of one request's Cookie header; what does not fit is left out.
const HEADER_BYTES_MAX: usize = 8_192;

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Without a Domain attribute a cookie goes back to the very host that set it.
    host_only: bool,
    path: String,
    secure: bool,
    expires: Option<SystemTime>,
}

impl CookieJar {
    /// Takes one Set-Cookie header of a response from `url` (RFC 6265 sections 5.2 and 5.3).
    pub fn store(&mut self, url: &Url, header: &str, now: SystemTime) {
        let Some(cookie) = read(url, header, now) else { return };
        // Section 5.3, steps 11 and 12: one of the same name, domain and path is replaced.
        self.cookies.retain(|c| (&c.name, &c.domain, &c.path) != (&cookie.name, &cookie.domain, &cookie.path));
        self.cookies.retain(|c| !c.is_over(now));
        if cookie.is_over(now) {
            return;
        }
        if self.cookies.len() >= COOKIES_MAX {
            self.cookies.remove(0);
        }
        self.cookies.push(cookie);
    }

    /// The Cookie header of a request to `url` (RFC 6265 section 5.4): longer paths first, then the older ones.
    pub fn header(&self, url: &Url, now: SystemTime) -> Option<String> {
        let mut fitting: Vec<&Cookie> = self.cookies.iter().filter(|c| !c.is_over(now) && c.goes_to(url)).collect();
        fitting.sort_by_key(|c| std::cmp::Reverse(c.path.len()));
        let mut header = String::new();
        for cookie in fitting {
            if header.len() + cookie.name.len() + cookie.value.len() + 3 > HEADER_BYTES_MAX {
                break;
            }
            let separator = if header.is_empty() { "" } else { "; " };
            header.extend([separator, &cookie.name, "=", &cookie.value]);
        }
        (!header.is_empty()).then_some(header)
    }
}

impl Cookie {
    fn is_over(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    fn goes_to(&self, url: &Url) -> bool {
        let Some(host) = url.host() else { return false };
        let domain = match (&host, self.host_only) {
            (Host::Domain(name), false) => is_within(name, &self.domain),
            (host, _) => host.to_string().eq_ignore_ascii_case(&self.domain),
        };
        domain && path_matches(url.path(), &self.path) && (!self.secure || url.scheme() == "https")
    }
}

fn read(url: &Url, header: &str, now: SystemTime) -> Option<Cookie> {
    if header.len() > COOKIE_BYTES_MAX || header.contains(|c: char| c.is_control() && c != '\t') {
        return None;
    }
    let mut parts = header.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return None;
    }
    let host = url.host()?;
    let (mut domain, mut host_only) = (host.to_string().to_ascii_lowercase(), true);
    let (mut path, mut secure, mut expires, mut max_age) = (None, false, None, None);
    for part in parts {
        let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match attribute.trim().to_ascii_lowercase().as_str() {
            "domain" if !value.is_empty() => {
                let wanted = value.strip_prefix('.').unwrap_or(value).to_ascii_lowercase();
                match &host {
                    // Section 5.3, steps 5 and 6: a host may set cookies for itself and for what it is a part of.
                    Host::Domain(name) if is_within(name, &wanted) && wanted.contains('.') => {
                        (domain, host_only) = (wanted, false);
                    }
                    host if host.to_string().eq_ignore_ascii_case(&wanted) => {}
                    _ => return None,
                }
            }
            "path" => path = value.starts_with('/').then(|| value.to_owned()),
            "secure" => secure = true,
            "expires" => expires = date(value).or(expires),
            "max-age" => max_age = seconds(value).map(|secs| at(now, secs)).or(max_age),
            _ => {}
        }
    }
    // Over plain HTTP nobody sets what is to be secret.
    if secure && url.scheme() != "https" {
        return None;
    }
    Some(Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain,
        host_only,
        path: path.unwrap_or_else(|| default_path(url.path())),
        secure,
        // Max-Age has precedence (section 5.3, step 3).
        expires: max_age.or(expires),
    })
}

/// RFC 6265 section 5.1.3.
fn is_within(host: &str, domain: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// RFC 6265 section 5.1.4.
fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie).is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

/// The directory of the request (RFC 6265 section 5.1.4).
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

/// RFC 6265 section 5.2.2; what is not a number changes nothing.
fn seconds(value: &str) -> Option<i64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(if value.starts_with('-') { i64::MIN } else { i64::MAX }))
}

/// A time so far off that it cannot be told is never.
fn at(now: SystemTime, secs: i64) -> SystemTime {
    const TEN_YEARS: u64 = 315_360_000;
    match u64::try_from(secs) {
        Ok(secs) => now + Duration::from_secs(secs.min(TEN_YEARS)),
        Err(_) => SystemTime::UNIX_EPOCH,
    }
}

/// A date as cookies write it, in whatever order (RFC 6265 section 5.1.1).
fn date(text: &str) -> Option<SystemTime> {
    let (mut clock, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |c: char| !(c.is_ascii_alphanumeric() || c == ':');
    for token in text.split(is_delimiter).filter(|t| !t.is_empty()) {
        let digits = token.bytes().take_while(u8::is_ascii_digit).count();
        let number: Option<u32> = token[..digits].parse().ok();
        if clock.is_none() && token.contains(':') {
            let mut fields = token.split(':').map(|f| f.parse::<u8>().ok());
            if let (Some(Some(h)), Some(Some(m)), Some(Some(s))) = (fields.next(), fields.next(), fields.next()) {
                clock = Some(Time::from_hms(h, m, s).ok()?);
                continue;
            }
        }
        if day.is_none() && (1..=2).contains(&digits) {
            day = number.and_then(|n| u8::try_from(n).ok());
        } else if month.is_none() && digits == 0 && token.len() >= 3 {
            month = month_of(&token[..3]);
        } else if year.is_none() && (2..=4).contains(&digits) {
            year = match number? {
                n @ 70..=99 => Some(n + 1_900),
                n @ 0..=69 => Some(n + 2_000),
                n => Some(n),
            };
        }
    }
    let year = i32::try_from(year.filter(|y| *y >= 1_601)?).ok()?;
    let date = Date::from_calendar_date(year, month?, day?).ok()?;
    Some(OffsetDateTime::new_utc(date, clock?).into())
}

fn month_of(name: &str) -> Option<Month> {
    const NAMES: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let at = NAMES.iter().position(|n| n.eq_ignore_ascii_case(name))?;
    Month::try_from(u8::try_from(at + 1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        // 2026-01-01
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)
    }

    /// What goes back to `to` after `from` has set `cookies`.
    fn sent(from: &str, cookies: &[&str], to: &str) -> Option<String> {
        let mut jar = CookieJar::default();
        for cookie in cookies {
            jar.store(&Url::parse(from).unwrap(), cookie, now());
        }
        jar.header(&Url::parse(to).unwrap(), now())
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_and_to_no_other() {
        let one = &["a=1"];
        for (to, goes) in [
            ("http://app.example/x", true),
            ("https://app.example:8443/x", true),
            ("http://www.app.example/", false),
            ("http://example/", false),
            ("http://evil.example/", false),
            ("http://notapp.example/", false),
        ] {
            assert_eq!(sent("http://app.example/", one, to).is_some(), goes, "{to}");
        }
    }

    #[test]
    fn a_domain_reaches_its_hosts_and_is_taken_from_them_alone() {
        for (from, cookie, to, goes) in [
            ("http://a.b.example/", "c=1; Domain=b.example", "http://x.b.example/", true),
            ("http://a.b.example/", "c=1; Domain=.B.example", "http://b.example/", true),
            ("http://a.b.example/", "c=1; Domain=b.example", "http://xb.example/", false),
            ("http://a.b.example/", "c=1; Domain=other.example", "http://other.example/", false),
            ("http://a.b.example/", "c=1; Domain=example", "http://c.example/", false),
            ("http://192.0.2.7/", "c=1; Domain=2.7", "http://192.0.2.7/", false),
            ("http://192.0.2.7/", "c=1; Domain=192.0.2.7", "http://192.0.2.7/", true),
            ("http://[2001:db8::1]/", "c=1", "http://[2001:db8::1]:99/", true),
        ] {
            assert_eq!(sent(from, &[cookie], to).is_some(), goes, "{from} {cookie} {to}");
        }
    }

    #[test]
    fn paths_and_secure_bound_where_a_cookie_goes() {
        for (from, cookie, to, goes) in [
            ("http://h.example/a/b", "c=1", "http://h.example/a/c", true),
            ("http://h.example/a/b", "c=1", "http://h.example/a", true),
            ("http://h.example/a/b", "c=1", "http://h.example/ab", false),
            ("http://h.example/a/b", "c=1; Path=/", "http://h.example/", true),
            ("http://h.example/", "c=1; Path=/x", "http://h.example/x/y", true),
            ("http://h.example/", "c=1; Path=/x", "http://h.example/xy", false),
            ("http://h.example/", "c=1; Path=relative", "http://h.example/y", true),
            ("https://h.example/", "c=1; Secure", "https://h.example/", true),
            ("https://h.example/", "c=1; Secure", "http://h.example/", false),
            ("http://h.example/", "c=1; Secure", "https://h.example/", false),
        ] {
            assert_eq!(sent(from, &[cookie], to).is_some(), goes, "{from} {cookie} {to}");
        }
    }

    #[test]
    fn a_cookie_ends_by_max_age_or_expires() {
        for (cookie, lives) in [
            ("c=1; Max-Age=10", true),
            ("c=1; Max-Age=0", false),
            ("c=1; Max-Age=-5", false),
            ("c=1; Max-Age=99999999999999999999", true),
            ("c=1; Max-Age=soon", true),
            ("c=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", false),
            ("c=1; Expires=Fri, 01-Jan-27 00:00:01 GMT", true),
            ("c=1; Expires=Wed Dec 31 23:59:59 2025", false),
            ("c=1; Expires=yesterday", true),
            ("c=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9", true),
        ] {
            assert_eq!(sent("http://h.example/", &[cookie], "http://h.example/").is_some(), lives, "{cookie}");
        }
        assert_eq!(sent("http://h.example/", &["c=1", "c=2; Max-Age=0"], "http://h.example/"), None);
    }

    #[test]
    fn longer_paths_come_first_and_the_newest_value_counts() {
        let cookies = ["a=1; Path=/", "b=2; Path=/x", "a=3; Path=/"];
        assert_eq!(sent("http://h.example/", &cookies, "http://h.example/x").as_deref(), Some("b=2; a=3"));
    }

    #[test]
    fn the_jar_is_bounded_and_takes_no_nonsense() {
        let mut jar = CookieJar::default();
        let url = Url::parse("http://h.example/").unwrap();
        for n in 0..1_000 {
            jar.store(&url, &format!("n{n}={}", "x".repeat(1_000)), now());
        }
        jar.store(&url, &format!("big={}", "x".repeat(5_000)), now());
        assert_eq!(jar.cookies.len(), COOKIES_MAX);
        assert!(jar.header(&url, now()).unwrap().len() <= HEADER_BYTES_MAX);
        for nonsense in ["", "=1", "noequals", "a=b\r\nX: y", ";;;", "a\u{0}=1"] {
            assert_eq!(sent("http://h.example/", &[nonsense], "http://h.example/"), None, "{nonsense:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_server_writes_is_survived(header in "\\PC{0,200}", dated in "[0-9A-Za-z:;=,é -]{0,60}", path in "[a-z/]{0,8}") {
            let url = Url::parse(&format!("http://h.example/{path}")).unwrap();
            let mut jar = CookieJar::default();
            jar.store(&url, &header, now());
            jar.store(&url, &format!("a=b; Expires={dated}; Max-Age={dated}; Path={dated}; Domain={dated}"), now());
            let _ = jar.header(&url, now());
        }
    }
}
