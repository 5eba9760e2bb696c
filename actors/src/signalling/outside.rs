//! Requests outside any dialog that start nothing here, and what each is answered (RFC 3261 sections 8.2.1 and 12.2.2,
//! RFC 3515, RFC 6665). The answers depend on the method alone: who has not proved who it is learns nothing by them.

use tandem_call::leg::{ALLOW, ALLOW_EVENTS};
use tandem_sip::message::{Message, Method};

/// A response, and what the audit log says of the request when it is an attempt at something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub status: u16,
    pub header: Option<(&'static str, &'static str)>,
    pub audit: Option<&'static str>,
}

const fn answer(status: u16) -> Answer {
    Answer { status, header: None, audit: None }
}

/// For every method but INVITE, REGISTER and OPTIONS, which are served, and ACK and CANCEL, which transactions take.
pub(super) fn answer_to(request: &Message) -> Answer {
    match request.method() {
        // Of a dialog that never was (RFC 3261 section 15.1.2, RFC 6086 section 4.2.2, RFC 3311 section 5.2, RFC 3262 section 3),
        // or of a subscription (RFC 6665 section 4.1.3).
        Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => answer(481),
        // Whom it would make us call, nobody in a call with us has asked for (RFC 5589 section 4).
        Method::Refer => Answer { audit: Some("REFER outside a dialog"), ..answer(403) },
        // RFC 6665 section 4.1.3: the package is not one of ours outside a REFER's own dialog; RFC 3903 section 6 likewise.
        Method::Subscribe => Answer { header: Some(("Allow-Events", ALLOW_EVENTS)), ..answer(489) },
        Method::Message | Method::Publish => Answer { header: Some(("Allow", ALLOW)), ..answer(405) },
        // RFC 3261 section 21.5.2: a method nobody here knows.
        Method::Other => Answer { header: Some(("Allow", ALLOW)), ..answer(501) },
        Method::Invite | Method::Register | Method::Options | Method::Ack | Method::Cancel => {
            Answer { header: Some(("Allow", ALLOW)), ..answer(405) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_is_refused_in_its_own_way() {
        for (method, status, header) in [
            ("BYE", 481, None),
            ("INFO", 481, None),
            ("UPDATE", 481, None),
            ("PRACK", 481, None),
            ("NOTIFY", 481, None),
            ("REFER", 403, None),
            ("SUBSCRIBE", 489, Some("Allow-Events")),
            ("PUBLISH", 405, Some("Allow")),
            ("MESSAGE", 405, Some("Allow")),
            ("FETCH", 501, Some("Allow")),
            ("invite", 501, Some("Allow")),
        ] {
            let answer = answer_to(&Message::request(method, "sip:a@b").build());
            assert_eq!((answer.status, answer.header.map(|(name, _)| name)), (status, header), "{method}");
            assert_eq!(answer.audit.is_some(), method == "REFER", "{method}");
        }
    }
}
