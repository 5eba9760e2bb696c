/// Which web pages may connect: a browser says where its page came from (RFC 6455 section 10.2), and sends the user's
/// cookies whoever asks. Whoever is no browser sends no Origin and is not kept out by this.
pub(in crate::transport) struct Origins {
    any: bool,
    allowed: Vec<String>,
}

impl Origins {
    /// With none listed, a page of the same host as the server's own name in its request.
    pub fn new(allowed: &[String]) -> Origins {
        let allowed: Vec<String> = allowed.iter().map(|o| o.trim_end_matches('/').to_ascii_lowercase()).collect();
        Origins { any: allowed.iter().any(|o| o == "*"), allowed }
    }

    pub fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        if self.any {
            return true;
        }
        let origin = origin.to_ascii_lowercase();
        if !self.allowed.is_empty() {
            return self.allowed.contains(&origin);
        }
        // `null`, of a sandboxed page or a file, is the same host as nobody.
        let Some((_, authority)) = origin.split_once("://") else { return false };
        host.is_some_and(|host| without_port(authority) == without_port(&host.to_ascii_lowercase()))
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_site_is_refused() {
        let listed = ["https://app.example.com".to_owned(), "https://other.example:8443/".to_owned()];
        for (allowed, origin, host, want) in [
            (&[][..], None, Some("sip.example.com"), true),
            (&[], Some("https://sip.example.com"), Some("sip.example.com"), true),
            (&[], Some("https://SIP.example.com"), Some("sip.example.com:8443"), true),
            (&[], Some("http://sip.example.com:8080"), Some("sip.example.com"), true),
            (&[], Some("https://evil.example"), Some("sip.example.com"), false),
            (&[], Some("https://sip.example.com.evil.example"), Some("sip.example.com"), false),
            (&[], Some("null"), Some("null"), false),
            (&[], Some("https://sip.example.com"), None, false),
            (&[], Some("https://[2001:db8::1]:443"), Some("[2001:db8::1]:8443"), true),
            (&[], Some("https://[2001:db8::1]"), Some("[2001:db8::2]"), false),
            (&listed, Some("https://app.example.com"), Some("sip.example.com"), true),
            (&listed, Some("https://other.example:8443"), Some("sip.example.com"), true),
            (&listed, Some("https://other.example"), Some("other.example"), false),
            (&listed, Some("https://sip.example.com"), Some("sip.example.com"), false),
            (&listed, None, Some("sip.example.com"), true),
            (&["*".to_owned()], Some("https://evil.example"), Some("sip.example.com"), true),
        ] {
            assert_eq!(Origins::new(allowed).allow(origin, host), want, "{allowed:?} {origin:?} {host:?}");
        }
    }
}
