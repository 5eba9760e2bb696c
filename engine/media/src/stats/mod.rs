//! What is counted of a received stream: RFC 3550 appendix A, and what a listener would say of it (E-model).
//! It moves no packet. Start at [`StreamAccount::packet`].

mod account;
mod quality;

pub use account::{Arrival, StreamAccount};
pub use quality::{CodecQuality, mean_opinion_score};
