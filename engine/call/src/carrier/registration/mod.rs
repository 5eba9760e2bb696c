//! Our registration with a carrier (RFC 3261 section 10.2), as one machine.
//!
//! ```text
//!   Waiting ──time, renew──► Resolving ──hops──► Asking ──2xx──► Waiting (refresh)
//!      ▲                         │                 │ │ 401, 407, 423: again, at once
//!      │                         ▼                 ▼ ▼ no answer, 503: the next hop
//!      └──────── backoff (RFC 5626 section 4.5) ◄──┘
//!   stop: one REGISTER with expires=0 where anything is bound, then Over
//! ```

mod asking;
mod backoff;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tandem_model::{Endpoint, Entropy, Timestamp, hex_token};
use tandem_sip::auth::Challenge;
use tandem_sip::message::{Message, Uri};

use super::naming::host_port;
use super::{SharedNaming, retry_after};
use crate::directory::Carrier;
use asking::Asking;

/// A lookup or a request that nobody tells the end of is over by itself: longer than any transaction.
const PATIENCE: Duration = Duration::from_secs(40);
/// A connection that breaks sooner would do so again: that is a failure.
const FLOW_IS_STABLE: Duration = Duration::from_secs(2);

/// What to register, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistrationSpec {
    /// Where REGISTER goes (RFC 3263).
    pub registrar: String,
    /// The address-of-record: To and From.
    pub aor: String,
    pub contact_user: String,
    pub username: String,
    pub password: String,
    /// The only realm to prove the password to.
    pub realm: Option<String>,
    pub expires_secs: u32,
}

/// Names a request or a lookup of one machine.
pub type RequestNumber = u64;

#[derive(Clone, Debug)]
pub enum RegistrationEffect {
    Resolve {
        id: RequestNumber,
        uri: String,
    },
    Send {
        id: RequestNumber,
        message: Box<Message>,
        destination: Endpoint,
    },
    /// [`Registration::state`] is another now.
    Changed,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub enum RequestOutcome {
    Response { message: Box<Message>, source: Endpoint },
    Timeout,
    TransportFailed,
}

/// How it stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationState {
    /// Nothing has come of it yet.
    Trying,
    /// Bound at the carrier until then.
    Registered { until: Timestamp },
    /// Tried again then.
    Failed { why: RegistrationFailure, again: Timestamp },
    /// Taken back.
    Over,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistrationFailure {
    /// The registrar's name does not resolve.
    Unresolved(String),
    NoAnswer,
    Transport,
    /// Credentials were given and not taken.
    WrongCredentials,
    /// Asked for a realm, or from a place, that is not the carrier's; nothing was answered.
    ForeignChallenge,
    Refused(u16),
}

impl std::fmt::Display for RegistrationFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RegistrationFailure::Unresolved(why) => write!(f, "the registrar is not found: {why}"),
            RegistrationFailure::NoAnswer => f.write_str("the registrar does not answer"),
            RegistrationFailure::Transport => f.write_str("the registrar cannot be reached"),
            RegistrationFailure::WrongCredentials => {
                f.write_str("the registrar does not take the username and password")
            }
            RegistrationFailure::ForeignChallenge => {
                f.write_str("the registrar asks for no realm of this carrier, or in no way known here")
            }
            RegistrationFailure::Refused(status) => write!(f, "the registrar refuses with {status}"),
        }
    }
}

/// One registration. Poll [`Registration::poll`] until None after every input; then wait for
/// [`Registration::deadline`].
pub struct Registration {
    spec: RegistrationSpec,
    naming: SharedNaming,
    /// One Call-ID and rising CSeq for all of them (RFC 3261 section 10.2).
    call_id: String,
    cseq: u32,
    local_tag: String,
    /// Seconds to ask for: what was wanted, or what a 423 demanded.
    expires_secs: u32,
    /// Answered last, with how often: good for the next request too (RFC 7616 section 3.4, nonce count). A proxy and the
    /// registrar may each have one.
    challenges: Vec<(Challenge, u32)>,
    /// Whose they are: another server of the carrier, or who has its name now, has to ask first.
    challenger: Option<IpAddr>,
    binding: Option<Binding>,
    /// In a row.
    failures: u32,
    failure: Option<RegistrationFailure>,
    requests: RequestNumber,
    phase: Phase,
    leaving: bool,
    effects: VecDeque<RegistrationEffect>,
}

