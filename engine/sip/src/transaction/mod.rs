//! SIP transactions (RFC 3261 section 17, corrected by RFC 6026): matching, retransmission and absorption.
//! Not here: dialogs, retransmission of 2xx responses (see [`crate::dialog::Retransmit2xx`]) and where a request goes.
//! Start at [`TransactionLayer`]; each of the four machines has a file of its name.

mod action;
mod client;
mod event;
mod invite_client;
mod invite_server;
mod layer;
mod matching;
mod non_invite_client;
mod non_invite_server;
mod queue;
mod replies;
mod server;
#[cfg(test)]
mod tests;
mod timer;

pub use event::{CancelOutcome, ClientKey, Event, RequestError, ServerKey, TransactionKey, Transmit};
pub use layer::{Config, TransactionLayer};
pub use timer::{T1, T1_64, T2, T4};
