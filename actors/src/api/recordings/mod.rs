//! Compatibility Recordings: `/Accounts/{AccountSid}/Recordings`, and those of a call under it (laml.md 3.7). What is known of one is in
//! the store, its sound in a file. Those of conferences are the conferences' own.

mod files;
mod of_call;
mod show;

pub(super) use of_call::{call_routes, settings};
pub(super) use show::show;

use actix_web::{HttpRequest, HttpResponse, web};
use tandem_model::Sid;

use super::ApiState;
use super::body::Form;
use super::error::LamlError;
use super::laml_page::{PageAsked, bad_token, bound, sid_filter};
use super::writing::Writing;
use crate::store::{RecordingFilter, RecordingRecord, StoreError};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(r"/{account}/Recordings{json:(\.json)?}").route(web::get().to(list)))
        .service(
            web::resource(r"/{account}/Recordings/{sid:[^/.]+}.json")
                .route(web::get().to(fetch))
                .route(web::delete().to(delete)),
        )
        .service(web::resource(r"/{account}/Recordings/{sid:[^/.]+}.mp3").route(web::get().to(files::mp3)))
        .service(
            web::resource(r"/{account}/Recordings/{sid:[^/.]+}{wav:(\.wav)?}")
                .route(web::get().to(files::wav))
                .route(web::delete().to(delete)),
        );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(request.query_string())?;
    let filter = RecordingFilter {
        call_sid: sid_filter(&query, "CallSid")?,
        conference_sid: sid_filter(&query, "ConferenceSid")?,
        created: bound(&query, "DateCreated")?,
    };
    list_of(&state, &query, &filter, "/Recordings").await
}

/// A page of the recordings that the filter lets in; `below` is where the list stands under the account.
pub(super) async fn list_of(
    state: &ApiState,
    query: &Form,
    filter: &RecordingFilter,
    below: &str,
) -> Result<HttpResponse, LamlError> {
    let asked = PageAsked::of(query)?;
    let place = match asked.beside() {
        Some(sid) => Some((state.store.recording(sid).await?.ok_or_else(bad_token)?.created, sid)),
        None => None,
    };
    let found = state.store.recordings(filter, asked.stretch(place)).await?;
    let writing = Writing::of(state);
    let body = asked.of_stretch(&writing.path(below), "recordings", found, |r| r.sid, |r| show(r, &writing, state));
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(state: web::Data<ApiState>, path: web::Path<(String, String)>) -> Result<HttpResponse, LamlError> {
    let record = known(&state, parse_sid(&path.1)?).await?;
    Ok(HttpResponse::Ok().json(show(&record, &Writing::of(&state), &state)))
}

async fn delete(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let sid = parse_sid(request.match_info().get("sid").unwrap_or_default())?;
    delete_one(&state, sid).await
}

/// Takes a finished recording away, and its files.
pub(super) async fn delete_one(state: &ApiState, sid: Sid) -> Result<HttpResponse, LamlError> {
    let record = state.store.recording(sid).await?;
    if record.as_ref().is_some_and(|r| !r.status.is_final()) {
        return Err(LamlError::bad(20009, "A recording that is not finished cannot be deleted"));
    }
    // The files first: what is gone from the list must not be there to be heard.
    let had_files =
        state.recordings.delete(sid).await.map_err(|error| LamlError::new(500, 20504, error.to_string()))?;
    let had_record = match state.store.delete_recording(sid).await {
        Ok(()) => true,
        Err(StoreError::NotFound) => false,
        Err(other) => return Err(other.into()),
    };
    if had_files || had_record { Ok(HttpResponse::NoContent().finish()) } else { Err(not_found(sid)) }
}

pub(super) async fn known(state: &ApiState, sid: Sid) -> Result<RecordingRecord, LamlError> {
    state.store.recording(sid).await?.ok_or_else(|| not_found(sid))
}

fn parse_sid(text: &str) -> Result<Sid, LamlError> {
    text.parse().map_err(|()| LamlError::not_found("Recording"))
}

fn not_found(sid: Sid) -> LamlError {
    LamlError::not_found(format_args!("Recording {sid}"))
}
