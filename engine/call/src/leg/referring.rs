//! A REFER of ours (RFC 3515): the far end is asked to call somebody else, and tells by NOTIFY how that goes.
//!
//! ```text
//!   LegCommand::Refer ─► REFER ─► 2xx ─► NOTIFY 1xx … ─► NOTIFY final ─► ReferEnded
//!                              └► 3xx-6xx, no answer, our time-out, the end of the dialog ─► ReferEnded
//! ```

use std::time::Duration;

use tandem_model::{Endpoint, Timestamp};
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::ServerKey;

use super::Leg;
use super::contract::{LegReport, ReferReport, RequestId};
use super::refer::ALLOW_EVENTS;
use super::talking::Talking;

/// Longer than any target rings.
const TIME_MAX: Duration = Duration::from_secs(180);

/// The one REFER under way.
pub(super) struct Referring {
    id: RequestId,
    report: ReferReport,
    until: Timestamp,
}

impl Leg {
    pub(super) fn refer_to(&mut self, now: Timestamp, s: &mut Talking, to: &str, headers: &[(String, String)]) {
        if self.referring.is_some() {
            return self.report(LegReport::ReferEnded(ReferReport::default()));
        }
        let target = format!("<{}>", with_headers(to, headers));
        let by = format!("<{}>", s.dialog.local_uri());
        let id =
            self.send_in_dialog(s, Method::Refer, |refer| refer.header("Refer-To", &target).header("Referred-By", &by));
        self.referring = Some(Box::new(Referring { id, report: ReferReport::default(), until: now + TIME_MAX }));
    }

    /// The answer to our REFER, or that none came. True when it was one.
    pub(super) fn refer_answered(&mut self, id: RequestId, status: u16) -> bool {
        let Some(referring) = self.referring.as_mut().filter(|r| r.id == id) else { return false };
        if status >= 200 {
            referring.report.response_code = Some(status);
        }
        if status >= 300 {
            self.refer_over();
        }
        true
    }

    /// NOTIFY of the subscription that our REFER made. Its first may come before the 202 (RFC 3515 section 2.4.4).
    pub(super) fn notified(&mut self, key: ServerKey, request: &Message, source: Endpoint) {
        let event = request.header("Event").unwrap_or_default();
        let package = event.split(';').next().unwrap_or_default().trim();
        if !package.eq_ignore_ascii_case(ALLOW_EVENTS) {
            return self.respond(key, request, source, 489, None, &[("Allow-Events", ALLOW_EVENTS)]);
        }
        let Some(referring) = self.referring.as_mut() else {
            return self.respond(key, request, source, 481, None, &[]);
        };
        let status = std::str::from_utf8(request.body()).ok().and_then(status_of);
        if let Some(status) = status {
            referring.report.notified_code = Some(status);
        }
        let state = request.header("Subscription-State").unwrap_or_default();
        let is_last = state.split(';').next().is_some_and(|s| s.trim().eq_ignore_ascii_case("terminated"));
        let is_final = status.is_some_and(|status| status >= 200);
        self.respond(key, request, source, 200, None, &[]);
        if is_last || is_final {
            self.refer_over();
        }
    }

    pub(super) fn refer_deadline(&self) -> Option<Timestamp> {
        self.referring.as_ref().map(|r| r.until)
    }

    pub(super) fn expire_refer(&mut self, now: Timestamp) {
        if self.refer_deadline().is_some_and(|at| at <= now) {
            self.refer_over();
        }
    }

    /// It is told how far it came: no more will be known.
    pub(super) fn refer_over(&mut self) {
        if let Some(referring) = self.referring.take() {
            self.report(LegReport::ReferEnded(referring.report));
        }
    }
}

/// The status of a `message/sipfrag` (RFC 3420).
fn status_of(body: &str) -> Option<u16> {
    let rest = body.trim_start().strip_prefix("SIP/2.0 ")?;
    rest.get(..3)?.parse().ok().filter(|code| (100..700).contains(code))
}

/// RFC 3261 section 19.1.1: header fields of the request that is to be sent, percent-encoded behind the URI.
fn with_headers(uri: &str, headers: &[(String, String)]) -> String {
    let mut out = uri.to_owned();
    for (at, (name, value)) in headers.iter().enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        escape(name, &mut out);
        out.push('=');
        escape(value, &mut out);
    }
    out
}

fn escape(text: &str, out: &mut String) {
    use std::fmt::Write as _;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!' | b'~' | b'*' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_tells_its_status() {
        assert_eq!(status_of("SIP/2.0 200 OK\r\n"), Some(200));
        assert_eq!(status_of("\r\nSIP/2.0 100 Trying"), Some(100));
        for bad in ["", "SIP/2.0", "SIP/2.0 20", "SIP/2.0 abc", "SIP/2.0 999 X", "HTTP/1.1 200 OK", "SIP/2.0 2é0"] {
            assert_eq!(status_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn header_fields_are_escaped_behind_the_address() {
        let headers = [("X-A".to_owned(), "b c&d".to_owned()), ("X-E".to_owned(), "é".to_owned())];
        assert_eq!(with_headers("sip:a@b", &headers), "sip:a@b?X-A=b%20c%26d&X-E=%C3%A9");
        assert_eq!(with_headers("sip:a@b", &[]), "sip:a@b");
    }
}
