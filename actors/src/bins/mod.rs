//! LaML bins: documents that this server hosts, at `/laml-bins/{id}` (laml.md 2.8). Start at [`LamlBins`]. Calls of this server whose
//! webhook is a bin are answered by it without HTTP, through [`OwnDocuments`](crate::webhook::OwnDocuments); all else about their
//! requests stays the same.

mod template;

pub use template::{Template, TemplateError, TooLarge};

use std::sync::Arc;

use tandem_laml::instruction::Method;
use tandem_model::Sid;
use url::Url;

use crate::store::Store;
use crate::webhook::{OwnDocument, OwnDocuments};
use crate::world::Clock;

/// Before the id of a bin in its URL.
pub const PATH: &str = "/laml-bins/";

/// Serves bins. Clones share the store.
#[derive(Clone)]
pub struct LamlBins {
    store: Store,
    clock: Clock,
    /// Where this server's HTTP is reached: origin, and the path before all of its own.
    bases: Arc<[(url::Origin, String)]>,
}

/// Why a bin gives no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinError {
    NotFound,
    Template(TemplateError),
    TooLarge,
}

impl LamlBins {
    /// `bases`: the URLs at which this server's HTTP is reached.
    pub fn new(store: Store, clock: Clock, bases: &[String]) -> Self {
        let bases = bases.iter().filter_map(|base| Url::parse(base).ok());
        let bases = bases.map(|url| (url.origin(), url.path().trim_end_matches('/').to_owned())).collect();
        LamlBins { store, clock, bases }
    }

    /// The document of a bin for a request with these parameters. Counts the request.
    ///
    /// # Errors
    /// [`BinError`].
    pub fn serve(&self, id: Sid, params: &[(String, String)]) -> Result<String, BinError> {
        let bin = self.store.catalog().laml_bins.get(id).cloned().ok_or(BinError::NotFound)?;
        self.store.count_bin(id, self.clock.wall());
        render(&bin.contents, params)
    }
}

/// What a template becomes for a request with these parameters.
///
/// # Errors
/// As [`LamlBins::serve`].
pub fn render(contents: &str, params: &[(String, String)]) -> Result<String, BinError> {
    let template = Template::parse(contents).map_err(BinError::Template)?;
    // The field spells it both ways.
    let version = params.iter().find(|(name, _)| name == "ApiVersion").map(|(_, value)| value.clone());
    let has_both = params.iter().any(|(name, _)| name == "APIVersion");
    match version.filter(|_| !has_both) {
        Some(version) => template.render(&[params, &[("APIVersion".to_owned(), version)]].concat()),
        None => template.render(params),
    }
    .map_err(|TooLarge| BinError::TooLarge)
}

impl BinError {
    pub fn status(&self) -> u16 {
        match self {
            BinError::NotFound => 404,
            BinError::Template(_) | BinError::TooLarge => 500,
        }
    }
}

impl std::fmt::Display for BinError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BinError::NotFound => f.write_str("There is no such bin"),
            BinError::Template(error) => write!(f, "The template does not read: {error}"),
            BinError::TooLarge => f.write_str("The document is larger than documents may be"),
        }
    }
}

impl OwnDocuments for LamlBins {
    fn answer(&self, url: &Url, method: Method, params: &[(String, String)]) -> Option<OwnDocument> {
        let origin = url.origin();
        let mut bases = self.bases.iter().filter(|(of_base, _)| *of_base == origin);
        let id = bases.find_map(|(_, path)| url.path().strip_prefix(path.as_str())?.strip_prefix(PATH))?;
        let mut all: Vec<(String, String)> = Vec::new();
        if method == Method::Post {
            all.extend_from_slice(params);
        }
        all.extend(url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())));
        let served = id.parse().map_err(|()| BinError::NotFound).and_then(|id| self.serve(id, &all));
        Some(match served {
            Ok(document) => OwnDocument { status: 200, content_type: "application/xml; charset=utf-8", body: document },
            Err(error) => {
                let content_type = "text/plain; charset=utf-8";
                OwnDocument { status: error.status(), content_type, body: format!("{error}\n") }
            }
        })
    }
}

#[cfg(test)]
mod tests;
