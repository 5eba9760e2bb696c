//! `/Accounts` and `/Accounts/{Sid}`: the project, as the Compatibility API calls it. The guard has checked the id.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};

use super::ApiState;
use super::auth::LAML_PREFIXES;
use super::body::Form;
use super::error::LamlError;
use super::laml_page::PageAsked;
use super::writing::Writing;

/// What lies under an account, as its links name it.
const BELOW: &[(&str, &str)] = &[
    ("applications", "/Applications"),
    ("calls", "/Calls"),
    ("conferences", "/Conferences"),
    ("incoming_phone_numbers", "/IncomingPhoneNumbers"),
    ("laml_bins", "/LamlBins"),
    ("queues", "/Queues"),
    ("recordings", "/Recordings"),
];

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("").route(web::get().to(list)))
        .service(web::resource(r"/{account:[^/.]+}{json:(\.json)?}").route(web::get().to(fetch)));
}

/// Beside the scope of the others, since nothing stands between `Accounts` and its ending.
pub(super) fn list_route(config: &mut web::ServiceConfig, prefix: &str) {
    config.service(web::resource(format!("{prefix}/Accounts.json")).route(web::get().to(list)));
}

async fn fetch(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().json(show(&state))
}

/// One project is all there is.
async fn list(state: web::Data<ApiState>, request: HttpRequest) -> Result<HttpResponse, LamlError> {
    let query = Form::of_query(request.query_string())?;
    let asked = PageAsked::of(&query)?;
    let project = state.store.catalog().project.clone();
    let wanted = |name: &str, value: &str| query.get(name).is_none_or(|sought| sought.eq_ignore_ascii_case(value));
    let shown = wanted("FriendlyName", &project.space) && wanted("Status", "active");
    let all: &[()] = if shown { &[()] } else { &[] };
    let sid = project.id.parse().unwrap_or(tandem_model::Sid::from_bytes([0; 16]));
    let uri = match Writing::of(&state).dialect {
        tandem_laml::Dialect::SignalWire => format!("{}/Accounts", LAML_PREFIXES[0]),
        tandem_laml::Dialect::Twilio => format!("{}/Accounts.json", LAML_PREFIXES[1]),
    };
    Ok(HttpResponse::Ok().json(asked.of_all(&uri, "accounts", all, |()| sid, |()| show(&state))))
}

fn show(state: &ApiState) -> Value {
    let (project, created) = (state.store.catalog().project.clone(), state.store.project().created);
    let writing = Writing::of(state);
    let links: Map<String, Value> =
        BELOW.iter().map(|(name, below)| ((*name).to_owned(), json!(writing.path(below)))).collect();
    json!({
        "sid": project.id,
        "owner_account_sid": project.id,
        "friendly_name": project.space,
        "status": "active",
        "type": "Full",
        "auth_token": "redacted",
        "date_created": created.rfc2822(),
        "date_updated": created.rfc2822(),
        "uri": writing.path(""),
        "subresource_uris": links,
    })
}
