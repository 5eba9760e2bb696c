use std::time::{SystemTime, UNIX_EPOCH};

use tandem_actors::store::{
    Catalog, DomainAppRecord, EndpointRecord, HandlerFields, Store, StoreError, digest_secrets, random_sid,
};
use tandem_model::WallTime;

use super::documents::APPS;
use super::keepsake::Keepsake;

/// Adds what is missing. What is there stays as it is, but for the address in applications that still name the
/// one of the last start.
pub(super) async fn seed(store: &Store, keepsake: &Keepsake, base: &str) -> Result<(), String> {
    for (name, password) in keepsake.phones() {
        if store.catalog().endpoint_by_username(name).is_none() {
            let secrets = digest_secrets(name, &store.project().project.realm, password);
            let record = EndpointRecord::new(random_sid().map_err(failed)?, name.to_owned(), secrets, wall_now());
            store.put_endpoint(record).await.map_err(failed)?;
        }
    }
    for name in APPS {
        let url = format!("{base}/{name}");
        let catalog = store.catalog();
        let found = catalog.domain_apps.newest_first().find(|app| app.identifier.eq_ignore_ascii_case(name));
        match found {
            None => drop(store.put_domain_app(app(name, url, &catalog)?).await.map_err(failed)?),
            Some(app) => {
                let last = keepsake.base.as_ref().map(|base| format!("{base}/{name}"));
                if last.is_some() && app.handler.call_request_url == last && last.as_ref() != Some(&url) {
                    let mut moved = DomainAppRecord::clone(app);
                    moved.handler.call_request_url = Some(url);
                    moved.updated = wall_now();
                    store.put_domain_app(moved).await.map_err(failed)?;
                }
            }
        }
    }
    Ok(())
}

impl Keepsake {
    pub(super) fn phones(&self) -> [(&'static str, &str); 2] {
        [("alice", &self.alice), ("bob", &self.bob)]
    }
}

fn app(name: &str, url: String, catalog: &Catalog) -> Result<DomainAppRecord, String> {
    let now = wall_now();
    Ok(DomainAppRecord {
        id: random_sid().map_err(failed)?,
        revision: 0,
        name: name.to_owned(),
        identifier: name.to_owned(),
        user: "*".into(),
        ip_auth_enabled: false,
        ip_auth: Vec::new(),
        handler: HandlerFields {
            call_handler: Some("laml_webhooks".into()),
            call_request_url: Some(url),
            call_request_method: Some("POST".into()),
            ..HandlerFields::default()
        },
        encryption: "optional".into(),
        codecs: catalog.profile.default_codecs.clone(),
        ciphers: catalog.profile.default_ciphers.clone(),
        created: now,
        updated: now,
    })
}

fn failed(error: StoreError) -> String {
    format!("[demo] {error}")
}

fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
