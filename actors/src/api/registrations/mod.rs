//! `/api/tandem/registrations`: who is registered where, and out with one. Tandem's own.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::control::ContactView;
use super::endpoints::parse_id;
use super::error::RelayError;
use super::{ApiState, page};

const PATH: &str = "/api/tandem/registrations";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(PATH).route(web::get().to(list))).service(
        web::resource("/api/tandem/registrations/{id}").route(web::get().to(fetch)).route(web::delete().to(delete)),
    );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, RelayError> {
    let query = request.query_string();
    let username = page::filter(query, "filter_username")?;
    let reachable = page::flag(query, "filter_reachable")?;
    let mut contacts = state.registrations.all();
    contacts.retain(|c| {
        username.as_ref().is_none_or(|u| c.username.contains(u)) && reachable.is_none_or(|r| r == c.reachable)
    });
    let contacts = contacts.into_iter().map(Arc::new).collect();
    let filters = ["filter_username", "filter_reachable"];
    let body = page::list(PATH, query, &filters, contacts, |c: &ContactView| c.id, show)?;
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    let id = parse_id(&id)?;
    let contact = state.registrations.all().into_iter().find(|c| c.id == id).ok_or(RelayError::NotFound)?;
    Ok(HttpResponse::Ok().json(show(&contact)))
}

/// The phone is not told; it comes back at its next refresh, unless its endpoint is gone too.
async fn delete(state: web::Data<ApiState>, id: web::Path<String>) -> Result<HttpResponse, RelayError> {
    match state.registrations.remove(parse_id(&id)?).await {
        Ok(true) => Ok(HttpResponse::NoContent().finish()),
        Ok(false) => Err(RelayError::NotFound),
        Err(error) => {
            tracing::error!(error, "a registration was not removed");
            Err(RelayError::Unavailable)
        }
    }
}

pub(super) fn show(c: &ContactView) -> Value {
    json!({
        "id": c.id.to_string(),
        "username": c.username,
        "uri": c.uri,
        "transport": c.transport,
        "source": c.source,
        "user_agent": c.user_agent,
        "instance": c.instance,
        "reg_id": c.reg_id,
        "path": c.path,
        "q": f64::from(c.q_thousandths) / 1_000.0,
        "behind_nat": c.behind_nat,
        "reachable": c.reachable,
        "refreshed_at": c.refreshed.rfc3339(),
        "expires_secs": c.expires_secs,
    })
}
