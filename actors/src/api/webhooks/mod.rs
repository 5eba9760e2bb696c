//! Tandem's own: what a call asked of customers' servers and what they answered. What people debug with.

use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};
use tandem_model::Sid;

use super::ApiState;
use super::error::RelayError;
use crate::store::{StoreError, WebhookEntry};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource("/api/tandem/calls/{sid}/webhooks").route(web::get().to(list)));
}

async fn list(state: web::Data<ApiState>, sid: web::Path<String>) -> Result<HttpResponse, RelayError> {
    let sid = sid.parse().map_err(|()| RelayError::NotFound)?;
    let entries = of_call(&state, sid).await?;
    Ok(HttpResponse::Ok().json(json!({ "data": entries.iter().map(show).collect::<Vec<_>>() })))
}

/// The log of a call that exists, oldest first.
pub(super) async fn of_call(state: &ApiState, sid: Sid) -> Result<Vec<WebhookEntry>, StoreError> {
    if state.calls.live(sid).is_none() {
        state.store.call(sid).await?.ok_or(StoreError::NotFound)?;
    }
    state.store.webhooks(sid).await
}

fn show(entry: &WebhookEntry) -> Value {
    let object = |pairs: &[(String, String)]| -> Map<String, Value> {
        pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
    };
    json!({
        "at": entry.at.rfc3339(),
        "kind": entry.kind.as_str(),
        "attempt": entry.attempt,
        "idempotency_token": entry.token,
        "request": {
            "method": entry.method,
            "url": entry.url,
            "params": object(&entry.params),
            "redirected_to": entry.final_url,
        },
        "response": entry.status.map(|status| json!({
            "status": status,
            "headers": object(&entry.response_headers),
            "body": entry.response_body,
            "bytes": entry.response_bytes,
            "from": entry.remote,
        })),
        "timings": {
            "queued_ms": entry.timings.queued_ms,
            "dns_ms": entry.timings.dns_ms,
            "first_byte_ms": entry.timings.first_byte_ms,
            "total_ms": entry.timings.total_ms,
        },
        "error": entry.error.as_ref().map(|e| json!({"code": e.code, "message": e.message})),
    })
}
