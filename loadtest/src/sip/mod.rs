//! As much SIP (RFC 3261) as a load needs, written apart from the server's own so that the two cannot share a mistake.
//! Start at [`Agents`].

mod agents;
mod digest;
mod text;

pub use agents::{Agents, Established};

/// A user of the server.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: String,
    pub password: String,
}
