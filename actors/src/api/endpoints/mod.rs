//! `/api/relay/rest/endpoints/sip` (laml.md 3.3).

use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use tandem_call::directory::DigestSecrets;
use tandem_model::{Sid, limits};
use tandem_sip::registrar::Overflow;

use super::body::json_object;
use super::error::RelayError;
use super::fields::{CIPHERS, CODECS, DTMF_METHODS, Fields, is_e164};
use super::revise::revise;
use super::state::wall_now;
use super::{ApiState, handler, page, registrations};
use crate::store::{Catalog, EndpointRecord, digest_secrets, random_sid};

const PATH: &str = "/api/relay/rest/endpoints/sip";
const CONTACTS_MAX: i32 = limits::CONTACTS_PER_AOR_MAX as i32;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATH).route(web::get().to(list)).route(web::post().to(create))).service(
        web::resource("/api/relay/rest/endpoints/sip/{id}")
            .route(web::get().to(fetch))
            .route(web::put().to(update))
            .route(web::patch().to(update))
            .route(web::delete().to(delete)),
    );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, RelayError> {
    let query = request.query_string();
    let username = page::filter(query, "filter_username")?;
    let caller_id = page::filter(query, "filter_caller_id")?;
    let catalog = state.store.catalog();
    let holds = |filter: &Option<String>, value: Option<&str>| {
        filter.as_ref().is_none_or(|f| value.is_some_and(|v| v.to_lowercase().contains(f)))
    };
    let records = catalog
        .endpoints
        .newest_first()
        .filter(|e| holds(&username, Some(&e.username)) && holds(&caller_id, e.caller_id.as_deref()))
        .cloned()
        .collect();
    let filters = ["filter_username", "filter_caller_id"];
    let body = page::list(PATH, query, &filters, records, |e| e.id, |e| show(e, &catalog, &state))?;
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    let catalog = state.store.catalog();
    let record = catalog.endpoints.get(parse_id(&id)?).ok_or(RelayError::NotFound)?;
    Ok(HttpResponse::Ok().json(show(record, &catalog, &state)))
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, RelayError> {
    let record = create_from(&state, json_object(body)?).await?;
    Ok(HttpResponse::Created().json(show(&record, &state.store.catalog(), &state)))
}

/// Makes an endpoint of what a client sent.
pub(super) async fn create_from(
    state: &ApiState,
    sent: Map<String, Value>,
) -> Result<std::sync::Arc<EndpointRecord>, RelayError> {
    let mut record = EndpointRecord::new(random_sid()?, String::new(), DigestSecrets::default(), wall_now());
    change(&mut record, sent, &state.store.catalog())?;
    Ok(state.store.put_endpoint(record).await?)
}

async fn update(
    state: web::Data<ApiState>,
    id: web::Path<String>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, RelayError> {
    let sent = json_object(body)?;
    let id = parse_id(&id)?;
    let edit = |catalog: &Catalog| {
        let mut record = EndpointRecord::clone(catalog.endpoints.get(id).ok_or(RelayError::NotFound)?);
        change(&mut record, sent.clone(), catalog)?;
        record.updated = wall_now();
        Ok::<_, RelayError>(record)
    };
    let record = revise(&state, edit, async |record| state.store.put_endpoint(record).await).await?;
    Ok(HttpResponse::Ok().json(show(&record, &state.store.catalog(), &state)))
}

async fn delete(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    state.store.delete_endpoint(parse_id(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn parse_id(id: &str) -> Result<Sid, RelayError> {
    id.parse().map_err(|()| RelayError::NotFound)
}

fn change(record: &mut EndpointRecord, sent: Map<String, Value>, catalog: &Catalog) -> Result<(), RelayError> {
    let is_new = record.revision == 0;
    let old_name = record.username.clone();
    let mut fields = Fields::new(sent);
    fields.required("username", &mut record.username);
    if let Some(problem) = username_problem(&record.username) {
        fields.wrong("username", problem);
    }
    let mut password = None;
    fields.text("password", &mut password);
    if password.as_ref().is_some_and(|p| p.chars().count() > 128) {
        fields.wrong("password", "is too long");
    }
    match &password {
        Some(password) => record.secrets = digest_secrets(&record.username, &catalog.project.realm, password),
        None if is_new || fields.was_sent("password") => fields.wrong("password", "can't be blank"),
        // The stored secrets are made of the name too.
        None if record.username != old_name => {
            fields.wrong("password", "must be given again when username changes");
        }
        None => {}
    }
    fields.text("caller_id", &mut record.caller_id);
    fields.text("send_as", &mut record.send_as);
    if record.send_as.as_deref().is_some_and(|s| s != "random" && !is_e164(s)) {
        fields.wrong("send_as", "must be an E.164 number or random");
    }
    fields.words("ciphers", &mut record.ciphers, CIPHERS);
    fields.words("codecs", &mut record.codecs, CODECS);
    fields.choice("encryption", &mut record.encryption, &["default", "required", "optional"]);
    fields.choice("dtmf", &mut record.dtmf, DTMF_METHODS);
    fields.optional_choice("outbound_policy", &mut record.outbound_policy, &["passthrough", "block"]);
    fields.optional_integer("max_contacts", &mut record.max_contacts, 1..=CONTACTS_MAX);
    let overflows = [Overflow::Refuse, Overflow::ReplaceOldest].map(Overflow::as_str);
    fields.optional_choice("contact_overflow", &mut record.contact_overflow, &overflows);
    handler::take(&mut fields, &mut record.handler, catalog);
    fields.finish()
}

/// What a SIP user part and a digest username can both be without escapes.
fn username_problem(name: &str) -> Option<&'static str> {
    if name.chars().any(char::is_whitespace) {
        Some("can't contain whitespace")
    } else if name.contains('@') {
        Some("can't contain @")
    } else if name.len() > 64 {
        Some("is too long")
    } else if name.bytes().any(|b| !b.is_ascii_graphic() || b"\":;<>?\\/%,&=#".contains(&b)) {
        Some("has characters that a SIP user name cannot have")
    } else {
        None
    }
}

fn show(record: &EndpointRecord, catalog: &Catalog, state: &ApiState) -> Value {
    let effective =
        |own: &Vec<String>, default: &Vec<String>| if own.is_empty() { default.clone() } else { own.clone() };
    let domain = catalog.profile_domain();
    let contacts = state.registrations.contacts(&record.username.to_ascii_lowercase());
    let mut out = Map::new();
    out.insert("id".into(), json!(record.id.to_string()));
    out.insert("type".into(), json!("sip_endpoint"));
    out.insert("username".into(), json!(record.username));
    out.insert("caller_id".into(), json!(record.caller_id));
    out.insert("send_as".into(), json!(record.send_as));
    out.insert("ciphers".into(), json!(effective(&record.ciphers, &catalog.profile.default_ciphers)));
    out.insert("codecs".into(), json!(effective(&record.codecs, &catalog.profile.default_codecs)));
    out.insert("encryption".into(), json!(record.encryption));
    out.insert("dtmf".into(), json!(record.dtmf));
    handler::show(&record.handler, &mut out);
    out.insert("outbound_policy".into(), json!(record.outbound_policy));
    out.insert("max_contacts".into(), json!(record.max_contacts));
    out.insert("contact_overflow".into(), json!(record.contact_overflow));
    out.insert("uri".into(), json!(format!("sip:{}@{domain}", record.username)));
    out.insert("domain".into(), json!(domain));
    out.insert("registered".into(), json!(!contacts.is_empty()));
    out.insert("contacts".into(), contacts.iter().map(registrations::show).collect());
    Value::Object(out)
}
