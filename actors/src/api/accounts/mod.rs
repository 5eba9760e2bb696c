//! `/Accounts/{Sid}`: the project, as the Compatibility API calls it. The guard has checked the id.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::ApiState;
use super::auth::LAML_PREFIXES;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(r"/{account:[^/.]+}{json:(\.json)?}").route(web::get().to(fetch)));
}

async fn fetch(state: web::Data<ApiState>) -> HttpResponse {
    let project = &state.store.project().project;
    let uri = format!("{}/Accounts/{}", LAML_PREFIXES[0], project.id);
    HttpResponse::Ok().json(json!({
        "sid": project.id,
        "owner_account_sid": project.id,
        "friendly_name": project.space,
        "status": "active",
        "type": "Full",
        "uri": uri,
        "subresource_uris": {"calls": format!("{uri}/Calls")},
    }))
}