struct Binding {
    until: Timestamp,
    flow: Endpoint,
    /// Since when requests have gone over this flow.
    flow_since: Timestamp,
    /// Service-Route (RFC 3608), topmost first, as Route values.
    service_route: Vec<String>,
}

enum Phase {
    Waiting { until: Timestamp },
    Resolving { id: RequestNumber, until: Timestamp },
    Asking(Asking),
    Over,
}

impl RegistrationSpec {
    /// None for a carrier that wants no registration, or that has nobody to register as.
    pub fn of(carrier: &Carrier) -> Option<RegistrationSpec> {
        let policy = carrier.registration.as_ref()?;
        let username = carrier.username.clone()?;
        let registrar = policy.registrar.clone().unwrap_or_else(|| carrier.uri.clone());
        let host = Uri::parse(&registrar).ok().map(|uri| host_port(&uri))?;
        let user = carrier.from_user.as_deref().unwrap_or(&username);
        let aor = format!("sip:{user}@{}", carrier.from_domain.as_deref().unwrap_or(&host));
        // What does not read as a URI could be sent nowhere.
        Uri::parse(&aor).ok()?;
        Some(RegistrationSpec {
            registrar,
            aor,
            contact_user: carrier.contact_user(),
            password: carrier.password.clone().unwrap_or_default(),
            realm: carrier.realm.clone(),
            expires_secs: policy.expires_secs,
            username,
        })
    }
}

impl std::fmt::Debug for RegistrationSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RegistrationSpec({:?} at {:?}, ..)", self.aor, self.registrar)
    }
}

impl Registration {
    /// Registers within a second, so that many do not begin in one moment.
    pub fn new(now: Timestamp, spec: RegistrationSpec, naming: SharedNaming, entropy: &mut dyn Entropy) -> Self {
        let until = now + Duration::from_millis(entropy.next_u64() % 1_000);
        Registration {
            call_id: format!("{}@{}", hex_token(entropy, 16), naming.host()),
            cseq: 0,
            local_tag: hex_token(entropy, 8),
            expires_secs: spec.expires_secs,
            challenges: Vec::new(),
            challenger: None,
            binding: None,
            failures: 0,
            failure: None,
            requests: 0,
            phase: Phase::Waiting { until },
            leaving: false,
            effects: VecDeque::new(),
            spec,
            naming,
        }
    }

    pub fn spec(&self) -> &RegistrationSpec {
        &self.spec
    }

    pub fn state(&self) -> RegistrationState {
        match (&self.binding, &self.failure, &self.phase) {
            (_, _, Phase::Over) => RegistrationState::Over,
            (Some(binding), _, _) => RegistrationState::Registered { until: binding.until },
            (None, Some(why), Phase::Waiting { until }) => {
                RegistrationState::Failed { why: why.clone(), again: *until }
            }
            _ => RegistrationState::Trying,
        }
    }

    /// Route values for requests through this carrier (RFC 3608 section 6.1).
    pub fn service_route(&self) -> &[String] {
        self.binding.as_ref().map_or(&[], |b| &b.service_route)
    }

