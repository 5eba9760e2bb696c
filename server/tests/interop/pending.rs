//! What is written and waits for a feature: the one list. Whoever brings the feature takes the line out and writes
//! `#[test]` above the function.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use crate::{carriers, refusals};

/// Name, test, and what it waits for. `TANDEM_PENDING=1 cargo test -p tandem --test interop pending -- --nocapture` runs
/// them all and says which have come true.
const PENDING: &[(&str, fn(), &str)] = &[
    ("identity_out", carriers::a_caller_is_named_as_the_carriers_policy_says, "identity of carriers"),
    ("merged_request", refusals::an_invite_that_came_by_two_ways_is_answered_once, "detection of merged requests"),
];

#[test]
fn what_waits_is_named_once_and_runs_when_asked_for() {
    let names: BTreeSet<&str> = PENDING.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), PENDING.len());
    assert!(PENDING.iter().all(|(_, _, why)| !why.is_empty()));
    if std::env::var_os("TANDEM_PENDING").is_none() {
        return;
    }
    for (name, test, why) in PENDING {
        let verdict = if catch_unwind(test).is_ok() { "has come true" } else { "waits" };
        eprintln!("{verdict}: {name} ({why})");
    }
}
