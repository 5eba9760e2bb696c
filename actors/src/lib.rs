//! tandem-actors

pub mod prompt;
pub mod webhook;
