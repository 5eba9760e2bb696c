//! For monitoring: metrics, and whether this process lives and takes calls.

mod metrics;

pub use metrics::{Metrics, Sample, SampleSource, SampleValue};

use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, web};

use super::ApiState;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/healthz", web::get().to(health))
        .route("/readyz", web::get().to(ready))
        .route("/metrics", web::get().to(metrics));
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

async fn ready(state: web::Data<ApiState>) -> HttpResponse {
    if state.calls.draining() {
        let mut response = HttpResponse::ServiceUnavailable();
        response.insert_header((RETRY_AFTER, "5")).content_type("text/plain; charset=utf-8").body("draining\n")
    } else {
        HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ready\n")
    }
}

async fn metrics(state: web::Data<ApiState>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .body(state.metrics.encode())
}
