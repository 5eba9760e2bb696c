use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tandem_laml::instruction::Method;
use tokio_tungstenite::tungstenite::http;
use url::Url;

/// Documents that this server itself serves: asked for without a connection, so that neither the guard nor a proxy in front of it
/// stands in the way.
pub trait OwnDocuments: Send + Sync {
    /// None when the URL is not of one. The parameters of a GET are in `url` already.
    fn answer(&self, url: &Url, method: Method, params: &[(String, String)]) -> Option<OwnDocument>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnDocument {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl OwnDocument {
    /// As if it had come by HTTP.
    pub(super) fn into_response(self) -> Option<Response> {
        let response = http::Response::builder().status(self.status).header(CONTENT_TYPE, self.content_type);
        response.body(self.body).ok().map(Response::from)
    }
}
