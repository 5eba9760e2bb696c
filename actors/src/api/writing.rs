use serde_json::{Value, json};
use tandem_laml::Dialect;
use tandem_model::WallTime;

use super::ApiState;
use super::auth::LAML_PREFIXES;

/// How the Compatibility API writes what the two providers write differently (laml.md 3.6, 3.7 and 4).
#[derive(Clone, Debug)]
pub(super) struct Writing {
    pub dialect: Dialect,
    pub account: String,
}

impl Writing {
    pub fn of(state: &ApiState) -> Writing {
        let catalog = state.store.catalog();
        Writing { dialect: catalog.project.dialect, account: catalog.project.id.clone() }
    }

    /// The path of what lies under the account, as `uri` and page links show it: `/Calls/{sid}`.
    pub fn path(&self, below: &str) -> String {
        match self.dialect {
            Dialect::SignalWire => format!("{}/Accounts/{}{below}", LAML_PREFIXES[0], self.account),
            Dialect::Twilio => format!("{}/Accounts/{}{below}.json", LAML_PREFIXES[1], self.account),
        }
    }

    /// A duration in seconds: a number, or a number in a string. Null while it is not known.
    pub fn seconds(&self, secs: Option<u64>) -> Value {
        match (self.dialect, secs) {
            (_, None) => Value::Null,
            (Dialect::SignalWire, Some(secs)) => json!(secs),
            (Dialect::Twilio, Some(secs)) => json!(secs.to_string()),
        }
    }

    /// A small number that the one writes as a string and the other does not.
    pub fn count(&self, count: u16) -> Value {
        match self.dialect {
            Dialect::SignalWire => json!(count.to_string()),
            Dialect::Twilio => json!(count),
        }
    }
}

pub(super) fn date(t: Option<WallTime>) -> Option<String> {
    t.map(|t| t.rfc2822())
}
