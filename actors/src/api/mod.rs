//! REST, dashboard and metrics over HTTP. It checks and shows; calls are run behind [`CallControl`] and records kept
//! by the store. Start at [`serve`].

mod absent;
mod accounts;
mod applications;
mod auth;
mod body;
mod calls;
mod carriers;
mod changes;
mod conferences;
mod control;
mod dashboard;
mod domain_applications;
mod endpoints;
mod error;
mod faults;
mod fields;
mod handler;
mod laml_bins;
mod laml_page;
mod notifications;
mod ops;
mod page;
mod phone_numbers;
mod project;
mod queues;
mod rate;
mod recordings;
mod registrations;
mod revise;
mod sip_profile;
mod state;
mod streams;
mod transcriptions;
mod webhooks;
mod writing;

#[cfg(test)]
mod tests;

pub use auth::Logins;
pub use carriers::{CarrierRegistration, CarrierState, CarrierStates};
pub use conferences::{ConferenceControl, ConferenceView};
pub use control::{
    CallControl, CallControlError, CallDocument, CallView, ContactView, CreateCall, EndCall, RecordingCallback,
    RecordingChange, RecordingEvents, RecordingName, Registrations, StartRecording, UpdateCall,
};
pub use faults::{FaultPlace, Faults};
pub use ops::{Metrics, Sample, SampleSource, SampleValue};
pub use queues::{QueueControl, QueueControlError};
pub use rate::ChangeRate;
pub use state::{ApiOptions, ApiState};
pub use streams::StreamControl;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, web};

/// Largest request body.
pub const BODY_BYTES_MAX: usize = 128 * 1024;
const CONNECTIONS_PER_WORKER_MAX: usize = 4_096;

/// Listens at `listen` and serves until the returned server is stopped through its handle. Must be awaited, or
/// spawned, on an actix system.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(state: ApiState, listen: SocketAddr) -> std::io::Result<(actix_web::dev::Server, Vec<SocketAddr>)> {
    let workers = state.options.workers.max(1);
    let server = HttpServer::new(move || {
        let state = state.clone();
        App::new().wrap(from_fn(auth::guard)).configure(move |config| routes(config, state))
    })
    .workers(workers)
    .max_connections(CONNECTIONS_PER_WORKER_MAX)
    .client_request_timeout(Duration::from_secs(10))
    .client_disconnect_timeout(Duration::from_secs(5))
    .keep_alive(Duration::from_secs(30))
    .disable_signals()
    .shutdown_timeout(5)
    .bind(listen)?;
    let addresses = server.addrs();
    Ok((server.run(), addresses))
}

/// Every route. What none of them answers is 404 in the shape of its part, to those who may ask at all.
fn routes(config: &mut web::ServiceConfig, state: ApiState) {
    config
        .app_data(web::Data::new(state))
        .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
        .configure(ops::routes)
        .configure(endpoints::routes)
        .configure(sip_profile::routes)
        .configure(domain_applications::routes)
        .configure(phone_numbers::relay_routes)
        .configure(project::routes)
        .configure(carriers::routes)
        .configure(registrations::routes)
        .configure(calls::relay_routes)
        .configure(webhooks::routes)
        .configure(faults::routes)
        .configure(laml_bins::public_routes)
        .configure(dashboard::routes);
    for prefix in auth::LAML_PREFIXES {
        accounts::list_route(config, prefix);
        config.service(
            web::scope(&format!("{prefix}/Accounts"))
                .configure(accounts::routes)
                .configure(calls::routes)
                .configure(conferences::routes)
                .configure(streams::routes)
                .configure(queues::routes)
                .configure(transcriptions::routes)
                .configure(notifications::routes)
                .configure(recordings::call_routes)
                .configure(recordings::routes)
                .configure(applications::routes)
                .configure(laml_bins::routes)
                .configure(phone_numbers::routes)
                .configure(absent::routes),
        );
    }
    config.default_service(web::to(unknown));
}

async fn unknown(request: actix_web::HttpRequest) -> HttpResponse {
    use actix_web::ResponseError;
    match auth::Part::of(request.path()) {
        auth::Part::Laml => error::LamlError::not_found(request.path()).error_response(),
        auth::Part::Relay => error::RelayError::NotFound.error_response(),
        auth::Part::Page => HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("Not found\n"),
    }
}
