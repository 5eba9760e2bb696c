//! Tandem in the company of real parts: behind Kamailio, against SIPp's scenarios, with other people's user agents.

mod agents;
mod calls;
mod carriers;
#[path = "../e2e/common/mod.rs"]
#[allow(dead_code, reason = "what every end-to-end test stands on; these tests need a part of it")]
mod common;
mod forged;
mod front;
mod kamailio;
mod pending;
mod proxy;
mod refusals;
mod rig;
mod session;
mod transfers;
