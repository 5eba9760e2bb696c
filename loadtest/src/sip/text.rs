//! A message as text, and the replies a user agent makes of a request.

/// A received message; header names as they came.
pub struct Received {
    start: String,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    /// None for what is no SIP.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let headers =
            lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())).collect();
        Some(Received { start, headers, body: body.to_owned() })
    }

    /// Of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Of a request.
    pub fn method(&self) -> Option<&str> {
        if self.status().is_some() { None } else { self.start.split(' ').next() }
    }

    pub fn header(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    pub fn all<'a, 'b>(&'a self, name: &'b str) -> impl Iterator<Item = &'a str> + use<'a, 'b> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The method in CSeq.
    pub fn cseq_method(&self) -> &str {
        self.header("CSeq").split(' ').next_back().unwrap_or_default()
    }

    /// The URI in Contact.
    pub fn contact(&self) -> Option<&str> {
        let value = self.header("Contact");
        value.split_once('<')?.1.split_once('>').map(|(uri, _)| uri)
    }

    /// A reply to this request; `tag` is put to To where it has none.
    pub fn reply(&self, status: &str, tag: &str, contact: &str, sdp: &str) -> String {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "Record-Route", "From"] {
            for value in self.all(name) {
                out.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        let to = self.header("To");
        let tag = if to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
        out.push_str(&format!(
            "To: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\nContact: <{contact}>\r\n",
            self.header("Call-ID"),
            self.header("CSeq")
        ));
        out.push_str(&body(sdp));
        out
    }
}

/// The end of a message: type and length when there is something, and the thing.
pub fn body(sdp: &str) -> String {
    let kind = if sdp.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{kind}Content-Length: {}\r\n\r\n{sdp}", sdp.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_answered_with_its_own_headers() {
        let text = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
                    Call-ID: x\r\nCSeq: 7 INVITE\r\nContact: <sip:a@h:1>\r\n\r\nv=0\r\nm=audio 4000 RTP/AVP 96 0\r\n";
        let m = Received::parse(text.as_bytes()).expect("a message");
        assert_eq!((m.method(), m.status(), m.cseq_method()), (Some("INVITE"), None, "INVITE"));
        assert_eq!((m.contact(), &m.body[..]), (Some("sip:a@h:1"), "v=0\r\nm=audio 4000 RTP/AVP 96 0\r\n"));
        let reply = m.reply("200 OK", "t", "sip:b@h:2", "v=0\r\n");
        assert!(reply.contains("To: <sip:b@h>;tag=t\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n"), "{reply}");
        assert!(reply.ends_with("Content-Length: 5\r\n\r\nv=0\r\n"), "{reply}");
        assert_eq!(Received::parse(reply.as_bytes()).and_then(|r| r.status()), Some(200));
    }
}
