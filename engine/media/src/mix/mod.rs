//! Mixing: many voices in, for each listener the sum of the others out. PCM alone: no packets, no codecs, no legs.
//! Who is encoded with whom is decided in `shard`. Start at [`Mixer`].

mod activity;
mod limiter;
mod mixer;

pub use activity::{Activity, level_dbov};
pub use mixer::{Mixer, Role};
