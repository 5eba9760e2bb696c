use serde::{Deserialize, Serialize};
use tandem_model::WallTime;

use super::serial;

/// One registered contact of one address-of-record (RFC 3261 section 10.2.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BindingRow {
    /// Lower-case username: the address-of-record within the profile domain.
    pub aor: String,
    /// Contact URI as registered; with `aor` and `flow` the key.
    pub contact: String,
    /// `reg-id;instance` of a flow that the client keeps (RFC 5626), else empty.
    #[serde(default)]
    pub flow: String,
    #[serde(with = "serial::wall")]
    pub expires_at: WallTime,
    pub call_id: String,
    pub cseq: u32,
    /// q-value in thousandths.
    pub q_milli: u16,
    /// Where the REGISTER came from, `udp/192.0.2.1:5060`: the way back through its NAT.
    pub source: String,
    /// The local listener it came to, `192.0.2.9:5060`.
    pub local: String,
    pub path: Vec<String>,
    pub user_agent: Option<String>,
    /// `+sip.instance` and `reg-id` (RFC 5626).
    pub instance: Option<String>,
    pub reg_id: Option<u32>,
    /// The contact's own address leads nowhere from here.
    #[serde(default)]
    pub behind_nat: bool,
    #[serde(with = "serial::wall")]
    pub registered_at: WallTime,
}

#[derive(Clone, Debug, PartialEq)]
pub enum BindingChange {
    Put(BindingRow),
    Remove {
        aor: String,
        contact: String,
        flow: String,
    },
    RemoveAll {
        aor: String,
    },
    /// Forget what expired before this moment.
    RemoveExpired {
        before: WallTime,
    },
}
