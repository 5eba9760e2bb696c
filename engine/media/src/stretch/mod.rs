//! Time-scale modification on PCM: a pitch period less, or one more, where the ear does not notice.
//! It is not told why: how much is wanted is the jitter buffer's affair. Start at [`Stretcher`].

mod likeness;
mod stretcher;

pub use likeness::{energy, likeness};
pub use stretcher::{Allowance, Stretcher};
