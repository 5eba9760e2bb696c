//! Calls to numbers: a carrier is seized for each attempt, and the next one when it fails.

use std::sync::Arc;

use tandem_model::{LegId, Sid};

use super::contract::CallEffect;
use super::invite::ApiTarget;
use super::{Call, DocumentSource, Driver};
use crate::directory::Carrier;
use crate::leg::{EndedBy, InviteSpec, LegEnd};
use crate::routing::Caller;

/// A number that waits for a carrier.
#[derive(Clone, Debug, Default)]
pub(super) struct ToNumber {
    pub number: String,
    /// Where it may go.
    pub carriers: Vec<Arc<Carrier>>,
}

/// The carrier that a leg rings through, and where its number may go after that; nothing for other legs.
#[derive(Clone, Debug, Default)]
pub(super) struct Fallback {
    through: Option<Arc<Carrier>>,
    rest: ToNumber,
}

impl Fallback {
    /// What is left to try when the leg has failed with this status.
    pub(super) fn after(self, status: u16) -> Option<ToNumber> {
        let fails_over = self.through.is_some_and(|carrier| carrier.fails_over(status));
        (fails_over && !self.rest.carriers.is_empty()).then_some(self.rest)
    }
}

/// A carrier with a channel for one call: what [`CallEffect::SeizeCarrier`] brings.
#[derive(Clone, Debug, PartialEq)]
pub struct SeizedCarrier {
    pub carrier: Sid,
    /// Route values to send its INVITE with: the Service-Route of our registration (RFC 3608).
    pub route: Vec<String>,
}

/// All carriers are at their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarriersBusy {
    pub retry_after_secs: u32,
}

/// What a carrier that says nothing counts as (RFC 3261 section 8.1.3.1).
const REQUEST_TIMEOUT: u16 = 408;

/// The lookup ticket of an API call's own target; dialling counts from elsewhere.
pub(super) const API_TICKET: u64 = 0;

impl Call {
    pub(super) fn seize(&mut self, ticket: u64, carriers: &[Arc<Carrier>]) {
        let draw = self.entropy.next_u64();
        self.emit(CallEffect::SeizeCarrier { ticket, carriers: carriers.to_vec(), draw });
    }

    pub(super) fn carrier_seized(&mut self, ticket: u64, seized: Result<SeizedCarrier, CarriersBusy>) {
        if ticket == API_TICKET {
            self.api_carrier_seized(seized);
        } else if !self.transfer_carrier_seized(ticket, &seized) {
            self.dial_carrier_seized(ticket, seized);
        }
    }

    /// The INVITE to a number through the carrier that was seized for it, and where the number may go after that one.
    pub(super) fn seized_spec(
        &self,
        ticket: u64,
        to: ToNumber,
        seized: &SeizedCarrier,
        spec: impl FnOnce(&str, &Carrier) -> InviteSpec,
    ) -> Option<(InviteSpec, Arc<Carrier>, Fallback)> {
        let ToNumber { number, mut carriers } = to;
        let at = carriers.iter().position(|c| c.id == seized.carrier)?;
        let carrier = carriers.remove(at);
        let mut spec = spec(&number, &carrier);
        spec.channel = Some(ticket);
        spec.route = seized.route.clone();
        spec.others_follow = !carriers.is_empty() && carrier.fails_over(REQUEST_TIMEOUT);
        let fallback = Fallback { through: Some(carrier.clone()), rest: ToNumber { number, carriers } };
        Some((spec, carrier, fallback))
    }

    pub(super) fn api_to_number(&mut self, number: String, carriers: Vec<Arc<Carrier>>) {
        self.seize(API_TICKET, &carriers);
        self.api_number = Some(Fallback { through: None, rest: ToNumber { number, carriers } });
    }

    fn api_carrier_seized(&mut self, seized: Result<SeizedCarrier, CarriersBusy>) {
        let Driver::Document { source: DocumentSource::Api(api) } = &self.driver else { return };
        if self.legs.get(&self.primary).is_none_or(|l| l.spawned || l.end.is_some()) {
            // Ended meanwhile.
            return;
        }
        let Some(Fallback { rest: to, .. }) = self.api_number.take() else { return };
        let found = seized.ok().and_then(|seized| {
            let spec = |number: &str, carrier: &Carrier| self.api_spec(api, ApiTarget::Number(number, carrier));
            self.seized_spec(API_TICKET, to, &seized, spec)
        });
        match found {
            Some((spec, carrier, fallback)) => {
                self.api_number = Some(fallback);
                if let Some(leg) = self.legs.get_mut(&self.primary) {
                    leg.who = Caller::Carrier(carrier);
                }
                self.call_primary(Some(spec));
            }
            None => self.primary_unreachable(503, "No carrier has room", EndedBy::Failure),
        }
    }

    /// A call of the REST API whose carrier failed goes on with the next one, as the same call with another leg. False:
    /// it has ended.
    pub(super) fn api_next_carrier(&mut self, id: LegId, end: &LegEnd) -> bool {
        let waits = self.legs.get(&id).is_some_and(|l| l.is_pending() && !l.closed && !l.canceled);
        if id != self.primary || !waits || end.by == EndedBy::Local {
            return false;
        }
        let Some(rest) = self.api_number.take().and_then(|fallback| fallback.after(end.status)) else { return false };
        let Some(mut leg) = self.legs.remove(&id) else { return false };
        // The leg that failed closes by itself; nobody listens to it any more.
        leg.id = LegId(self.base.0 + self.created_legs);
        self.created_legs += 1;
        leg.codec = None;
        leg.spawned = false;
        self.primary = leg.id;
        self.legs.insert(leg.id, leg);
        self.api_to_number(rest.number, rest.carriers);
        true
    }
}
