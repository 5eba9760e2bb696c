//! REFER inside the dialog (RFC 3515), and the subscription it makes (RFC 6665): the far end asks for a transfer and is told
//! how it goes. What a transfer is, is the call's to know.
//!
//! ```text
//!   REFER ─► LegReport::Refer ─► AnswerRefer 202 ─► NOTIFY 100 ─► Notify … ─► Notify, last ─► over
//!                                AnswerRefer 4xx-6xx ─► over
//! ```

use tandem_model::Endpoint;
use tandem_sip::dialog::DialogId;
use tandem_sip::message::{Message, Method, NameAddr, Scheme, Uri, reason_phrase};
use tandem_sip::transaction::ServerKey;

use super::Leg;
use super::answers::x_headers;
use super::contract::{LegReport, ReferRequest, RequestId};
use super::replaces::Replaces;
use super::talking::Talking;

/// The one package there is (RFC 3515 section 2.4.4).
pub const ALLOW_EVENTS: &str = "refer";
/// Longer than any target rings.
const EXPIRES_SECS: u32 = 180;

/// The far end's requests for transfers: one under way at a time.
#[derive(Default)]
pub(super) struct Referrals {
    /// Waits for the call's word.
    asked: Option<Box<(ServerKey, Message, Endpoint)>>,
    subscription: Option<Box<Subscription>>,
    /// A NOTIFY without its answer.
    under_way: Option<RequestId>,
    /// REFERs accepted so far: all but the first carry an `id` in Event (RFC 3515 section 2.4.6).
    accepted: u32,
    /// The far end's tag, as the call knows it.
    remote_tag: String,
}

struct Subscription {
    /// CSeq of the REFER.
    id: u32,
    first: bool,
    /// What was said last, or waits to be.
    status: u16,
    reason: String,
    waits: bool,
}

/// Why a REFER makes no sense: the response.
#[derive(Debug, PartialEq, Eq)]
struct Malformed {
    status: u16,
    why: &'static str,
}

const fn malformed(status: u16, why: &'static str) -> Malformed {
    Malformed { status, why }
}

fn read(request: &Message) -> Result<ReferRequest, Malformed> {
    let mut values = request.headers("Refer-To");
    // RFC 3515 section 2.4.1: exactly one.
    let value = values.next().ok_or(malformed(400, "No Refer-To"))?;
    if values.next().is_some() {
        return Err(malformed(400, "Several Refer-To"));
    }
    let address = NameAddr::parse(value).map_err(|_| malformed(400, "Malformed Refer-To"))?;
    let uri = address.uri().map_err(|_| malformed(400, "Malformed Refer-To"))?;
    if uri.scheme() == Scheme::Other {
        return Err(malformed(416, "Unsupported URI Scheme"));
    }
    if uri.param("method").is_some_and(|method| !method.is_empty() && method != "INVITE") {
        return Err(malformed(603, "Only INVITE Can Be Asked For"));
    }
    let mut embedded = uri.headers().filter(|(name, _)| name.eq_ignore_ascii_case("Replaces"));
    let replaces = match (embedded.next(), embedded.next()) {
        (None, _) => None,
        (Some((_, value)), None) => {
            Some(Replaces::parse(&unescaped(value)).ok_or(malformed(400, "Malformed Replaces"))?)
        }
        (Some(_), Some(_)) => return Err(malformed(400, "Several Replaces")),
    };
    let referred_by = match request.header("Referred-By") {
        None => None,
        Some(value) => {
            let address = NameAddr::parse(value).map_err(|_| malformed(400, "Malformed Referred-By"))?;
            Some(address.uri_str().to_owned())
        }
    };
    Ok(ReferRequest { to: without_headers(&uri), replaces, referred_by, headers: x_headers(request) })
}

/// What is embedded in a Refer-To beside Replaces is not taken: it would let the far end write our header fields.
fn without_headers(uri: &Uri<'_>) -> String {
    let text = uri.as_str();
    let end = text.find('?').unwrap_or(text.len());
    let parts = text[..end].split(';').enumerate();
    let is_method = |part: &str| part.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("method"));
    parts.filter(|(at, part)| *at == 0 || !is_method(part)).map(|(_, part)| part).collect::<Vec<_>>().join(";")
}

