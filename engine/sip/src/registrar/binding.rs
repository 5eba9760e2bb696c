use tandem_model::{Endpoint, Timestamp};

/// What a binding is stored under.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BindingKey {
    /// Lower-case username.
    pub aor: String,
    /// The contact URI as first registered.
    pub contact: String,
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
    /// `+sip.instance` as sent (RFC 5626 section 4.1).
    pub instance: Option<String>,
    /// Path values in order (RFC 3327).
    pub path: Vec<String>,
}

impl Binding {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now
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
        value
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingChange {
    Put(Binding),
    Remove(BindingKey),
}
