//! tandem-sip

pub mod message;
