//! Locating SIP servers (RFC 3263): from a URI to addresses in the order to try them. It asks no DNS server itself: it
//! says what to look up, and is told. Start at [`Locator`].

mod locator;
mod srv;
mod target;

#[cfg(test)]
mod tests;

pub use locator::{Answer, LocateError, Locator, Naptr, Query, Supported};
pub use srv::Srv;
pub use target::{Hop, Target};
