//! A project's numbers: `/Accounts/{AccountSid}/IncomingPhoneNumbers` of the Compatibility API (laml.md 3.11) and
//! `/api/relay/rest/phone_numbers` (laml.md 3.5). One record, two ways to write it.

mod compatibility;
mod relay;

pub(super) use compatibility::{create_from, routes};
pub(super) use relay::routes as relay_routes;

use super::fields::is_e164;
use super::handler::HANDLERS;
use crate::store::NUMBER_RINGS_ENDPOINT;

/// What a number may run.
fn handlers() -> Vec<&'static str> {
    HANDLERS.iter().map(|(name, _)| *name).chain([NUMBER_RINGS_ENDPOINT]).collect()
}

/// E.164, without the separators that people write.
fn e164(text: &str) -> Option<String> {
    tandem_call::routing::normalise(text).filter(|number| is_e164(number))
}
