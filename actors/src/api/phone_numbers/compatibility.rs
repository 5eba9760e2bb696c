use std::sync::Arc;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tandem_model::Sid;

use super::e164;
use crate::api::ApiState;
use crate::api::body::Form;
use crate::api::changes::Changes;
use crate::api::error::LamlError;
use crate::api::laml_page::PageAsked;
use crate::api::revise::revise;
use crate::api::state::wall_now;
use crate::api::writing::Writing;
use crate::store::{Catalog, PhoneNumberRecord, StoreError, random_sid};

/// What belongs to numbers that a provider sells.
const NOT_ENABLED: &[(&str, &str)] = &[
    ("AreaCode", ""),
    ("TrunkSid", ""),
    ("AddressSid", ""),
    ("IdentitySid", ""),
    ("BundleSid", ""),
    ("EmergencyAddressSid", ""),
    ("EmergencyStatus", "Inactive"),
    ("VoiceCallerIdLookup", "false"),
];

pub(in crate::api) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/IncomingPhoneNumbers{json:(\.json)?}")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource(r"/{account}/IncomingPhoneNumbers/{sid:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::post().to(update))
                .route(web::put().to(update))
                .route(web::delete().to(delete)),
        );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(request.query_string())?;
    let asked = PageAsked::of(&query)?;
    let (number, name) = (query.get("PhoneNumber"), query.get("FriendlyName"));
    let catalog = state.store.catalog();
    let all = catalog.numbers.newest_first();
    let all = all.filter(|n| number.is_none_or(|p| holds(&n.number, p)) && name.is_none_or(|f| friendly_name(n) == f));
    let all: Vec<Arc<PhoneNumberRecord>> = all.cloned().collect();
    let writing = Writing::of(&state);
    let uri = writing.path("/IncomingPhoneNumbers");
    let body = asked.of_all(&uri, "incoming_phone_numbers", &all, |n| n.id, |n| show(n, &writing));
    Ok(HttpResponse::Ok().json(body))
}

/// Whether a number has this part; a star stands for any digit.
fn holds(number: &str, part: &str) -> bool {
    let (number, part) = (number.as_bytes(), part.trim().as_bytes());
    part.len() <= number.len()
        && number.windows(part.len().max(1)).any(|at| part.iter().zip(at).all(|(p, n)| p == n || *p == b'*'))
}

