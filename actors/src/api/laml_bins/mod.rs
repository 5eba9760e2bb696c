//! Compatibility LaML bins: `/Accounts/{AccountSid}/LamlBins`, and what they serve at `/laml-bins/{id}` (laml.md 2.8, 3.11).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tandem_model::{Sid, limits};

use super::ApiState;
use super::body::Form;
use super::changes::{Changes, NAME_CHARS_MAX};
use super::error::LamlError;
use super::laml_page::PageAsked;
use super::revise::revise;
use super::state::wall_now;
use super::writing::Writing;
use crate::bins::{BinError, PATH, Template};
use crate::store::{BinUse, Catalog, LamlBinRecord, StoreError, random_sid};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource(r"/{account}/LamlBins{json:(\.json)?}")
                .route(web::get().to(list))
                .route(web::post().to(create)),
        )
        .service(
            web::resource(r"/{account}/LamlBins/{sid:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::post().to(update))
                .route(web::put().to(update))
                .route(web::delete().to(delete)),
        );
}

/// Without credentials: whoever knows the URL may read it, as webhooks must.
pub(super) fn public_routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(format!("{PATH}{{id:[^/]+}}")).route(web::get().to(serve)).route(web::post().to(serve)));
}

async fn serve(
    state: web::Data<ApiState>,
    id: web::Path<String>,
    request: HttpRequest,
    body: Result<web::Bytes, Error>,
) -> HttpResponse {
    let document = match (Form::of_body(body), Form::of_query(request.query_string())) {
        (Ok(form), Ok(query)) => {
            let params = [form.pairs(), query.pairs()].concat();
            id.parse().map_err(|()| BinError::NotFound).and_then(|id| state.bins.serve(id, &params))
        }
        _ => return HttpResponse::BadRequest().content_type(TEXT).body("The parameters do not read\n"),
    };
    match document {
        Ok(document) => HttpResponse::Ok().content_type("application/xml; charset=utf-8").body(document),
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponse::build(status).content_type(TEXT).body(format!("{error}\n"))
        }
    }
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(request.query_string())?;
    let asked = PageAsked::of(&query)?;
    let name = query.get("Name");
    let uses = state.store.bin_uses().await?;
    let catalog = state.store.catalog();
    let all = catalog.laml_bins.newest_first().filter(|b| name.is_none_or(|n| b.name == n));
    let all: Vec<Arc<LamlBinRecord>> = all.cloned().collect();
    let writing = Writing::of(&state);
    let used = |id: Sid| uses.get(&id).copied().unwrap_or_default();
    let show = |bin: &Arc<LamlBinRecord>| show(bin, used(bin.id), &writing, &state);
    let body = asked.of_all(&writing.path("/LamlBins"), "laml_bins", &all, |b| b.id, show);
    Ok(HttpResponse::Ok().json(body))
}

async fn fetch(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let id = parse_sid(&path.1)?;
    let record = state.store.catalog().laml_bins.get(id).cloned().ok_or_else(|| not_found(id))?;
    answer(StatusCode::OK, &record, &state).await
}

async fn create(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, LamlError> {
    let record = create_from(&state, &Form::of_body(body)?).await?;
    answer(StatusCode::CREATED, &record, &state).await
}

/// Makes a bin of what a client sent.
pub(super) async fn create_from(state: &ApiState, form: &Form) -> Result<Arc<LamlBinRecord>, LamlError> {
    let mut record = LamlBinRecord::new(random_sid()?, wall_now());
    change(&mut record, &Changes(form))?;
    Ok(state.store.put_laml_bin(record).await?)
}

async fn update(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    body: Result<web::Bytes, Error>,
) -> Result<HttpResponse, LamlError> {
    let record = update_from(&state, parse_sid(&path.1)?, &Form::of_body(body)?).await?;
    answer(StatusCode::OK, &record, &state).await
}

pub(super) async fn update_from(state: &ApiState, id: Sid, form: &Form) -> Result<Arc<LamlBinRecord>, LamlError> {
    let edit = |catalog: &Catalog| {
        let mut record = LamlBinRecord::clone(catalog.laml_bins.get(id).ok_or_else(|| not_found(id))?);
        change(&mut record, &Changes(form))?;
        record.updated = wall_now();
        Ok(record)
    };
    revise(state, edit, async |record| state.store.put_laml_bin(record).await).await
}

async fn delete(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let id = parse_sid(&path.1)?;
    state.store.delete_laml_bin(id).await.map_err(|e| match e {
        StoreError::NotFound => not_found(id),
        other => other.into(),
    })?;
    Ok(HttpResponse::NoContent().finish())
}

fn change(record: &mut LamlBinRecord, changes: &Changes<'_>) -> Result<(), LamlError> {
    let mut name = Some(std::mem::take(&mut record.name)).filter(|name| !name.is_empty());
    changes.name("Name", &mut name)?;
    let required = || LamlError::bad(20422, format!("'Name' is required, with at most {NAME_CHARS_MAX} characters"));
    record.name = name.ok_or_else(required)?;
    if let Some(contents) = changes.sent("Contents") {
        if contents.len() > limits::LAML_DOCUMENT_BYTES_MAX {
            return Err(LamlError::bad(20422, "'Contents' is larger than documents may be, 64 kB"));
        }
        Template::parse(contents).map_err(|e| LamlError::bad(20422, format!("'Contents' does not read: {e}")))?;
        record.contents = contents.to_owned();
    }
    Ok(())
}

async fn answer(status: StatusCode, record: &LamlBinRecord, state: &ApiState) -> Result<HttpResponse, LamlError> {
    let used = state.store.bin_uses().await?.get(&record.id).copied().unwrap_or_default();
    Ok(HttpResponse::build(status).json(show(record, used, &Writing::of(state), state)))
}

/// Where a bin is asked for.
pub(super) fn request_url(id: Sid, state: &ApiState) -> String {
    format!("{}{PATH}{id}", state.options.public_url)
}

/// Dates are written otherwise than elsewhere in this API (laml.md 3.11).
fn show(record: &LamlBinRecord, used: BinUse, writing: &Writing, state: &ApiState) -> Value {
    json!({
        "sid": record.id.to_string(),
        "account_sid": writing.account,
        "name": record.name,
        "contents": record.contents,
        "request_url": request_url(record.id, state),
        "num_requests": used.requests,
        "date_created": record.created.rfc3339(),
        "date_updated": record.updated.rfc3339(),
        "date_last_accessed": used.last.map(|t| t.rfc3339()),
        "api_version": "2010-04-01",
        "uri": writing.path(&format!("/LamlBins/{}", record.id)),
    })
}

fn parse_sid(text: &str) -> Result<Sid, LamlError> {
    text.parse().map_err(|()| LamlError::not_found("LamlBin"))
}

fn not_found(id: Sid) -> LamlError {
    LamlError::not_found(format_args!("LamlBin {id}"))
}
