use std::time::Duration;

use tandem_model::{Endpoint, Entropy, hex_token, limits};
use tandem_sip::message::Message;

use super::Naming;

/// Longest Retry-After that is believed: an hour, so that a slip of a peer does not cut it off for days.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// An OPTIONS that asks whether the carrier at `uri` answers (RFC 3261 section 11.1).
pub fn options(uri: &str, naming: &Naming, hop: Endpoint, entropy: &mut dyn Entropy) -> Message {
    let (host, transport) = (naming.sent_by.towards(hop), hop.transport);
    let mut via = format!("SIP/2.0/{transport} {host};rport;branch=z9hG4bK");
    via += &hex_token(entropy, 8);
    Message::request("OPTIONS", uri)
        .header("Via", &via)
        .header("Max-Forwards", &limits::MAX_FORWARDS.to_string())
        .name_addr("From", None, &format!("sip:ping@{host}"), &format!(";tag={}", hex_token(entropy, 8)))
        .name_addr("To", None, uri, "")
        .header("Call-ID", &format!("{}@{}", hex_token(entropy, 16), naming.host()))
        .header("CSeq", "1 OPTIONS")
        .header("Contact", &naming.contact("ping", hop))
        .header("Accept", "application/sdp")
        .header("User-Agent", &naming.user_agent)
        .build()
}

/// How long a response asks us to stay away (RFC 3261 section 20.33). A comment or parameters behind it do not matter.
pub fn retry_after(response: &Message) -> Option<Duration> {
    let value = response.header("Retry-After")?;
    let digits = value.trim_start().split(|c: char| !c.is_ascii_digit()).next().filter(|d| !d.is_empty())?;
    let secs = digits.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(secs).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_with_what_may_follow_it() {
        for (value, secs) in [
            ("120", Some(120)),
            ("18000;duration=3600", Some(3_600)),
            (" 5 (in a meeting)", Some(5)),
            ("99999999999999999999999", Some(3_600)),
            ("soon", None),
            ("", None),
        ] {
            let text = format!(
                "SIP/2.0 503 No\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
                 Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nRetry-After: {value}\r\n\r\n"
            );
            let response = Message::parse(text.into()).unwrap();
            assert_eq!(retry_after(&response), secs.map(Duration::from_secs), "{value}");
        }
    }
}
