//! Compatibility Applications: `/Accounts/{AccountSid}/Applications` (laml.md 3.11).

use std::sync::Arc;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tandem_model::Sid;

use super::ApiState;
use super::body::Form;
use super::changes::Changes;
use super::error::LamlError;
use super::laml_page::PageAsked;
use super::revise::revise;
use super::state::wall_now;
use super::writing::Writing;
use crate::store::{ApplicationRecord, Catalog, StoreError, random_sid};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/Applications{json:(\.json)?}")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource(r"/{account}/Applications/{sid:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::post().to(update))
                .route(web::put().to(update))
                .route(web::delete().to(delete)),
        );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(request.query_string())?;
    let asked = PageAsked::of(&query)?;
    let name = query.get("FriendlyName");
    let catalog = state.store.catalog();
    let all = catalog.applications.newest_first().filter(|a| name.is_none_or(|n| a.friendly_name == n));
    let all: Vec<Arc<ApplicationRecord>> = all.cloned().collect();
    let writing = Writing::of(&state);
    let body = asked.of_all(&writing.path("/Applications"), "applications", &all, |a| a.id, |a| show(a, &writing));
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let catalog = state.store.catalog();
    let id = parse_sid(&path.1)?;
    let record = catalog.applications.get(id).ok_or_else(|| not_found(id))?;
    Ok(HttpResponse::Ok().json(show(record, &Writing::of(&state))))
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let record = create_from(&state, &form).await?;
    Ok(HttpResponse::Created().json(show(&record, &Writing::of(&state))))
}

/// Makes an application of what a client sent.
pub(super) async fn create_from(state: &ApiState, form: &Form) -> Result<Arc<ApplicationRecord>, LamlError> {
    let mut record = ApplicationRecord::new(random_sid()?, wall_now());
    change(&mut record, &Changes(form))?;
    Ok(state.store.put_application(record).await?)
}

async fn update(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let record = update_from(&state, parse_sid(&path.1)?, &form).await?;
    Ok(HttpResponse::Ok().json(show(&record, &Writing::of(&state))))
}

pub(super) async fn update_from(state: &ApiState, id: Sid, form: &Form) -> Result<Arc<ApplicationRecord>, LamlError> {
    let edit = |catalog: &Catalog| {
        let mut record = ApplicationRecord::clone(catalog.applications.get(id).ok_or_else(|| not_found(id))?);
        change(&mut record, &Changes(form))?;
        record.updated = wall_now();
        Ok(record)
    };
    revise(state, edit, async |record| state.store.put_application(record).await).await
}

async fn delete(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let id = parse_sid(&path.1)?;
    state.store.delete_application(id).await.map_err(|e| match e {
        StoreError::NotFound => not_found(id),
        other => other.into(),
    })?;
    Ok(HttpResponse::NoContent().finish())
}

fn change(record: &mut ApplicationRecord, changes: &Changes<'_>) -> Result<(), LamlError> {
    changes.not_enabled(&[("VoiceCallerIdLookup", "false"), ("PublicApplicationConnectEnabled", "false")])?;
    let mut name = Some(std::mem::take(&mut record.friendly_name)).filter(|name| !name.is_empty());
    changes.name("FriendlyName", &mut name)?;
    record.friendly_name = name.ok_or_else(|| LamlError::bad(20002, "'FriendlyName' is required"))?;
    let voice = &mut record.voice;
    changes.url("VoiceUrl", &mut voice.voice_url)?;
    changes.method("VoiceMethod", &mut voice.voice_method)?;
    changes.url("VoiceFallbackUrl", &mut voice.voice_fallback_url)?;
    changes.method("VoiceFallbackMethod", &mut voice.voice_fallback_method)?;
    changes.url("StatusCallback", &mut voice.status_callback)?;
    changes.method("StatusCallbackMethod", &mut voice.status_callback_method)?;
    changes.sms(&mut record.sms)?;
    changes.url("MessageStatusCallback", &mut record.message_status_callback)
}

fn show(record: &ApplicationRecord, writing: &Writing) -> Value {
    let (voice, sms) = (&record.voice, &record.sms);
    json!({
        "sid": record.id.to_string(),
        "account_sid": writing.account,
        "api_version": "2010-04-01",
        "friendly_name": record.friendly_name,
        "date_created": record.created.rfc2822(),
        "date_updated": record.updated.rfc2822(),
        "voice_url": voice.voice_url,
        "voice_method": voice.voice_method,
        "voice_fallback_url": voice.voice_fallback_url,
        "voice_fallback_method": voice.voice_fallback_method,
        "voice_caller_id_lookup": false,
        "status_callback": voice.status_callback,
        "status_callback_method": voice.status_callback_method,
        "sms_url": sms.sms_url,
        "sms_method": sms.sms_method,
        "sms_fallback_url": sms.sms_fallback_url,
        "sms_fallback_method": sms.sms_fallback_method,
        "sms_status_callback": sms.sms_status_callback,
        "sms_status_callback_method": sms.sms_status_callback_method,
        "message_status_callback": record.message_status_callback,
        "uri": writing.path(&format!("/Applications/{}", record.id)),
    })
}

fn parse_sid(text: &str) -> Result<Sid, LamlError> {
    text.parse().map_err(|()| LamlError::not_found("Application"))
}

fn not_found(id: Sid) -> LamlError {
    LamlError::not_found(format_args!("Application {id}"))
}
