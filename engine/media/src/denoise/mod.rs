//! Noise reduction: what is steady behind a voice, a fan, a road, a hum, is taken out of its spectrum. It knows no legs and no packets,
//! and does not tell voices apart: another voice in the room stays. Start at [`Denoiser`].
//!
//! ```text
//! 20 ms ─→ two frames that overlap by half, windowed ─→ spectra ─┬─→ floor: what is always there
//!                                                                └─→ × gain, from how much is more than that ─→ overlap-add ─→ 20 ms
//! ```

mod denoiser;
mod floor;
mod fourier;
#[cfg(test)]
mod tests;

pub use denoiser::Denoiser;
