//! REST, dashboard and metrics over HTTP. It checks and shows; calls are run behind [`CallControl`] and records kept
//! by the store. Start at [`serve`].

mod control;
mod ops;
mod state;

pub use control::{
    CallControl, CallControlError, CallDocument, CallView, ContactView, CreateCall, EndCall, Registrations, UpdateCall,
};
pub use ops::{Metrics, Sample, SampleSource, SampleValue};
pub use state::{ApiOptions, ApiState};
