//! Compatibility Notifications: warnings and errors of calls' documents and webhooks, each with the request it is about.

mod list;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tandem_model::Sid;
use url::form_urlencoded::Serializer;

use super::ApiState;
use super::auth::LAML_PREFIXES;
use super::error::LamlError;
use crate::store::{EventLevel, NotificationRecord};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(r"/{account}/Notifications{json:(\.json)?}").route(web::get().to(list_all)))
        .service(web::resource(r"/{account}/Notifications/{sid:[^/.]+}{json:(\.json)?}").route(web::get().to(fetch)))
        .service(
            web::resource(r"/{account}/Calls/{call:[^/.]+}/Notifications{json:(\.json)?}")
                .route(web::get().to(list_of_call)),
        )
        .service(
            web::resource(r"/{account}/Calls/{call:[^/.]+}/Notifications/{sid:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch_of_call)),
        );
}

async fn list_all(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    Ok(HttpResponse::Ok().json(list::page(&state, request.query_string(), None).await?))
}

async fn list_of_call(
    state: web::Data<ApiState>,
    request: HttpRequest,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let call = known_call(&state, &path.1).await?;
    Ok(HttpResponse::Ok().json(list::page(&state, request.query_string(), Some(call)).await?))
}

async fn fetch(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let record = known(&state, &path.1).await?;
    Ok(HttpResponse::Ok().json(show(&record, &state)))
}

async fn fetch_of_call(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let call = known_call(&state, &path.1).await?;
    let record = known(&state, &path.2).await?;
    if record.event.call_sid != call {
        return Err(LamlError::not_found(format_args!("Notification {}", path.2)));
    }
    Ok(HttpResponse::Ok().json(show(&record, &state)))
}

async fn known(state: &ApiState, sid: &str) -> Result<NotificationRecord, LamlError> {
    let missing = || LamlError::not_found(format_args!("Notification {sid}"));
    let seq = sid.parse().ok().and_then(seq_of).ok_or_else(missing)?;
    state.store.notification(seq).await?.ok_or_else(missing)
}

async fn known_call(state: &ApiState, sid: &str) -> Result<Sid, LamlError> {
    let missing = || LamlError::not_found(format_args!("Call {sid}"));
    let sid: Sid = sid.parse().map_err(|()| missing())?;
    if state.calls.live(sid).is_none() {
        state.store.call(sid).await?.ok_or_else(missing)?;
    }
    Ok(sid)
}

/// A notification's id is its place in the log, written as a UUID of our own making (RFC 9562 section 5.8).
fn sid_of(seq: i64) -> Sid {
    let mut bytes = [0; 16];
    bytes[6] = 0x80;
    bytes[8] = 0x80;
    bytes[9..].copy_from_slice(&seq.max(0).to_be_bytes()[1..]);
    Sid::from_bytes(bytes)
}

fn seq_of(sid: Sid) -> Option<i64> {
    let mut seq = [0; 8];
    seq[1..].copy_from_slice(&sid.as_bytes()[9..]);
    let seq = i64::from_be_bytes(seq);
    (sid_of(seq) == sid).then_some(seq)
}

/// As published client libraries read it. `log` is 0 for errors, 1 for warnings.
fn show(record: &NotificationRecord, state: &ApiState) -> Value {
    let (event, webhook) = (&record.event, record.webhook.as_ref());
    let account = &state.store.project().project.id;
    let sid = sid_of(record.seq);
    let date = event.at.rfc2822();
    let level = if event.level == EventLevel::Error { "0" } else { "1" };
    let place = event.line.map(|line| format!(" (line {line})")).unwrap_or_default();
    json!({
        "sid": sid.to_string(),
        "account_sid": account,
        "call_sid": event.call_sid.to_string(),
        "log": level,
        "error_code": event.code.to_string(),
        "more_info": format!("/docs/errors#{}", event.code),
        "message_text": format!("{}{place}", event.message),
        "message_date": date,
        "request_url": webhook.map(|w| &w.url),
        "request_method": webhook.map(|w| &w.method),
        "request_variables": webhook.map(|w| pairs(&w.params)),
        "response_body": webhook.map(|w| &w.response_body),
        "response_headers": webhook.map(|w| pairs(&w.response_headers)),
        "date_created": date,
        "date_updated": date,
        "api_version": "2010-04-01",
        "uri": format!("{}/Accounts/{account}/Notifications/{sid}", LAML_PREFIXES[0]),
    })
}

fn pairs(pairs: &[(String, String)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_log_has_an_id_and_no_other_id_has_a_place() {
        for seq in [0, 1, 77, i64::from(u32::MAX), (1 << 56) - 1] {
            assert_eq!(seq_of(sid_of(seq)), Some(seq));
        }
        assert_eq!(seq_of("6bfbbe86-a901-4197-8759-2a0de1fa319d".parse().unwrap()), None);
    }
}
