//! HTTP to a service that the operator named in the configuration: speech made or understood. Customers have no say in where
//! it goes: the address is the operator's own, whatever network it is in, and redirects are not followed, so that no other
//! becomes reachable through it.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
pub use url::Url;

/// A client of one such service. Clones share its connections.
#[derive(Clone)]
pub(crate) struct OperatorHttp {
    client: reqwest::Client,
    headers: HeaderMap,
    timeout: Duration,
    reply_bytes_max: usize,
}

/// How a service is reached.
#[derive(Clone)]
pub struct ServiceAccess {
    /// `http`, `https`, `ws` or `wss`.
    pub url: Url,
    /// Goes out as `Authorization: Bearer`.
    pub token: Option<String>,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
    /// One request, whole.
    pub timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub content_type: String,
    pub body: Vec<u8>,
}

/// The service cannot be used as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAccess(pub String);

impl ServiceAccess {
    /// All header fields, the token among them.
    pub(crate) fn header_map(&self) -> Result<HeaderMap, BadAccess> {
        let mut map = HeaderMap::new();
        let bearer = self.token.as_ref().map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
        for (name, value) in bearer.iter().chain(&self.headers) {
            let bad = || BadAccess(format!("the header field {name:?} cannot be sent"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
            value.set_sensitive(true);
            map.append(name, value);
        }
        Ok(map)
    }
}

impl OperatorHttp {
    pub fn new(access: &ServiceAccess, reply_bytes_max: usize) -> Result<Self, BadAccess> {
        // Fails only where a provider is installed already, which then serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("Tandem/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(access.timeout)
            .build()
            .map_err(|error| BadAccess(format!("the HTTP client cannot be made: {error}")))?;
        Ok(OperatorHttp { client, headers: access.header_map()?, timeout: access.timeout, reply_bytes_max })
    }

    /// POSTs `body`, or GETs without one. Errors are for people.
    pub async fn ask(&self, url: Url, body: Option<(&str, Vec<u8>)>) -> Result<Answer, String> {
        let request = match body {
            Some((content_type, body)) => self.client.post(url).header(CONTENT_TYPE, content_type).body(body),
            None => self.client.get(url),
        };
        let work = async {
            let mut response = request.headers(self.headers.clone()).send().await.map_err(|e| told(&e))?;
            let status = response.status();
            if !status.is_success() {
                return Err(format!("it answered {status}"));
            }
            let content_type = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
            let content_type = content_type.to_ascii_lowercase();
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| told(&e))? {
                if body.len() + chunk.len() > self.reply_bytes_max {
                    return Err(format!("it sent more than {} bytes", self.reply_bytes_max));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { content_type, body })
        };
        let late = |_| Err(format!("it took longer than {:?}", self.timeout));
        tokio::time::timeout(self.timeout, work).await.unwrap_or_else(late)
    }
}

/// The deepest cause: the outermost names the URL, which may hold a key.
fn told(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    let mut text = "the request failed".to_owned();
    while let Some(cause) = deepest.source() {
        deepest = cause;
        text = cause.to_string();
    }
    if error.is_timeout() { "it took too long".to_owned() } else { text }
}

/// Without secrets.
impl fmt::Debug for ServiceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccess").field("host", &self.url.host_str()).field("timeout", &self.timeout).finish()
    }
}

impl fmt::Display for BadAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadAccess {}
