use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tandem_laml::instruction::{Document, FetchFailure, Method};
use tokio::time::{sleep, timeout};

use super::config::{Limits, WebhookConfig};
use super::exchange::{Download, Outgoing, Validators};
use super::failure::{code, fail};
use super::guard::Guard;
use super::in_flight::{Class, InFlight};
use super::own::OwnDocuments;
use super::request::{NotifyOutcome, WebhookRequest};
use super::resolver::GuardedResolver;
use super::target::Target;

/// Makes the switch's HTTP requests: guarded, signed, bounded. Clones share one pool of connections.
#[derive(Clone)]
pub struct WebhookClient {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) guard: Arc<Guard>,
    pub(super) signing_key: String,
    pub(super) limits: Limits,
    pub(super) own: Option<Arc<dyn OwnDocuments>>,
    in_flight: InFlight,
    settings: HttpSettings,
    /// The HTTP library fixes the connect timeout in a client, so there is one for each of [`CONNECT_STEPS`], made when
    /// first asked for.
    by_connect: [OnceLock<reqwest::Client>; CONNECT_STEPS.len()],
    fallback: reqwest::Client,
}

/// The client could not be made.
#[derive(Debug)]
pub enum ClientError {
    /// One of `extra_roots_pem` holds no certificate.
    ExtraRoots(String),
    Http(String),
}

/// Connect timeouts served exactly; one between two is rounded up. The last is the documented most (laml.md 2.7).
const CONNECT_STEPS: [Duration; 8] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
    Duration::from_millis(2_000),
    Duration::from_millis(3_000),
    Duration::from_millis(5_000),
    Duration::from_millis(10_000),
];
/// Below the shortest keep-alive in wide use (5 s): a request must not be written to a connection about to close.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);
const IDLE_CONNECTIONS_PER_HOST: usize = 16;
/// A callback's reply is read this far, for the connection's sake, and ignored.
const CALLBACK_REPLY_BYTES: usize = 16 * 1024;

impl WebhookClient {
    /// Reads the platform's root certificates, so make one and clone it.
    pub fn new(config: WebhookConfig) -> Result<Self, ClientError> {
        // Fails only where a provider is installed already, which then serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Arc::new(Guard::new(config.allow));
        let settings = HttpSettings {
            guard: Arc::clone(&guard),
            user_agent: config.user_agent,
            extra_roots: extra_roots(&config.extra_roots_pem)?,
        };
        let fallback = settings.build(config.limits.connect).map_err(|e| ClientError::Http(e.to_string()))?;
        let in_flight = InFlight::new(config.limits.in_flight_per_host_max, config.limits.in_flight_max);
        let inner = Inner {
            guard,
            signing_key: config.signing_key,
            limits: config.limits,
            own: config.own,
            in_flight,
            settings,
            by_connect: Default::default(),
            fallback,
        };
        Ok(WebhookClient { inner: Arc::new(inner) })
    }

    /// Asks for instructions: one try, redirects followed, the body bounded. Errors carry laml.md's codes
    /// ([`code`](super::code)); the document's own rules (12300, 12100) are the script's to check.
    pub async fn fetch(&self, request: &WebhookRequest) -> Result<Document, FetchFailure> {
        let inner = &*self.inner;
        let target = Target::parse(&request.url, &inner.limits)?;
        within(target.times.total, &target.authority(), async {
            let _slot = inner.in_flight.acquire(Class::Document, &target.authority()).await;
            let headers = token_headers(&new_token());
            let outgoing = Outgoing { method: request.method, params: &request.params, headers };
            let reply = inner.exchange(target.clone(), outgoing).await?;
            reply.require_success()?;
            let url = reply.target.document_url.to_string();
            let content_type = reply.header(CONTENT_TYPE);
            let body = reply.body(inner.limits.document_bytes_max).await?;
            Ok(Document { url, content_type, body })
        })
        .await
    }

    /// Delivers a status callback: any 2xx will do, and `retry_pauses` says how often to try. Waits for a place among
    /// the host's requests as long as it takes.
    pub async fn notify(&self, request: &WebhookRequest) -> NotifyOutcome {
        self.notify_with_token(request, &new_token()).await
    }

