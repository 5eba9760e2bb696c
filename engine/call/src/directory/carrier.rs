use tandem_model::Sid;

use super::{DtmfMethod, Encryption, IpRange};
use crate::carrier::{HealthPolicy, Limits, NumberPlan};
use crate::leg::SessionPolicy;

/// A carrier: where calls to numbers go, and calls from numbers come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Carrier {
    pub id: Sid,
    pub name: String,
    /// `sip:host:port;transport=udp`.
    pub uri: String,
    pub username: Option<String>,
    pub password: Option<String>,
    /// The only realm whose challenges are answered; None: any that the carrier itself asks with.
    pub realm: Option<String>,
    /// Set where this switch registers with the carrier.
    pub registration: Option<RegistrationPolicy>,
    /// Whether its certificate must prove its name (RFC 5922).
    pub tls_verify: bool,
    /// `+1*`, `+*`: a prefix and a star, or a whole number.
    pub patterns: Vec<String>,
    /// Lowest first.
    pub priority: i32,
    /// Share of the calls among carriers of one priority; with 0, only when the others have failed.
    pub weight: u16,
    /// Responses to an INVITE that send the call to the next carrier.
    pub failover: Vec<StatusClass>,
    /// Sources whose calls are this carrier's.
    pub allow_from: Vec<IpRange>,
    pub dtmf: DtmfMethod,
    /// SDP names in offer order; empty: PCMU and PCMA.
    pub codecs: Vec<String>,
    /// SRTP suites; empty: all there are.
    pub ciphers: Vec<String>,
    /// `Default` means `Optional`.
    pub encryption: Encryption,
    /// Its own session timer (RFC 4028).
    pub session: SessionPolicy,
    /// Where the caller's number stands.
    pub identity: CallerIdentity,
    /// Belongs to our trust domain (RFC 3325 section 2.3): is told the number of a caller who withholds it.
    pub trusted: bool,
    /// User part of From, where the carrier wants the account there instead of the caller.
    pub from_user: Option<String>,
    /// Host part of From; None: the endpoints' domain.
    pub from_domain: Option<String>,
    /// Further header fields of each INVITE, in order.
    pub headers: Vec<(String, String)>,
    pub numbers: NumberPlan,
    pub limits: Limits,
    pub health: HealthPolicy,
}

/// The header field that says who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CallerIdentity {
    /// From alone.
    #[default]
    From,
    /// P-Asserted-Identity beside From (RFC 3325).
    Pai,
    /// Remote-Party-ID beside From, as older carriers want it.
    Rpid,
}

/// How to register with a carrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationPolicy {
    /// None: the carrier's own URI.
    pub registrar: Option<String>,
    /// Seconds asked for.
    pub expires_secs: u32,
}

/// One status code, or a hundred of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusClass {
    One(u16),
    /// `5` for 500 to 599.
    Hundred(u16),
}

impl Carrier {
    /// A carrier with a name and an address, and every policy at its default.
    pub fn new(id: Sid, name: impl Into<String>, uri: impl Into<String>) -> Self {
        Carrier {
            id,
            name: name.into(),
            uri: uri.into(),
            username: None,
            password: None,
            realm: None,
            registration: None,
            tls_verify: true,
            patterns: vec!["+*".into()],
            priority: 10,
            weight: 10,
            failover: StatusClass::FAILOVER.to_vec(),
            allow_from: Vec::new(),
            dtmf: DtmfMethod::Auto,
            codecs: Vec::new(),
            ciphers: Vec::new(),
            encryption: Encryption::Optional,
            session: SessionPolicy::default(),
            identity: CallerIdentity::From,
            trusted: true,
            from_user: None,
            from_domain: None,
            headers: Vec::new(),
            numbers: NumberPlan::default(),
            limits: Limits::default(),
            health: HealthPolicy::default(),
        }
    }

    /// Whether a number is this carrier's to carry.
    pub fn carries(&self, number: &str) -> bool {
        self.patterns.iter().any(|p| match p.strip_suffix('*') {
            Some(prefix) => number.starts_with(prefix),
            None => p == number,
        })
    }

    /// Whether a call that this carrier answered with `status` may succeed with another.
    pub fn fails_over(&self, status: u16) -> bool {
        self.failover.iter().any(|class| class.contains(status))
    }

    /// User part of the Contact that is registered with the carrier: the same after a restart, and random enough
    /// (122 bits) that only who was told it can send calls to it.
    pub fn contact_user(&self) -> String {
        self.id.to_string().replace('-', "")
    }

    /// Whether a user part is [`Carrier::contact_user`]; asked for each call, and nearly always of something else.
    pub fn is_contact_user(&self, user: &str) -> bool {
        user.len() == 32 && user == self.contact_user()
    }
}

impl StatusClass {
    /// The carrier failed, not the callee: no answer at all (408), and what servers say of themselves.
    pub const FAILOVER: [StatusClass; 2] = [StatusClass::One(408), StatusClass::Hundred(5)];

    pub fn contains(self, status: u16) -> bool {
        match self {
            StatusClass::One(code) => code == status,
            StatusClass::Hundred(hundred) => status / 100 == hundred,
        }
    }
}

impl std::str::FromStr for StatusClass {
    type Err = String;

    /// `503`, `5xx`. Only final failures: 300 to 699.
    fn from_str(s: &str) -> Result<Self, String> {
        let class = match s.strip_suffix("xx") {
            Some(hundred) => hundred.parse().ok().filter(|h| (3..=6).contains(h)).map(StatusClass::Hundred),
            None => s.parse().ok().filter(|c| (300..=699).contains(c)).map(StatusClass::One),
        };
        class.ok_or_else(|| format!("{s:?} is not a status such as 503, or a class such as 5xx"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carrier_that_fails_is_told_from_a_callee_that_does_not_want() {
        let carrier = Carrier::new(Sid::from_bytes([7; 16]), "a", "sip:a");
        for (status, next) in [(408, true), (500, true), (503, true), (486, false), (404, false), (603, false)] {
            assert_eq!(carrier.fails_over(status), next, "{status}");
        }
        let picky = Carrier { failover: vec!["480".parse().unwrap(), "6xx".parse().unwrap()], ..carrier };
        assert!(picky.fails_over(480) && picky.fails_over(603) && !picky.fails_over(503));
    }

    #[test]
    fn statuses_that_are_no_failures_are_refused() {
        for bad in ["", "200", "2xx", "7xx", "xx", "99", "700", "5x", "-5xx", "+5xx0"] {
            assert!(bad.parse::<StatusClass>().is_err(), "{bad}");
        }
    }
}
