use subtle::ConstantTimeEq;
use tandem_call::directory::Project;
use tandem_laml::Dialect;
use tandem_model::WallTime;

use super::secrets::sha256;

/// What the configuration file says of the project; what it leaves out is made up at first start and kept.
#[derive(Clone, Default)]
pub struct ProjectSettings {
    /// UUID.
    pub id: Option<String>,
    pub token: Option<String>,
    pub signing_key: Option<String>,
    pub space: String,
    /// The server domain.
    pub domain: String,
}

/// What REST changes of the project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProjectChoices {
    pub dialect: Dialect,
    /// Recordings' files are for who has credentials alone (laml.md 3.7).
    pub media_protected: bool,
}

/// The project as it is in force since the start. What REST changes of it stands in the catalog.
pub struct ProjectState {
    pub project: Project,
    /// When the database was made.
    pub created: WallTime,
    /// Signs webhooks.
    pub signing_key: String,
    /// The API token, when it was made up at this start: the only moment it can be shown.
    pub new_token: Option<String>,
    pub(super) token_sha256: [u8; 32],
}

impl ProjectState {
    /// Whether `token` is the project's API token, in time that does not depend on it.
    pub fn accepts_token(&self, token: &str) -> bool {
        sha256(token.as_bytes()).ct_eq(&self.token_sha256).into()
    }
}

impl std::fmt::Debug for ProjectState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProjectState").field("project", &self.project).finish_non_exhaustive()
    }
}
