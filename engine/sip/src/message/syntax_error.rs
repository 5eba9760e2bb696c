use std::fmt;

/// A URI, Via, name-addr or contact that does not follow the grammar of RFC 3261 section 25.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError;

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("does not follow the grammar")
    }
}

impl std::error::Error for SyntaxError {}
