//! `/api/tandem/carriers`: where calls to numbers go and calls from numbers come from. Tandem's own.

mod policy;
mod state;

pub use state::{CarrierRegistration, CarrierState, CarrierStates};

use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Map, Value};
use tandem_call::directory::IpRange;
use tandem_model::Transport;

use super::body::json_object;
use super::endpoints::parse_id;
use super::error::RelayError;
use super::fields::{DTMF_METHODS, Fields};
use super::revise::revise;
use super::state::wall_now;
use super::{ApiState, page};
use crate::store::{CarrierRecord, Catalog, random_sid};

const PATH: &str = "/api/tandem/carriers";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATH).route(web::get().to(list)).route(web::post().to(create))).service(
        web::resource("/api/tandem/carriers/{id}")
            .route(web::get().to(fetch))
            .route(web::put().to(update))
            .route(web::patch().to(update))
            .route(web::delete().to(delete)),
    );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, RelayError> {
    let records = state.store.catalog().carriers.newest_first().cloned().collect();
    let body = page::list(PATH, request.query_string(), &[], records, |c| c.id, |c| show(&state, c))?;
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    let catalog = state.store.catalog();
    let record = catalog.carriers.get(parse_id(&id)?).ok_or(RelayError::NotFound)?;
    Ok(HttpResponse::Ok().json(show(&state, record)))
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, RelayError> {
    let mut record = CarrierRecord::new(random_sid()?, String::new(), String::new(), wall_now());
    change(&state, &mut record, json_object(body)?)?;
    let record = state.store.put_carrier(record).await?;
    Ok(HttpResponse::Created().json(show(&state, &record)))
}

async fn update(
    state: web::Data<ApiState>,
    id: web::Path<String>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, RelayError> {
    let sent = json_object(body)?;
    let id = parse_id(&id)?;
    let edit = |catalog: &Catalog| {
        let mut record = CarrierRecord::clone(catalog.carriers.get(id).ok_or(RelayError::NotFound)?);
        change(&state, &mut record, sent.clone())?;
        record.updated = wall_now();
        Ok::<_, RelayError>(record)
    };
    let record = revise(&state, edit, async |record| state.store.put_carrier(record).await).await?;
    Ok(HttpResponse::Ok().json(show(&state, &record)))
}

async fn delete(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    state.store.delete_carrier(parse_id(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn change(api: &ApiState, record: &mut CarrierRecord, sent: Map<String, Value>) -> Result<(), RelayError> {
    let mut fields = Fields::new(sent);
    // What a GET gave may come back whole; `id`, `type` and `state` in it are read only and left alone.
    let shown = show(api, record);
    fields.no_others(|name| name == "password" || shown.get(name).is_some());
    fields.required("name", &mut record.name);
    fields.required("uri", &mut record.uri);
    if !record.uri.is_empty() && !is_carrier_uri(&record.uri) {
        fields.wrong("uri", "must be a SIP URI such as sip:host:port;transport=udp");
    }
    fields.text("username", &mut record.username);
    fields.text("password", &mut record.password);
    if record.password.is_some() && record.username.is_none() {
        fields.wrong("username", "can't be blank when there is a password");
    }
    fields.texts("patterns", &mut record.patterns, |p| {
        let digits = p.strip_prefix('+').unwrap_or(p);
        let digits = digits.strip_suffix('*').unwrap_or(digits);
        let good = digits.bytes().all(|b| b.is_ascii_digit()) && digits.len() <= 20 && !p.is_empty();
        if good { Ok(()) } else { Err(format!("{p:?} is not a number or a prefix with a star, such as +1*")) }
    });
    fields.integer("priority", &mut record.priority);
    fields.texts("allow_from", &mut record.allow_from, |range| range.parse::<IpRange>().map(drop));
    fields.choice("dtmf", &mut record.dtmf, DTMF_METHODS);
    policy::change(&mut fields, &mut record.policy);
    if record.policy.register && record.username.is_none() {
        fields.wrong("username", "can't be blank when register is true");
    }
    fields.finish()
}

/// `sip:host[:port][;transport=…]`, without a user: calls bring their own. WebSocket servers are not connected to
/// (RFC 7118 section 4).
fn is_carrier_uri(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("sip:").or_else(|| uri.strip_prefix("sips:")) else { return false };
    if rest.contains(|c: char| c.is_whitespace() || !c.is_ascii_graphic() || "@?<>\"".contains(c)) {
        return false;
    }
    let mut parts = rest.split(';');
    let authority = parts.next().unwrap_or_default();
    let known_transport = |p: &str| match p.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("transport") => {
            matches!(value.parse(), Ok(Transport::Udp | Transport::Tcp | Transport::Tls))
        }
        _ => !p.is_empty(),
    };
    // A URL with the same authority part reads if and only if host and port are right.
    let host = url::Url::parse(&format!("http://{authority}/"));
    !authority.is_empty()
        && !authority.contains('/')
        && host.is_ok_and(|u| u.port() != Some(0))
        && parts.all(known_transport)
}

fn show(api: &ApiState, record: &CarrierRecord) -> Value {
    let mut shown = Map::new();
    for (name, value) in [
        ("id", Value::from(record.id.to_string())),
        ("type", "carrier".into()),
        ("name", record.name.clone().into()),
        ("uri", record.uri.clone().into()),
        ("username", record.username.clone().into()),
        ("patterns", record.patterns.clone().into()),
        ("priority", record.priority.into()),
        ("allow_from", record.allow_from.clone().into()),
        ("dtmf", record.dtmf.clone().into()),
        ("state", state::show(api.carriers.state(record.id).as_ref())),
    ] {
        shown.insert(name.to_owned(), value);
    }
    if let Ok(Value::Object(policy)) = serde_json::to_value(&record.policy) {
        shown.extend(policy);
    }
    Value::Object(shown)
}
