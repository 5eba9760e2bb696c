use std::time::Duration;

use serde::{Deserialize, Serialize};
use tandem_call::carrier::{DialPlan, HealthPolicy, Limits, NumberFormat, NumberPlan, PrefixRule};
use tandem_call::directory::{CallerIdentity, Carrier, RegistrationPolicy};
use tandem_call::leg::SessionPolicy;

use super::endpoint::encryption;

/// How calls of one carrier are made, by their REST names. A record from before a field was there reads as its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CarrierPolicy {
    pub realm: Option<String>,
    pub register: bool,
    /// None: the carrier's `uri`.
    pub registrar: Option<String>,
    /// Seconds asked for, 60 to 86,400.
    pub register_expires: i32,
    pub tls_verify: bool,
    /// 0 to 65,535.
    pub weight: i32,
    /// `503`, `5xx`.
    pub failover_on: Vec<String>,
    pub codecs: Vec<String>,
    pub ciphers: Vec<String>,
    /// `optional`, `required`, `forbidden`.
    pub encryption: String,
    /// Seconds; 0: we ask for no limit. None: as `[sip] session_expires` says.
    pub session_expires: Option<i32>,
    /// Seconds. None: as `[sip] min_se` says.
    pub min_se: Option<i32>,
    /// `from`, `pai`, `rpid`.
    pub identity: String,
    pub trusted: bool,
    pub from_user: Option<String>,
    pub from_domain: Option<String>,
    /// `Name: value`.
    pub headers: Vec<String>,
    /// `e164`, `digits`, `national`.
    pub number_format: String,
    /// ISO 3166-1 alpha-2, lower case.
    pub country: Option<String>,
    pub outbound_rules: Vec<NumberRule>,
    pub inbound_rules: Vec<NumberRule>,
    /// None: no limit.
    pub calls_per_second: Option<i32>,
    pub channels: Option<i32>,
    /// Seconds between two OPTIONS; 0: none.
    pub options_interval: i32,
    pub down_after: i32,
    pub up_after: i32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumberRule {
    pub prefix: String,
    pub replacement: String,
    pub digits: Option<u8>,
}

impl Default for CarrierPolicy {
    fn default() -> Self {
        CarrierPolicy {
            realm: None,
            register: false,
            registrar: None,
            register_expires: 600,
            tls_verify: true,
            weight: 10,
            failover_on: vec!["408".into(), "5xx".into()],
            codecs: vec!["PCMU".into(), "PCMA".into()],
            ciphers: Vec::new(),
            encryption: "optional".into(),
            session_expires: None,
            min_se: None,
            identity: "from".into(),
            trusted: true,
            from_user: None,
            from_domain: None,
            headers: Vec::new(),
            number_format: "e164".into(),
            country: None,
            outbound_rules: Vec::new(),
            inbound_rules: Vec::new(),
            calls_per_second: None,
            channels: None,
            options_interval: 0,
            down_after: 3,
            up_after: 2,
        }
    }
}

impl CarrierPolicy {
    pub(super) fn apply(&self, carrier: &mut Carrier) {
        carrier.realm = self.realm.clone();
        carrier.registration = self.register.then(|| RegistrationPolicy {
            registrar: self.registrar.clone(),
            expires_secs: u32::try_from(self.register_expires).unwrap_or(600),
        });
        carrier.tls_verify = self.tls_verify;
        carrier.weight = u16::try_from(self.weight).unwrap_or(u16::MAX);
        carrier.failover = self.failover_on.iter().filter_map(|class| class.parse().ok()).collect();
        carrier.codecs = self.codecs.clone();
        carrier.ciphers = self.ciphers.clone();
        carrier.encryption = encryption(&self.encryption);
        let secs = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
        carrier.session = SessionPolicy { expires_secs: secs(self.session_expires), min_se_secs: secs(self.min_se) };
        carrier.identity = match self.identity.as_str() {
            "pai" => CallerIdentity::Pai,
            "rpid" => CallerIdentity::Rpid,
            _ => CallerIdentity::From,
        };
        carrier.trusted = self.trusted;
        carrier.from_user = self.from_user.clone();
        carrier.from_domain = self.from_domain.clone();
        carrier.headers = self.headers.iter().filter_map(|line| header(line)).collect();
        carrier.numbers = NumberPlan {
            format: match self.number_format.as_str() {
                "digits" => NumberFormat::Digits,
                "national" => NumberFormat::National,
                _ => NumberFormat::E164,
            },
            country: self.country.as_deref().and_then(DialPlan::of_country),
            outbound: self.outbound_rules.iter().map(NumberRule::rule).collect(),
            inbound: self.inbound_rules.iter().map(NumberRule::rule).collect(),
        };
        let limit = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
        carrier.limits = Limits { calls_per_second: limit(self.calls_per_second), channels: limit(self.channels) };
        let every = u64::try_from(self.options_interval).unwrap_or(0);
        carrier.health = HealthPolicy {
            options_every: (every > 0).then(|| Duration::from_secs(every)),
            down_after: u8::try_from(self.down_after).unwrap_or(1).max(1),
            up_after: u8::try_from(self.up_after).unwrap_or(1).max(1),
        };
    }
}

impl NumberRule {
    fn rule(&self) -> PrefixRule {
        PrefixRule { prefix: self.prefix.clone(), replacement: self.replacement.clone(), digits: self.digits }
    }
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}
