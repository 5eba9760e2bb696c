//! What a 3xx names (RFC 3261 section 8.1.3.4). Whether anybody goes there is the call's to decide.

use tandem_model::limits::REDIRECT_TARGETS_MAX;
use tandem_sip::message::{Contact, Message};

use super::Leg;
use super::contract::LegReport;

impl Leg {
    pub(super) fn note_redirect(&mut self, status: u16, response: &Message) {
        if (300..400).contains(&status) {
            let targets = targets(response);
            if !targets.is_empty() {
                self.report(LegReport::Redirected { targets });
            }
        }
    }
}

/// The contacts in the order of their `q`, those beyond the limit left out. Header fields in a URI are not taken: they
/// would be the far end's, in our name.
fn targets(response: &Message) -> Vec<String> {
    let mut found: Vec<(u16, String)> = Vec::new();
    for contact in response.contacts().take(4 * REDIRECT_TARGETS_MAX) {
        let Ok(Contact::Address(address)) = contact else { continue };
        if address.uri().is_err() {
            continue;
        }
        let uri = address.uri_str();
        let uri = &uri[..uri.find('?').unwrap_or(uri.len())];
        if !found.iter().any(|(_, known)| known == uri) {
            found.push((millis(address.params().get("q")), uri.to_owned()));
        }
    }
    found.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    found.truncate(REDIRECT_TARGETS_MAX);
    found.into_iter().map(|(_, uri)| uri).collect()
}

/// A `q` in thousandths (RFC 3261 section 20.10: 1 when absent). What is no number counts least.
fn millis(q: Option<&str>) -> u16 {
    let Some(q) = q else { return 1_000 };
    let (whole, rest) = q.split_once('.').unwrap_or((q, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    match whole {
        "1" if digits(rest) => 1_000,
        "0" if digits(rest) => format!("{rest:0<3}").get(..3).and_then(|d| d.parse().ok()).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(contacts: &[&str]) -> Message {
        let request = Message::request("INVITE", "sip:a@b")
            .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
            .header("From", "<sip:a@b>;tag=1")
            .header("To", "<sip:c@d>")
            .header("Call-ID", "1")
            .header("CSeq", "1 INVITE")
            .build();
        let source = std::net::SocketAddr::from(([203, 0, 113, 9], 5060));
        let mut b = Message::response(&request, source, 302, None);
        for contact in contacts {
            b = b.header("Contact", contact);
        }
        b.build()
    }

    #[test]
    fn contacts_come_by_their_q_without_headers_doubles_and_the_malformed() {
        let got = targets(&response(&[
            "<sip:low@h>;q=0.1, <sip:first@h>",
            "<sip:mid@h?Route=x>;q=0.55",
            "<sip:mid@h>;q=0.9",
            "<sip:@@>, <sip:odd@h>;q=high",
        ]));
        assert_eq!(got, ["sip:first@h", "sip:mid@h", "sip:low@h", "sip:odd@h"]);
        assert!(targets(&response(&[])).is_empty());
    }

    #[test]
    fn two_hundred_contacts_are_cut_to_the_limit() {
        let many: Vec<String> = (0..200).map(|i| format!("<sip:{i}@h>")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(targets(&response(&many)).len(), REDIRECT_TARGETS_MAX);
    }
}
