//! Compatibility Queues and their Members: `/Accounts/{AccountSid}/Queues` (laml.md 3.10). What they are comes from
//! [`QueueControl`].

mod control;
mod members;

pub use control::{QueueControl, QueueControlError};

use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tandem_call::room::queue::{DeskError, QueueView};
use tandem_model::{Sid, limits};

use super::ApiState;
use super::auth::LAML_PREFIXES;
use super::body::Form;
use super::error::LamlError;
use super::laml_page::PageAsked;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/Queues{json:(\.json)?}")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource(r"/{account}/Queues/{sid:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::post().to(change))
                .route(web::delete().to(remove)),
        )
        .configure(members::routes);
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(request.query_string())?;
    let asked = PageAsked::of(&query)?;
    let queues = state.queues.list().await?;
    let base = path(&state);
    let show = |queue: &QueueView| show(queue, &state);
    Ok(HttpResponse::Ok().json(asked.of_all(&base, "queues", &queues, |q| q.record.sid, show)))
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let name = name(&form)?.ok_or_else(|| LamlError::bad(20002, "'FriendlyName' is required"))?;
    let queue = state.queues.create(name, size_max(&form)?).await?;
    Ok(HttpResponse::Created().json(show(&queue, &state)))
}

async fn fetch(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let queue = state.queues.queue(sid(&path.1)?).await?;
    Ok(HttpResponse::Ok().json(show(&queue, &state)))
}

async fn change(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let form = Form::of_body(body)?;
    let queue = state.queues.change(sid(&path.1)?, name(&form)?, size_max(&form)?).await?;
    Ok(HttpResponse::Ok().json(show(&queue, &state)))
}

async fn remove(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    state.queues.remove(sid(&path.1)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Word characters alone. Documents may name queues as they like.
fn name(form: &Form) -> Result<Option<String>, LamlError> {
    let Some(name) = form.get("FriendlyName") else { return Ok(None) };
    let fits = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !fits || name.chars().count() > limits::QUEUE_NAME_CHARS_MAX {
        let most = limits::QUEUE_NAME_CHARS_MAX;
        return Err(LamlError::bad(
            20002,
            format!("'FriendlyName' must be 1 to {most} letters, digits and underscores"),
        ));
    }
    Ok(Some(name.to_owned()))
}

fn size_max(form: &Form) -> Result<Option<u32>, LamlError> {
    let most = u32::try_from(limits::QUEUE_MEMBERS_MAX).unwrap_or(u32::MAX);
    let Some(text) = form.get("MaxSize") else { return Ok(None) };
    let size = text.parse().ok().filter(|n| (1..=most).contains(n));
    size.map(Some).ok_or_else(|| LamlError::bad(20422, format!("'MaxSize' must be an integer of 1 to {most}")))
}

/// The documented fields.
fn show(queue: &QueueView, state: &ApiState) -> Value {
    let record = &queue.record;
    json!({
        "sid": record.sid.to_string(),
        "account_sid": state.store.project().project.id,
        "friendly_name": record.name,
        "max_size": record.size_max,
        "current_size": queue.size,
        "average_wait_time": queue.average_wait.as_secs(),
        "date_created": record.created.rfc2822(),
        "date_updated": record.updated.rfc2822(),
        "api_version": "2010-04-01",
        "uri": format!("{}/{}", path(state), record.sid),
    })
}

fn path(state: &ApiState) -> String {
    format!("{}/Accounts/{}/Queues", LAML_PREFIXES[0], state.store.project().project.id)
}

fn sid(text: &str) -> Result<Sid, LamlError> {
    text.parse().map_err(|()| LamlError::not_found("Queue"))
}

impl From<QueueControlError> for LamlError {
    fn from(error: QueueControlError) -> Self {
        match error {
            QueueControlError::Refused(DeskError::NoQueue) => LamlError::not_found("Queue"),
            QueueControlError::Refused(DeskError::NoMember) => LamlError::not_found("Member"),
            QueueControlError::Refused(DeskError::NameTaken) => {
                LamlError::bad(20002, "'FriendlyName' is taken by another queue")
            }
            QueueControlError::Refused(DeskError::NotEmpty) => {
                LamlError::new(422, 10000, "The queue is in use: it cannot be deleted")
            }
            QueueControlError::Refused(DeskError::TooMany) => {
                LamlError::new(429, 20429, format!("There are {} queues already", limits::QUEUES_MAX))
            }
            QueueControlError::Unavailable => {
                LamlError { retry_after: Some(1), ..LamlError::new(503, 20503, "Queues are not available") }
            }
        }
    }
}