/// RFC 3261 section 19.1.1: header values in URIs are percent-encoded.
fn unescaped(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |b: u8| (b as char).to_digit(16);
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// RFC 4488: whoever sent it wants no subscription.
fn wants_no_subscription(request: &Message) -> bool {
    request.header("Refer-Sub").is_some_and(|v| v.split(';').next().unwrap_or_default().trim() == "false")
}

impl Leg {
    /// Tells the call how the dialog is named, for who wants to replace it (RFC 3891).
    pub(super) fn report_dialog(&mut self, remote_tag: &str) {
        let dialog = DialogId {
            call_id: self.facts.call_id.clone(),
            local_tag: self.local_tag.clone(),
            remote_tag: remote_tag.to_owned(),
        };
        remote_tag.clone_into(&mut self.referrals.remote_tag);
        self.report(LegReport::Dialog(Box::new(dialog)));
    }

    /// A provisional response or 2xx names the far end's side of the dialog, for the first time or anew.
    pub(super) fn note_dialog(&mut self, response: &Message) {
        if let Some(tag) = response.to_tag().filter(|tag| *tag != self.referrals.remote_tag) {
            self.report_dialog(tag);
        }
    }

    pub(super) fn refer(&mut self, key: ServerKey, request: &Message, source: Endpoint) {
        if self.referrals.asked.is_some() || self.referrals.subscription.is_some() {
            // One at a time: who asks again before the first has come to its end is to wait (RFC 3261 section 21.4.27).
            return self.respond(key, request, source, 491, None, &[]);
        }
        match read(request) {
            Ok(refer) => {
                self.referrals.asked = Some(Box::new((key, request.clone(), source)));
                self.report(LegReport::Refer(Box::new(refer)));
            }
            Err(Malformed { status, why }) => self.respond(key, request, source, status, Some(why), &[]),
        }
    }

    /// The call's word on it. The first NOTIFY follows a 202 at once (RFC 3515 section 2.4.4).
    pub(super) fn answer_refer(&mut self, s: &mut Talking, status: u16) {
        let Some(asked) = self.referrals.asked.take() else { return };
        let (key, request, source) = *asked;
        if status >= 300 {
            return self.respond(key, &request, source, status, None, &[]);
        }
        // Each 2xx has it (RFC 3515 section 2.2).
        let contact = self.contact(source);
        if wants_no_subscription(&request) {
            // RFC 4488 section 4: said back, so that no NOTIFY is waited for.
            let headers = [("Contact", contact.as_str()), ("Refer-Sub", "false")];
            return self.respond(key, &request, source, 200, None, &headers);
        }
        self.respond(key, &request, source, 202, None, &[("Contact", &contact)]);
        let first = self.referrals.accepted == 0;
        self.referrals.accepted = self.referrals.accepted.saturating_add(1);
        let id = request.cseq().number;
        let trying = reason_phrase(100).to_owned();
        let subscription = Subscription { id, first, status: 100, reason: trying, waits: true };
        self.referrals.subscription = Some(Box::new(subscription));
        self.next_notify(s);
    }

    /// How the transfer goes. The last word does not wait for the answer to the one before.
    pub(super) fn notify_refer(&mut self, s: &mut Talking, status: u16, reason: &str, last: bool) {
        let Some(subscription) = &mut self.referrals.subscription else { return };
        subscription.status = status;
        reason.clone_into(&mut subscription.reason);
        subscription.waits = true;
        if last {
            self.send_notify(s, "terminated;reason=noresource");
            self.referrals.subscription = None;
        } else {
            self.next_notify(s);
        }
    }

    fn next_notify(&mut self, s: &mut Talking) {
        if self.referrals.under_way.is_none() && self.referrals.subscription.as_ref().is_some_and(|n| n.waits) {
            self.send_notify(s, &format!("active;expires={EXPIRES_SECS}"));
        }
    }

    fn send_notify(&mut self, s: &mut Talking, state: &str) {
        let Some(subscription) = &mut self.referrals.subscription else { return };
        subscription.waits = false;
        let event = if subscription.first { ALLOW_EVENTS.to_owned() } else { format!("refer;id={}", subscription.id) };
        let body = format!("SIP/2.0 {:03} {}\r\n", subscription.status, one_line(&subscription.reason));
        let id = self.send_in_dialog(s, Method::Notify, |notify| {
            notify.header("Event", &event).header("Subscription-State", state).body("message/sipfrag;version=2.0", body)
        });
        self.referrals.under_way = Some(id);
    }

    /// The answer to a NOTIFY of ours, or that none came (408). True when it was one.
    pub(super) fn notify_answered(&mut self, s: &mut Talking, id: RequestId, status: u16) -> bool {
        if self.referrals.under_way != Some(id) {
            return false;
        }
        if status >= 200 {
            self.referrals.under_way = None;
            if status >= 300 {
                // RFC 6665 section 4.2.2: who refuses or does not answer has no subscription any more. The transfer goes on.
                self.referrals.subscription = None;
            }
            self.next_notify(s);
        }
        true
    }

    /// SUBSCRIBE within the dialog: the subscription of a REFER is refreshed, or given up (RFC 3515 section 2.4.4).
    pub(super) fn subscribe(&mut self, s: &mut Talking, key: ServerKey, request: &Message, source: Endpoint) {
        let event = request.header("Event").unwrap_or_default();
        let mut parts = event.split(';').map(str::trim);
        if !parts.next().is_some_and(|package| package.eq_ignore_ascii_case(ALLOW_EVENTS)) {
            return self.respond(key, request, source, 489, None, &[("Allow-Events", ALLOW_EVENTS)]);
        }
        let id = parts.find_map(|p| p.strip_prefix("id=").and_then(|id| id.parse::<u32>().ok()));
        let known = self.referrals.subscription.as_ref();
        if !known.is_some_and(|n| id.map_or(n.first, |id| id == n.id)) {
            return self.respond(key, request, source, 481, None, &[]);
        }
        let given_up = request.expires() == Some(0);
        let expires = if given_up { "0".to_owned() } else { EXPIRES_SECS.to_string() };
        let contact = self.contact(source);
        self.respond(key, request, source, 200, None, &[("Expires", &expires), ("Contact", &contact)]);
        if given_up {
            self.send_notify(s, "terminated;reason=timeout");
            self.referrals.subscription = None;
        } else {
            // Each SUBSCRIBE gets a NOTIFY with the state as it is (RFC 6665 section 4.2.1.4).
            if let Some(subscription) = &mut self.referrals.subscription {
                subscription.waits = true;
            }
            self.next_notify(s);
        }
    }

    /// The dialog is over: a REFER still open is answered (RFC 3261 section 15.1.2), and nobody is told anything more.
    pub(super) fn end_referrals(&mut self) {
        if let Some(asked) = self.referrals.asked.take() {
            let (key, request, source) = *asked;
            self.respond(key, &request, source, 487, None, &[]);
        }
        self.referrals.subscription = None;
    }
}

/// A reason phrase that stays one (RFC 3420: the fragment is a start line).
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refer(headers: &[(&str, &str)]) -> Result<ReferRequest, Malformed> {
        let mut b = Message::request("REFER", "sip:a@b")
            .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
            .header("From", "<sip:a@b>;tag=1")
            .header("To", "<sip:c@d>;tag=2")
            .header("Call-ID", "1")
            .header("CSeq", "1 REFER");
        for (name, value) in headers {
            b = b.header(name, value);
        }
        read(&b.build())
    }

    #[test]
    fn a_refer_is_read_with_its_replaces_and_nothing_else_that_is_embedded() {
        let got = refer(&[
            (
                "Refer-To",
                "\"Bob\" <sip:bob@h;method=INVITE;x=y?Replaces=1%40h%3Bto-tag%3Da%3Bfrom-tag%3Db&Route=%3Csip:evil%3E>",
            ),
            ("Referred-By", "<sip:alice@h>;cid=x"),
        ]);
        let got = got.expect("a REFER");
        assert_eq!(got.to, "sip:bob@h;x=y");
        assert_eq!(got.replaces.expect("a dialog").to_string(), "1@h;to-tag=a;from-tag=b");
        assert_eq!(got.referred_by.as_deref(), Some("sip:alice@h"));
        let plain = refer(&[("r", "sip:bob@h")]).expect("the compact form, without brackets");
        assert_eq!((plain.to.as_str(), plain.replaces), ("sip:bob@h", None));
    }

    #[test]
    fn what_makes_no_sense_says_why() {
        for (headers, status) in [
            (vec![], 400),
            (vec![("Refer-To", "<sip:a@b>"), ("Refer-To", "<sip:c@d>")], 400),
            (vec![("Refer-To", "<sip:@>")], 400),
            (vec![("Refer-To", "<http://a/b>")], 416),
            (vec![("Refer-To", "<sip:a@b;method=BYE>")], 603),
            (vec![("Refer-To", "<sip:a@b?Replaces=x>")], 400),
            (vec![("Refer-To", "<sip:a@b?Replaces=1%3Bto-tag%3Da%3Bfrom-tag%3Db&Replaces=1>")], 400),
            (vec![("Refer-To", "<sip:a@b>"), ("Referred-By", "<<>")], 400),
        ] {
            assert_eq!(refer(&headers).map(|_| ()).map_err(|m| m.status), Err(status), "{headers:?}");
        }
    }

    #[test]
    fn escapes_are_resolved_and_broken_ones_stay() {
        for (escaped, want) in [("a%3Bb", "a;b"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("100%25", "100%")] {
            assert_eq!(unescaped(escaped), want);
        }
    }
}
