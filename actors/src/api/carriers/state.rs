use serde_json::{Value, json};
use tandem_model::Sid;

/// How carriers stand now.
pub trait CarrierStates: Send + Sync {
    /// None before anything is known of it: in the moment after it was made.
    fn state(&self, id: Sid) -> Option<CarrierState>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierState {
    /// Takes calls, as far as probes and calls tell.
    pub up: bool,
    /// Since when it is up or down.
    pub since_secs: u64,
    /// It gets no calls for so long: a 503 of its own said so.
    pub retry_after_secs: Option<u64>,
    /// Calls in progress, both directions.
    pub channels: u32,
    /// Calls that its limits refused since the start.
    pub refused: u64,
    /// Where it is registered with.
    pub registration: Option<CarrierRegistration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierRegistration {
    /// `trying`, `registered`, `failed`.
    pub state: &'static str,
    /// Of a registration.
    pub expires_secs: Option<u64>,
    /// Of a failure: what went wrong, and when it is tried again.
    pub error: Option<String>,
    pub retry_secs: Option<u64>,
}

pub(super) fn show(state: Option<&CarrierState>) -> Value {
    let Some(s) = state else { return Value::Null };
    json!({
        "up": s.up,
        "since_secs": s.since_secs,
        "retry_after_secs": s.retry_after_secs,
        "channels": s.channels,
        "refused": s.refused,
        "registration": s.registration.as_ref().map(|r| json!({
            "state": r.state,
            "expires_secs": r.expires_secs,
            "error": r.error,
            "retry_secs": r.retry_secs,
        })),
    })
}
