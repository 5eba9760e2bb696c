//! SIPp transfers calls: REFER with its NOTIFYs, and Replaces.

use crate::rig::Rig;

pub fn an_endpoint_transfers_its_callee_to_another() {
    let rig = Rig::new();
    let transferee = rig.phone("refer_blind", "transferee", "carol", &[]);
    let target = rig.phone("refer_blind", "target", "bob", &[]);
    let (carol, bob) = (rig.uri("carol"), rig.uri("bob"));
    let keys = ["-key", "target", &carol, "-key", "refer_to", &bob];
    rig.phone("refer_blind", "transferor", "alice", &keys).succeeded();
    transferee.succeeded();
    target.succeeded();
}

pub fn an_endpoint_joins_the_other_ends_of_its_two_calls() {
    let rig = Rig::new();
    let transferee = rig.phone("refer_blind", "transferee", "carol", &[]);
    let target = rig.phone("refer_blind", "target", "bob", &[]);
    let (carol, bob) = (rig.uri("carol"), rig.uri("bob"));
    let keys = ["-key", "target", &carol, "-key", "refer_to", &bob];
    rig.phone("refer_attended", "transferor", "alice", &keys).succeeded();
    transferee.succeeded();
    target.succeeded();
}

pub fn an_endpoint_takes_its_call_over_from_another_dialog() {
    let rig = Rig::new();
    let callee = rig.phone("refer_blind", "transferee", "carol", &[]);
    let carol = rig.uri("carol");
    rig.phone("replaces", "caller", "alice", &["-key", "target", &carol]).succeeded();
    callee.succeeded();
}
