//! The HTTP requests the switch makes to its customers: instruction documents, status callbacks, prompt files.
//! It reads no LaML and no audio. Start at [`WebhookClient`]; what may be reached at all is in [`guard`].

mod config;
mod request;
pub mod signature;

pub use config::{Limits, WebhookConfig};
pub use request::{NotifyOutcome, WebhookRequest};
