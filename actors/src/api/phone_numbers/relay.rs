use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::{e164, handlers};
use crate::api::body::json_object;
use crate::api::endpoints::parse_id;
use crate::api::error::RelayError;
use crate::api::fields::{Fields, is_web_url};
use crate::api::revise::revise;
use crate::api::state::wall_now;
use crate::api::{ApiState, handler, page};
use crate::store::{Catalog, NUMBER_RINGS_ENDPOINT, PhoneNumberRecord, random_sid};

const PATH: &str = "/api/relay/rest/phone_numbers";

pub(in crate::api) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATH).route(web::get().to(list)).route(web::post().to(create))).service(
        web::resource("/api/relay/rest/phone_numbers/{id}")
            .route(web::get().to(fetch))
            .route(web::put().to(update))
            .route(web::patch().to(update))
            .route(web::delete().to(delete)),
    );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, RelayError> {
    let query = request.query_string();
    let (name, number) = (page::filter(query, "filter_name")?, page::filter(query, "filter_number")?);
    let holds = |filter: &Option<String>, value: &str| filter.as_ref().is_none_or(|f| value.to_lowercase().contains(f));
    let catalog = state.store.catalog();
    let records = catalog
        .numbers
        .newest_first()
        .filter(|n| holds(&name, n.name.as_deref().unwrap_or_default()) && holds(&number, &n.number))
        .cloned()
        .collect();
    let body = page::list(PATH, query, &["filter_name", "filter_number"], records, |n| n.id, show)?;
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    let catalog = state.store.catalog();
    let record = catalog.numbers.get(parse_id(&id)?).ok_or(RelayError::NotFound)?;
    Ok(HttpResponse::Ok().json(show(record)))
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, RelayError> {
    let mut record = PhoneNumberRecord::new(random_sid()?, wall_now());
    change(&mut record, json_object(body)?, &state.store.catalog())?;
    let record = state.store.put_phone_number(record).await?;
    Ok(HttpResponse::Created().json(show(&record)))
}

async fn update(
    state: web::Data<ApiState>,
    id: web::Path<String>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, RelayError> {
    let (sent, id) = (json_object(body)?, parse_id(&id)?);
    let edit = |catalog: &Catalog| {
        let mut record = PhoneNumberRecord::clone(catalog.numbers.get(id).ok_or(RelayError::NotFound)?);
        change(&mut record, sent.clone(), catalog)?;
        record.updated = wall_now();
        Ok::<_, RelayError>(record)
    };
    let record = revise(&state, edit, async |record| state.store.put_phone_number(record).await).await?;
    Ok(HttpResponse::Ok().json(show(&record)))
}

async fn delete(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    state.store.delete_phone_number(parse_id(&id)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn change(record: &mut PhoneNumberRecord, sent: Map<String, Value>, catalog: &Catalog) -> Result<(), RelayError> {
    let is_new = record.revision == 0;
    let mut fields = Fields::new(sent);
    if is_new {
        fields.required("number", &mut record.number);
        match e164(&record.number) {
            Some(number) => record.number = number,
            None if record.number.is_empty() => {}
            None => fields.wrong("number", "must be in E.164 form"),
        }
    } else if fields.raw("number").is_some_and(|sent| sent.as_str() != Some(&record.number)) {
        fields.wrong("number", "can't be changed");
    }
    fields.text("name", &mut record.name);
    handler::take_from(&mut fields, &mut record.handler, catalog, &handlers());
    fields.choice("call_receive_mode", &mut record.call_receive_mode, &["voice"]);
    let mut endpoint = record.call_sip_endpoint_id.map(|id| id.to_string());
    fields.text("call_sip_endpoint_id", &mut endpoint);
    let id = endpoint.as_deref().and_then(|id| id.parse().ok());
    if fields.was_sent("call_sip_endpoint_id") {
        let known = id.is_some_and(|id| catalog.endpoints.get(id).is_some());
        if endpoint.is_some() && !known {
            fields.wrong("call_sip_endpoint_id", "is not the id of an endpoint");
        }
        record.call_sip_endpoint_id = id;
    }
    let rings = record.handler.call_handler.as_deref() == Some(NUMBER_RINGS_ENDPOINT);
    if rings && endpoint.is_none() {
        fields.wrong("call_sip_endpoint_id", "can't be blank");
    }
    let sms = &mut record.sms;
    for (name, url) in [("message_request_url", &mut sms.sms_url), ("message_fallback_url", &mut sms.sms_fallback_url)]
    {
        fields.text(name, url);
        if fields.was_sent(name) && url.as_deref().is_some_and(|url| !is_web_url(url)) {
            fields.wrong(name, "is not a valid http or https URL");
        }
    }
    fields.choice("message_request_method", &mut sms.sms_method, &["GET", "POST"]);
    fields.choice("message_fallback_method", &mut sms.sms_fallback_method, &["GET", "POST"]);
    fields.text("message_laml_application_id", &mut record.sms_application_sid);
    fields.finish()
}

fn show(record: &PhoneNumberRecord) -> Value {
    let sms = &record.sms;
    let message_handler = match (&record.sms_application_sid, &sms.sms_url) {
        (Some(_), _) => Some("laml_application"),
        (None, Some(_)) => Some("laml_webhooks"),
        (None, None) => None,
    };
    let mut out = Map::new();
    out.insert("id".into(), json!(record.id.to_string()));
    out.insert("number".into(), json!(record.number));
    out.insert("name".into(), json!(record.name));
    handler::show(&record.handler, &mut out);
    out.insert("call_receive_mode".into(), json!(record.call_receive_mode));
    out.insert("call_sip_endpoint_id".into(), json!(record.call_sip_endpoint_id.map(|id| id.to_string())));
    out.insert("message_handler".into(), json!(message_handler));
    out.insert("message_request_url".into(), json!(sms.sms_url));
    out.insert("message_request_method".into(), json!(sms.sms_method));
    out.insert("message_fallback_url".into(), json!(sms.sms_fallback_url));
    out.insert("message_fallback_method".into(), json!(sms.sms_fallback_method));
    out.insert("message_laml_application_id".into(), json!(record.sms_application_sid));
    out.insert("capabilities".into(), json!(["voice"]));
    out.insert("number_type".into(), json!("longcode"));
    out.insert("e911_address_id".into(), Value::Null);
    out.insert("created_at".into(), json!(record.created.rfc3339()));
    out.insert("updated_at".into(), json!(record.updated.rfc3339()));
    out.insert("next_billed_at".into(), Value::Null);
    Value::Object(out)
}
