//! The HTTP requests the switch makes to its customers: instruction documents, status callbacks, prompt files.
//! It reads no LaML and no audio. Start at [`WebhookClient`]; what may be reached at all is in [`Guard`].
//!
//! ```text
//! request → Target (scheme, userinfo, #limits) → in-flight slot of the host → guard (literal addresses)
//!         → resolver (guard on what the name resolved to) → send, signed → redirect? guard again → body, capped
//! ```

mod client;
mod config;
mod cookie;
mod dialect;
mod exchange;
mod failure;
mod guard;
mod in_flight;
mod outward;
mod own;
mod request;
mod resolver;
mod session;
pub mod signature;
mod status_queue;
mod target;
#[cfg(test)]
pub(crate) mod test_server;
#[cfg(test)]
mod tests;
mod trace;
mod upload;

pub use client::{ClientError, WebhookClient};
pub use config::{Limits, WebhookConfig};
pub use dialect::DialectSource;
pub(crate) use exchange::{Download, Validators};
pub use failure::code;
pub use guard::{Guard, Refused, Rule};
pub use own::{OwnDocument, OwnDocuments};
pub use request::{NotifyOutcome, WebhookRequest};
pub use session::Session;
pub use status_queue::{StatusDrop, StatusJob, StatusQueue, StatusQueueLimits, StatusQueueStats};
pub use trace::LogSink;
