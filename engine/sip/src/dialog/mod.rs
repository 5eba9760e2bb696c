//! Dialogs (RFC 3261 section 12) as values: identity, sequence numbers, route set and remote target; and the header
//! fields and timers that only mean something within one (RFC 3262, RFC 4028).
//! Not here: what a dialog means, nor its transactions. Start at [`Dialog`].

mod machine;
mod reliable;
mod retransmit;
mod session_expires;
mod snapshot;
#[cfg(test)]
mod tests;

pub use machine::{Dialog, DialogError, Reject, route_to};
pub use reliable::{RAck, reliable_rseq};
pub use retransmit::{Retransmit, Retransmit2xx, RetransmitProvisional};
pub use session_expires::{MIN_SE_SECS, Refresher, SessionExpires};
pub use snapshot::{DialogId, DialogSnapshot, DialogState};
