//! tandem-sip

pub mod auth;
pub mod dialog;
pub mod locate;
pub mod message;
pub mod registrar;
pub mod source_budget;
pub mod transaction;
