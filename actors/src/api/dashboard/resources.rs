//! The pages of applications, bins, numbers and recordings. What their forms send is what REST is sent.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use tandem_laml::Dialect;
use tandem_model::Sid;

use super::html::resources as html;
use super::{foreign, is_same_origin, secured};
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::project::choices;
use crate::api::{ApiState, applications, laml_bins, phone_numbers, recordings};
use crate::bins;
use crate::store::{CallPage, ProjectChoices, RecordingFilter, StoreError};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/dashboard/project", web::post().to(change_project));
    config.service(
        web::resource("/dashboard/applications")
            .route(web::get().to(applications_page))
            .route(web::post().to(create_application)),
    );
    config
        .route("/dashboard/applications/{id}", web::post().to(change_application))
        .route("/dashboard/applications/{id}/delete", web::post().to(delete_application));
    config.service(web::resource("/dashboard/bins").route(web::get().to(bins_page)).route(web::post().to(create_bin)));
    config.service(
        web::resource("/dashboard/bins/{id}").route(web::get().to(bin_page)).route(web::post().to(change_bin)),
    );
    config.route("/dashboard/bins/{id}/delete", web::post().to(delete_bin));
    config.service(
        web::resource("/dashboard/numbers").route(web::get().to(numbers_page)).route(web::post().to(create_number)),
    );
    config.route("/dashboard/numbers/{id}/delete", web::post().to(delete_number));
    config
        .route("/dashboard/recordings", web::get().to(recordings_page))
        .route("/dashboard/recordings/{id}/delete", web::post().to(delete_recording));
}

type Body = Result<web::Bytes, Error>;

async fn change_project(state: web::Data<ApiState>, request: HttpRequest, body: Body) -> HttpResponse {
    let form = match own_form(&request, body) {
        Ok(form) => form,
        Err(refused) => return refused.answer(),
    };
    let before = choices(&state.store.catalog());
    let dialect = form.get("dialect").and_then(Dialect::from_name).unwrap_or(before.dialect);
    // A box that is not ticked is not sent.
    let media_protected = form.get("media_url_protection").is_some();
    match state.store.put_choices(ProjectChoices { dialect, media_protected }).await {
        Ok(()) => to("/"),
        Err(e) => super::render(&state, &[format!("The project was not changed: {e}")]).await,
    }
}

async fn applications_page(state: web::Data<ApiState>) -> HttpResponse {
    show_applications(&state, &[])
}

async fn create_application(state: web::Data<ApiState>, request: HttpRequest, body: Body) -> HttpResponse {
    let form = match own_form(&request, body) {
        Ok(form) => form,
        Err(refused) => return refused.answer(),
    };
    match applications::create_from(&state, &form).await {
        Ok(_) => to("/dashboard/applications"),
        Err(e) => show_applications(&state, &[e.message]),
    }
}

async fn change_application(
    state: web::Data<ApiState>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
) -> HttpResponse {
    let form = match own_form(&request, body) {
        Ok(form) => form,
        Err(refused) => return refused.answer(),
    };
    let Ok(id) = id.parse::<Sid>() else { return missing() };
    match applications::update_from(&state, id, &form).await {
        Ok(_) => to("/dashboard/applications"),
        Err(e) => show_applications(&state, &[e.message]),
    }
}

async fn delete_application(state: web::Data<ApiState>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    if !is_same_origin(request.headers()) {
        return foreign();
    }
    let Ok(id) = id.parse::<Sid>() else { return missing() };
    match gone(state.store.delete_application(id).await) {
        Ok(()) => to("/dashboard/applications"),
        Err(why) => show_applications(&state, &[why]),
    }
}

fn show_applications(state: &ApiState, problems: &[String]) -> HttpResponse {
    secured(html::applications(&state.store.catalog(), problems), problems)
}

async fn bins_page(state: web::Data<ApiState>) -> HttpResponse {
    show_bins(&state, &[]).await
}

async fn create_bin(state: web::Data<ApiState>, request: HttpRequest, body: Body) -> HttpResponse {
    let form = match own_form(&request, body) {
        Ok(form) => form,
        Err(refused) => return refused.answer(),
    };
    match laml_bins::create_from(&state, &form).await {
        Ok(bin) => to(&format!("/dashboard/bins/{}", bin.id)),
        Err(e) => show_bins(&state, &[e.message]).await,
    }
}

async fn show_bins(state: &ApiState, problems: &[String]) -> HttpResponse {
    let Ok(uses) = state.store.bin_uses().await else { return no_store() };
    secured(html::bins(&state.store.catalog(), &uses, &state.options.public_url, problems), problems)
}

/// What a webhook of a call says, for a preview.
const SAMPLE: &str = "From=%2B15550001111&To=%2B15551234567&CallStatus=ringing&Direction=inbound&SipUser=anything";

async fn bin_page(state: web::Data<ApiState>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let query = Form::of_query(request.query_string()).unwrap_or_default();
    show_bin(&state, &id, query.get("params").unwrap_or(SAMPLE), &[])
}

