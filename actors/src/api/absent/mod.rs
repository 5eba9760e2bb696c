//! What the Compatibility API has elsewhere and a voice switch has not. Told apart from a path that nobody knows, so that programs
//! can say which of their features is missing.

use actix_web::{ResponseError, web};

use super::error::LamlError;

/// Resource, and why it is not here.
const ABSENT: &[(&str, &str)] = &[
    ("AvailablePhoneNumbers", "Numbers are not sold here: add those that your carrier brings as IncomingPhoneNumbers"),
    ("Messages", "Messages are not sent or received by this server"),
    ("SMS", "Messages are not sent or received by this server"),
    ("Faxes", "Faxes are not sent or received by this server"),
];

pub(super) fn routes(config: &mut web::ServiceConfig) {
    for (resource, why) in ABSENT {
        let path = format!("/{{account}}/{resource}{{rest:(\\.json|/.*)?}}");
        config
            .service(web::resource(path).to(move || async move { LamlError::new(404, 10001, *why).error_response() }));
    }
}
