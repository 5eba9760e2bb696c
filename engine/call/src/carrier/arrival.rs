//! A call that comes from a carrier: whom it is for, and who calls, in numbers of ours.

use tandem_sip::message::{Message, Uri};

use super::naming::host_port;
use crate::call::InboundLeg;
use crate::directory::{Carrier, PhoneNumber};
use crate::routing::is_number;

/// The address a carrier's INVITE is for, as [`crate::routing::route`] takes it; None when the Request-URI is malformed.
///
/// A call to the Contact that we registered names nobody of ours in its Request-URI; the number called is in To then.
pub fn called_address(carrier: &Carrier, invite: &Message, domain: &str) -> Option<String> {
    let request_uri = invite.request_uri()?;
    let to_contact = request_uri.user().is_some_and(|user| carrier.is_contact_user(user));
    let to = if to_contact { invite.to().uri().ok() } else { None };
    let called = carrier.numbers.of_uri(to.as_ref().unwrap_or(&request_uri));
    if is_number(&called) {
        return Some(match host_port(&request_uri) {
            host if host.is_empty() || to_contact => format!("sip:{called}@{domain}"),
            host => format!("sip:{called}@{host}"),
        });
    }
    match to {
        // A name of ours, such as an endpoint's.
        Some(to) => to.user().map(|user| format!("sip:{user}@{domain}")),
        None => Some(request_uri.as_str().to_owned()),
    }
}

/// Writes the numbers of an inbound leg in E.164, where they are numbers: what applications and phones are shown.
/// `called` is what [`called_address`] made of it.
pub fn arrived(carrier: &Carrier, leg: &mut InboundLeg, called: &str) {
    if let Some(Named { user, uri, .. }) = caller(carrier, &leg.from_user, &leg.from_uri) {
        (leg.from_user, leg.from_uri) = (user, uri);
    }
    leg.asserted.forwarded_from = leg.asserted.forwarded_from.take().map(|who| forwarder(carrier, who));
    if let Some(Named { user, host, uri }) = callee(&leg.request_user, called) {
        (leg.request_user, leg.request_host, leg.to_uri) = (user, host, uri);
    }
}

/// What a number's document is told of who calls whom: numbers, where they are numbers (laml.md 2.2).
pub fn arrived_at(leg: &mut InboundLeg, number: &PhoneNumber) {
    leg.to_uri = number.number.clone();
    if is_number(&leg.from_user) {
        leg.from_uri = leg.from_user.clone();
    }
}

#[derive(Debug, PartialEq)]
struct Named {
    user: String,
    host: String,
    uri: String,
}

fn caller(carrier: &Carrier, user: &str, uri: &str) -> Option<Named> {
    // Without its parameters, such as `cpc` (RFC 3398 section 8.2.1.1).
    let number = match Uri::parse(uri) {
        Ok(uri) => carrier.numbers.of_uri(&uri),
        Err(_) => carrier.numbers.from_carrier(user),
    };
    if !is_number(&number) || number == user {
        return None;
    }
    let host = uri.split_once('@').map_or("", |(_, host)| host).to_owned();
    Some(Named { uri: with_user(uri, &number), user: number, host })
}

fn callee(user: &str, called: &str) -> Option<Named> {
    let called = Uri::parse(called).ok()?;
    let named = called.user_decoded().unwrap_or_default().into_owned();
    (named != user).then(|| Named {
        user: named,
        host: called.host().to_owned(),
        uri: format!("sip:{}@{}", called.user().unwrap_or_default(), host_port(&called)),
    })
}

/// A number the carrier writes in its own way may stand in an address.
fn forwarder(carrier: &Carrier, who: String) -> String {
    let number = match Uri::parse(&who) {
        Ok(uri) => carrier.numbers.of_uri(&uri),
        Err(_) => carrier.numbers.from_carrier(&who),
    };
    if is_number(&number) { number } else { who }
}

fn with_user(uri: &str, number: &str) -> String {
    match uri.split_once('@') {
        Some((_, host)) => format!("sip:{number}@{host}"),
        None => format!("tel:{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::{DialPlan, NumberFormat, NumberPlan};
    use tandem_model::Sid;

    fn carrier() -> Carrier {
        let numbers =
            NumberPlan { format: NumberFormat::National, country: DialPlan::of_country("de"), ..NumberPlan::default() };
        Carrier { numbers, ..Carrier::new(Sid::from_bytes([0xab; 16]), "a", "sip:gw.example") }
    }

    fn invite(request_uri: &str, to: &str) -> Message {
        let text = format!(
            "INVITE {request_uri} SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <{to}>\r\n\
             Call-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\n\r\n"
        );
        Message::parse(text.into()).unwrap()
    }

    #[test]
    fn an_inbound_leg_shows_numbers_in_e164_and_names_as_they_are() {
        let named =
            |user: &str, host: &str| Named { user: user.into(), host: host.into(), uri: format!("sip:{user}@{host}") };
        let carrier = carrier();
        assert_eq!(caller(&carrier, "0301111", "sip:0301111@gw.example"), Some(named("+49301111", "gw.example")));
        let with_params = "sip:+49301111;cpc=ordinary@gw.example;user=phone";
        assert_eq!(
            caller(&carrier, "+49301111;cpc=ordinary", with_params),
            Some(named("+49301111", "gw.example;user=phone"))
        );
        assert_eq!(caller(&carrier, "anonymous", "sip:anonymous@anonymous.invalid"), None);
        assert_eq!(caller(&carrier, "+49301111", "sip:+49301111@gw.example"), None);
        assert_eq!(callee("030123456", "sip:+4930123456@home.example"), Some(named("+4930123456", "home.example")));
        assert_eq!(callee("alice", "sip:alice@192.0.2.1;x=y"), None);
        for (who, want) in [
            ("sip:0301111@gw.example", "+49301111"),
            ("+49301111", "+49301111"),
            ("sip:alice@gw.example", "sip:alice@gw.example"),
        ] {
            assert_eq!(forwarder(&carrier, who.to_owned()), want);
        }
    }

    #[test]
    fn the_number_called_is_found_in_the_request_uri_or_behind_our_contact() {
        let carrier = carrier();
        let contact = format!("sip:{}@192.0.2.1:5060", carrier.contact_user());
        for (request_uri, to, want) in [
            ("sip:030123456@192.0.2.1", "sip:x@y", "sip:+4930123456@192.0.2.1"),
            ("sip:+442071234567@192.0.2.1:5070", "sip:x@y", "sip:+442071234567@192.0.2.1:5070"),
            ("tel:030-123456", "sip:x@y", "sip:+4930123456@home.example"),
            ("sip:alice@192.0.2.1;x=y", "sip:x@y", "sip:alice@192.0.2.1;x=y"),
            (&contact, "sip:030123456@gw.example", "sip:+4930123456@home.example"),
            (&contact, "sip:alice@gw.example", "sip:alice@home.example"),
            (&contact, "mailto:nobody", &contact),
        ] {
            let called = called_address(&carrier, &invite(request_uri, to), "home.example");
            let want = if to.starts_with("mailto") { None } else { Some(want) };
            assert_eq!(called.as_deref(), want, "{request_uri}");
        }
    }
}
