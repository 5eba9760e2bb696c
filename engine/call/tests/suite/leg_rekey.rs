//! Fresh SRTP keys by a re-INVITE of ours (RFC 3711 section 8.1, RFC 4568 section 7.1.4).

use tandem_call::leg::LegEffect;
use tandem_media::control::Command;

use crate::rig::Rig;

fn encrypted() -> Rig {
    Rig::called("secure").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
    ])
}

/// Our key in a description of ours.
fn key(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line =
        text.lines().find(|l| l.starts_with("a=crypto:1 AEAD_AES_256_GCM inline:")).expect("the suite in use first");
    line.to_owned()
}

#[test]
fn a_key_that_runs_out_is_replaced_by_a_re_invite() {
    let rig = encrypted();
    let first = key(rig.peer.last_response.as_ref().expect("our answer").body());
    let rig =
        rig.run(&[("key-expiring", "INVITE 1 sendrecv"), ("key-expiring", ""), ("INVITE secure", "491"), ("100", "")]);
    let second = key(rig.peer.invite().body());
    assert_ne!(first, second);
    let rig = rig.run(&[
        ("200 rekeyed", "ACK 1; configure Pcmu 203.0.113.9:4000 sr; renegotiated Pcmu"),
        ("200 rekeyed", "ACK 1"),
        // The next re-offer, theirs, keeps the new key.
        ("INVITE rekeyed", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("ACK", ""),
    ]);
    assert_eq!(key(rig.peer.last_response.as_ref().expect("our answer").body()), second);
    // And when that one runs out too, it goes on so.
    let rig = rig.run(&[("key-expiring", "INVITE 2 sendrecv")]);
    assert_ne!(key(rig.peer.invite().body()), second);
}

#[test]
fn the_new_keys_reach_media_both_ways() {
    let mut rig = encrypted().run(&[("key-expiring", "INVITE 1 sendrecv")]);
    let offered = key(rig.peer.invite().body());
    let input = rig.peer.says("200 rekeyed");
    rig.leg.handle(rig.now, input);
    let spec = std::iter::from_fn(|| rig.leg.poll())
        .find_map(|effect| match effect {
            LegEffect::Media(Command::Configure { spec, .. }) => Some(spec),
            _ => None,
        })
        .expect("media is told");
    let pair = spec.srtp.expect("encrypted");
    assert!(pair.inbound.key_and_salt.starts_with(&[0x04, 0x10, 0x41]), "BBBB in base64");
    assert!(!offered.contains(&"A".repeat(40)) && pair.outbound.key_and_salt.iter().any(|b| *b != 0));
}

#[test]
fn a_peer_that_is_busy_is_asked_again_and_one_that_refuses_keeps_the_call() {
    encrypted().run(&[
        ("key-expiring", "INVITE 1 sendrecv"),
        ("491", ""),
        ("+4000", "INVITE 2 sendrecv"),
        ("488", ""),
        ("+4000", "INVITE 3 sendrecv"),
        // The transport, and with it the transaction, but not the dialog (RFC 5057 section 5.1).
        ("unreachable", ""),
        ("BYE", "200; ended 200 remote; close"),
    ]);
    let mut rig = encrypted().run(&[("key-expiring", "INVITE 1 sendrecv"), ("488", "")]);
    for n in 2..=8 {
        rig = rig.run(&[("+4000", &format!("INVITE {n} sendrecv")), ("488", "")]);
    }
    rig.run(&[("+4000", ""), ("+4000", ""), ("BYE", "200; ended 200 remote; close")]);
}

#[test]
fn a_peer_that_has_lost_the_dialog_or_answers_badly_ends_the_call() {
    let gone = "ended 481 failure; BYE 2; close";
    encrypted().run(&[("key-expiring", "INVITE 1 sendrecv"), ("481", gone)]);
    let silent = "ended 408 failure; BYE 2; close";
    encrypted().run(&[("key-expiring", "INVITE 1 sendrecv"), ("timeout", silent)]);
    encrypted().run(&[
        ("key-expiring", "INVITE 1 sendrecv"),
        ("200 sdp", "ACK 1; ended 488 failure; BYE 2 [SIP;cause=488]; close"),
    ]);
}

#[test]
fn fresh_keys_wait_for_the_ack_of_a_re_offer_under_way() {
    encrypted().run(&[
        ("INVITE secure", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; renegotiated Pcmu"),
        ("key-expiring", ""),
        ("ACK", ""),
        ("+4000", "INVITE 1 sendrecv"),
    ]);
}

#[test]
fn a_plain_call_has_no_keys_to_change() {
    Rig::called("sdp").run(&[
        ("opened", ""),
        ("answer", "configure Pcmu 203.0.113.9:4000 sr; 200 sendrecv; answered Pcmu"),
        ("ACK", ""),
        ("key-expiring", ""),
    ]);
}
