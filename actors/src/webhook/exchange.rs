use std::time::Duration;

use reqwest::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION,
};
use reqwest::{Response, StatusCode};
use tandem_laml::instruction::{FetchFailure, Method};
use tokio::time::timeout;
use url::form_urlencoded;

use super::client::Inner;
use super::failure::{classify, code, fail};
use super::own::OwnDocument;
use super::signature;
use super::target::Target;

/// One request with what it needs beside its target.
pub(super) struct Outgoing<'a> {
    pub method: Method,
    pub params: &'a [(String, String)],
    pub headers: HeaderMap,
}

/// A response's head, and the target that gave it, after redirects.
pub(super) struct Reply {
    pub target: Target,
    pub response: Response,
}

/// What a cached copy is known by (RFC 9110 section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Download {
    NotModified { cache_control: Option<String> },
    Body { content_type: Option<String>, validators: Validators, cache_control: Option<String>, body: Vec<u8> },
}

impl Inner {
    /// Sends, following redirects: the next hops are GETs without the parameters (laml.md 2.7), each guarded anew.
    pub(super) async fn exchange(&self, target: Target, outgoing: Outgoing<'_>) -> Result<Reply, FetchFailure> {
        let params = unrepeated(outgoing.params);
        let mut response = self.send(&target, outgoing.method, &params, &outgoing.headers).await?;
        let mut target = target;
        let mut redirects = 0;
        while let Some(location) = location(&response) {
            if redirects == self.limits.redirects_max {
                return Err(fail(code::REDIRECT, format!("more than {redirects} redirects")));
            }
            redirects += 1;
            target = target.redirected(&location)?;
            response = self.send(&target, Method::Get, &[], &outgoing.headers).await?;
        }
        Ok(Reply { target, response })
    }

    async fn send(
        &self,
        target: &Target,
        method: Method,
        params: &[(String, String)],
        headers: &HeaderMap,
    ) -> Result<Response, FetchFailure> {
        let guarded = target.literal_address().map_or(Ok(()), |address| self.guard.check(address));
        let mut target = target.clone();
        if method == Method::Get && !params.is_empty() {
            target.url.query_pairs_mut().extend_pairs(params);
        }
        let own = self.own.as_ref().and_then(|own| own.answer(&target.url, method, params));
        if let Some(response) = own.and_then(OwnDocument::into_response) {
            return Ok(response);
        }
        guarded.map_err(|refused| fail(code::NO_RESPONSE, refused.to_string()))?;
        let client = self.http(target.times.connect);
        let mut request = match method {
            Method::Get => client.get(target.url.clone()),
            Method::Post => client
                .post(target.url.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
                .body(form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()),
        };
        if !self.signing_key.is_empty() {
            let signed = if method == Method::Get { &[] } else { params };
            let value = signature::sign(&self.signing_key, &target.signed_url(), signed);
            for name in signature::HEADERS {
                request = request.header(name, &value);
            }
        }
        if let Some((user, password)) = &target.credentials {
            request = request.basic_auth(user, Some(password));
        }
        let authority = target.authority();
        // Where the connection is fresh, the server's time starts only after it stands.
        let patience = target.times.connect + target.times.read;
        match timeout(patience, request.headers(headers.clone()).send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(classify(&error, &authority)),
            Err(_) => Err(fail(code::NO_RESPONSE, format!("no response from {authority} within {patience:?}"))),
        }
    }
}

impl Reply {
    /// The body, given up as soon as it is larger than `bytes_max` or the server falls silent.
    pub async fn body(mut self, bytes_max: usize) -> Result<Vec<u8>, FetchFailure> {
        let authority = self.target.authority();
        let too_big = || fail(code::TOO_BIG, format!("{authority} sent more than {bytes_max} bytes"));
        if self.response.content_length().is_some_and(|length| length > bytes_max as u64) {
            return Err(too_big());
        }
        let mut body = Vec::new();
        loop {
            let chunk = match timeout(self.target.times.read, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(body),
                Ok(Err(error)) => return Err(classify(&error, &authority)),
                Err(_) => return Err(silent(&authority, self.target.times.read)),
            };
            if body.len() + chunk.len() > bytes_max {
                return Err(too_big());
            }
            body.extend_from_slice(&chunk);
        }
    }

    pub fn header(&self, name: HeaderName) -> Option<String> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Anything but 2xx is a failure.
    pub fn require_success(&self) -> Result<(), FetchFailure> {
        let status = self.response.status();
        if status.is_success() {
            return Ok(());
        }
        // laml.md 2.7 counts a 502 among the servers that did not respond.
        let code = if status == StatusCode::BAD_GATEWAY { code::NO_RESPONSE } else { code::STATUS };
        Err(fail(code, format!("{} answered {status}", self.target.authority())))
    }

    /// What a cache needs of it.
    pub async fn download(self, bytes_max: usize) -> Result<Download, FetchFailure> {
        let cache_control = self.header(CACHE_CONTROL);
        if self.response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Download::NotModified { cache_control });
        }
        self.require_success()?;
        let content_type = self.header(CONTENT_TYPE);
        let validators = Validators { etag: self.header(ETAG), last_modified: self.header(LAST_MODIFIED) };
        let body = self.body(bytes_max).await?;
        Ok(Download::Body { content_type, validators, cache_control, body })
    }
}

impl Validators {
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// As a conditional request (RFC 9110 sections 13.1.2 and 13.1.3).
    pub fn headers(&self) -> HeaderMap {
        let pairs = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)];
        let value = |text: &Option<String>| text.as_deref().and_then(|t| HeaderValue::from_str(t).ok());
        pairs.into_iter().filter_map(|(name, text)| Some((name, value(text)?))).collect()
    }
}

fn silent(authority: &str, read: Duration) -> FetchFailure {
    fail(code::NO_RESPONSE, format!("{authority} fell silent for {read:?} within its response"))
}

fn location(response: &Response) -> Option<String> {
    let redirects = [301, 302, 303, 307, 308].contains(&response.status().as_u16());
    let location = response.headers().get(LOCATION).filter(|_| redirects)?;
    // Bytes above ASCII are taken for UTF-8, as browsers do; the URL parser percent-encodes them.
    Some(String::from_utf8_lossy(location.as_bytes()).into_owned())
}

fn unrepeated(params: &[(String, String)]) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = Vec::with_capacity(params.len());
    for (name, value) in params {
        if !kept.iter().any(|(have, _)| have == name) {
            kept.push((name.clone(), value.clone()));
        }
    }
    kept
}
