//! Dialogs (RFC 3261 section 12) as values: identity, sequence numbers, route set and remote target.
//! Not here: what a dialog means, nor its transactions. Start at [`Dialog`].

mod machine;
mod retransmit;
mod snapshot;
#[cfg(test)]
mod tests;

pub use machine::{Dialog, DialogError, Reject};
pub use retransmit::{Retransmit, Retransmit2xx};
pub use snapshot::{DialogId, DialogSnapshot, DialogState};
