//! Who may ask: one guard before every route, so that a new route cannot be left open.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::ApiState;
use super::error::LamlError;
use crate::store::{ProjectState, secrets_equal};

/// Both are in use: one by the documents, one by client libraries. Pages name the first.
pub(super) const LAML_PREFIXES: [&str; 2] = ["/api/laml/2010-04-01", "/2010-04-01"];

/// A part of the API: its errors have one shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Laml,
    Relay,
    /// For people and for monitoring.
    Page,
}

impl Part {
    pub fn of(path: &str) -> Part {
        if path.starts_with("/api/laml/") || path.starts_with("/2010-04-01") {
            Part::Laml
        } else if path.starts_with("/api/") {
            Part::Relay
        } else {
            Part::Page
        }
    }
}

/// Credentials first, then whether the account in the path is this project's.
pub(super) async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(state) = request.app_data::<web::Data<ApiState>>().cloned() else {
        return Ok(request.into_response(HttpResponse::InternalServerError().finish()));
    };
    let refusal = refusal(&request, &state);
    let mut response = match refusal {
        Some(response) => request.into_response(response),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    state.metrics.api_request(response.status().as_u16());
    Ok(response)
}

fn refusal(request: &ServiceRequest, state: &ApiState) -> Option<HttpResponse> {
    let path = request.path();
    let public = matches!(path, "/healthz" | "/readyz") || (path == "/metrics" && state.options.metrics_public);
    if public {
        return None;
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|h| h.to_str().ok());
    if !header.is_some_and(|h| admits(h, state.store.project())) {
        return Some(unauthorized(Part::of(path)));
    }
    if let Some(account) = account_in(path)
        && !is_project(account, &state.store.project().project.id)
    {
        return Some(LamlError::not_found(path).error_response());
    }
    None
}

fn admits(header: &str, project: &ProjectState) -> bool {
    let Some((scheme, credentials)) = header.split_once(' ') else { return false };
    if !scheme.eq_ignore_ascii_case("basic") {
        return false;
    }
    let Ok(decoded) = STANDARD.decode(credentials.trim()) else { return false };
    let Ok(text) = String::from_utf8(decoded) else { return false };
    let Some((user, token)) = text.split_once(':') else { return false };
    // Both are always looked at.
    is_project(user, &project.project.id) & project.accepts_token(token)
}

/// The project id, or `AC` before it as some client libraries write it.
pub(super) fn is_project(name: &str, id: &str) -> bool {
    let bare = name.strip_prefix("AC").unwrap_or(name);
    secrets_equal(bare.to_ascii_lowercase().as_bytes(), id.as_bytes())
}

/// The account a Compatibility path is about.
fn account_in(path: &str) -> Option<&str> {
    let rest = LAML_PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix))?;
    let account = rest.strip_prefix("/Accounts/")?.split('/').next()?;
    Some(account.strip_suffix(".json").unwrap_or(account))
}

fn unauthorized(part: Part) -> HttpResponse {
    let mut response = match part {
        Part::Laml => LamlError::new(401, 20003, "Authenticate").error_response(),
        Part::Relay => HttpResponse::Unauthorized().json(json!({"error": "Unauthorized"})),
        Part::Page => HttpResponse::Unauthorized()
            .content_type("text/plain; charset=utf-8")
            .body("Sign in with project id and token\n"),
    };
    let challenge = HeaderValue::from_static("Basic realm=\"Tandem\", charset=\"UTF-8\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}
