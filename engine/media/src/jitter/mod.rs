//! The jitter buffer: packets in as they come, frames out as the ear needs them.
//!
//! ```text
//! insert   timestamp ─ timeline ─→ media time ─┬─ arrivals (baseline, histogram, peaks) ─→ the delay wanted
//!                                              └─ packets, by sequence number
//! pop      packets, media time due ─→ a frame │ what is missing │ a pause
//! surplus  the delay there is, less the delay wanted ─→ how much to shorten or lengthen
//! ```
//!
//! It decodes nothing, conceals nothing and stretches nothing: that is `playout`. Start at [`JitterBuffer`].

mod arrivals;
mod baseline;
mod buffer;
mod config;
mod histogram;
mod packets;
mod peaks;
#[cfg(test)]
mod tests;
mod timeline;

pub use buffer::{Content, Insert, JitterBuffer, Packet, Pop};
pub use config::JitterConfig;
