use bytes::Bytes;

use super::message::Message;

impl Message {
    /// The message as if its top Via had `more` (`;name=value…`) instead of its parameters of these names: whatever is said
    /// there goes into every response to it, as a Via is echoed whole (RFC 3261 section 8.2.6.2). None where nothing could
    /// be read of the result.
    pub fn with_via_params(&self, names: &[&str], more: &str) -> Option<Message> {
        let at = self.top_via_params();
        let bytes = self.bytes();
        let mut out = Vec::with_capacity(bytes.len() + more.len());
        out.extend_from_slice(bytes.get(..at.start)?);
        self.via().params().write_without(names, &mut out);
        out.extend_from_slice(more.as_bytes());
        out.extend_from_slice(bytes.get(at.end..)?);
        Message::parse(Bytes::from(out)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_the_top_via_are_replaced_and_nothing_else() {
        let text = |via: &str, body: &str| {
            format!(
                "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060{via}, SIP/2.0/UDP c;oc;branch=z9hG4bKc\r\nFrom: \
                 <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        for (before, after) in [
            (";oc;branch=z9hG4bK1;oc-algo=\"loss,x\";rport", ";branch=z9hG4bK1;rport;oc=7"),
            (" ; OC ;branch=z9hG4bK1", " ;branch=z9hG4bK1;oc=7"),
            (";branch=z9hG4bK1", ";branch=z9hG4bK1;oc=7"),
        ] {
            let message = Message::parse(text(before, "v=0;oc").into()).unwrap();
            let restated = message.with_via_params(&["oc", "oc-algo"], ";oc=7").unwrap();
            assert_eq!(str::from_utf8(restated.bytes()).unwrap(), text(after, "v=0;oc"), "{before}");
            assert_eq!(restated.via().branch(), message.via().branch());
        }
        // What would make nonsense of it makes nothing.
        let message = Message::parse(text(";branch=z9hG4bK1", "").into()).unwrap();
        assert!(message.with_via_params(&[], ";=").is_none());
    }
}
