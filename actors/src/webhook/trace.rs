use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::{AUTHORIZATION, HeaderMap, PROXY_AUTHENTICATE, SET_COOKIE, WWW_AUTHENTICATE};
use tandem_laml::instruction::Method;
use tandem_model::limits::{
    WEBHOOK_LOG_BODY_BYTES_MAX, WEBHOOK_LOG_HEADERS_MAX, WEBHOOK_LOG_PARAMS_MAX, WEBHOOK_LOG_TEXT_BYTES_MAX,
};
use url::Url;

use super::failure::Failure;
use super::request::WebhookRequest;
use super::resolver::LookUp;
use crate::store::{WebhookEntry, WebhookError, WebhookKind, WebhookTimings};
use crate::world::wall_now;

/// Takes what requests leave behind for the log of their calls. Must not wait.
#[derive(Clone)]
pub struct LogSink(Arc<dyn Fn(WebhookEntry) + Send + Sync>);

/// One try of one request, as it will stand in the log of its call. It is told when it ends, however it does.
pub(super) struct Trace {
    sink: Option<LogSink>,
    begun: Instant,
    sent: Option<Instant>,
    entry: WebhookEntry,
    body: Vec<u8>,
}

impl LogSink {
    pub fn new(take: impl Fn(WebhookEntry) + Send + Sync + 'static) -> Self {
        LogSink(Arc::new(take))
    }
}

impl Trace {
    pub fn begin(
        sink: Option<LogSink>,
        kind: WebhookKind,
        request: &WebhookRequest,
        token: &str,
        attempt: u32,
    ) -> Trace {
        if sink.is_none() {
            return Trace { sink, begun: Instant::now(), sent: None, entry: WebhookEntry::default(), body: Vec::new() };
        }
        let call_sid = request.params.iter().find(|(name, _)| name == "CallSid").and_then(|(_, sid)| sid.parse().ok());
        let params = request.params.iter().take(WEBHOOK_LOG_PARAMS_MAX);
        let entry = WebhookEntry {
            call_sid,
            at: wall_now(),
            kind,
            attempt,
            token: token.to_owned(),
            method: name_of(request.method).to_owned(),
            url: without_credentials(&request.url),
            params: params.map(|(name, value)| (cut(name), cut(value))).collect(),
            final_url: None,
            remote: None,
            status: None,
            response_headers: Vec::new(),
            response_body: String::new(),
            response_bytes: 0,
            timings: WebhookTimings::default(),
            error: None,
        };
        Trace { sink, begun: Instant::now(), sent: None, entry, body: Vec::new() }
    }

    /// It has its place among the host's requests and goes out.
    pub fn sending(&mut self) {
        self.sent = Some(Instant::now());
        self.entry.timings.queued_ms = millis(self.begun.elapsed());
    }

    pub fn looked_up(&mut self, look_up: LookUp) {
        if let LookUp::Took(took) = look_up {
            self.entry.timings.dns_ms = Some(self.entry.timings.dns_ms.unwrap_or(0) + millis(took));
        }
    }

    pub fn redirected(&mut self, to: &Url) {
        self.entry.final_url = Some(cut(to.as_str()));
    }

    pub fn response(&mut self, response: &Response) {
        self.entry.timings.first_byte_ms = self.sent.map(|sent| millis(sent.elapsed()));
        self.entry.status = Some(response.status().as_u16());
        self.entry.remote = response.remote_addr().map(|addr| addr.to_string());
        if self.sink.is_some() {
            self.entry.response_headers = shown(response.headers());
        }
    }

    pub fn body(&mut self, bytes: &[u8]) {
        self.entry.response_bytes += bytes.len() as u64;
        let room = WEBHOOK_LOG_BODY_BYTES_MAX.saturating_sub(self.body.len());
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    pub fn end(mut self, failure: Option<&Failure>) {
        self.entry.error = failure.map(|f| WebhookError { code: f.cause.code(), message: cut(&f.message) });
        self.tell();
    }

    fn tell(&mut self) {
        let Some(sink) = self.sink.take() else { return };
        let mut entry = std::mem::take(&mut self.entry);
        entry.timings.total_ms = millis(self.begun.elapsed());
        entry.response_body = String::from_utf8_lossy(&self.body).into_owned();
        (sink.0)(entry);
    }
}

impl Drop for Trace {
    /// Nobody waited for the end: the call went on without it.
    fn drop(&mut self) {
        if self.sink.is_some() {
            self.entry.error = Some(WebhookError { code: 0, message: "not waited for any longer".to_owned() });
            self.tell();
        }
    }
}

fn name_of(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post => "POST",
    }
}

fn millis(took: Duration) -> u32 {
    u32::try_from(took.as_millis()).unwrap_or(u32::MAX)
}

/// All but those that carry secrets.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = [SET_COOKIE, AUTHORIZATION, WWW_AUTHENTICATE, PROXY_AUTHENTICATE];
    headers
        .iter()
        .filter(|(name, _)| !secret.contains(name))
        .take(WEBHOOK_LOG_HEADERS_MAX)
        .map(|(name, value)| (cut(name.as_str()), cut(&String::from_utf8_lossy(value.as_bytes()))))
        .collect()
}

/// The URL as its owner wrote it, without what stands before an `@`.
fn without_credentials(text: &str) -> String {
    match Url::parse(text.trim()) {
        Ok(mut url) => {
            // Both fail only where there is nothing to take away.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            cut(url.as_str())
        }
        // What is no URL may hide its secret anywhere before the last @.
        Err(_) => cut(text.rsplit('@').next().unwrap_or_default()),
    }
}

fn cut(text: &str) -> String {
    let end = text.floor_char_boundary(WEBHOOK_LOG_TEXT_BYTES_MAX);
    text[..end].to_owned()
}

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogSink")
    }
}
