use std::fmt;
use std::path::{Path, PathBuf};

/// One thing wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the environment variable's name.
    pub file: PathBuf,
    /// From 1; 0 when the problem has no line.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// `section.key`; empty when the file as a whole does not read.
    pub key: String,
    pub message: String,
}

impl Problem {
    pub(super) fn of_file(path: &Path, message: String) -> Self {
        Problem { file: path.to_owned(), line: 0, column: 0, key: String::new(), message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}
