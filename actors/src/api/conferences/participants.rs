use actix_web::{Error, HttpRequest, HttpResponse, web};
use tandem_call::room::conference::{MemberChange, MemberView};
use tandem_laml::Dialect;
use tandem_laml::instruction::{Beep, Method, WaitMusic};
use tandem_model::{CallSid, Sid};

use super::{ConferenceView, boolean, conference_of, create, known, method, show, web_url};
use crate::api::ApiState;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::laml_page::PageAsked;
use crate::api::writing::Writing;
use crate::store::ConferenceStatus;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/Conferences/{conference:[^/.]+}/Participants{json:(\.json)?}")
                .route(web::get().to(list))
                .route(web::post().to(add)),
        )
        .service(
            web::resource(r"/{account}/Conferences/{conference:[^/.]+}/Participants/{call:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::post().to(update))
                .route(web::delete().to(remove)),
        );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let conference = conference_of(&request)?;
    let query = Form::of_query(request.query_string())?;
    let (muted, hold) = (boolean(&query, "Muted")?, boolean(&query, "Hold")?);
    let mut members = members(&state, conference).await?;
    members.retain(|m| muted.is_none_or(|muted| m.muted == muted) && hold.is_none_or(|hold| m.hold == hold));
    members.reverse();
    let writing = Writing::of(&state);
    let uri = writing.path(&format!("/Conferences/{conference}/Participants"));
    let show = |m: &MemberView| show::participant(m, conference, &writing);
    let body = PageAsked::of(&query)?.of_all(&uri, "participants", &members, |m| m.call, show);
    Ok(HttpResponse::Ok().json(body))
}

/// The twilio dialect's: calls somebody and puts them in (laml.md 3.9).
async fn add(
    state: web::Data<ApiState>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let writing = Writing::of(&state);
    if writing.dialect != Dialect::Twilio {
        return Err(LamlError::new(404, 10001, "Participants are created with the twilio dialect alone"));
    }
    if state.calls.draining() {
        return Err(LamlError::draining());
    }
    create::create(&state, &request, &Form::of_body(body)?, &writing).await
}

async fn fetch(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let (conference, call) = (conference_of(&request)?, call_of(&request)?);
    let members = members(&state, conference).await?;
    answer(&state, conference, call, &members)
}

async fn update(
    state: web::Data<ApiState>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let (conference, call) = (conference_of(&request)?, call_of(&request)?);
    let change = change(&Form::of_body(body)?)?;
    known(&state, conference).await?;
    let ConferenceView { members, .. } = state.conferences.change(conference, call, change).await?;
    answer(&state, conference, call, &members)
}

async fn remove(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let (conference, call) = (conference_of(&request)?, call_of(&request)?);
    known(&state, conference).await?;
    state.conferences.kick(conference, call).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn answer(state: &ApiState, conference: Sid, call: CallSid, members: &[MemberView]) -> Result<HttpResponse, LamlError> {
    let member = members.iter().find(|m| m.call == call);
    let member = member.ok_or_else(|| LamlError::not_found(format_args!("Participant {call}")))?;
    Ok(HttpResponse::Ok().json(show::participant(member, conference, &Writing::of(state))))
}

/// Nobody is in a conference that is over.
async fn members(state: &ApiState, conference: Sid) -> Result<Vec<MemberView>, LamlError> {
    if known(state, conference).await?.status == ConferenceStatus::Completed {
        return Ok(Vec::new());
    }
    match state.conferences.view(conference).await {
        Ok(view) => Ok(view.members),
        // It ended between the two looks.
        Err(gone) if gone.status == 404 => Ok(Vec::new()),
        Err(other) => Err(other.into()),
    }
}

fn change(form: &Form) -> Result<MemberChange, LamlError> {
    let music = |url: &str, by: &str, default| -> Result<Option<WaitMusic>, LamlError> {
        let method = method(form, by, default)?;
        // What was sent empty is silence.
        let is_empty = form.pairs().iter().any(|(name, value)| name == url && value.is_empty());
        let given = web_url(form, url)?;
        Ok(given.map(|url| WaitMusic::Document(url, method)).or(is_empty.then_some(WaitMusic::Silence)))
    };
    let coached = form
        .get("CallSidToCoach")
        .map(|sid| sid.parse().map_err(|()| LamlError::bad(13240, "'CallSidToCoach' is no participant")))
        .transpose()?;
    let coaching = match (boolean(form, "Coaching")?, coached) {
        (Some(false), _) => Some(None),
        (Some(true), None) => return Err(LamlError::bad(13240, "'CallSidToCoach' is required to coach")),
        (None | Some(true), Some(sid)) => Some(Some(sid)),
        (None, None) => None,
    };
    let announce_method = method(form, "AnnounceMethod", Method::Post)?;
    Ok(MemberChange {
        muted: boolean(form, "Muted")?,
        hold: boolean(form, "Hold")?,
        hold_music: music("HoldUrl", "HoldMethod", Method::Get)?,
        wait: music("WaitUrl", "WaitMethod", Method::Post)?,
        announce: web_url(form, "AnnounceUrl")?.map(|url| (url, announce_method)),
        coaching,
        end_on_exit: boolean(form, "EndConferenceOnExit")?,
        beep: boolean(form, "BeepOnExit")?.map(|beep| if beep { Beep::Exit } else { Beep::Never }),
    })
}

fn call_of(request: &HttpRequest) -> Result<CallSid, LamlError> {
    let text = request.match_info().get("call").unwrap_or_default();
    text.parse().map_err(|()| LamlError::not_found("Participant"))
}
