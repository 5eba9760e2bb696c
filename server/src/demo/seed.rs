use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use tandem_actors::store::{
    DomainAppRecord, EndpointRecord, HandlerFields, Store, StoreError, digest_secrets, random_sid,
};
use tandem_model::WallTime;

const PHONES: [&str; 2] = ["alice", "bob"];

/// Identifiers, and what a caller finds there.
pub(super) const APPLICATIONS: [(&str, &str); 3] =
    [("echo", "hear yourself"), ("hello", "a greeting"), ("dial-bob", "rings bob's phone")];

/// Makes the endpoints, or gives them their passwords back if those were changed.
pub(super) async fn phones(store: &Store) -> Result<Vec<(&'static str, String)>, String> {
    let project = store.project();
    let realm = &project.project.realm;
    let mut phones = Vec::new();
    for name in PHONES {
        let password = password(name, &project.signing_key);
        let secrets = digest_secrets(name, realm, &password);
        let stored = store.catalog().endpoint_by_username(name).map(|e| EndpointRecord::clone(e));
        let record = match stored {
            Some(record) if record.secrets == secrets => None,
            Some(record) => Some(EndpointRecord { secrets, ..record }),
            None => Some(EndpointRecord::new(random_sid().map_err(words)?, name.to_owned(), secrets, now())),
        };
        if let Some(record) = record {
            store.put_endpoint(record).await.map_err(words)?;
        }
        phones.push((name, password));
    }
    Ok(phones)
}

/// The same at each start, kept nowhere, and known only to who knows the project's signing key.
fn password(name: &str, signing_key: &str) -> String {
    let mut hex = digest_secrets(name, "demo", signing_key).sha256;
    hex.truncate(16);
    hex
}

/// Makes the applications, or points them at where the documents are now.
pub(super) async fn applications(store: &Store, documents: SocketAddr) -> Result<(), String> {
    for (identifier, _) in APPLICATIONS {
        let catalog = store.catalog();
        let stored = catalog.domain_apps.newest_first().find(|a| a.identifier == identifier && a.user == "*");
        let mut record = match stored {
            Some(record) => DomainAppRecord::clone(record),
            None => blank(identifier, store)?,
        };
        record.handler.call_handler = Some("laml_webhooks".into());
        record.handler.call_request_url = Some(format!("http://{documents}/{identifier}"));
        store.put_domain_app(record).await.map_err(words)?;
    }
    Ok(())
}

fn blank(identifier: &str, store: &Store) -> Result<DomainAppRecord, String> {
    let now = now();
    Ok(DomainAppRecord {
        id: random_sid().map_err(words)?,
        revision: 0,
        name: format!("Demo: {identifier}"),
        identifier: identifier.to_owned(),
        user: "*".into(),
        ip_auth_enabled: false,
        ip_auth: Vec::new(),
        handler: HandlerFields::default(),
        encryption: "optional".into(),
        codecs: ["OPUS", "PCMU", "PCMA"].map(str::to_owned).to_vec(),
        ciphers: store.catalog().profile.default_ciphers.clone(),
        created: now,
        updated: now,
    })
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn words(error: StoreError) -> String {
    format!("demo: {error}")
}
