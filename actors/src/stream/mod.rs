//! Streams of calls' audio over WebSocket (laml.md 1.16): one task each, on a thread of their own. What a call wants of them comes from its
//! machine in `engine/call`; here connections are made, written and read. Start at [`StreamHub`].
//!
//! ```text
//!  media thread ─TapQueue─→ task ─JSON─→ the customer's server
//!  media thread ←─ call ←─ Backlog ←─JSON─┘      a slow reader loses the oldest audio, and slows nobody
//! ```

mod backlog;
mod codec;
mod connect;
mod hub;
mod incoming;
mod outgoing;
mod task;
#[cfg(test)]
mod tests;

pub use hub::{StreamHandle, StreamHub, StreamStats, ToStream};
