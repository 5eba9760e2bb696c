//! Pages for people: endpoints and where they are, carriers, recent calls; applications, bins, numbers, recordings. Plain HTML and forms.

mod call;
mod html;
mod resources;

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use actix_web::{Error, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde_json::{Map, Value};

use super::ApiState;
use super::body::Form;
use super::calls::recent;
use super::endpoints::{create_from, parse_id};
use super::error::RelayError;
use super::webhooks::of_call;
use crate::store::StoreError;

const RECENT_CALLS: u32 = 25;
const ENDPOINTS_SHOWN: usize = 500;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(page))
        .route("/dashboard/calls/{sid}", web::get().to(call_page))
        .route("/dashboard/endpoints", web::post().to(create_endpoint))
        .route("/dashboard/endpoints/{id}/delete", web::post().to(delete_endpoint))
        .configure(resources::routes);
}

async fn page(state: web::Data<ApiState>) -> HttpResponse {
    render(&state, &[]).await
}

async fn call_page(state: web::Data<ApiState>, sid: web::Path<String>) -> HttpResponse {
    let shown = async {
        let sid = sid.parse().map_err(|()| StoreError::NotFound)?;
        let webhooks = of_call(&state, sid).await?;
        let view = match state.calls.live(sid) {
            Some(view) => view,
            None => state.store.call(sid).await?.ok_or(StoreError::NotFound)?,
        };
        Ok::<_, StoreError>(call::page(&view, &state.store.call_events(sid).await?, &webhooks))
    };
    match shown.await {
        Ok(body) => html_page(HttpResponse::Ok(), body),
        Err(StoreError::NotFound) => {
            HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("Not found\n")
        }
        Err(_) => store_silent(),
    }
}

async fn create_endpoint(
    state: web::Data<ApiState>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> HttpResponse {
    if !is_same_origin(request.headers()) {
        return foreign();
    }
    let Ok(form) = Form::of_body(body) else {
        return HttpResponse::BadRequest().content_type("text/plain; charset=utf-8").body("The form does not read\n");
    };
    let mut sent = Map::new();
    for name in ["username", "password", "caller_id"] {
        if let Some(value) = form.get(name) {
            sent.insert(name.into(), Value::from(value));
        }
    }
    match create_from(&state, sent).await {
        Ok(_) => back(),
        Err(RelayError::Invalid(fields)) => {
            let lines: Vec<String> = fields.into_iter().map(|f| f.detail).collect();
            render(&state, &lines).await
        }
        Err(_) => render(&state, &["The endpoint could not be stored. Try again.".into()]).await,
    }
}

async fn delete_endpoint(state: web::Data<ApiState>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    if !is_same_origin(request.headers()) {
        return foreign();
    }
    let Ok(id) = parse_id(&id) else {
        return HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("Not found\n");
    };
    match state.store.delete_endpoint(id).await {
        Ok(()) => back(),
        Err(e) => render(&state, &[format!("The endpoint was not deleted: {e}")]).await,
    }
}

/// Whether a form was sent from this page. Browsers tell in one of two headers and keep scripts from setting them;
/// a request with neither does not come from a browser's form.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    if let Some(site) = text(HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let (Some(origin), Some(host)) = (text(ORIGIN), text(HOST)) else { return false };
    origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
}

fn foreign() -> HttpResponse {
    HttpResponse::Forbidden()
        .content_type("text/plain; charset=utf-8")
        .body("This form must be sent from the dashboard itself\n")
}

fn back() -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish()
}

async fn render(state: &ApiState, problems: &[String]) -> HttpResponse {
    let Ok(calls) = recent(state, RECENT_CALLS).await else {
        return store_silent();
    };
    let catalog = state.store.catalog();
    let contacts = |username: &str| state.registrations.contacts(&username.to_ascii_lowercase());
    let body = html::page(&catalog, &contacts, &*state.carriers, &calls, problems, ENDPOINTS_SHOWN);
    secured(body, problems)
}

/// A page, with what was wrong with the form it answers.
fn secured(body: String, problems: &[String]) -> HttpResponse {
    html_page(if problems.is_empty() { HttpResponse::Ok() } else { HttpResponse::UnprocessableEntity() }, body)
}

fn store_silent() -> HttpResponse {
    HttpResponse::InternalServerError().content_type("text/plain; charset=utf-8").body("The store does not answer\n")
}

/// A page, which nothing but itself may put to use.
fn html_page(mut response: HttpResponseBuilder, body: String) -> HttpResponse {
    response
        .insert_header((
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ))
        .insert_header((X_FRAME_OPTIONS, HeaderValue::from_static("DENY")))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("same-origin")))
        .content_type("text/html; charset=utf-8")
        .body(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_from_elsewhere_are_told_apart() {
        for (headers, same) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "https://sw.example.com"), ("host", "sw.example.com")], true),
            (&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")], true),
            (&[("origin", "http://evil.example.com"), ("host", "sw.example.com")], false),
            (&[("origin", "null"), ("host", "sw.example.com")], false),
            (&[("host", "sw.example.com")], false),
            (&[], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(is_same_origin(&map), same, "{headers:?}");
        }
    }
}
