//! Comfort noise (RFC 3389): what is said of silence instead of sending it, and how that is heard again.
//! Not here: when a leg may use it, which is negotiated. Start at [`NoiseGenerator`] to hear and [`SilenceSuppressor`] to send.

mod analysis;
mod generator;
mod payload;
mod suppressor;
#[cfg(test)]
mod tests;

pub use generator::NoiseGenerator;
pub use payload::{ComfortNoise, NOISE_BYTES_MAX, ORDER_MAX};
pub use suppressor::{SilenceSuppressor, Verdict};
