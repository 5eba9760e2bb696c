//! What changes within a call, by SIPp: reliable provisional responses, UPDATE, hold, glare, session timers.

use crate::rig::Rig;

#[test]
fn a_provisional_response_is_reliable_for_who_requires_it() {
    Rig::both("prack_uas");
}

#[test]
fn a_reliable_provisional_response_is_acknowledged() {
    Rig::both("prack_uac");
}

#[test]
fn an_update_changes_or_refreshes_the_session() {
    Rig::with_echo("update");
}

#[test]
fn a_caller_holds_by_sendonly_and_resumes() {
    Rig::with_echo("hold_sendonly");
}

#[test]
fn a_caller_holds_by_inactive_and_resumes() {
    Rig::with_echo("hold_inactive");
}

#[test]
fn a_caller_holds_by_the_zero_address_and_resumes() {
    Rig::with_echo("hold_zero");
}

#[test]
fn a_callee_holds_and_resumes() {
    Rig::both("callee_holds");
}

#[test]
fn a_reinvite_before_the_ack_of_the_last_is_refused_with_491() {
    Rig::with_echo("glare_reinvite");
}

#[test]
fn an_offer_while_ours_is_unanswered_is_refused_with_491() {
    Rig::both("glare_early_update");
}

#[test]
fn a_callers_session_timer_is_kept() {
    Rig::with_echo("timer_uas");
}

#[test]
fn a_session_timer_that_is_too_short_gets_422_with_the_least() {
    Rig::with_echo("timer_422_uas");
}

#[test]
fn a_callee_gets_the_session_interval_it_asks_for() {
    Rig::both("timer_422_uac");
}
