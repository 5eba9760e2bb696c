use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tandem_model::WallTime;

use super::{
    CallControl, CarrierStates, ChangeRate, ConferenceControl, Faults, Logins, Metrics, QueueControl, Registrations,
    StreamControl,
};
use crate::bins::LamlBins;
use crate::recording::RecordingService;
use crate::store::Store;

/// All that the API stands on. Clones share it.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    pub calls: Arc<dyn CallControl>,
    pub conferences: Arc<dyn ConferenceControl>,
    pub streams: Arc<dyn StreamControl>,
    pub registrations: Arc<dyn Registrations>,
    pub carriers: Arc<dyn CarrierStates>,
    pub queues: Arc<dyn QueueControl>,
    pub recordings: RecordingService,
    pub metrics: Metrics,
    pub logins: Logins,
    pub rate: ChangeRate,
    pub bins: LamlBins,
    pub options: ApiOptions,
}

#[derive(Clone)]
pub struct ApiOptions {
    /// Serve `/metrics` without credentials.
    pub metrics_public: bool,
    /// Threads that serve HTTP.
    pub workers: usize,
    /// The URL at which others reach this API, without a slash at its end.
    pub public_url: String,
    /// Fail-points, where they are offered.
    pub faults: Option<Arc<dyn Faults>>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        ApiOptions { metrics_public: true, workers: 1, public_url: "http://127.0.0.1:8080".into(), faults: None }
    }
}

pub(super) fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
