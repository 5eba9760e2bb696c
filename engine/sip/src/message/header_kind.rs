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
    #[inline]
    pub(super) fn of(name: &[u8]) -> HeaderKind {
        use HeaderKind::*;
        let Some(first) = name.first() else { return Other };
        match (name.len(), first | 0x20) {
            (1, letter) => Self::of_compact(letter),
            (2, b't') => named(name, b"to", To),
            (3, b'v') => named(name, b"via", Via),
            (4, b'f') => named(name, b"from", From),
            (4, b'c') => named(name, b"cseq", CSeq),
            (5, b'r') => named(name, b"route", Route),
            (5, b'e') => named(name, b"event", Event),
            (7, b'c') if name[1] | 0x20 == b'a' => named(name, b"call-id", CallId),
            (7, b'c') => named(name, b"contact", Contact),
            (7, b'e') => named(name, b"expires", Expires),
            (7, b's') => named(name, b"subject", Subject),
            (8, b'r') if name[2] | 0x20 == b'f' => named(name, b"refer-to", ReferTo),
            (8, b'r') => named(name, b"replaces", Replaces),
            (8, b'i') => named(name, b"identity", Identity),
            (9, b's') => named(name, b"supported", Supported),
            (11, b'r') => named(name, b"referred-by", ReferredBy),
            (12, b'c') => named(name, b"content-type", ContentType),
            (12, b'm') => named(name, b"max-forwards", MaxForwards),
            (12, b'r') => named(name, b"record-route", RecordRoute),
            (12, b'a') => named(name, b"allow-events", AllowEvents),
            (13, b'i') => named(name, b"identity-info", IdentityInfo),
            (14, b'c') => named(name, b"content-length", ContentLength),
            (14, b'a') => named(name, b"accept-contact", AcceptContact),
            (14, b'r') => named(name, b"reject-contact", RejectContact),
            (15, b's') => named(name, b"session-expires", SessionExpires),
            (16, b'c') => named(name, b"content-encoding", ContentEncoding),
            (19, b'r') => named(name, b"request-disposition", RequestDisposition),
            _ => Other,
        }
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

/// `kind` if `name` is `lower` in any case. The length is part of the type, so that this is a handful of wide
/// instructions and no loop.
#[inline]
fn named<const LEN: usize>(name: &[u8], lower: &'static [u8; LEN], kind: HeaderKind) -> HeaderKind {
    let Ok(name) = <&[u8; LEN]>::try_from(name) else { return HeaderKind::Other };
    let mut differences = 0;
    for at in 0..LEN {
        // Of the bytes of a name, letters alone have a case.
        let case = if lower[at].is_ascii_lowercase() { 0x20 } else { 0 };
        differences |= (name[at] | case) ^ lower[at];
    }
    if differences == 0 { kind } else { HeaderKind::Other }
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
        for name in ["", "Fr0m", "Tx", "q", "Call\rId", "Via\0", "Centact", "Refer-Ta", "Max-Forwarde"] {
            assert_eq!(HeaderKind::of(name.as_bytes()), HeaderKind::Other, "{name}");
        }
    }
}
