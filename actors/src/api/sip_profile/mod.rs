//! `/api/relay/rest/sip_profile` (laml.md 3.4).

use actix_web::{Error, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::ApiState;
use super::body::json_object;
use super::error::RelayError;
use super::fields::{CIPHERS, CODECS, Fields, is_e164};
use super::revise::revise;
use crate::store::{Catalog, SipProfileRecord};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/api/relay/rest/sip_profile")
            .route(web::get().to(fetch))
            .route(web::put().to(update))
            .route(web::patch().to(update)),
    );
}

async fn fetch(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().json(show(&state.store.catalog()))
}

/// Answers 201, as documented.
async fn update(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, RelayError> {
    let sent = json_object(body)?;
    let edit = |catalog: &Catalog| {
        let mut record = SipProfileRecord::clone(&catalog.profile);
        change(&mut record, sent.clone())?;
        Ok::<_, RelayError>(record)
    };
    revise(&state, edit, async |record| state.store.put_profile(record).await).await?;
    Ok(HttpResponse::Created().json(show(&state.store.catalog())))
}

fn change(record: &mut SipProfileRecord, sent: Map<String, Value>) -> Result<(), RelayError> {
    let mut fields = Fields::new(sent);
    fields.required("domain_identifier", &mut record.domain_identifier);
    if let Some(problem) = identifier_problem(&record.domain_identifier) {
        fields.wrong("domain_identifier", problem);
    }
    fields.words("default_codecs", &mut record.default_codecs, CODECS);
    if record.default_codecs.is_empty() {
        fields.wrong("default_codecs", "can't be empty");
    }
    fields.words("default_ciphers", &mut record.default_ciphers, CIPHERS);
    if record.default_ciphers.is_empty() {
        fields.wrong("default_ciphers", "can't be empty");
    }
    fields.choice("default_encryption", &mut record.default_encryption, &["required", "optional"]);
    fields.text("default_send_as", &mut record.default_send_as);
    if record.default_send_as.as_deref().is_some_and(|s| !is_e164(s)) {
        fields.wrong("default_send_as", "must be an E.164 number");
    }
    fields.choice("default_outbound_policy", &mut record.default_outbound_policy, &["passthrough", "block"]);
    fields.finish()
}

/// What is wrong with a part of a host name.
pub(super) fn identifier_problem(identifier: &str) -> Option<&'static str> {
    if identifier.len() > 50 {
        Some("is too long")
    } else if !identifier.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        Some("can only have letters, digits and dashes")
    } else if identifier.starts_with('-') || identifier.ends_with('-') {
        Some("can't begin or end with a dash")
    } else {
        None
    }
}

fn show(catalog: &Catalog) -> Value {
    let p = &catalog.profile;
    json!({
        "domain": catalog.profile_domain(),
        "domain_identifier": p.domain_identifier,
        "default_codecs": p.default_codecs,
        "default_ciphers": p.default_ciphers,
        "default_encryption": p.default_encryption,
        "default_send_as": p.default_send_as,
        "default_outbound_policy": p.default_outbound_policy,
    })
}