    /// Nothing follows any more.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    pub fn handle_resolved(
        &mut self,
        now: Timestamp,
        id: RequestNumber,
        hops: Result<Vec<Endpoint>, String>,
        entropy: &mut dyn Entropy,
    ) {
        if !matches!(self.phase, Phase::Resolving { id: wanted, .. } if wanted == id) {
            return;
        }
        match hops {
            Ok(mut hops) => {
                // The server that has the binding is asked to keep it, over the flow that it knows.
                if let Some(at) = self.binding.as_ref().and_then(|b| hops.iter().position(|h| *h == b.flow)) {
                    hops.swap(0, at);
                }
                self.ask(now, hops.into(), entropy);
            }
            Err(why) => self.failed(now, RegistrationFailure::Unresolved(why), None, entropy),
        }
    }

    pub fn handle_outcome(
        &mut self,
        now: Timestamp,
        id: RequestNumber,
        outcome: RequestOutcome,
        entropy: &mut dyn Entropy,
    ) {
        let Phase::Asking(asking) = &self.phase else { return };
        if asking.id != id {
            return;
        }
        match outcome {
            RequestOutcome::Response { message, source } => self.response(now, &message, source, entropy),
            RequestOutcome::Timeout => self.next_hop(now, RegistrationFailure::NoAnswer, None, entropy),
            RequestOutcome::TransportFailed => self.next_hop(now, RegistrationFailure::Transport, None, entropy),
        }
    }

    /// A connection is gone. Calls that the carrier sends over it would be lost, so another is made at once
    /// (RFC 5626 section 4.4).
    pub fn handle_flow_lost(&mut self, now: Timestamp, peer: Endpoint, entropy: &mut dyn Entropy) {
        let Some(binding) = self.binding.as_ref().filter(|b| b.flow == peer) else { return };
        if self.leaving || matches!(self.phase, Phase::Asking(_) | Phase::Over) {
            // The request under way is told by its transaction.
            return;
        }
        let was_stable = now.since(binding.flow_since) >= FLOW_IS_STABLE;
        self.binding = None;
        self.effects.push_back(RegistrationEffect::Changed);
        if was_stable {
            self.resolve(now);
        } else {
            self.failed(now, RegistrationFailure::Transport, None, entropy);
        }
    }

    /// Registers again now: the carrier was away, and may have forgotten us.
    pub fn renew(&mut self, now: Timestamp) {
        if !self.leaving && matches!(self.phase, Phase::Waiting { .. }) {
            self.resolve(now);
        }
    }

    /// Takes the registration back (RFC 3261 section 10.2.2), if there is one or may be one.
    pub fn stop(&mut self, now: Timestamp, entropy: &mut dyn Entropy) {
        if self.leaving {
            return;
        }
        self.leaving = true;
        let asking = match &self.phase {
            Phase::Asking(asking) => Some(asking.hop()),
            Phase::Waiting { .. } | Phase::Resolving { .. } | Phase::Over => None,
        };
        match asking.or(self.binding.as_ref().map(|b| b.flow)) {
            Some(flow) => self.ask(now, VecDeque::from([flow]), entropy),
            None => self.over(),
        }
    }

    pub fn poll(&mut self) -> Option<RegistrationEffect> {
        self.effects.pop_front()
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        let phase = match &self.phase {
            Phase::Waiting { until } | Phase::Resolving { until, .. } => Some(*until),
            Phase::Asking(asking) => Some(asking.until),
            Phase::Over => return None,
        };
        phase.into_iter().chain(self.binding.as_ref().map(|b| b.until)).min()
    }

    pub fn expire(&mut self, now: Timestamp, entropy: &mut dyn Entropy) {
        if self.binding.as_ref().is_some_and(|b| b.until <= now) {
            self.binding = None;
            self.effects.push_back(RegistrationEffect::Changed);
        }
        match &self.phase {
            Phase::Waiting { until } if *until <= now => self.resolve(now),
            Phase::Resolving { until, .. } if *until <= now => {
                let why = RegistrationFailure::Unresolved("no answer".to_owned());
                self.failed(now, why, None, entropy);
            }
            Phase::Asking(asking) if asking.until <= now => {
                self.next_hop(now, RegistrationFailure::NoAnswer, None, entropy);
            }
            Phase::Waiting { .. } | Phase::Resolving { .. } | Phase::Asking(_) | Phase::Over => {}
        }
    }

    fn resolve(&mut self, now: Timestamp) {
        let id = self.next_request();
        self.phase = Phase::Resolving { id, until: now + PATIENCE };
        self.effects.push_back(RegistrationEffect::Resolve { id, uri: self.spec.registrar.clone() });
    }

    fn failed(
        &mut self,
        now: Timestamp,
        why: RegistrationFailure,
        response: Option<&Message>,
        entropy: &mut dyn Entropy,
    ) {
        if self.leaving {
            return self.over();
        }
        self.failures = self.failures.saturating_add(1);
        // A refusal is not taken back within a minute, and some registrars lock out who insists.
        let refused = matches!(
            why,
            RegistrationFailure::WrongCredentials
                | RegistrationFailure::ForeignChallenge
                | RegistrationFailure::Refused(403 | 404)
        );
        let wait = backoff::wait(self.failures + if refused { 2 } else { 0 }, entropy);
        let asked = response.and_then(retry_after).unwrap_or_default();
        self.failure = Some(why);
        self.phase = Phase::Waiting { until: now + wait.max(asked) };
        self.effects.push_back(RegistrationEffect::Changed);
    }

    fn over(&mut self) {
        self.binding = None;
        self.phase = Phase::Over;
        self.effects.push_back(RegistrationEffect::Changed);
    }

    fn next_request(&mut self) -> RequestNumber {
        self.requests += 1;
        self.requests
    }
}
