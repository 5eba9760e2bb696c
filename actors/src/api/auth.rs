//! Who may ask: one guard before every route, so that a new route cannot be left open.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tandem_model::{Sid, limits};
use tandem_sip::auth::LoginGuard;

use super::ApiState;
use super::error::LamlError;
use crate::store::secrets_equal;
use crate::world::{Clock, SystemEntropy};

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
    let part = Part::of(request.path());
    let refusal = refusal(&request, &state);
    // Who is refused uses up nothing of what others may do.
    let left = state.rate.take(refusal.is_none() && part != Part::Page, request.method());
    let refusal = refusal.or_else(|| left.refusal(|secs| too_many(part, "changes were asked for", secs)));
    let mut response = match refusal {
        Some(response) => request.into_response(response),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if part != Part::Page {
        left.write(headers);
    }
    state.metrics.api_request(response.status().as_u16());
    Ok(response)
}

fn refusal(request: &ServiceRequest, state: &ApiState) -> Option<HttpResponse> {
    let path = request.path();
    let public = matches!(path, "/healthz" | "/readyz")
        || (path == "/metrics" && state.options.metrics_public)
        || path.starts_with(crate::bins::PATH)
        || is_media(request.method(), path, state);
    if public {
        return None;
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|h| h.to_str().ok());
    let Some((user, token)) = header.and_then(credentials) else { return Some(unauthorized(Part::of(path))) };
    let peer = request.peer_addr().map(|peer| peer.ip());
    if !state.logins.allows(peer, &user) {
        let wait = limits::LOGIN_FORGIVEN_USER_EVERY.as_secs();
        return Some(too_many(Part::of(path), "wrong credentials came from there", wait));
    }
    let project = state.store.project();
    // Both are always looked at.
    let right = is_project(&user, &project.project.id) & project.accepts_token(&token);
    state.logins.judged(peer, &user, right);
    if !right {
        return Some(unauthorized(Part::of(path)));
    }
    if let Some(account) = account_in(path)
        && !is_project(account, &state.store.project().project.id)
    {
        return Some(LamlError::not_found(path).error_response());
    }
    None
}

/// A recording's file, which whoever knows its name may hear unless the project says otherwise (laml.md 3.7).
fn is_media(method: &Method, path: &str, state: &ApiState) -> bool {
    let below = || {
        let rest = LAML_PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix))?;
        let (account, below) = rest.strip_prefix("/Accounts/")?.split_once('/')?;
        is_project(account, &state.store.project().project.id).then_some(below)
    };
    let name = below().and_then(|below| below.strip_prefix("Recordings/"));
    let is_file = name.is_some_and(|name| {
        let sid = name.strip_suffix(".wav").or_else(|| name.strip_suffix(".mp3")).unwrap_or(name);
        sid.parse::<Sid>().is_ok()
    });
    *method == Method::GET && is_file && !state.store.catalog().media_protected
}

/// User and token of basic credentials.
fn credentials(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (user, token) = text.split_once(':')?;
    Some((user.to_owned(), token.to_owned()))
}

/// Slows down who guesses the token. Whoever comes from this machine is a proxy in front of it, or at home: for others a
/// proxy speaks, and has to do this itself.
#[derive(Clone)]
pub struct Logins {
    guard: Arc<Mutex<LoginGuard>>,
    clock: Clock,
}

impl Logins {
    pub fn new(clock: Clock) -> Self {
        Logins { guard: Arc::new(Mutex::new(LoginGuard::new(&mut SystemEntropy::new()))), clock }
    }

    fn allows(&self, peer: Option<IpAddr>, user: &str) -> bool {
        let Some(peer) = peer.filter(|p| !p.to_canonical().is_loopback()) else { return true };
        self.lock().allows(self.clock.now(), peer, user)
    }

    fn judged(&self, peer: Option<IpAddr>, user: &str, right: bool) {
        if let Some(peer) = peer.filter(|p| !p.to_canonical().is_loopback()) {
            self.lock().judged(self.clock.now(), peer, user, right);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LoginGuard> {
        // No code panics while it holds this lock; the counts would be good even so.
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 6585 section 4.
fn too_many(part: Part, what: &str, wait_secs: u64) -> HttpResponse {
    let mut response = match part {
        Part::Laml => LamlError::new(429, 20429, "Too many requests").error_response(),
        Part::Relay => HttpResponse::TooManyRequests().json(json!({"error": "Too Many Requests"})),
        Part::Page => {
            HttpResponse::TooManyRequests().content_type("text/plain; charset=utf-8").body(format!("Too many {what}\n"))
        }
    };
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait_secs));
    response
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
