use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tandem_actors::store::random_token;

const HEAD: &str = "# Secrets of the demo, made at its first start so that every start can tell them.\n\
                    # Do not use them for anything else. Without this file the next start makes new ones.\n";

/// What the demo must know at every start and the store does not give back. Kept next to the database, for the
/// owner's eyes only.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Keepsake {
    /// Passwords of the endpoints.
    pub alice: String,
    pub bob: String,
    /// The project's API token, where it was made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where the last start served the documents: what the stored applications name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// The file that belongs to the database of a `sqlite:path` URL.
pub(super) fn path(store_url: &str) -> PathBuf {
    let path = store_url.strip_prefix("sqlite:").unwrap_or(store_url);
    PathBuf::from(format!("{}.demo", path.strip_prefix("//").unwrap_or(path)))
}

impl Keepsake {
    pub fn read_or_make(path: &Path) -> Result<Keepsake, String> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|e| format!("[demo] {}: {}", path.display(), e.message())),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                Ok(Keepsake { alice: password()?, bob: password()?, token: None, base: None })
            }
            Err(e) => Err(format!("[demo] {}: {e}", path.display())),
        }
    }

    /// Replaces the file as a whole; no other user can read it at any moment.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("[demo] {} cannot be written: {e}", path.display());
        let text = toml::to_string(self).map_err(|e| format!("[demo] {}: {e}", path.display()))?;
        let mut next = path.as_os_str().to_owned();
        next.push(".next");
        let next = PathBuf::from(next);
        // One that a killed process left may have other rights.
        match std::fs::remove_file(&next) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next).map_err(failed)?;
        file.write_all(HEAD.as_bytes()).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        std::fs::rename(&next, path).map_err(failed)
    }
}

/// Short enough to type into a phone, and says what it is.
fn password() -> Result<String, String> {
    let mut password = random_token("demo-").map_err(|e| format!("[demo] {e}"))?;
    password.truncate("demo-".len() + 12);
    Ok(password)
}
