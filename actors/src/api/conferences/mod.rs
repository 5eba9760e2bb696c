//! Compatibility Conferences: `/Accounts/{AccountSid}/Conferences`, their participants and recordings (laml.md 3.9).

mod control;

pub use control::{ConferenceControl, ConferenceView};
