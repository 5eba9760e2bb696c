//! What is counted of a received stream: RFC 3550 appendix A, and what a listener would say of it (E-model).
//! It moves no packet. Start at [`StreamAccount::packet`].

mod account;
mod burst;
mod e_model;
mod quality;
mod series;
mod spread;

pub use account::{Arrival, StreamAccount};
pub use burst::{BurstGap, BurstMetrics, Fate, GMIN, LossCounts};
pub use e_model::{Conditions, mean_opinion_score, mos};
pub use quality::CodecQuality;
pub use series::{QUALITY_INTERVAL, QUALITY_POINTS_MAX, QualityPoint, QualitySeries};
pub use spread::{Spread, Spreading};
