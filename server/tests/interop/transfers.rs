//! SIPp transfers calls: REFER with its NOTIFYs, and Replaces.

use std::time::Duration;

use crate::common::eventually;
use crate::rig::Rig;

#[test]
fn an_endpoint_transfers_its_callee_to_another() {
    let rig = Rig::new();
    let transferee = rig.phone("refer_blind", "transferee", "carol", &[]);
    let target = rig.phone("refer_blind", "target", "bob", &[]);
    let (carol, bob) = (rig.uri("carol"), rig.uri("bob"));
    let keys = ["-key", "target", &carol, "-key", "refer_to", &bob];
    rig.phone("refer_blind", "transferor", "alice", &keys).succeeded();
    transferee.succeeded();
    target.succeeded();
}

#[test]
fn an_endpoint_joins_the_other_ends_of_its_two_calls() {
    let rig = Rig::new();
    let transferee = rig.phone("refer_blind", "transferee", "carol", &[]);
    let target = rig.phone("refer_blind", "target", "bob", &[]);
    let (carol, bob) = (rig.uri("carol"), rig.uri("bob"));
    let keys = ["-key", "target", &carol, "-key", "refer_to", &bob];
    rig.phone("refer_attended", "transferor", "alice", &keys).succeeded();
    transferee.succeeded();
    target.succeeded();
    eventually("every leg is over", Duration::from_secs(5), || {
        rig.tandem.calls().iter().all(|c| c["end_time"].is_string()).then_some(())
    });
}

#[test]
fn an_endpoint_takes_its_call_over_from_another_dialog() {
    let rig = Rig::new();
    let callee = rig.phone("refer_blind", "transferee", "carol", &[]);
    let carol = rig.uri("carol");
    rig.phone("replaces", "caller", "alice", &["-key", "target", &carol]).succeeded();
    callee.succeeded();
}
