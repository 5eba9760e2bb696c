//! What is written and waits for a feature: the one list. Whoever brings the feature takes the line out and writes
//! `#[test]` above the function.

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use crate::{carriers, front, kamailio, refusals};

/// Name, test, and what it waits for. `TANDEM_PENDING=1 cargo test -p tandem --test interop pending -- --nocapture` runs
/// them all and says which have come true.
const PENDING: &[(&str, fn(), &str)] = &[
    (
        "a call between phones through the proxy",
        kamailio::phones_call_each_other_through_the_proxy_and_requests_within_the_call_follow_the_route_set,
        "Path of a registration in the Route of calls to it",
    ),
    (
        "a phone that moved to the second node",
        kamailio::a_phone_that_moved_to_the_second_node_is_found_there_while_and_after_the_first_is_dead,
        "Path of a registration in the Route of calls to it",
    ),
    (
        "a call to a websocket client",
        front::a_call_reaches_a_websocket_client_and_she_hangs_up_along_the_route_set,
        "Path of a registration in the Route of calls to it",
    ),
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