async fn change_bin(
    state: web::Data<ApiState>,
    request: HttpRequest,
    id: web::Path<String>,
    body: Body,
) -> HttpResponse {
    let form = match own_form(&request, body) {
        Ok(form) => form,
        Err(refused) => return refused.answer(),
    };
    let Ok(sid) = id.parse::<Sid>() else { return missing() };
    match laml_bins::update_from(&state, sid, &form).await {
        Ok(_) => to(&format!("/dashboard/bins/{sid}")),
        Err(e) => show_bin(&state, &id, SAMPLE, &[e.message]),
    }
}

fn show_bin(state: &ApiState, id: &str, params: &str, problems: &[String]) -> HttpResponse {
    let bin = id.parse().ok().and_then(|id| state.store.catalog().laml_bins.get(id).cloned());
    let Some(bin) = bin else { return missing() };
    let rendered = match Form::of_query(params) {
        Ok(values) => bins::render(&bin.contents, values.pairs()).map_err(|e| e.to_string()),
        Err(e) => Err(e.message),
    };
    secured(html::bin(&bin, params, &rendered, &state.options.public_url, problems), problems)
}

async fn delete_bin(state: web::Data<ApiState>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    if !is_same_origin(request.headers()) {
        return foreign();
    }
    let Ok(id) = id.parse::<Sid>() else { return missing() };
    match gone(state.store.delete_laml_bin(id).await) {
        Ok(()) => to("/dashboard/bins"),
        Err(why) => show_bins(&state, &[why]).await,
    }
}

async fn numbers_page(state: web::Data<ApiState>) -> HttpResponse {
    show_numbers(&state, &[])
}

async fn create_number(state: web::Data<ApiState>, request: HttpRequest, body: Body) -> HttpResponse {
    let form = match own_form(&request, body) {
        Ok(form) => form,
        Err(refused) => return refused.answer(),
    };
    match phone_numbers::create_from(&state, &form).await {
        Ok(_) => to("/dashboard/numbers"),
        Err(e) => show_numbers(&state, &[e.message]),
    }
}

async fn delete_number(state: web::Data<ApiState>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    if !is_same_origin(request.headers()) {
        return foreign();
    }
    let Ok(id) = id.parse::<Sid>() else { return missing() };
    match gone(state.store.delete_phone_number(id).await) {
        Ok(()) => to("/dashboard/numbers"),
        Err(why) => show_numbers(&state, &[why]),
    }
}

fn show_numbers(state: &ApiState, problems: &[String]) -> HttpResponse {
    secured(html::numbers(&state.store.catalog(), problems), problems)
}

const RECORDINGS_SHOWN: u32 = 100;

async fn recordings_page(state: web::Data<ApiState>) -> HttpResponse {
    show_recordings(&state, &[]).await
}

async fn delete_recording(state: web::Data<ApiState>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    if !is_same_origin(request.headers()) {
        return foreign();
    }
    let Ok(id) = id.parse::<Sid>() else { return missing() };
    match recordings::delete_one(&state, id).await {
        Ok(_) => to("/dashboard/recordings"),
        Err(LamlError { status: 404, .. }) => to("/dashboard/recordings"),
        Err(e) => show_recordings(&state, &[e.message]).await,
    }
}

async fn show_recordings(state: &ApiState, problems: &[String]) -> HttpResponse {
    let newest = CallPage { after: None, before: None, limit: RECORDINGS_SHOWN };
    let Ok(found) = state.store.recordings(&RecordingFilter::default(), newest).await else { return no_store() };
    secured(html::recordings(&found, &state.store.project().project.id, problems), problems)
}

/// The form, when it was sent from these pages and reads.
fn own_form(request: &HttpRequest, body: Body) -> Result<Form, FormRefused> {
    if !is_same_origin(request.headers()) {
        return Err(FormRefused::Foreign);
    }
    Form::of_body(body).map_err(|_| FormRefused::Unreadable)
}

enum FormRefused {
    Foreign,
    Unreadable,
}

impl FormRefused {
    fn answer(self) -> HttpResponse {
        match self {
            FormRefused::Foreign => foreign(),
            FormRefused::Unreadable => plain(StatusCode::BAD_REQUEST, "The form does not read\n"),
        }
    }
}

/// Gone already is as good as deleted.
fn gone(deleted: Result<(), StoreError>) -> Result<(), String> {
    match deleted {
        Ok(()) | Err(StoreError::NotFound) => Ok(()),
        Err(e) => Err(format!("It was not deleted: {e}")),
    }
}

fn to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path.to_owned())).finish()
}

fn missing() -> HttpResponse {
    plain(StatusCode::NOT_FOUND, "Not found\n")
}

fn no_store() -> HttpResponse {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "The store does not answer\n")
}

fn plain(status: StatusCode, text: &'static str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(text)
}
