use actix_web::{Error, HttpRequest, HttpResponse, web};
use tandem_call::room::conference::Steer;
use tandem_model::Sid;

use super::{conference_of, known};
use crate::api::ApiState;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::laml_page::bound;
use crate::api::recordings::{delete_one, known as known_recording, list_of, show};
use crate::api::writing::Writing;
use crate::store::{RecordingFilter, RecordingRecord};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/Conferences/{conference:[^/.]+}/Recordings{json:(\.json)?}")
                .route(web::get().to(list)),
        )
        .service(
            web::resource(r"/{account}/Conferences/{conference:[^/.]+}/Recordings/{recording}")
                .route(web::get().to(fetch))
                .route(web::post().to(update))
                .route(web::delete().to(delete)),
        );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let conference = conference_of(&request)?;
    known(&state, conference).await?;
    let query = Form::of_query(request.query_string())?;
    let created = bound(&query, "DateCreated")?;
    let filter = RecordingFilter { call_sid: None, conference_sid: Some(conference), created };
    list_of(&state, &query, &filter, &format!("/Conferences/{conference}/Recordings")).await
}

async fn fetch(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let record = of_conference(&state, &request).await?;
    Ok(HttpResponse::Ok().json(show(&record, &Writing::of(&state), &state)))
}

async fn update(
    state: web::Data<ApiState>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let steer = steer(&Form::of_body(body)?)?;
    let conference = conference_of(&request)?;
    let record = of_conference(&state, &request).await?;
    state.conferences.steer(conference, record.sid, steer).await?;
    let record = known_recording(&state, record.sid).await?;
    Ok(HttpResponse::Ok().json(show(&record, &Writing::of(&state), &state)))
}

async fn delete(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let record = of_conference(&state, &request).await?;
    delete_one(&state, record.sid).await
}

fn steer(form: &Form) -> Result<Steer, LamlError> {
    let skips = match form.get("PauseBehavior") {
        None | Some("silence") => false,
        Some("skip") => true,
        Some(_) => return Err(LamlError::bad(20422, "'PauseBehavior' must be silence or skip")),
    };
    match form.get("Status") {
        Some("paused") => Ok(if skips { Steer::PauseSkipping } else { Steer::Pause }),
        Some("in-progress") => Ok(Steer::Resume),
        Some("stopped") => Ok(Steer::Stop),
        _ => Err(LamlError::bad(20422, "'Status' must be paused, in-progress or stopped")),
    }
}

/// The recording that the path names, which must be of the conference that it names; `Twilio.CURRENT` is the one that runs.
async fn of_conference(state: &ApiState, request: &HttpRequest) -> Result<RecordingRecord, LamlError> {
    let conference = conference_of(request)?;
    let missing = || LamlError::not_found("Recording");
    let name = request.match_info().get("recording").unwrap_or_default();
    let sid: Sid = if name.trim_end_matches(".json") == "Twilio.CURRENT" {
        state.conferences.view(conference).await?.room.recording.ok_or_else(missing)?
    } else {
        name.trim_end_matches(".json").parse().map_err(|()| missing())?
    };
    let record = known_recording(state, sid).await?;
    if record.conference_sid == Some(conference) { Ok(record) } else { Err(missing()) }
}
