//! Row 6: calls that cost money, by who may not make them. The carrier hears nothing, and each try leaves a line.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use crate::common::phone::unique;
use crate::common::{Message, Options, Phone, eventually};
use crate::stranger::Stranger;
use crate::target::Target;

/// What fraud dials, with the headers it tries.
fn patterns(target: &Target) -> Vec<(String, String)> {
    let (domain, server, trunk) = (target.tandem.domain(), target.tandem.sip, target.trunk.address);
    let premium = "+19005551234";
    let mut out: Vec<(String, String)> = [
        format!("sip:011442079460000@{domain}"),
        format!("sip:00442079460000@{domain}"),
        format!("sip:000442079460000@{domain}"),
        format!("sip:9011442079460000@{domain}"),
        format!("sip:+442079460000@{domain}"),
        format!("sip:{premium}@{domain}"),
        format!("sip:{premium}@{server}"),
        format!("sip:{premium}@{domain};user=phone"),
        format!("sip:{premium};phone-context=+1@{domain};user=phone"),
        format!("sip:9005551234;phone-context=+1@{domain}"),
        format!("sip:{premium}@{trunk}"),
        format!("sip:x@{trunk}"),
        format!("sip:x@{trunk};transport=udp;lr"),
        format!("sips:{premium}@{domain}"),
        format!("tel:{premium}"),
        "tel:9005551234;phone-context=+1".into(),
        format!("sip:%2b19005551234@{domain}"),
        format!("sip:bob%40{trunk}@{domain}"),
        format!("sip:bob@{domain};maddr={}", trunk.ip()),
        format!("sip:{premium}@{domain}?Route=%3Csip:{trunk};lr%3E"),
    ]
    .into_iter()
    .map(|uri| (uri, String::new()))
    .collect();
    let to_bob = format!("sip:bob@{domain}");
    out.extend([
        (to_bob.clone(), format!("Route: <sip:{trunk};lr>\r\n")),
        (to_bob.clone(), format!("Route: <sip:{server};lr>, <sip:{trunk};lr>\r\n")),
        (to_bob.clone(), format!("Replaces: {};to-tag=1;from-tag=2\r\n", unique("r"))),
        (format!("sip:{premium}@{domain}"), format!("Diversion: <sip:alice@{domain}>;reason=unconditional\r\n")),
        (format!("sip:{premium}@{domain}"), format!("History-Info: <sip:alice@{domain}>;index=1\r\n")),
        (format!("sip:{premium}@{domain}"), format!("P-Asserted-Identity: <sip:alice@{domain}>, <tel:{premium}>\r\n")),
        (format!("sip:{premium}@{domain}"), format!("Referred-By: <sip:alice@{domain}>\r\n")),
    ]);
    out
}

/// By its Call-ID; what is no message has none, and is told by its source.
fn has_a_line(target: &Target, call_id: &str, reply: &Message) -> bool {
    let log = target.tandem.log();
    log.contains(call_id) || reply.status() == 400 && log.contains("malformed SIP datagram")
}

fn logged() -> Target {
    Target::start_with(Options { log: Some("debug"), ..Options::default() })
}

#[test]
fn a_stranger_reaches_no_number_in_any_spelling_and_each_try_is_in_the_log() {
    let mut target = logged();
    let patterns = patterns(&target);
    for (n, (uri, headers)) in patterns.iter().enumerate() {
        let mut stranger = Stranger::at(0x0600 + n as u32, target.tandem.sip);
        let id = unique("fraud");
        let invite = stranger.request("INVITE", uri, &format!("Call-ID: {id}\r\n{headers}"), &stranger.sdp());
        let reply = stranger.answer(&invite);
        assert!(reply.status() >= 400, "{uri} {headers}: {}", reply.start);
        assert!(has_a_line(&target, &id, &reply), "no line about {uri} {headers}");
    }
    assert!(target.bob.stays_quiet(Duration::from_millis(200)), "a phone rang");
    target.unharmed("after a stranger's calls");
}

