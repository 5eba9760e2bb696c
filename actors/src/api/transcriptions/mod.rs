//! Compatibility Transcriptions: `/Accounts/{AccountSid}/Transcriptions` and those of one recording (laml.md 1.11, 3.11).

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};
use tandem_model::Sid;
use url::form_urlencoded::Serializer;

use super::ApiState;
use super::auth::LAML_PREFIXES;
use super::body::Form;
use super::error::LamlError;
use crate::store::TranscriptionRecord;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource(r"/{account}/Transcriptions{json:(\.json)?}").route(web::get().to(list)))
        .service(
            web::resource(r"/{account}/Transcriptions/{sid:[^/.]+}{json:(\.json)?}")
                .route(web::get().to(fetch))
                .route(web::delete().to(delete)),
        )
        .service(
            web::resource(r"/{account}/Recordings/{recording:[^/.]+}/Transcriptions{json:(\.json)?}")
                .route(web::get().to(list_of_recording)),
        );
}

async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    page(&state, None, request.query_string()).await
}

async fn list_of_recording(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, LamlError> {
    let recording = path.1.parse().map_err(|()| LamlError::not_found("Recording"))?;
    page(&state, Some(recording), request.query_string()).await
}

async fn fetch(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let record = known(&state, &path.1).await?;
    Ok(HttpResponse::Ok().json(show(&record, &state)))
}

async fn delete(
    state: web::Data<ApiState>,
    path: web::Path<(String, String, String)>,
) -> Result<HttpResponse, LamlError> {
    let record = known(&state, &path.1).await?;
    state.store.delete_transcription(record.sid).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn known(state: &ApiState, sid: &str) -> Result<TranscriptionRecord, LamlError> {
    let sid: Sid = sid.parse().map_err(|()| LamlError::not_found("Transcription"))?;
    let found = state.store.transcription(sid).await?;
    found.ok_or_else(|| LamlError::not_found(format_args!("Transcription {sid}")))
}

const SIZE_DEFAULT: u32 = 50;
const SIZE_MAX: u32 = 1_000;

/// Newest first (laml.md 3.12). A token names the last of the page before.
async fn page(state: &ApiState, recording: Option<Sid>, query: &str) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(query)?;
    let number = integer(&query, "Page", 0, 0..=u32::MAX, 54453)?;
    let size = integer(&query, "PageSize", SIZE_DEFAULT, 1..=SIZE_MAX, 54454)?;
    let bad_token = || LamlError::bad(21481, "'PageToken' is invalid");
    let after = match (number, query.get("PageToken")) {
        (0, _) => None,
        (_, None) => return Err(LamlError::bad(54453, "'PageToken' is required when 'Page' is above 0")),
        (_, Some(token)) => {
            let sid = token.strip_prefix("PA").and_then(|sid| sid.parse().ok()).ok_or_else(bad_token)?;
            let last = state.store.transcription(sid).await?.ok_or_else(bad_token)?;
            Some((last.created, last.sid))
        }
    };
    // One more than shown tells whether there is a next page.
    let mut records = state.store.transcriptions(recording, after, size + 1).await?;
    let more = records.len() > size as usize;
    records.truncate(size as usize);
    let account = &state.store.project().project.id;
    let base = match recording {
        None => format!("{}/Accounts/{account}/Transcriptions", LAML_PREFIXES[0]),
        Some(sid) => format!("{}/Accounts/{account}/Recordings/{sid}/Transcriptions", LAML_PREFIXES[0]),
    };
    let uri = |number: u32, token: Option<String>| {
        let mut out = Serializer::new(String::new());
        out.append_pair("Page", &number.to_string()).append_pair("PageSize", &size.to_string());
        if let Some(token) = token {
            out.append_pair("PageToken", &token);
        }
        format!("{base}?{}", out.finish())
    };
    let next = records.last().filter(|_| more).map(|t| uri(number.saturating_add(1), Some(format!("PA{}", t.sid))));
    let here = query.get("PageToken").filter(|_| number > 0).map(str::to_owned);
    Ok(HttpResponse::Ok().json(json!({
        "uri": uri(number, here),
        "first_page_uri": uri(0, None),
        "next_page_uri": next,
        "previous_page_uri": (number == 1).then(|| uri(0, None)),
        "page": number,
        "page_size": size,
        "transcriptions": records.iter().map(|t| show(t, state)).collect::<Vec<_>>(),
    })))
}

fn show(t: &TranscriptionRecord, state: &ApiState) -> Value {
    let account = &state.store.project().project.id;
    json!({
        "sid": t.sid.to_string(),
        "account_sid": account,
        "api_version": "2010-04-01",
        "recording_sid": t.recording_sid.to_string(),
        "status": t.status.as_str(),
        "transcription_text": t.text,
        "type": "fast",
        "duration": t.duration_secs,
        "price": null,
        "price_unit": "USD",
        "date_created": t.created.rfc2822(),
        "date_updated": t.updated.rfc2822(),
        "uri": format!("{}/Accounts/{account}/Transcriptions/{}", LAML_PREFIXES[0], t.sid),
    })
}

fn integer(
    query: &Form,
    name: &str,
    default: u32,
    range: std::ops::RangeInclusive<u32>,
    code: u32,
) -> Result<u32, LamlError> {
    let Some(text) = query.get(name) else { return Ok(default) };
    text.parse().ok().filter(|n| range.contains(n)).ok_or_else(|| {
        LamlError::bad(code, format!("'{name}' must be an integer of {} to {}", range.start(), range.end()))
    })
}
