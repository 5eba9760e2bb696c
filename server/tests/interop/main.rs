//! Tandem in the company of real parts: behind Kamailio, against SIPp's scenarios, with other people's user agents.

mod agents;
mod calls;
mod carriers;
#[path = "../e2e/common/mod.rs"]
mod common;
mod forged;
mod front;
mod guesses;
mod kamailio;
mod proxy;
mod refusals;
mod registrations;
mod rig;
mod session;
mod transfers;
