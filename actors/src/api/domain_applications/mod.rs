//! `/api/relay/rest/domain_applications` (laml.md 3.5).

use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use tandem_call::directory::IpRange;
use tandem_model::Sid;

use super::body::json_object;
use super::endpoints::parse_id;
use super::error::RelayError;
use super::fields::{CIPHERS, CODECS, Fields};
use super::revise::revise;
use super::sip_profile::identifier_problem;
use super::state::wall_now;
use super::{ApiState, handler, page};
use crate::store::{Catalog, DomainAppRecord, HandlerFields, random_sid};

const PATH: &str = "/api/relay/rest/domain_applications";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATH).route(web::get().to(list)).route(web::post().to(create))).service(
        web::resource("/api/relay/rest/domain_applications/{id}")
            .route(web::get().to(fetch))
            .route(web::put().to(update))
            .route(web::patch().to(update))
            .route(web::delete().to(delete)),
    );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, RelayError> {
    let query = request.query_string();
    let (domain, name) = (page::filter(query, "filter_domain")?, page::filter(query, "filter_name")?);
    let catalog = state.store.catalog();
    let holds = |filter: &Option<String>, value: &str| filter.as_ref().is_none_or(|f| value.to_lowercase().contains(f));
    let records = catalog
        .domain_apps
        .newest_first()
        .filter(|a| holds(&domain, &short_domain(a, &catalog)) && holds(&name, &a.name))
        .cloned()
        .collect();
    let body = page::list(PATH, query, &["filter_domain", "filter_name"], records, |a| a.id, |a| show(a, &catalog))?;
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    let catalog = state.store.catalog();
    let record = catalog.domain_apps.get(parse_id(&id)?).ok_or(RelayError::NotFound)?;
    Ok(HttpResponse::Ok().json(show(record, &catalog)))
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, RelayError> {
    let mut record = blank(random_sid()?, &state.store.catalog());
    change(&mut record, json_object(body)?, &state.store.catalog())?;
    let record = state.store.put_domain_app(record).await?;
    Ok(HttpResponse::Created().json(show(&record, &state.store.catalog())))
}

async fn update(
    state: web::Data<ApiState>,
    id: web::Path<String>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, RelayError> {
    let sent = json_object(body)?;
    let id = parse_id(&id)?;
    let edit = |catalog: &Catalog| {
        let mut record = DomainAppRecord::clone(catalog.domain_apps.get(id).ok_or(RelayError::NotFound)?);
        change(&mut record, sent.clone(), catalog)?;
        record.updated = wall_now();
        Ok::<_, RelayError>(record)
    };
    let record = revise(&state, edit, async |record| state.store.put_domain_app(record).await).await?;
    Ok(HttpResponse::Ok().json(show(&record, &state.store.catalog())))
}

async fn delete(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    state.store.delete_domain_app(parse_id(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// An application before the client's word.
fn blank(id: Sid, catalog: &Catalog) -> DomainAppRecord {
    let now = wall_now();
    DomainAppRecord {
        id,
        revision: 0,
        name: String::new(),
        identifier: String::new(),
        user: "*".into(),
        ip_auth_enabled: false,
        ip_auth: Vec::new(),
        handler: HandlerFields::default(),
        encryption: "optional".into(),
        codecs: vec!["PCMU".into(), "PCMA".into()],
        ciphers: catalog.profile.default_ciphers.clone(),
        created: now,
        updated: now,
    }
}

fn change(record: &mut DomainAppRecord, sent: Map<String, Value>, catalog: &Catalog) -> Result<(), RelayError> {
    let mut fields = Fields::new(sent);
    fields.required("name", &mut record.name);
    fields.required("identifier", &mut record.identifier);
    if let Some(problem) = identifier_problem(&record.identifier) {
        fields.wrong("identifier", problem);
    }
    fields.required("user", &mut record.user);
    if record.user.contains(|c: char| c.is_whitespace() || c == '@') || record.user.len() > 128 {
        fields.wrong("user", "must be * or a user part without whitespace and @");
    }
    fields.boolean("ip_auth_enabled", &mut record.ip_auth_enabled);
    fields.texts("ip_auth", &mut record.ip_auth, |range| range.parse::<IpRange>().map(drop));
    if record.ip_auth_enabled && record.ip_auth.is_empty() {
        fields.wrong("ip_auth", "can't be empty when ip_auth_enabled is true");
    }
    fields.choice("encryption", &mut record.encryption, &["optional", "required", "forbidden"]);
    fields.words("codecs", &mut record.codecs, CODECS);
    if record.codecs.is_empty() {
        fields.wrong("codecs", "can't be empty");
    }
    fields.words("ciphers", &mut record.ciphers, CIPHERS);
    handler::take(&mut fields, &mut record.handler, catalog);
    fields.finish()
}

/// As documented: without the suffix that makes it a host name.
fn short_domain(record: &DomainAppRecord, catalog: &Catalog) -> String {
    format!("{}-{}", catalog.project.space, record.identifier).to_ascii_lowercase()
}

fn show(record: &DomainAppRecord, catalog: &Catalog) -> Value {
    let domain = short_domain(record, catalog);
    let user = if record.user == "*" { "anything" } else { &record.user };
    let mut out = Map::new();
    out.insert("id".into(), json!(record.id.to_string()));
    out.insert("type".into(), json!("domain_application"));
    out.insert("name".into(), json!(record.name));
    out.insert("identifier".into(), json!(record.identifier));
    out.insert("uri".into(), json!(format!("sip:{user}@{domain}.dapp.{}", catalog.project.domain)));
    out.insert("domain".into(), json!(domain));
    out.insert("user".into(), json!(record.user));
    out.insert("ip_auth_enabled".into(), json!(record.ip_auth_enabled));
    out.insert("ip_auth".into(), json!(record.ip_auth));
    out.insert("encryption".into(), json!(record.encryption));
    out.insert("codecs".into(), json!(record.codecs));
    out.insert("ciphers".into(), json!(record.ciphers));
    handler::show(&record.handler, &mut out);
    Value::Object(out)
}
