//! Carriers: [`CarrierActor`] registers with them and probes them; [`Trunks`] is how they stand, for whoever calls, shows
//! or counts. What is decided is decided by `tandem_call::carrier`. Start at [`CarrierActor`].

mod actor;
mod line;
mod probe;
mod trunks;

pub use actor::{CarrierActor, CarrierConfig, Leave};
pub use trunks::{CarrierSnapshot, Channel, Trunks};
