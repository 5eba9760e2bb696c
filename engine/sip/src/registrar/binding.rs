use std::sync::Arc;

use tandem_model::{Endpoint, Timestamp};

/// What a binding is stored under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BindingKey {
    /// Lower-case username.
    pub aor: String,
    /// The contact URI as first registered.
    pub contact: String,
    /// `reg-id;instance` of a flow that the client keeps (RFC 5626 section 6), else empty. Several flows may have one
    /// contact URI.
    pub flow: String,
}

/// One contact of one address-of-record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub key: BindingKey,
    /// Where the REGISTER came from: the flow that reaches a client behind NAT.
    pub source: Endpoint,
    pub call_id: String,
    pub cseq: u32,
    pub expires_at: Timestamp,
    /// When last refreshed.
    pub updated_at: Timestamp,
    /// q in thousandths, 0-1000; 1000 where none was given (RFC 3261 section 20.10).
    pub q_thousandths: u16,
    pub user_agent: Option<String>,
    /// `+sip.instance` as sent, without its quotes (RFC 5626 section 4.1).
    pub instance: Option<String>,
    /// Which of its flows the client says this is (RFC 5626 section 4.2.1). None: it keeps none.
    pub reg_id: Option<u32>,
    /// Path values in order (RFC 3327).
    pub path: Vec<String>,
    /// Its own address leads nowhere from here.
    pub behind_nat: bool,
    /// False once its flow was seen broken, or it stopped answering; a refresh makes it good again. Not stored.
    pub reachable: bool,
}

impl Binding {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now
    }

    /// Whether requests go where the REGISTER came from, whatever the contact URI says.
    pub fn is_over_flow(&self) -> bool {
        self.path.is_empty() && (self.behind_nat || self.reg_id.is_some())
    }

    /// The Contact value of a 200, with the seconds left (RFC 3261 section 10.3, step 8).
    pub(super) fn contact_value(&self, now: Timestamp) -> String {
        // Rounded up: a client told 0 would take itself for removed.
        let seconds = self.expires_at.since(now).as_millis().div_ceil(1000);
        let mut value = format!("<{}>;expires={seconds}", self.key.contact);
        if self.q_thousandths < 1000 {
            value += &format!(";q=0.{:03}", self.q_thousandths);
        }
        if let Some(instance) = &self.instance {
            value += &format!(";+sip.instance=\"{}\"", instance.replace(['"', '\\'], ""));
        }
        if let Some(reg_id) = self.reg_id {
            value += &format!(";reg-id={reg_id}");
        }
        value
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    Put(Arc<Binding>),
    Remove(BindingKey),
}
