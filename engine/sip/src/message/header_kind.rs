/// A header field the grammar gives a meaning or a compact name (RFC 3261 section 7.3.3 and the IANA registry of
/// compact forms); every other one is `Other` and told apart by its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum HeaderKind {
    #[default]
    Other,
    AcceptContact,
    AllowEvents,
    CSeq,
    CallId,
    Contact,
    ContentEncoding,
    ContentLength,
    ContentType,
    Event,
    Expires,
    From,
    Identity,
    IdentityInfo,
    MaxForwards,
    RecordRoute,
    ReferTo,
    ReferredBy,
    RejectContact,
    Replaces,
    RequestDisposition,
    Route,
    SessionExpires,
    Subject,
    Supported,
    To,
    Via,
}

impl HeaderKind {
    /// By length and first letter, so that most names cost one comparison.
    pub(super) fn of(name: &[u8]) -> HeaderKind {
        use HeaderKind::*;
        let Some(first) = name.first() else { return Other };
        let (text, kind): (&[u8], HeaderKind) = match (name.len(), first | 0x20) {
            (1, letter) => return Self::of_compact(letter),
            (2, b't') => (b"To", To),
            (3, b'v') => (b"Via", Via),
            (4, b'f') => (b"From", From),
            (4, b'c') => (b"CSeq", CSeq),
            (5, b'r') => (b"Route", Route),
            (5, b'e') => (b"Event", Event),
            (7, b'c') if name[1] | 0x20 == b'a' => (b"Call-ID", CallId),
            (7, b'c') => (b"Contact", Contact),
            (7, b'e') => (b"Expires", Expires),
            (7, b's') => (b"Subject", Subject),
            (8, b'r') if name[2] | 0x20 == b'f' => (b"Refer-To", ReferTo),
            (8, b'r') => (b"Replaces", Replaces),
            (8, b'i') => (b"Identity", Identity),
            (9, b's') => (b"Supported", Supported),
            (11, b'r') => (b"Referred-By", ReferredBy),
            (12, b'c') => (b"Content-Type", ContentType),
            (12, b'm') => (b"Max-Forwards", MaxForwards),
            (12, b'r') => (b"Record-Route", RecordRoute),
            (12, b'a') => (b"Allow-Events", AllowEvents),
            (13, b'i') => (b"Identity-Info", IdentityInfo),
            (14, b'c') => (b"Content-Length", ContentLength),
            (14, b'a') => (b"Accept-Contact", AcceptContact),
            (14, b'r') => (b"Reject-Contact", RejectContact),
            (15, b's') => (b"Session-Expires", SessionExpires),
            (16, b'c') => (b"Content-Encoding", ContentEncoding),
            (19, b'r') => (b"Request-Disposition", RequestDisposition),
            _ => return Other,
        };
        if name.eq_ignore_ascii_case(text) { kind } else { Other }
    }

    fn of_compact(letter: u8) -> HeaderKind {
        use HeaderKind::*;
        match letter {
            b'a' => AcceptContact,
            b'b' => ReferredBy,
            b'c' => ContentType,
            b'd' => RequestDisposition,
            b'e' => ContentEncoding,
            b'f' => From,
            b'i' => CallId,
            b'j' => RejectContact,
            b'k' => Supported,
            b'l' => ContentLength,
            b'm' => Contact,
            b'n' => IdentityInfo,
            b'o' => Event,
            b'r' => ReferTo,
            b's' => Subject,
            b't' => To,
            b'u' => AllowEvents,
            b'v' => Via,
            b'x' => SessionExpires,
            b'y' => Identity,
            _ => Other,
        }
    }

    /// The name of a field that may stand in a message once only, if this is one. Content-Length is not among them:
    /// the same value twice says one thing.
    pub(super) fn singleton(self) -> Option<&'static str> {
        match self {
            HeaderKind::From => Some("From"),
            HeaderKind::To => Some("To"),
            HeaderKind::CallId => Some("Call-ID"),
            HeaderKind::CSeq => Some("CSeq"),
            HeaderKind::MaxForwards => Some("Max-Forwards"),
            HeaderKind::ContentType => Some("Content-Type"),
            HeaderKind::Expires => Some("Expires"),
            HeaderKind::Event => Some("Event"),
            HeaderKind::ReferTo => Some("Refer-To"),
            HeaderKind::ReferredBy => Some("Referred-By"),
            HeaderKind::Replaces => Some("Replaces"),
            HeaderKind::SessionExpires => Some("Session-Expires"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_and_long_names_are_the_same_field() {
        for (compact, long) in [
            ("a", "Accept-Contact"),
            ("b", "Referred-By"),
            ("c", "Content-Type"),
            ("d", "Request-Disposition"),
            ("e", "Content-Encoding"),
            ("f", "From"),
            ("i", "Call-ID"),
            ("j", "Reject-Contact"),
            ("k", "Supported"),
            ("l", "Content-Length"),
            ("m", "Contact"),
            ("n", "Identity-Info"),
            ("o", "Event"),
            ("r", "Refer-To"),
            ("s", "Subject"),
            ("t", "To"),
            ("u", "Allow-Events"),
            ("v", "Via"),
            ("x", "Session-Expires"),
            ("y", "Identity"),
        ] {
            let kind = HeaderKind::of(long.as_bytes());
            assert_ne!(kind, HeaderKind::Other, "{long}");
            assert_eq!(HeaderKind::of(compact.as_bytes()), kind, "{compact}");
            assert_eq!(HeaderKind::of(compact.to_uppercase().as_bytes()), kind, "{compact}");
            assert_eq!(HeaderKind::of(long.to_uppercase().as_bytes()), kind, "{long}");
        }
    }

    #[test]
    fn names_of_the_same_shape_are_other() {
        for name in ["", "Fr0m", "Tx", "q", "Centact", "Refer-Ta", "Max-Forwarde"] {
            assert_eq!(HeaderKind::of(name.as_bytes()), HeaderKind::Other, "{name}");
        }
    }
}
