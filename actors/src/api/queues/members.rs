use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tandem_call::room::queue::{MemberView, Whom};
use tandem_laml::instruction::Method;

use crate::api::ApiState;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::fields::is_web_url;
use crate::api::laml_page::PageAsked;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(r"/{account}/Queues/{sid:[^/.]+}/Members{json:(\.json)?}").route(web::get().to(list)))
        .service(
            web::resource(r"/{account}/Queues/{sid:[^/.]+}/Members/{member:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::post().to(dequeue)),
        );
}

async fn list(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, LamlError> {
    let sid = super::sid(&path.1)?;
    let query = Form::of_query(request.query_string())?;
    let asked = PageAsked::of(&query)?;
    let members = state.queues.members(sid).await?;
    let base = format!("{}/{sid}/Members", super::path(&state));
    let show = |member: &MemberView| show(member, &state);
    Ok(HttpResponse::Ok().json(asked.of_all(&base, "queue_members", &members, |m| m.call_sid, show)))
}

async fn fetch(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let member = state.queues.member(super::sid(&path.1)?, whom(&path.2)?).await?;
    Ok(HttpResponse::Ok().json(show(&member, &state)))
}

async fn dequeue(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let url = form.get("Url").filter(|url| is_web_url(url));
    let url = url.ok_or_else(|| LamlError::bad(11100, "'Url' must be an http or https URL"))?.to_owned();
    let method = match form.get("Method") {
        None => Method::Post,
        Some(m) if m.eq_ignore_ascii_case("POST") => Method::Post,
        Some(m) if m.eq_ignore_ascii_case("GET") => Method::Get,
        Some(_) => return Err(LamlError::bad(13221, "'Method' must be GET or POST")),
    };
    let member = state.queues.redirect(super::sid(&path.1)?, whom(&path.2)?, url, method).await?;
    Ok(HttpResponse::Ok().json(show(&member, &state)))
}

fn whom(text: &str) -> Result<Whom, LamlError> {
    match text {
        "Front" => Ok(Whom::Front),
        sid => sid.parse().map(Whom::Call).map_err(|()| LamlError::not_found("Member")),
    }
}

/// The documented fields.
fn show(member: &MemberView, state: &ApiState) -> Value {
    json!({
        "call_sid": member.call_sid.to_string(),
        "account_sid": state.store.project().project.id,
        "queue_sid": member.queue.to_string(),
        "date_enqueued": member.joined.rfc2822(),
        "position": member.position,
        "wait_time": member.waited.as_secs(),
        "member_type": "laml_call",
        "uri": format!("{}/{}/Members/{}", super::path(state), member.queue, member.call_sid),
    })
}
