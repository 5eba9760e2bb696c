//! The jitter buffer: packets in as they come, frames out as the ear needs them.
//! It decodes nothing and conceals nothing. Start at [`JitterBuffer`].

mod buffer;
mod packets;
#[cfg(test)]
mod tests;

pub use buffer::{Insert, JitterBuffer, JitterConfig, Pop};
