//! What the rows demand and the server does not do yet. Each test here says who is to change that; it is not run until then
//! (`cargo test --test hostile pending -- --ignored` shows how far it is), and moves to its row when it passes.

use std::time::Duration;

use crate::common::{alone, eventually};
use crate::row_03_slow_reader::greedy;
use crate::target::Target;

/// Row 3. A connection whose queue overflowed leaves the table of writers, but is read from for as long as it speaks.
#[test]
#[ignore = "pending, transport: a connection whose send queue overflows has to be closed"]
fn a_peer_that_never_reads_is_dropped() {
    let _turn = alone();
    let mut target = Target::start_listening_to_all();
    let (asked, dropped) = greedy(&target, Duration::from_secs(20)).join().expect("the flood");
    assert!(dropped, "still connected after {asked} requests");
    eventually("its connection is gone", Duration::from_secs(15), || {
        (target.tandem.metric("tandem_sip_connections", "") < 1.0).then_some(())
    });
    target.unharmed("after a peer that does not read");
}

/// Row 8. A contact that names this server is called over the network and challenged there.
#[test]
#[ignore = "pending, transfer: a contact or target that is this server itself is 482 without a message"]
fn a_contact_that_is_this_server_makes_no_traffic_of_its_own() {
    let mut target = Target::start();
    let contact = format!("Contact: <sip:bob@{};transport=udp>\r\nExpires: 300\r\n", target.tandem.sip);
    assert_eq!(target.bob.register_with("Contact: *\r\nExpires: 0\r\n").status(), 200);
    let status = target.bob.register_with(&contact).status();
    assert!(status == 200 || status >= 400, "{status}");
    let invites = |target: &Target| target.tandem.metric("tandem_sip_requests_total", "INVITE");
    let before = invites(&target);
    let mut call = target.alice.invite(&target.bob.uri());
    if !target.bob.stays_quiet(Duration::from_millis(500)) {
        let rung = target.bob.ringing();
        target.bob.reply(&rung, &rung.invite, 486, "Busy Here", "");
    }
    assert!(target.alice.outcome(&mut call).status() >= 400);
    // The caller's own, without and with credentials.
    assert!(invites(&target) - before <= 2.0, "{} INVITEs for one call", invites(&target) - before);
    target.unharmed("after a call to ourselves");
}