async fn fetch(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let id = parse_sid(&path.1)?;
    let catalog = state.store.catalog();
    let record = catalog.numbers.get(id).ok_or_else(|| not_found(id))?;
    Ok(HttpResponse::Ok().json(show(record, &Writing::of(&state))))
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, LamlError> {
    let record = create_from(&state, &Form::of_body(body)?).await?;
    Ok(HttpResponse::Created().json(show(&record, &Writing::of(&state))))
}

/// Writes down a number that a carrier brings.
pub(in crate::api) async fn create_from(state: &ApiState, form: &Form) -> Result<Arc<PhoneNumberRecord>, LamlError> {
    let changes = Changes(form);
    let mut record = PhoneNumberRecord::new(random_sid()?, wall_now());
    change(&mut record, &changes, &state.store.catalog())?;
    let number = form.get("PhoneNumber").and_then(e164);
    record.number = number.ok_or_else(|| LamlError::bad(21421, "'PhoneNumber' must be a number in E.164 form"))?;
    stored(state.store.put_phone_number(record).await)
}

async fn update(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let (form, id) = (Form::of_body(body)?, parse_sid(&path.1)?);
    let edit = |catalog: &Catalog| {
        let mut record = PhoneNumberRecord::clone(catalog.numbers.get(id).ok_or_else(|| not_found(id))?);
        change(&mut record, &Changes(&form), catalog)?;
        record.updated = wall_now();
        Ok::<_, LamlError>(record)
    };
    let record = revise(&state, edit, async |record| state.store.put_phone_number(record).await).await?;
    Ok(HttpResponse::Ok().json(show(&record, &Writing::of(&state))))
}

async fn delete(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let id = parse_sid(&path.1)?;
    state.store.delete_phone_number(id).await.map_err(|e| match e {
        StoreError::NotFound => not_found(id),
        other => other.into(),
    })?;
    Ok(HttpResponse::NoContent().finish())
}

fn change(record: &mut PhoneNumberRecord, changes: &Changes<'_>, catalog: &Catalog) -> Result<(), LamlError> {
    changes.not_enabled(NOT_ENABLED)?;
    changes.name("FriendlyName", &mut record.name)?;
    let handler = &mut record.handler;
    changes.url("VoiceUrl", &mut handler.call_request_url)?;
    optional_method(changes, "VoiceMethod", &mut handler.call_request_method)?;
    changes.url("VoiceFallbackUrl", &mut handler.call_fallback_url)?;
    optional_method(changes, "VoiceFallbackMethod", &mut handler.call_fallback_method)?;
    changes.url("StatusCallback", &mut handler.call_status_callback_url)?;
    optional_method(changes, "StatusCallbackMethod", &mut handler.call_status_callback_method)?;
    match changes.sent("VoiceApplicationSid") {
        None => {}
        Some("") => handler.call_laml_application_id = None,
        Some(sid) => {
            let known = sid.parse().ok().and_then(|sid| catalog.applications.get(sid));
            let known = known.ok_or_else(|| LamlError::bad(21218, "'VoiceApplicationSid' names no application"))?;
            handler.call_laml_application_id = Some(known.id.to_string());
        }
    }
    if changes.was_sent("VoiceUrl") || changes.was_sent("VoiceApplicationSid") {
        // An application before a URL (laml.md 3.11).
        handler.call_handler = match (&handler.call_laml_application_id, &handler.call_request_url) {
            (Some(_), _) => Some("laml_application".into()),
            (None, Some(_)) => Some("laml_webhooks".into()),
            (None, None) => None,
        };
    }
    match changes.sent("VoiceReceiveMode") {
        None => {}
        Some("" | "voice") => record.call_receive_mode = "voice".into(),
        Some(_) => return Err(LamlError::bad(10001, "'VoiceReceiveMode' must be voice: faxes are not received here")),
    }
    changes.sms(&mut record.sms)?;
    match changes.sent("SmsApplicationSid") {
        None => {}
        Some("") => record.sms_application_sid = None,
        Some(sid) => {
            let known = sid.parse().ok().and_then(|sid: Sid| catalog.applications.get(sid));
            let known = known.ok_or_else(|| LamlError::bad(21218, "'SmsApplicationSid' names no application"))?;
            record.sms_application_sid = Some(known.id.to_string());
        }
    }
    Ok(())
}

fn optional_method(changes: &Changes<'_>, name: &str, target: &mut Option<String>) -> Result<(), LamlError> {
    let mut method = target.take().unwrap_or_else(|| "POST".into());
    changes.method(name, &mut method)?;
    *target = Some(method);
    Ok(())
}

fn stored(put: Result<Arc<PhoneNumberRecord>, StoreError>) -> Result<Arc<PhoneNumberRecord>, LamlError> {
    put.map_err(|e| match e {
        StoreError::Taken { .. } => LamlError::bad(21422, "'PhoneNumber' is in this project already"),
        other => other.into(),
    })
}

fn friendly_name(record: &PhoneNumberRecord) -> &str {
    record.name.as_deref().unwrap_or(&record.number)
}

fn show(record: &PhoneNumberRecord, writing: &Writing) -> Value {
    let (handler, sms) = (&record.handler, &record.sms);
    let method = |method: &Option<String>| json!(method.as_deref().unwrap_or("POST"));
    json!({
        "sid": record.id.to_string(),
        "account_sid": writing.account,
        "api_version": "2010-04-01",
        "phone_number": record.number,
        "friendly_name": friendly_name(record),
        "capabilities": {"voice": true, "sms": false, "mms": false, "fax": false},
        "voice_url": handler.call_request_url,
        "voice_method": method(&handler.call_request_method),
        "voice_fallback_url": handler.call_fallback_url,
        "voice_fallback_method": method(&handler.call_fallback_method),
        "voice_application_sid": handler.call_laml_application_id,
        "voice_caller_id_lookup": false,
        "voice_receive_mode": record.call_receive_mode,
        "status_callback": handler.call_status_callback_url,
        "status_callback_method": method(&handler.call_status_callback_method),
        "sms_url": sms.sms_url,
        "sms_method": sms.sms_method,
        "sms_fallback_url": sms.sms_fallback_url,
        "sms_fallback_method": sms.sms_fallback_method,
        "sms_application_sid": record.sms_application_sid,
        "trunk_sid": null,
        "address_sid": null,
        "address_requirements": "none",
        "identity_sid": null,
        "emergency_status": "Inactive",
        "emergency_address_sid": null,
        "beta": false,
        "origin": "hosted",
        "date_created": record.created.rfc2822(),
        "date_updated": record.updated.rfc2822(),
        "uri": writing.path(&format!("/IncomingPhoneNumbers/{}", record.id)),
    })
}

fn parse_sid(text: &str) -> Result<Sid, LamlError> {
    text.parse().map_err(|()| LamlError::not_found("IncomingPhoneNumber"))
}

fn not_found(id: Sid) -> LamlError {
    LamlError::not_found(format_args!("IncomingPhoneNumber {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_a_part_of_them() {
        for (part, found) in [
            ("+15551234567", true),
            ("555123", true),
            ("555***4567", true),
            ("*", true),
            ("4568", false),
            ("+155512345678", false),
            ("++1", false),
        ] {
            assert_eq!(holds("+15551234567", part), found, "{part}");
        }
    }
}
