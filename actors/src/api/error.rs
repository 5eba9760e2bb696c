//! The three shapes an error takes, by the part of the API it happens in.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::json;

use super::CallControlError;
use crate::store::StoreError;

/// An error of the Relay REST part and of Tandem's own resources.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RelayError {
    BadRequest,
    NotFound,
    /// One line for each field that is wrong.
    Invalid(Vec<FieldError>),
    Unavailable,
    Internal,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldError {
    pub field: String,
    pub detail: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, problem: impl AsRef<str>) -> Self {
        let field = field.into();
        let detail = format!("{} {}", field, problem.as_ref());
        FieldError { field, detail }
    }
}

impl std::fmt::Display for RelayError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl ResponseError for RelayError {
    fn status_code(&self) -> StatusCode {
        match self {
            RelayError::BadRequest => StatusCode::BAD_REQUEST,
            RelayError::NotFound => StatusCode::NOT_FOUND,
            RelayError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            RelayError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            RelayError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            RelayError::BadRequest => response.json(json!({"error": "Bad Request"})),
            RelayError::NotFound => response.json(json!({"error": "Not Found"})),
            RelayError::Internal => response.json(json!({"error": "Internal Server Error"})),
            RelayError::Unavailable => {
                response.insert_header((RETRY_AFTER, "1")).json(json!({"error": "Service Unavailable"}))
            }
            RelayError::Invalid(fields) => {
                let errors: Vec<_> = fields
                    .iter()
                    .map(|e| {
                        json!({"detail": e.detail, "status": "422", "title": "Invalid Attribute", "code": "422",
                               "source": {"pointer": format!("/{}", e.field)}})
                    })
                    .collect();
                response.json(json!({ "errors": errors }))
            }
        }
    }
}

impl From<StoreError> for RelayError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound => RelayError::NotFound,
            StoreError::Taken { field } => RelayError::Invalid(vec![FieldError::new(field, "has already been taken")]),
            StoreError::Stale | StoreError::Busy | StoreError::Closed => RelayError::Unavailable,
            StoreError::Unfinished => RelayError::BadRequest,
            StoreError::Failed(why) => {
                tracing::error!(why, "a request met a store failure");
                RelayError::Internal
            }
        }
    }
}

/// An error of the Compatibility part.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LamlError {
    pub status: u16,
    /// laml.md 3.13.
    pub code: u32,
    pub message: String,
    /// Create Call is documented with an `errors` array; the flat form stays beside it for client libraries.
    pub with_array: bool,
    /// Seconds.
    pub retry_after: Option<u32>,
}

impl LamlError {
    pub fn new(status: u16, code: u32, message: impl Into<String>) -> Self {
        LamlError { status, code, message: message.into(), with_array: false, retry_after: None }
    }

    pub fn bad(code: u32, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(404, 20404, format!("The requested resource {what} was not found"))
    }

    pub fn draining() -> Self {
        let refusal = Self::new(503, 20503, "The server is shutting down and takes no new calls");
        LamlError { retry_after: Some(5), ..refusal }
    }

    pub fn in_array(self) -> Self {
        LamlError { with_array: true, ..self }
    }
}

impl std::fmt::Display for LamlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

/// Where a code is explained.
fn more_info(code: u32) -> String {
    format!("/docs/errors#{code}")
}

impl ResponseError for LamlError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response: HttpResponseBuilder = HttpResponse::build(self.status_code());
        if let Some(secs) = self.retry_after {
            response.insert_header((RETRY_AFTER, secs.to_string()));
        }
        let mut body = json!({
            "code": self.code,
            "message": self.message,
            "more_info": more_info(self.code),
            "status": self.status,
        });
        if self.with_array {
            body["errors"] = json!([{
                "code": self.code.to_string(),
                "message": self.message,
                "more_info": more_info(self.code),
            }]);
        }
        response.json(body)
    }
}

impl From<CallControlError> for LamlError {
    fn from(e: CallControlError) -> Self {
        let retry_after = (e.status == 503 || e.status == 429).then_some(5);
        LamlError { retry_after, ..LamlError::new(e.status, e.code, e.message) }
    }
}

impl From<StoreError> for LamlError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound => LamlError::new(404, 20404, "The requested resource was not found"),
            StoreError::Unfinished => LamlError::bad(20009, "A call that is not finished cannot be deleted"),
            StoreError::Stale | StoreError::Busy | StoreError::Closed | StoreError::Taken { .. } => {
                LamlError { retry_after: Some(1), ..LamlError::new(503, 20503, "The store is busy") }
            }
            StoreError::Failed(why) => {
                tracing::error!(why, "a request met a store failure");
                LamlError::new(500, 20504, "Internal error")
            }
        }
    }
}
