//! Compatibility Conferences: `/Accounts/{AccountSid}/Conferences`, their participants and recordings (laml.md 3.9). What a conference
//! was and is comes from the store, which is told of each change; who is in one is asked of [`ConferenceControl`].

mod control;
mod create;
mod participants;
mod recordings;
mod show;

pub use control::{ConferenceControl, ConferenceView};

use actix_web::{Error, HttpRequest, HttpResponse, web};
use tandem_laml::instruction::Method;
use tandem_model::Sid;

use super::ApiState;
use super::body::Form;
use super::error::LamlError;
use super::fields::is_web_url;
use super::laml_page::{PageAsked, bad_token, bound};
use super::writing::Writing;
use crate::store::{ConferenceFilter, ConferenceRecord, ConferenceStatus};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(r"/{account}/Conferences{json:(\.json)?}").route(web::get().to(list)))
        .service(
            web::resource(r"/{account}/Conferences/{conference:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::post().to(update)),
        )
        .configure(participants::routes)
        .configure(recordings::routes);
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(request.query_string())?;
    let status = match query.get("Status") {
        None => None,
        Some(name) => Some(
            ConferenceStatus::from_name(name)
                .ok_or_else(|| LamlError::bad(21475, "'Status' must be init, in-progress or completed"))?,
        ),
    };
    let filter = ConferenceFilter {
        friendly_name: query.get("FriendlyName").map(str::to_owned),
        status,
        created: bound(&query, "DateCreated")?,
        updated: bound(&query, "DateUpdated")?,
    };
    let asked = PageAsked::of(&query)?;
    let place = match asked.beside() {
        Some(sid) => Some((state.store.conference(sid).await?.ok_or_else(bad_token)?.created, sid)),
        None => None,
    };
    let found = state.store.conferences(&filter, asked.stretch(place)).await?;
    let writing = Writing::of(&state);
    let body = asked.of_stretch(
        &writing.path("/Conferences"),
        "conferences",
        found,
        |c| c.sid,
        |c| show::conference(c, &writing),
    );
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let record = known(&state, conference_of(&request)?).await?;
    Ok(HttpResponse::Ok().json(show::conference(&record, &Writing::of(&state))))
}

async fn update(
    state: web::Data<ApiState>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let sid = conference_of(&request)?;
    let form = Form::of_body(body)?;
    let announce = web_url(&form, "AnnounceUrl")?;
    let announce_method = method(&form, "AnnounceMethod", Method::Post)?;
    let completed = match form.get("Status") {
        None => false,
        Some("completed") => true,
        Some(_) => return Err(LamlError::bad(21475, "'Status' must be completed")),
    };
    let record = known(&state, sid).await?;
    if record.status == ConferenceStatus::Completed {
        return Err(LamlError::bad(10000, "The conference is over: it cannot be changed"));
    }
    if let Some(url) = announce {
        state.conferences.announce(sid, url, announce_method).await?;
    }
    if completed {
        state.conferences.complete(sid).await?;
    }
    Ok(HttpResponse::Ok().json(show::conference(&known(&state, sid).await?, &Writing::of(&state))))
}

async fn known(state: &ApiState, sid: Sid) -> Result<ConferenceRecord, LamlError> {
    let record = state.store.conference(sid).await?;
    record.ok_or_else(|| LamlError::not_found(format_args!("Conference {sid}")))
}

fn conference_of(request: &HttpRequest) -> Result<Sid, LamlError> {
    let text = request.match_info().get("conference").unwrap_or_default();
    text.parse().map_err(|()| LamlError::not_found("Conference"))
}

fn web_url(form: &Form, name: &str) -> Result<Option<String>, LamlError> {
    match form.get(name) {
        None => Ok(None),
        Some(url) if is_web_url(url) => Ok(Some(url.to_owned())),
        Some(_) => Err(LamlError::bad(21402, format!("'{name}' is not a valid http or https URL"))),
    }
}

fn method(form: &Form, name: &str, default: Method) -> Result<Method, LamlError> {
    match form.get(name) {
        None => Ok(default),
        Some(m) if m.eq_ignore_ascii_case("POST") => Ok(Method::Post),
        Some(m) if m.eq_ignore_ascii_case("GET") => Ok(Method::Get),
        Some(_) => Err(LamlError::bad(21209, format!("'{name}' must be GET or POST"))),
    }
}

/// As client libraries write them.
fn boolean(form: &Form, name: &str) -> Result<Option<bool>, LamlError> {
    match form.get(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(LamlError::bad(20422, format!("'{name}' must be true or false"))),
    }
}
