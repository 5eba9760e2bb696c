use std::time::{Duration, SystemTime};

use reqwest::header::{
    CACHE_CONTROL, CONTENT_TYPE, COOKIE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, SET_COOKIE,
};
use reqwest::{Response, StatusCode};
use tandem_laml::instruction::Method;
use tandem_model::limits::WEBHOOK_LOG_BODY_BYTES_MAX;
use tokio::time::timeout;
use url::form_urlencoded;

use super::client::Inner;
use super::failure::{Cause, Failure, classify, fail};
use super::own::OwnDocument;
use super::resolver::{LookUp, with_look_up};
use super::session::Session;
use super::signature;
use super::target::Target;
use super::trace::Trace;

/// One request with what it needs beside its target.
pub(super) struct Outgoing<'a> {
    pub method: Method,
    pub params: &'a [(String, String)],
    pub headers: HeaderMap,
    /// Whose cookies go with it, and where new ones go.
    pub session: Option<&'a Session>,
}

/// A page that says what went wrong is waited for no longer than this: the fallback comes first.
const ERROR_PAGE: Duration = Duration::from_millis(250);

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
    pub(super) async fn exchange(
        &self,
        target: Target,
        outgoing: Outgoing<'_>,
        trace: &mut Trace,
    ) -> Result<Reply, Failure> {
        let params = unrepeated(outgoing.params);
        let mut response = self.send(&target, outgoing.method, &params, &outgoing, trace).await?;
        let mut target = target;
        let mut redirects = 0;
        while let Some(location) = location(&response) {
            if redirects == self.limits.redirects_max {
                return Err(fail(Cause::Redirect, format!("more than {redirects} redirects")));
            }
            redirects += 1;
            target = target.redirected(&location)?;
            trace.redirected(&target.url);
            response = self.send(&target, Method::Get, &[], &outgoing, trace).await?;
        }
        Ok(Reply { target, response })
    }

    async fn send(
        &self,
        target: &Target,
        method: Method,
        params: &[(String, String)],
        outgoing: &Outgoing<'_>,
        trace: &mut Trace,
    ) -> Result<Response, Failure> {
        let guarded = target.literal_address().map_or(Ok(()), |address| self.guard.check(address));
        let mut target = target.clone();
        if method == Method::Get && !params.is_empty() {
            target.url.query_pairs_mut().extend_pairs(params);
        }
        let own = self.own.as_ref().and_then(|own| own.answer(&target.url, method, params));
        if let Some(response) = own.and_then(OwnDocument::into_response) {
            trace.response(&response);
            return Ok(response);
        }
        guarded.map_err(|refused| fail(Cause::Forbidden, refused.to_string()))?;
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
        let mut headers = outgoing.headers.clone();
        if let Some(cookies) = outgoing.session.and_then(|s| s.cookies(&target.url, SystemTime::now())) {
            headers.insert(COOKIE, cookies);
        }
        let authority = target.authority();
        // Where the connection is fresh, the server's time starts only after it stands.
        let patience = target.times.connect + target.times.read;
        let (answer, look_up) = with_look_up(timeout(patience, request.headers(headers).send())).await;
        trace.looked_up(look_up);
        let answer = match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(classify(&error, &authority)),
            Err(_) => Err(fail(Cause::Read, format!("no response from {authority} within {patience:?}"))),
        };
        let response = answer.map_err(|failure| match (failure.cause, look_up) {
            // The time to connect was over before the name servers said anything.
            (Cause::Connect | Cause::Read, LookUp::Unfinished) => {
                fail(Cause::Dns, format!("{authority} does not resolve: DNS does not answer in time"))
            }
            _ => failure,
        })?;
        trace.response(&response);
        if let Some(session) = outgoing.session {
            let cookies = response.headers().get_all(SET_COOKIE).iter();
            session.store(&target.url, cookies.filter_map(|c| c.to_str().ok()), SystemTime::now());
        }
        Ok(response)
    }
}

impl Reply {
    /// The body, given up as soon as it is larger than `bytes_max` or the server falls silent.
    pub async fn body(mut self, bytes_max: usize, trace: &mut Trace) -> Result<Vec<u8>, Failure> {
        let authority = self.target.authority();
        let too_big = || fail(Cause::TooBig, format!("{authority} sent more than {bytes_max} bytes"));
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
            trace.body(&chunk);
            if body.len() + chunk.len() > bytes_max {
                return Err(too_big());
            }
            body.extend_from_slice(&chunk);
        }
    }

    pub fn header(&self, name: HeaderName) -> Option<String> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Anything but 2xx is a failure, whose page is kept for the log.
    pub async fn require_success(mut self, trace: &mut Trace) -> Result<Reply, Failure> {
        let status = self.response.status();
        if status.is_success() {
            return Ok(self);
        }
        let failure = fail(Cause::Status(status.as_u16()), format!("{} answered {status}", self.target.authority()));
        let mut page = 0;
        let read = async {
            while let Ok(Some(chunk)) = self.response.chunk().await {
                trace.body(&chunk);
                page += chunk.len();
                if page >= WEBHOOK_LOG_BODY_BYTES_MAX {
                    return;
                }
            }
        };
        let _ = timeout(ERROR_PAGE, read).await;
        Err(failure)
    }

    /// What a cache needs of it.
    pub async fn download(self, bytes_max: usize, trace: &mut Trace) -> Result<Download, Failure> {
        let cache_control = self.header(CACHE_CONTROL);
        if self.response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Download::NotModified { cache_control });
        }
        let reply = self.require_success(trace).await?;
        let content_type = reply.header(CONTENT_TYPE);
        let validators = Validators { etag: reply.header(ETAG), last_modified: reply.header(LAST_MODIFIED) };
        let body = reply.body(bytes_max, trace).await?;
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

fn silent(authority: &str, read: Duration) -> Failure {
    fail(Cause::Read, format!("{authority} fell silent for {read:?} within its response"))
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
