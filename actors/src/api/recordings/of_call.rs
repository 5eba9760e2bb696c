use actix_web::{Error, HttpRequest, HttpResponse, web};
use tandem_media::record::Pause;
use tandem_model::Sid;

use super::{delete_one, known, list_of, parse_sid, show};
use crate::api::body::Form;
use crate::api::calls::{known as known_call, parse_sid as parse_call};
use crate::api::error::LamlError;
use crate::api::fields::is_web_url;
use crate::api::laml_page::bound;
use crate::api::writing::Writing;
use crate::api::{ApiState, RecordingCallback, RecordingChange, RecordingEvents, RecordingName, StartRecording};
use crate::store::{CallStatus, RecordingFilter, RecordingRecord, RecordingTrack};

pub(in crate::api) fn call_routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/Calls/{call:[^/.]+}/Recordings{json:(\.json)?}")
                .route(web::get().to(list))
                .route(web::post().to(start)),
        )
        .service(
            web::resource(r"/{account}/Calls/{call:[^/.]+}/Recordings/{sid}")
                .route(web::get().to(fetch))
                .route(web::post().to(update))
                .route(web::delete().to(delete)),
        );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let call = call_of(&request)?;
    known_call(&state, call).await?;
    let query = Form::of_query(request.query_string())?;
    let created = bound(&query, "DateCreated")?;
    let filter = RecordingFilter { call_sid: Some(call), conference_sid: None, created };
    list_of(&state, &query, &filter, &format!("/Calls/{call}/Recordings")).await
}

async fn start(
    state: web::Data<ApiState>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let call = call_of(&request)?;
    let what = settings(&Form::of_body(body)?, false)?;
    in_progress(&state, call).await?;
    let record = state.calls.start_recording(call, what).await?;
    Ok(HttpResponse::Created().json(show(&record, &Writing::of(&state), &state)))
}

async fn fetch(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let record = of_call(&state, &request).await?;
    Ok(HttpResponse::Ok().json(show(&record, &Writing::of(&state), &state)))
}

async fn update(
    state: web::Data<ApiState>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let call = call_of(&request)?;
    let change = change(&Form::of_body(body)?)?;
    let name = match name_of(&request) {
        "Twilio.CURRENT" => RecordingName::Current,
        _ => RecordingName::Sid(of_call(&state, &request).await?.sid),
    };
    in_progress(&state, call).await?;
    let record = state.calls.update_recording(call, name, change).await?;
    Ok(HttpResponse::Ok().json(show(&record, &Writing::of(&state), &state)))
}

async fn delete(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let record = of_call(&state, &request).await?;
    delete_one(&state, record.sid).await
}

/// What to record, and whom to tell. `trim` is the default, which differs from one place to the other (laml.md 3.6, 3.7).
pub(in crate::api) fn settings(form: &Form, trim: bool) -> Result<StartRecording, LamlError> {
    let channels = match form.get("RecordingChannels") {
        None | Some("mono") => 1,
        Some("dual") => 2,
        Some(_) => return Err(LamlError::bad(20422, "'RecordingChannels' must be mono or dual")),
    };
    let track = match form.get("RecordingTrack") {
        None => RecordingTrack::Both,
        Some(name) => RecordingTrack::from_name(name)
            .ok_or_else(|| LamlError::bad(20422, "'RecordingTrack' must be inbound, outbound or both"))?,
    };
    let trim = match form.get("Trim") {
        None => trim,
        Some("trim-silence") => true,
        Some("do-not-trim") => false,
        Some(_) => return Err(LamlError::bad(13699, "'Trim' must be trim-silence or do-not-trim")),
    };
    Ok(StartRecording { channels, track, trim, status_callback: callback(form)? })
}

fn callback(form: &Form) -> Result<Option<RecordingCallback>, LamlError> {
    let method = crate::api::calls::method(form, "RecordingStatusCallbackMethod", 21209)?;
    let mut events = RecordingEvents { in_progress: false, completed: false, absent: false };
    let mut named = false;
    for event in form.all("RecordingStatusCallbackEvent").flat_map(str::split_whitespace) {
        named = true;
        match event {
            "in-progress" => events.in_progress = true,
            "completed" => events.completed = true,
            "absent" => events.absent = true,
            _ => {
                let what = format!("'RecordingStatusCallbackEvent' {event:?} is not known");
                return Err(LamlError::bad(13621, what));
            }
        }
    }
    events.completed |= !named;
    match form.get("RecordingStatusCallback") {
        None => Ok(None),
        Some(url) if is_web_url(url) => Ok(Some(RecordingCallback { url: url.to_owned(), method, events })),
        Some(_) => Err(LamlError::bad(21402, "'RecordingStatusCallback' is not a valid http or https URL")),
    }
}

fn change(form: &Form) -> Result<RecordingChange, LamlError> {
    let pause = match form.get("PauseBehavior") {
        None | Some("silence") => Pause::Silence,
        Some("skip") => Pause::Skip,
        Some(_) => return Err(LamlError::bad(20422, "'PauseBehavior' must be silence or skip")),
    };
    match form.get("Status") {
        Some("paused") => Ok(RecordingChange::Pause(pause)),
        Some("in-progress") => Ok(RecordingChange::Resume),
        Some("stopped") => Ok(RecordingChange::Stop),
        _ => Err(LamlError::bad(20422, "'Status' must be paused, in-progress or stopped")),
    }
}

/// The recording that the path names, which must be of the call that it names.
async fn of_call(state: &ApiState, request: &HttpRequest) -> Result<RecordingRecord, LamlError> {
    let call = call_of(request)?;
    let record = known(state, parse_sid(name_of(request))?).await?;
    if record.call_sid == Some(call) { Ok(record) } else { Err(super::not_found(record.sid)) }
}

/// Only calls in progress are recorded.
async fn in_progress(state: &ApiState, call: Sid) -> Result<(), LamlError> {
    match known_call(state, call).await?.status {
        CallStatus::InProgress => Ok(()),
        _ => Err(LamlError::bad(21220, "The call is not in progress: it cannot be recorded")),
    }
}

fn call_of(request: &HttpRequest) -> Result<Sid, LamlError> {
    parse_call(request.match_info().get("call").unwrap_or_default())
}

fn name_of(request: &HttpRequest) -> &str {
    let name = request.match_info().get("sid").unwrap_or_default();
    name.strip_suffix(".json").unwrap_or(name)
}
