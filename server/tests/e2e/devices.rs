//! Phones that change how they register, and phones that know little.

use std::time::Duration;

use serde_json::json;

use crate::common::phone::unique;
use crate::common::tandem::PASSWORD;
use crate::common::{Options, Phone, Tandem, digest, eventually};

/// The reg-id of each contact that is listed.
fn reg_ids(tandem: &Tandem) -> Vec<Option<u64>> {
    let list = tandem.api("GET", "/api/tandem/registrations", None).success();
    list["data"].as_array().expect("a list").iter().map(|contact| contact["reg_id"].as_u64()).collect()
}

#[test]
fn a_phone_whose_outbound_is_switched_off_and_on_rings_once_also_after_a_restart() {
    let mut tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    tandem.endpoint("bob", json!({}));
    let mut alice = Phone::new(&tandem, "alice", PASSWORD);
    let mut bob = Phone::new(&tandem, "bob", PASSWORD);
    let contact = format!("Contact: <{}>;+sip.instance=\"<urn:uuid:7>\"", alice.contact());
    let with = format!("Supported: path, outbound\r\n{contact};reg-id=1\r\nExpires: 300\r\n");
    let without = format!("{contact}\r\nExpires: 300\r\n");
    for (ways, left) in [([&with, &without], None), ([&without, &with], Some(1))] {
        for way in ways {
            assert_eq!(alice.register_with(way).status(), 200);
        }
        for at in ["at once", "after a restart"] {
            eventually("one contact is listed", Duration::from_secs(2), || (reg_ids(&tandem) == [left]).then_some(()));
            let (mut call, rung) = bob.talks_to(&mut alice);
            assert_eq!(bob.hang_up(&mut call).status(), 200);
            alice.hung_up(&rung);
            let other = alice.seen().iter().find(|m| m.method() == "INVITE" && m.call_id() != rung.call_id);
            assert!(other.is_none(), "{at}: {other:?}");
            if at == "at once" {
                tandem.kill();
                tandem.launch();
            }
        }
    }
}

#[test]
fn a_phone_that_knows_md5_alone_registers_by_a_short_request_where_the_strongest_come_first() {
    let sip = "digest = [\"sha-512-256\", \"sha-256\", \"md5\"]\n".into();
    let tandem = Tandem::start_with(Options { sip, ..Options::default() });
    tandem.endpoint("alice", json!({}));
    let mut phone = Phone::new(&tandem, "alice", PASSWORD);
    let registrar = format!("sip:{}", phone.domain);
    let call_id = unique("short");
    let ask = |phone: &mut Phone, cseq: u32, authorization: &str| {
        let (uri, address) = (phone.uri(), phone.address);
        phone.send(&format!(
            "REGISTER {registrar} SIP/2.0\r\nVia: SIP/2.0/UDP {address};rport;branch=z9hG4bK{call_id}{cseq}\r\n\
             From: <{uri}>;tag=1\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\n\
             Contact: <{}>\r\n{authorization}Content-Length: 0\r\n\r\n",
            phone.contact()
        ));
        phone.final_response(&call_id, cseq)
    };
    let offered = ask(&mut phone, 1, "");
    let challenges = offered.all("WWW-Authenticate");
    assert!(challenges.len() < 3, "short enough that something is left out: {challenges:?}");
    let is_md5 = |challenge: &&str| digest::param(challenge, "algorithm").as_deref() == Some("MD5");
    let md5 = challenges.iter().copied().find(is_md5).unwrap_or_else(|| panic!("{challenges:?}"));
    let answer = digest::answer(md5, "REGISTER", &format!("sip:{}", phone.domain), "alice", PASSWORD);
    let reply = ask(&mut phone, 2, &format!("Authorization: {answer}\r\n"));
    assert_eq!(reply.status(), 200, "{reply:?}");
    let again = ask(&mut phone, 3, "");
    let all: Vec<_> = again.all("WWW-Authenticate").into_iter().map(|c| digest::param(c, "algorithm")).collect();
    assert_eq!(all, ["SHA-512-256", "SHA-256", "MD5"].map(|name| Some(name.to_owned())), "all, once it is known");
}
