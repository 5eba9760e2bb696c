//! tandem-actors

pub mod media;
