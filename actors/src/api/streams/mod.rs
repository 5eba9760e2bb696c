//! Compatibility Streams: `/Accounts/{AccountSid}/Calls/{CallSid}/Streams` (laml.md 3.8). They live with their call: nothing is kept.

mod create;

use actix_web::{Error, HttpResponse, web};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tandem_call::call::StreamView;
use tandem_laml::instruction::Stream;
use tandem_model::Sid;

use super::auth::LAML_PREFIXES;
use super::body::Form;
use super::error::LamlError;
use super::{ApiState, CallControlError};

/// The streams of calls in progress.
pub trait StreamControl: Send + Sync {
    /// Starts a copy of a leg's audio. Done when it was begun (`queued`), not when it is connected.
    fn start(&self, call: Sid, stream: Stream) -> BoxFuture<'_, Result<StreamView, CallControlError>>;

    /// Ends a stream, by its sid or its name.
    fn stop(&self, call: Sid, which: String) -> BoxFuture<'_, Result<StreamView, CallControlError>>;
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/Calls/{sid:[^/.]+}/Streams{json:(\.json)?}")
                .route(web::post().to(create_stream)),
        )
        .service(
            web::resource(r"/{account}/Calls/{sid:[^/.]+}/Streams/{stream:[^/]+}").route(web::post().to(update_stream)),
        );
}

async fn create_stream(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let call = parse_sid(&path.1)?;
    let stream = create::parse(&form)?;
    let view = state.streams.start(call, stream).await?;
    Ok(HttpResponse::Created().json(show(&view, &state)))
}

async fn update_stream(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let call = parse_sid(&path.1)?;
    if form.get("Status") != Some("stopped") {
        return Err(LamlError::bad(20422, "'Status' must be stopped"));
    }
    let which = path.2.strip_suffix(".json").unwrap_or(&path.2).to_owned();
    let view = state.streams.stop(call, which).await?;
    Ok(HttpResponse::Ok().json(show(&view, &state)))
}

fn show(view: &StreamView, state: &ApiState) -> Value {
    let account = &state.store.project().project.id;
    json!({
        "sid": view.sid.to_string(),
        "account_sid": account,
        "call_sid": view.call_sid.to_string(),
        "name": view.name,
        "status": view.status.as_str(),
        "date_updated": view.updated.rfc2822(),
        "uri": format!("{}/Accounts/{account}/Calls/{}/Streams/{}", LAML_PREFIXES[0], view.call_sid, view.sid),
    })
}

fn parse_sid(text: &str) -> Result<Sid, LamlError> {
    text.parse().map_err(|()| LamlError::not_found("Call"))
}
