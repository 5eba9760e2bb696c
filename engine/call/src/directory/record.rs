use std::net::IpAddr;

use tandem_model::Sid;
use tandem_sip::registrar::Overflow;

/// A SIP endpoint: a user who registers and calls (REST `endpoints/sip`).
#[derive(Clone, Debug, PartialEq)]
pub struct SipEndpoint {
    pub id: Sid,
    pub username: String,
    pub secrets: DigestSecrets,
    /// Shown as caller name towards numbers, and used as From towards SIP.
    pub caller_id: Option<String>,
    /// E.164 used towards numbers; None takes the profile's.
    pub send_as: Option<String>,
    /// SDP names in offer order; empty takes the profile's.
    pub codecs: Vec<String>,
    /// SRTP suites; empty takes the profile's.
    pub ciphers: Vec<String>,
    pub encryption: Encryption,
    pub dtmf: DtmfMethod,
    pub outbound_policy: Option<OutboundPolicy>,
    pub contacts: ContactLimits,
    /// What runs when this endpoint dials; `Handler::Dial` is normal dialling.
    pub handler: Handler,
}

/// What an endpoint may register, where it differs from what all may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContactLimits {
    pub contacts_max: Option<usize>,
    pub overflow: Option<Overflow>,
}

/// H(username:realm:password) for each algorithm (RFC 7616 section 3.4.2), lower-case hex. The password is not kept.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DigestSecrets {
    pub md5: String,
    pub sha256: String,
    /// Empty where the password was set before this hash was kept.
    pub sha512_256: String,
}

impl std::fmt::Debug for DigestSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestSecrets(..)")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encryption {
    /// As the profile says.
    #[default]
    Default,
    /// SRTP used whenever offered; offered beside plain RTP.
    Optional,
    /// SRTP only.
    Required,
    /// Never.
    Forbidden,
}

/// How digits travel between us and a far end. What it sends as telephone-events or INFO is understood in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DtmfMethod {
    /// Telephone-events where they are agreed, else INFO where the far end's Allow lists it, else tones; where no events are
    /// agreed, its audio is listened to.
    #[default]
    Auto,
    /// Telephone-events; tones where they are not agreed, and nobody listens for any.
    Rfc4733,
    /// INFO (RFC 6086): telephone-events are not offered.
    Info,
    /// Tones in the audio, both ways: telephone-events are not offered.
    InBand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OutboundPolicy {
    Passthrough,
    /// Calls to numbers and foreign addresses get 403 at once.
    #[default]
    Block,
}

/// What answers a call.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Handler {
    /// No handler: an endpoint dials normally, an application does not pick up.
    #[default]
    None,
    LamlWebhooks(WebhookSet),
    /// Named and stored, but not something this server runs.
    Unsupported(String),
}

#[derive(Clone, Debug, PartialEq, Default)]
pub struct WebhookSet {
    pub request_url: String,
    pub request_method: WebhookMethod,
    pub fallback_url: Option<String>,
    pub fallback_method: WebhookMethod,
    pub status_callback_url: Option<String>,
    pub status_callback_method: WebhookMethod,
}

/// HTTP method of a webhook.
pub type WebhookMethod = tandem_laml::instruction::Method;

#[derive(Clone, Debug, PartialEq)]
pub struct SipProfile {
    pub domain_identifier: String,
    pub default_codecs: Vec<String>,
    pub default_ciphers: Vec<String>,
    /// `Required` or `Optional`.
    pub default_encryption: Encryption,
    /// E.164 towards numbers where the endpoint has none.
    pub default_send_as: Option<String>,
    pub default_outbound_policy: OutboundPolicy,
}

impl Default for SipProfile {
    fn default() -> Self {
        SipProfile {
            domain_identifier: String::new(),
            default_codecs: vec!["OPUS".into(), "PCMU".into(), "PCMA".into()],
            default_ciphers: tandem_model::SrtpSuite::ALL.iter().map(|s| s.as_str().to_owned()).collect(),
            default_encryption: Encryption::Optional,
            default_send_as: None,
            default_outbound_policy: OutboundPolicy::Block,
        }
    }
}

/// A domain application: `user@<space>-<identifier>.dapp.<domain>`.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainApp {
    pub id: Sid,
    pub name: String,
    pub identifier: String,
    /// `*` or a literal user part.
    pub user: String,
    pub ip_auth_enabled: bool,
    pub ip_auth: Vec<IpRange>,
    pub handler: Handler,
    pub encryption: Encryption,
    pub codecs: Vec<String>,
    pub ciphers: Vec<String>,
}

/// An address or a CIDR range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    pub base: IpAddr,
    pub prefix_len: u8,
}

impl IpRange {
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.base, addr.to_canonical()) {
            (IpAddr::V4(b), IpAddr::V4(a)) => {
                let shift = 32 - u32::from(self.prefix_len.min(32));
                u32::from(b).checked_shr(shift).unwrap_or(0) == u32::from(a).checked_shr(shift).unwrap_or(0)
            }
            (IpAddr::V6(b), IpAddr::V6(a)) => {
                let shift = 128 - u32::from(self.prefix_len.min(128));
                u128::from(b).checked_shr(shift).unwrap_or(0) == u128::from(a).checked_shr(shift).unwrap_or(0)
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for IpRange {
    type Err = String;

    /// `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.
    fn from_str(s: &str) -> Result<Self, String> {
        let (addr, len) = match s.split_once('/') {
            Some((a, l)) => (a, Some(l)),
            None => (s, None),
        };
        let base: IpAddr = addr.trim().parse().map_err(|_| format!("{s:?} is not an IP address or CIDR range"))?;
        let max = if base.is_ipv4() { 32 } else { 128 };
        let prefix_len = match len {
            None => max,
            Some(l) => l
                .trim()
                .parse()
                .ok()
                .filter(|l| *l <= max)
                .ok_or_else(|| format!("{s:?} has no prefix length of 0..{max}"))?,
        };
        Ok(IpRange { base, prefix_len })
    }
}

impl std::fmt::Display for IpRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix_len)
    }
}
