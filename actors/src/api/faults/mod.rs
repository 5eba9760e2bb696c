//! Fail-points over REST, for containment tests and drills: `POST /api/tandem/faults {"call_sid", "where"}`. The route
//! exists only where the server was started with `TANDEM_FAULTS=1`.

use actix_web::{HttpResponse, web};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use tandem_model::Sid;

use super::ApiState;
use super::error::RelayError;

/// Where a fault goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FaultPlace {
    /// The leg's actor.
    Leg,
    /// The call's actor.
    Call,
    /// The leg's next media step.
    Media,
}

/// Makes parts of live calls fail.
pub trait Faults: Send + Sync {
    /// False when there is no such live call.
    fn inject(&self, sid: Sid, place: FaultPlace) -> BoxFuture<'_, bool>;
}

#[derive(Deserialize)]
struct Body {
    call_sid: String,
    r#where: FaultPlace,
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/api/tandem/faults", web::post().to(inject));
}

async fn inject(state: web::Data<ApiState>, body: web::Json<Body>) -> Result<HttpResponse, RelayError> {
    let faults = state.options.faults.clone().ok_or(RelayError::NotFound)?;
    let sid: Sid = body.call_sid.parse().map_err(|()| RelayError::NotFound)?;
    if faults.inject(sid, body.r#where).await {
        Ok(HttpResponse::Accepted().finish())
    } else {
        Err(RelayError::NotFound)
    }
}
