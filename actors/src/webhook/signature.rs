//! Webhook signatures (laml.md 2.6): how a customer knows that a request comes from the switch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tandem_model::hex;

/// Sent under both names with one value, so that apps written for either platform validate it.
pub const HEADERS: [&str; 2] = ["x-signalwire-signature", "x-twilio-signature"];

/// The form signature: base64 of HMAC-SHA1 under `key` over `url` followed by each name and value of `params`, in the
/// byte order of the names. `url` is taken as it stands: no fragment, no userinfo. A GET signs its URL alone.
pub fn sign(key: &str, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let mut mac = keyed(key);
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The raw-body signature: lower-case hex of HMAC-SHA1 under `key` over `url` and `body`.
pub fn sign_raw_body(key: &str, url: &str, body: &[u8]) -> String {
    let mut mac = keyed(key);
    mac.update(url.as_bytes());
    mac.update(body);
    hex(&mac.finalize().into_bytes())
}

fn keyed(key: &str) -> Hmac<Sha1> {
    // HMAC takes keys of every length (RFC 2104 section 2), so this cannot fail.
    Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes any key length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        text.lines().map(|l| l.trim().split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).unwrap()).collect()
    }

    #[test]
    fn the_public_form_vector_is_reproduced() {
        let params = pairs(
            "CallSid=CA1234567890ABCDE
             Caller=+14158675309
             Digits=1234
             From=+14158675309
             To=+18005551212",
        );
        assert_eq!(
            sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", &params),
            "RSOYDt4T1cUTdK1PDd93/VVr8B8="
        );
    }

    const CAPTURE: &str = "CallSid=0703574f-b151-465d-aedb-28972eb513c7
        AccountSid=6bfbbe86-a901-4197-8759-2a0de1fa319d
        ApiVersion=2010-04-01
        Direction=outbound-api
        CallStatus=busy
        SipResultCode=486
        From=sip:+17063958228@sip.swire.io
        To=sip:jpsantos@joaosantos-2a0de1fa319d.sip.swire.io
        HangupBy=sip:jpsantos@joaosantos-2a0de1fa319d.sip.swire.io
        HangupDirection=inbound
        CallbackSource=call-progress-events
        Timestamp=Thu, 09 Nov 2023 17:05:04 +0000";
    const KEY: &str = "PSK_V3bF8oyeRNpJWGoRWHNYQMUU";

    #[test]
    fn a_captured_status_callback_is_reproduced() {
        let url = "http://0aac-189-71-169-171.ngrok-free.app/voice";
        assert_eq!(sign(KEY, url, &pairs(CAPTURE)), "lf3nWPmUr2y6jSeeoMW4mg58vgI=");
    }

    #[test]
    fn a_captured_https_callback_is_signed_without_a_port() {
        let params = pairs(
            "CallSid=a97d4e8a-6047-4e2b-be48-fb96b33b5642
             AccountSid=6bfbbe86-a901-4197-8759-2a0de1fa319d
             ApiVersion=2010-04-01
             Direction=outbound-api
             From=sip:+17063958228@sip.swire.io
             To=sip:jpsantos@joaosantos-2a0de1fa319d.sip.swire.io
             Timestamp=Thu, 09 Nov 2023 14:40:55 +0000
             CallStatus=no-answer
             CallbackSource=call-progress-events
             HangupDirection=outbound
             HangupBy=sip:+17063958228@sip.swire.io
             SipResultCode=487",
        );
        let url = "https://675d-189-71-169-171.ngrok-free.app/voice";
        assert_eq!(sign(KEY, url, &params), "muUMpldcBHlzuXGZ5gbw1ETZCYA=");
    }

    #[test]
    fn the_raw_body_and_body_hash_vectors_are_reproduced() {
        let key = "PSKtest1234567890abcdef";
        let body = br#"{"event":"call.state","params":{"call_id":"abc-123","state":"answered"}}"#;
        let url = "https://example.ngrok.io/webhook";
        assert_eq!(sign_raw_body(key, url, body), "c3c08c1fefaf9ee198a100d5906765a6f394bf0f");
        let url = format!("{url}?bodySHA256=69f3cbfc18e386ef8236cb7008cd5a54b7fed637a8cb3373b5a1591d7f0fd5f4");
        assert_eq!(sign(key, &url, &[]), "dfO9ek8mxyFtn2nMz24plPmPfIY=");
    }

    #[test]
    fn the_order_of_the_parameters_does_not_matter_and_empty_values_count() {
        let mut params = pairs(CAPTURE);
        let forward = sign(KEY, "http://a/", &params);
        params.reverse();
        assert_eq!(sign(KEY, "http://a/", &params), forward);
        params.push(("Digits".into(), String::new()));
        assert_ne!(sign(KEY, "http://a/", &params), forward);
    }
}
