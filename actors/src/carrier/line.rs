use std::sync::Arc;

use tandem_call::carrier::{Health, Registration};
use tandem_call::directory::Carrier;
use tandem_model::Sid;

use super::probe::Round;
use super::trunks::Standing;
use crate::transport::Verify;

/// One carrier of the directory.
pub(super) struct Line {
    pub carrier: Arc<Carrier>,
    pub health: Health,
    pub round: Option<Round>,
    /// Its registration's number, where it has one.
    pub registration: Option<u64>,
}

/// A registration by its number: one that is being taken back outlives its carrier.
pub(super) struct Registering {
    pub carrier: Sid,
    pub name: String,
    pub verify: Verify,
    pub machine: Registration,
}

impl Line {
    pub fn standing(&self, registration: Option<&Registration>) -> Standing {
        Standing {
            name: self.carrier.name.clone(),
            up: self.health.is_up(),
            suspect: self.health.is_suspect(),
            since: self.health.since(),
            left_alone_until: self.health.left_alone_until(),
            registration: registration.map(Registration::state),
            service_route: registration.map(|r| r.service_route().to_vec()).unwrap_or_default(),
        }
    }
}
