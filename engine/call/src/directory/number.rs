use tandem_model::Sid;

use super::WebhookSet;

/// A number of this project (REST `IncomingPhoneNumbers`, `phone_numbers`).
#[derive(Clone, Debug, PartialEq)]
pub struct PhoneNumber {
    pub id: Sid,
    /// E.164.
    pub number: String,
    pub handler: NumberHandler,
}

/// What answers a call to a number.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum NumberHandler {
    /// Nothing does.
    #[default]
    None,
    Laml(WebhookSet),
    /// This endpoint is rung.
    Endpoint(Sid),
    /// Named and stored, but not something this server runs.
    Unsupported(String),
}
