use tandem_laml::instruction::{FetchFailure, Method};

/// One request to a customer's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Absolute `http` or `https` URL as configured. Userinfo goes out as Basic; the fragment carries time limits
    /// (`#ot=…&rt=…&tt=…` in milliseconds) and is neither sent nor signed (laml.md 2.7).
    pub url: String,
    pub method: Method,
    /// POST: the form. GET: appended to the query. Of a repeated name only the first is sent, because validators
    /// disagree on how to sign the others (laml.md 2.6).
    pub params: Vec<(String, String)>,
}

/// How a status callback went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyOutcome {
    /// A 2xx came back at the try of this number, from 1.
    Delivered { tries: u32 },
    /// Every try failed, or no try can help; `failure` is the last one's. With `outage` the far side is in trouble and may take it
    /// later.
    Failed { tries: u32, failure: FetchFailure, outage: bool },
}
