//! What this switch does with carriers beside calls: registers with them, watches whether they answer, chooses among
//! them, keeps to their limits and writes numbers their way. Machines and functions only; not here: the configuration
//! ([`crate::directory::Carrier`]) and who drives this. Start at [`choose`] for a call, at [`Registration`] and
//! [`Health`] for the rest.

mod arrival;
mod choice;
mod credentials;
mod dial_plan;
mod health;
mod limits;
pub(crate) mod naming;
mod number;
mod probe;
mod registration;

pub use arrival::{arrived, arrived_at, called_address};
pub use choice::{Availability, choose};
pub use credentials::answerable;
pub use dial_plan::DialPlan;
pub use health::{CallResult, Health, HealthEffect, HealthPolicy, ProbeResult};
pub use limits::{Limits, rate_after};
pub use naming::{Naming, SharedNaming};
pub use number::{NumberFormat, NumberPlan, PrefixRule};
pub use probe::{options, retry_after};
pub use registration::{
    Registration, RegistrationEffect, RegistrationFailure, RegistrationSpec, RegistrationState, RequestOutcome,
};
