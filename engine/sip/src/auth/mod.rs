//! Digest authentication (RFC 3261 section 22, RFC 7616, RFC 8760), both sides.
//! Not here: where secrets are kept, nor what an authenticated user may do.
//! Start at [`Challenger`] (server) or [`Challenge`] (client).

mod algorithm;
mod challenge;
mod challenger;
mod credentials;
mod limiter;
mod nonce;
mod offer;
mod params;
mod refusal;
mod role;
mod source;
#[cfg(test)]
mod tests;

pub use algorithm::{Algorithm, Ha1Set, ha1_set};
pub use challenge::{Account, Challenge};
pub use challenger::{Challenger, Secrets};
pub use limiter::{LoginGuard, LoginLimiter};
pub use nonce::NONCES_IN_USE_MAX;
pub use offer::offer;
pub use refusal::Refusal;
pub use role::Role;
