//! Any text as a URI and as a name-addr.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tandem_sip::message::{Message, NameAddr, Scheme, Uri};

fuzz_target!(|text: &str| {
    if let Ok(uri) = Uri::parse(text) {
        assert_eq!(uri.as_str(), text);
        assert!(uri.sip_equal(&uri));
        let is_sip = matches!(uri.scheme(), Scheme::Sip | Scheme::Sips);
        assert_eq!(is_sip, !uri.host().is_empty());
        assert!(uri.host_ip().is_none() || is_sip);
        // No parameter or header is longer than the text, nor are there more of them.
        assert!(uri.params().count() + uri.headers().count() <= text.len());
        let _ = (uri.user_decoded(), uri.password(), uri.port(), uri.transport());
    }
    let Ok(address) = NameAddr::parse(text) else { return };
    assert!(text.contains(address.uri_str()));
    assert_eq!(address.tag(), address.param("tag").filter(|tag| !tag.is_empty()));
    let display = address.display_name();
    assert!(display.as_ref().is_none_or(|display| !display.is_empty() || text.contains('\\')));
    // Written anew and read again it says the same.
    let Ok(uri) = address.uri() else { return };
    let message = Message::request("OPTIONS", "sip:h")
        .header("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
        .name_addr("From", display.as_deref(), uri.as_str(), ";tag=1")
        .header("To", "<sip:b@c>")
        .header("Call-ID", "1")
        .header("CSeq", "1 OPTIONS")
        .try_build()
        .expect("what was read can be written");
    assert_eq!(message.from().uri_str(), uri.as_str());
    let plain = display.map(|text| text.replace(|c: char| c.is_ascii_control(), " "));
    assert_eq!(message.from().display_name().as_deref().unwrap_or_default(), plain.as_deref().unwrap_or_default());
});
