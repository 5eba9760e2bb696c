//! `/api/tandem/project`: what this server is called, and how it speaks to applications. Tandem's own.

use actix_web::{Error, HttpResponse, web};
use serde_json::{Value, json};
use tandem_laml::Dialect;

use super::ApiState;
use super::body::json_object;
use super::error::RelayError;
use super::fields::Fields;
use crate::store::{Catalog, ProjectChoices};

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource("/api/tandem/project")
            .route(web::get().to(fetch))
            .route(web::put().to(update))
            .route(web::patch().to(update)),
    );
}

async fn fetch(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok().json(show(&state))
}

async fn update(state: web::Data<ApiState>, body: Result<web::Bytes, Error>) -> Result<HttpResponse, RelayError> {
    let mut fields = Fields::new(json_object(body)?);
    // What a GET gave may come back whole; what is read only in it is left alone.
    let shown = show(&state);
    fields.no_others(|name| shown.get(name).is_some());
    let ProjectChoices { dialect, mut media_protected } = choices(&state.store.catalog());
    let mut name = dialect.as_str().to_owned();
    fields.choice("dialect", &mut name, &Dialect::ALL.map(Dialect::as_str));
    fields.boolean("media_url_protection", &mut media_protected);
    fields.finish()?;
    let dialect = Dialect::from_name(&name).unwrap_or(dialect);
    state.store.put_choices(ProjectChoices { dialect, media_protected }).await?;
    Ok(HttpResponse::Ok().json(show(&state)))
}

pub(super) fn choices(catalog: &Catalog) -> ProjectChoices {
    ProjectChoices { dialect: catalog.project.dialect, media_protected: catalog.media_protected }
}

fn show(state: &ApiState) -> Value {
    let (catalog, project) = (state.store.catalog(), state.store.project());
    json!({
        "id": catalog.project.id,
        "space": catalog.project.space,
        "domain": catalog.project.domain,
        "sip_domain": catalog.profile_domain(),
        "url": state.options.public_url,
        "dialect": catalog.project.dialect.as_str(),
        "media_url_protection": catalog.media_protected,
        "signing_key": project.signing_key,
        "created_at": project.created.rfc3339(),
    })
}
