//! What has been configured: the project's SIP profile, endpoints, domain applications and carriers, as one value.
//! The store owns the records; everybody else reads a copy that is replaced whole. Not here: registrations.

mod carrier;
mod number;
mod record;

pub use carrier::{CallerIdentity, Carrier, RegistrationPolicy, StatusClass};
pub use number::{NumberHandler, PhoneNumber};
pub use record::{
    ContactLimits, DigestSecrets, DomainApp, DtmfMethod, Encryption, Handler, IpRange, OutboundPolicy, SipEndpoint,
    SipProfile, WebhookMethod, WebhookSet,
};

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tandem_laml::Dialect;
use tandem_model::Sid;

/// A copy of all configuration at one moment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub project: Project,
    pub profile: SipProfile,
    /// By lower-case username.
    pub endpoints: BTreeMap<String, Arc<SipEndpoint>>,
    pub domain_apps: Vec<Arc<DomainApp>>,
    /// In the order to try: lowest `priority` first.
    pub carriers: Vec<Arc<Carrier>>,
    /// Numbers that run something when a carrier brings a call to them, by E.164.
    pub numbers: BTreeMap<String, Arc<PhoneNumber>>,
    /// Asked for several times a call.
    pub names: Names,
}

/// What follows from the rest of a directory, made when it is first asked for. A copy makes its own, for it may be changed first.
#[derive(Debug, Default)]
pub struct Names {
    profile_domain: OnceLock<String>,
    /// Places in `domain_apps` by their domain.
    apps: OnceLock<BTreeMap<String, Vec<usize>>>,
}

impl Clone for Names {
    fn clone(&self) -> Self {
        Names::default()
    }
}

/// Who owns this switch.
#[derive(Clone, Debug, Default)]
pub struct Project {
    /// UUID: the AccountSid of REST and webhooks.
    pub id: String,
    pub space: String,
    /// The server domain: profile domains end in `.sip.<domain>`, applications in `.dapp.<domain>`.
    pub domain: String,
    /// Digest realm; fixed at first start, because stored secrets depend on it.
    pub realm: String,
    pub dialect: Dialect,
}

impl Directory {
    /// `<space>-<identifier>.sip.<domain>`, lower case.
    pub fn profile_domain(&self) -> &str {
        self.names.profile_domain.get_or_init(|| {
            format!("{}-{}.sip.{}", self.project.space, self.profile.domain_identifier, self.project.domain)
                .to_ascii_lowercase()
        })
    }

    /// `<space>-<identifier>.dapp.<domain>`, lower case.
    pub fn app_domain(&self, app: &DomainApp) -> String {
        format!("{}-{}.dapp.{}", self.project.space, app.identifier, self.project.domain).to_ascii_lowercase()
    }

    /// Whether a host is a domain of this server: the profile's, an application's, or the one they are under.
    pub fn is_home(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case(&self.project.domain)
            || host.eq_ignore_ascii_case(self.profile_domain())
            || self.apps_of(host).next().is_some()
    }

    pub fn endpoint(&self, username: &str) -> Option<&Arc<SipEndpoint>> {
        self.endpoints.get(&username.to_ascii_lowercase())
    }

    pub fn endpoint_by_id(&self, id: Sid) -> Option<&Arc<SipEndpoint>> {
        self.endpoints.values().find(|e| e.id == id)
    }

    /// The application that answers `user@host`: a literal user before `*`.
    pub fn domain_app(&self, user: &str, host: &str) -> Option<&Arc<DomainApp>> {
        self.apps_of(host).find(|a| a.user == user).or_else(|| self.apps_of(host).find(|a| a.user == "*"))
    }

    fn apps_of(&self, host: &str) -> impl Iterator<Item = &Arc<DomainApp>> {
        let by_domain = self.names.apps.get_or_init(|| {
            let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for (place, app) in self.domain_apps.iter().enumerate() {
                places.entry(self.app_domain(app)).or_default().push(place);
            }
            places
        });
        let places = by_domain.get(host).or_else(|| by_domain.get(&host.to_ascii_lowercase()));
        places.into_iter().flatten().filter_map(|place| self.domain_apps.get(*place))
    }

    pub fn outbound_policy(&self, endpoint: &SipEndpoint) -> OutboundPolicy {
        endpoint.outbound_policy.unwrap_or(self.profile.default_outbound_policy)
    }
}
