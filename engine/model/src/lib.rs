//! The words every other crate shares: ids, time, units, limits, drop reasons, entropy.
//! It is not a place for behaviour: a machine belongs to the crate of its protocol.
//! Start at [`Timestamp`] and [`limits`].

mod address;
mod country;
mod drop_reason;
mod entropy;
mod hex;
mod host;
mod id;
pub mod limits;
mod own_map;
mod srtp;
mod time;
mod units;

pub use address::{Endpoint, HostId, Transport};
pub use country::Country;
pub use drop_reason::DropReason;
pub use entropy::{Entropy, SeedEntropy, hex_token};
pub use hex::hex;
pub use host::HostAddress;
pub use id::{CallSid, LegId, Sid};
pub use own_map::{OwnMap, OwnSet};
pub use srtp::{Mki, SrtpKey, SrtpSuite};
pub use time::{Timestamp, WallTime};
pub use units::{Dbov, Ptime, RtpTime, SampleRate, SeqNo};
