use std::fmt;

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    NotFound,
    /// Another record has this value of a field that must be unique.
    Taken {
        field: &'static str,
    },
    /// The record changed since it was read: read it again.
    Stale,
    /// A call that is not over cannot be deleted.
    Unfinished,
    /// More work waits than the writer takes.
    Busy,
    /// The store is shutting down.
    Closed,
    /// The database or its key file; the text is for the log, not for clients.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NotFound => f.write_str("not found"),
            StoreError::Taken { field } => write!(f, "{field} is already taken"),
            StoreError::Stale => f.write_str("the record has changed since it was read"),
            StoreError::Unfinished => f.write_str("the call is not over"),
            StoreError::Busy => f.write_str("too much work waits for the store"),
            StoreError::Closed => f.write_str("the store is closed"),
            StoreError::Failed(why) => write!(f, "store failure: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> Self {
        StoreError::Failed(e.to_string())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(e: serde_json::Error) -> Self {
        StoreError::Failed(format!("a stored record does not read: {e}"))
    }
}

impl From<std::io::Error> for StoreError {
    fn from(e: std::io::Error) -> Self {
        StoreError::Failed(e.to_string())
    }
}
