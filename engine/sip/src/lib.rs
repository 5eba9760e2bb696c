//! tandem-sip

pub mod auth;
mod behind_proxy;
pub mod dialog;
pub mod locate;
pub mod message;
pub mod overload_client;
pub mod overload_control;
pub mod registrar;
pub mod source_budget;
pub mod transaction;

pub use behind_proxy::client_behind;