    /// As [`notify`](Self::notify), under a token that the caller keeps: the receiver knows by it what it has seen.
    pub async fn notify_with_token(&self, request: &WebhookRequest, token: &str) -> NotifyOutcome {
        let mut pauses = self.inner.limits.retry_pauses.iter();
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.notify_once(request, token).await {
                Ok(()) => return NotifyOutcome::Delivered { tries },
                Err(failure) => failure,
            };
            let hopeless = failure.code == code::INVALID_URL;
            match pauses.next().filter(|_| !hopeless) {
                Some(pause) => sleep(*pause).await,
                None => return NotifyOutcome::Failed { tries, failure },
            }
        }
    }

    async fn notify_once(&self, request: &WebhookRequest, token: &str) -> Result<(), FetchFailure> {
        let inner = &*self.inner;
        let target = Target::parse(&request.url, &inner.limits)?;
        let _slot = inner.in_flight.acquire(Class::Callback, &target.authority()).await;
        within(target.times.total, &target.authority(), async {
            let headers = token_headers(token);
            let outgoing = Outgoing { method: request.method, params: &request.params, headers };
            let reply = inner.exchange(target.clone(), outgoing).await?;
            reply.require_success()?;
            let _ = timeout(Duration::from_secs(1), reply.body(CALLBACK_REPLY_BYTES)).await;
            Ok(())
        })
        .await
    }

    /// GETs a file of up to `bytes_max`, within `total` unless the URL's fragment says otherwise. With `validators`,
    /// only when it has changed.
    pub(crate) async fn download(
        &self,
        url: &str,
        validators: &Validators,
        bytes_max: usize,
        total: Duration,
    ) -> Result<Download, FetchFailure> {
        let inner = &*self.inner;
        let target = Target::parse(url, &Limits { total, ..inner.limits.clone() })?;
        within(target.times.total, &target.authority(), async {
            let _slot = inner.in_flight.acquire(Class::Media, &target.authority()).await;
            let outgoing = Outgoing { method: Method::Get, params: &[], headers: validators.headers() };
            inner.exchange(target.clone(), outgoing).await?.download(bytes_max).await
        })
        .await
    }
}

impl Inner {
    /// The client whose connect timeout is `connect`, or the next step above it.
    pub(super) fn http(&self, connect: Duration) -> &reqwest::Client {
        let Some(step) = CONNECT_STEPS.iter().position(|step| *step >= connect) else { return &self.fallback };
        self.by_connect[step].get_or_init(|| {
            self.settings.build(CONNECT_STEPS[step]).unwrap_or_else(|error| {
                tracing::warn!(%error, "no HTTP client for this connect timeout; the usual one serves");
                self.fallback.clone()
            })
        })
    }
}

struct HttpSettings {
    guard: Arc<Guard>,
    user_agent: String,
    extra_roots: Vec<reqwest::Certificate>,
}

impl HttpSettings {
    fn build(&self, connect: Duration) -> reqwest::Result<reqwest::Client> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(&self.user_agent)
                .connect_timeout(connect)
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .retry(reqwest::retry::never())
                .pool_idle_timeout(IDLE_CONNECTION)
                .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
                .dns_resolver(Arc::new(GuardedResolver { guard: Arc::clone(&self.guard) }))
        };
        builder().tls_certs_merge(self.extra_roots.iter().cloned()).build().or_else(|error| {
            // A host without a certificate store can still serve plain HTTP; its HTTPS requests fail with 11220.
            tracing::warn!(%error, "no platform root certificates: HTTPS webhooks will fail");
            builder().tls_certs_only(self.extra_roots.iter().cloned()).build()
        })
    }
}

fn extra_roots(pems: &[Vec<u8>]) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let mut roots = Vec::new();
    for pem in pems {
        let found =
            reqwest::Certificate::from_pem_bundle(pem).map_err(|error| ClientError::ExtraRoots(error.to_string()))?;
        if found.is_empty() {
            return Err(ClientError::ExtraRoots("no certificate in the PEM text".to_owned()));
        }
        roots.extend(found);
    }
    Ok(roots)
}

async fn within<T>(
    total: Duration,
    authority: &str,
    work: impl Future<Output = Result<T, FetchFailure>>,
) -> Result<T, FetchFailure> {
    timeout(total, work)
        .await
        .unwrap_or_else(|_| Err(fail(code::NO_RESPONSE, format!("{authority} took longer than {total:?} in all"))))
}

/// Names one request across its tries.
pub(super) fn new_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn token_headers(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(token) {
        headers.insert("x-tandem-idempotency-token", value.clone());
        headers.insert("i-twilio-idempotency-token", value);
    }
    headers
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::ExtraRoots(reason) => write!(f, "an extra root certificate cannot be read: {reason}"),
            ClientError::Http(reason) => write!(f, "the HTTP client cannot be made: {reason}"),
        }
    }
}

impl std::error::Error for ClientError {}
