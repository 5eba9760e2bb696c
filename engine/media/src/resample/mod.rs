//! Sample-rate conversion between any two audio rates by a polyphase windowed sinc, with 1.5 ms of delay.
//! It is not a clock-drift corrector. Start at [`Resampler`].

mod filter;
mod rate_fifo;
mod resampler;

pub use rate_fifo::RateFifo;
pub use resampler::Resampler;