#[test]
fn a_user_without_the_right_reaches_no_number_in_any_spelling_and_each_try_is_in_the_log() {
    let mut target = logged();
    for (uri, headers) in patterns(&target) {
        if uri.starts_with("sip:bob@") {
            // Alice may call bob: what these try is to be sent on from there.
            let mut call = target.alice.invite_with(&uri, &headers);
            if let Some(rung) = rings(&mut target.bob) {
                target.bob.refuse(&rung, 486, "Busy Here");
            }
            assert!(target.alice.outcome(&mut call).status() >= 400, "{uri} {headers}");
            continue;
        }
        let mut call = target.alice.invite_with(&uri, &headers);
        let reply = target.alice.outcome(&mut call);
        assert!(reply.status() >= 400, "{uri} {headers}: {}", reply.start);
        assert!(has_a_line(&target, &call.call_id, &reply), "no line about {uri} {headers}");
    }
    target.unharmed("after calls of a user without the right");
}

fn rings(bob: &mut Phone) -> Option<crate::common::Call> {
    (!bob.stays_quiet(Duration::from_millis(400))).then(|| bob.ringing())
}

#[test]
fn a_carrier_is_no_way_to_another_carrier() {
    let mut target = logged();
    let other = Phone::new(&target.tandem, "other", "");
    target.tandem.carrier("other", other.address, json!({"patterns": ["*"]}));
    let domain = target.tandem.domain();
    for uri in [
        format!("sip:+19005551234@{domain}"),
        "tel:+19005551234".to_owned(),
        format!("sip:+19005551234@{}", other.address),
    ] {
        let mut call = target.trunk.invite(&uri);
        let reply = target.trunk.outcome(&mut call);
        assert!(reply.status() >= 400, "{uri}: {}", reply.start);
    }
    let mut other = other;
    assert!(other.stays_quiet(Duration::from_millis(200)));
    target.unharmed("after a carrier's calls");
}

/// Who calls such a contact calls out at our cost, with no right asked for.
#[test]
fn no_contact_leads_to_a_carrier() {
    let mut target = logged();
    let trunk = target.trunk.address;
    let (ip, port) = (trunk.ip(), trunk.port());
    // Known by name, as carriers are.
    let named = Phone::at(Ipv4Addr::LOCALHOST.into(), &target.tandem, "named", "");
    let (address, name) = (named.address, format!("localhost:{}", named.address.port()));
    target.tandem.carrier("named", address, json!({"uri": format!("sip:{name}"), "patterns": ["+88*"]}));
    let contact = |uri: &str| format!("Contact: <{uri}>\r\nExpires: 300\r\n");
    for headers in [
        contact(&format!("sip:+19005550000@{trunk}")),
        contact(&format!("sip:+19005550000@{ip}:5099")),
        contact(&format!("sip:+19005550000@192.0.2.1:{port};maddr={ip}")),
        contact(&format!("sip:+19005550000@{name}")),
        contact(&format!("sip:+19005550000@{}", name.replace(':', ".:"))),
        contact(&format!("sip:+19005550000@{address}")),
        format!("Path: <sip:{trunk};lr>\r\n{}", contact("sip:+19005550000@example.net")),
        format!("Path: <sip:192.0.2.1;lr>, <sip:{trunk};lr>\r\n{}", contact("sip:+19005550000@example.net")),
    ] {
        // The name is looked up beside all else.
        eventually("it is refused", Duration::from_secs(5), || {
            (target.bob.register_with(&headers).status() == 403).then_some(())
        });
    }
    // A contact that was there before the carrier.
    let mut later = Phone::new(&target.tandem, "later", "");
    let there = contact(&format!("sip:+19005550000@{}", later.address));
    assert_eq!(target.bob.register_with("Contact: *\r\nExpires: 0\r\n").status(), 200);
    assert_eq!(target.bob.register_with(&there).status(), 200);
    target.tandem.carrier("later", later.address, json!({"patterns": ["+77*"]}));
    let mut call = target.alice.invite(&target.bob.uri());
    let reply = target.alice.outcome(&mut call);
    assert!(reply.status() >= 400, "{}", reply.start);
    assert!(later.stays_quiet(Duration::from_millis(300)));
    let away = format!("Contact: <sip:+19005550000@{}>;expires=0\r\n", later.address);
    assert_eq!(target.bob.register_with(&away).status(), 200);
    target.unharmed("after contacts at carriers");
}
