//! Compatibility Calls: `/Accounts/{AccountSid}/Calls` (laml.md 3.6, 3.12, 3.13). Live calls come from
//! [`super::CallControl`], others from the store; where both know a call, the live one is right.

mod create;
mod list;
mod machine_detection;
mod show;
mod update;

pub(super) use create::{method, parse as parse_create};

use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::json;
use tandem_model::Sid;

use super::body::Form;
use super::error::{LamlError, RelayError};
use super::writing::Writing;
use super::{ApiState, CallView};
use crate::store::{CallFilter, CallPage, StoreError};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/Calls{json:(\.json)?}")
                .route(web::get().to(list_calls))
                .route(web::post().to(create_call)),
        )
        .service(
            web::resource(r"/{account}/Calls/{sid:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch_call))
                .route(web::post().to(update_call))
                .route(web::delete().to(delete_call)),
        )
        .service(
            web::resource(r"/{account}/Calls/{sid:[^/.]+}/Quality{json:(\.json)?}").route(web::get().to(call_quality)),
        );
}

/// Tandem's own: a call's log.
pub(super) fn relay_routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/api/tandem/calls/{sid}/events").route(web::get().to(call_events)));
}

async fn create_call(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, LamlError> {
    if state.calls.draining() {
        return Err(LamlError::draining().in_array());
    }
    let form = Form::of_body(body).map_err(LamlError::in_array)?;
    let call = create::parse(&form, &state.store.catalog()).map_err(LamlError::in_array)?;
    let view = state.calls.create(call).await.map_err(|e| LamlError::from(e).in_array())?;
    Ok(HttpResponse::Created().json(show::call(&view, &Writing::of(&state), &state)))
}

async fn fetch_call(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let view = known(&state, parse_sid(&path.1)?).await?;
    Ok(HttpResponse::Ok().json(show::call(&view, &Writing::of(&state), &state)))
}

async fn call_quality(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let view = known(&state, parse_sid(&path.1)?).await?;
    Ok(HttpResponse::Ok().json(show::quality(&view, &state)))
}

async fn list_calls(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    Ok(HttpResponse::Ok().json(list::page(&state, request.query_string()).await?))
}

async fn update_call(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let sid = parse_sid(&path.1)?;
    let change = update::parse(&form)?;
    let view = known(&state, sid).await?;
    update::check(&change, &view)?;
    let view = state.calls.update(sid, change).await?;
    Ok(HttpResponse::Ok().json(show::call(&view, &Writing::of(&state), &state)))
}

async fn delete_call(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let sid = parse_sid(&path.1)?;
    if state.calls.live(sid).is_some_and(|view| !view.status.is_final()) {
        return Err(StoreError::Unfinished.into());
    }
    state.store.delete_call(sid).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn call_events(state: web::Data<ApiState>, sid: web::Path<String>) -> Result<HttpResponse, RelayError> {
    let sid = sid.parse().map_err(|()| RelayError::NotFound)?;
    if state.calls.live(sid).is_none() {
        state.store.call(sid).await?.ok_or(RelayError::NotFound)?;
    }
    let events = state.store.call_events(sid).await?;
    let data: Vec<_> = events
        .iter()
        .map(|e| {
            json!({"at": e.at.rfc3339(), "level": e.level.as_str(), "code": e.code, "message": e.message,
                   "line": e.line})
        })
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "data": data })))
}

/// The newest calls, for the dashboard.
pub(super) async fn recent(state: &ApiState, limit: u32) -> Result<Vec<CallView>, LamlError> {
    let page = CallPage { after: None, before: None, limit };
    list::merged(state, &CallFilter::default(), page).await
}

/// A call, alive or over.
pub(super) async fn known(state: &ApiState, sid: Sid) -> Result<CallView, LamlError> {
    if let Some(view) = state.calls.live(sid) {
        return Ok(view);
    }
    state.store.call(sid).await?.ok_or_else(|| LamlError::not_found(format_args!("Call {sid}")))
}

pub(super) fn parse_sid(text: &str) -> Result<Sid, LamlError> {
    text.parse().map_err(|()| LamlError::not_found("Call"))
}
