//! SIP over WebSocket (RFC 7118): one SIP message a WebSocket message. Clients connect to us, never we to them.

mod origins;
mod socket;
mod upgrade;

pub(super) use origins::Origins;
pub(super) use upgrade::upgrade;
