//! What a stream sounds like: packets in as they come, one tick of PCM out whenever the clock says so.
//!
//! ```text
//! insert ─→ jitter buffer
//! fill     pop ─┬─ frame ──→ decode ───────────────┬─→ line ─→ shorten or lengthen ─→ one tick
//!               ├─ missing → FEC, codec or concealer ┤
//!               └─ pause ──→ comfort noise ──────────┘
//! ```
//!
//! It knows neither sockets nor legs. Start at [`Playout`].

mod counts;
mod line;
mod machine;

pub use counts::PlayoutCounts;
pub use machine::{FRAME_SAMPLES_MAX, Playout};
