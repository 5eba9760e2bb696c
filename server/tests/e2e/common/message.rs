//! SIP messages as text, for the test's own phones.

#[derive(Clone, Debug)]
pub struct Message {
    /// Request or status line.
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Message {
    pub fn parse(text: &str) -> Option<Message> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let headers = lines.filter_map(|l| l.split_once(':'));
        let headers = headers.map(|(n, v)| (long_name(n.trim()), v.trim().to_owned())).collect();
        Some(Message { start, headers, body: body.to_owned() })
    }

    pub fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/2.0 ")
    }

    /// The status code of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        if self.is_request() { 0 } else { self.start[8..].split(' ').next().and_then(|s| s.parse().ok()).unwrap_or(0) }
    }

    /// The method, of a response by its CSeq.
    pub fn method(&self) -> &str {
        let word = if self.is_request() { self.start.split(' ').next() } else { self.header("CSeq").split(' ').nth(1) };
        word.unwrap_or_default()
    }

    pub fn request_uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The first header of that name; empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or("", |(_, v)| v.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    pub fn call_id(&self) -> &str {
        self.header("Call-ID")
    }

    pub fn branch(&self) -> &str {
        param(self.header("Via"), "branch").unwrap_or_default()
    }

    pub fn cseq(&self) -> u32 {
        self.header("CSeq").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// The URI in Contact.
    pub fn contact(&self) -> String {
        uri_of(self.header("Contact"))
    }

    /// Port and address of the first audio stream of the SDP body.
    pub fn sdp_audio(&self) -> Option<(String, u16)> {
        let line = |prefix: &str| self.body.lines().find_map(|l| l.strip_prefix(prefix).map(str::trim));
        let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
        let address = line("c=IN IP4 ").or(line("c=IN IP6 "))?;
        Some((address.to_owned(), port))
    }
}

/// `;name=value` of a header value.
pub fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|p| {
        let (n, v) = p.trim().split_once('=')?;
        n.eq_ignore_ascii_case(name).then_some(v)
    })
}

/// The URI of a name-addr.
pub fn uri_of(value: &str) -> String {
    match value.split_once('<').and_then(|(_, rest)| rest.split_once('>')) {
        Some((uri, _)) => uri.to_owned(),
        None => value.split(';').next().unwrap_or_default().trim().to_owned(),
    }
}

fn long_name(name: &str) -> String {
    let long = match name {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        "c" => "Content-Type",
        "k" => "Supported",
        other => other,
    };
    long.to_owned()
}
