use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tandem_laml::Dialect;
use tandem_laml::instruction::{Document, FetchFailure, Method};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::config::{Limits, WebhookConfig};
use super::dialect::{DialectSource, Manners};
use super::exchange::{Download, Outgoing, Validators};
use super::failure::{Cause, Failure, fail};
use super::guard::Guard;
use super::in_flight::{Bounds, Class, InFlight, Slot};
use super::own::OwnDocuments;
use super::request::{NotifyOutcome, WebhookRequest};
use super::resolver::{GuardedResolver, Names};
use super::session::Session;
use super::target::Target;
use super::trace::{LogSink, Trace};
use crate::store::WebhookKind;

/// Makes the switch's HTTP requests: guarded, signed, bounded. Clones share one pool of connections.
#[derive(Clone)]
pub struct WebhookClient {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) guard: Arc<Guard>,
    pub(super) signing_key: String,
    pub(super) limits: Limits,
    pub(super) own: Option<Arc<dyn OwnDocuments>>,
    dialect: DialectSource,
    log: Option<LogSink>,
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
            names: Arc::new(Names::new(config.dns_servers)),
            user_agent: config.user_agent,
            extra_roots: extra_roots(&config.extra_roots_pem)?,
        };
        let fallback = settings.build(config.limits.connect).map_err(|e| ClientError::Http(e.to_string()))?;
        let in_flight = InFlight::new(Bounds {
            per_host_max: config.limits.in_flight_per_host_max,
            all_max: config.limits.in_flight_max,
            waiting_per_host_max: config.limits.waiting_per_host_max,
            waiting_max: config.limits.waiting_max,
        });
        let inner = Inner {
            guard,
            signing_key: config.signing_key,
            limits: config.limits,
            own: config.own,
            dialect: config.dialect,
            log: config.log,
            in_flight,
            settings,
            by_connect: Default::default(),
            fallback,
        };
        Ok(WebhookClient { inner: Arc::new(inner) })
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The rules that hold now.
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect.now()
    }

    /// As [`fetch_in`](Self::fetch_in), for a request that shares nothing with others.
    pub async fn fetch(&self, request: &WebhookRequest) -> Result<Document, FetchFailure> {
        self.fetch_in(&Session::default(), request).await
    }

    /// Asks for instructions: redirects followed, the body bounded, all tries within the total time. Errors carry laml.md's codes
    /// ([`code`](super::code)); the document's own rules (12300, 12100) are the script's to check.
    pub async fn fetch_in(&self, session: &Session, request: &WebhookRequest) -> Result<Document, FetchFailure> {
        let inner = &*self.inner;
        let manners = inner.manners();
        let token = new_token();
        let trace = |attempt| Trace::begin(inner.log.clone(), WebhookKind::Instruction, request, &token, attempt);
        let target = match Target::parse(&request.url, &manners) {
            Ok(target) => target,
            Err(failure) => {
                trace(1).end(Some(&failure));
                return Err(failure.into());
            }
        };
        let deadline = Instant::now() + target.times.total;
        let session = manners.keeps_cookies.then_some(session);
        let mut attempt = 1;
        loop {
            let mut trace = trace(attempt);
            let outgoing =
                Outgoing { method: request.method, params: &request.params, headers: token_headers(&token), session };
            let work = inner.document(&target, outgoing, &mut trace);
            let result = within(deadline, &target, work).await;
            trace.end(result.as_ref().err());
            match result {
                Err(failure)
                    if attempt <= target.retry.count
                        && target.retry.on.covers(failure.cause)
                        && Instant::now() < deadline =>
                {
                    attempt += 1;
                }
                result => return result.map_err(FetchFailure::from),
            }
        }
    }

    /// Delivers a notification: any 2xx will do. Tried as often as the dialect says, with pauses. Waits for a place among the
    /// host's requests as long as it takes.
    pub async fn notify(&self, request: &WebhookRequest) -> NotifyOutcome {
        self.notify_with_token(request, &new_token(), 0).await
    }

    /// As [`notify`](Self::notify), under a token that the caller keeps: the receiver knows by it what it has seen. `before` is
    /// the number of tries that were made already; one that comes later is a single one.
    pub async fn notify_with_token(&self, request: &WebhookRequest, token: &str, before: u32) -> NotifyOutcome {
        let inner = &*self.inner;
        let manners = inner.manners();
        let mut tries = 0;
        loop {
            tries += 1;
            let mut trace = Trace::begin(
                inner.log.clone(),
                WebhookKind::Notification,
                request,
                token,
                before.saturating_add(tries),
            );
            let target = Target::parse(&request.url, &manners);
            let result = match &target {
                Ok(target) => inner.deliver(target, request, token, &mut trace).await,
                Err(failure) => Err(failure.clone()),
            };
            trace.end(result.as_ref().err());
            let Err(failure) = result else { return NotifyOutcome::Delivered { tries } };
            let wanted = match (&target, manners.dialect) {
                (Err(_), _) => false,
                (Ok(_), Dialect::SignalWire) => !failure.cause.is_final(),
                (Ok(target), Dialect::Twilio) => tries <= target.retry.count && target.retry.on.covers(failure.cause),
            };
            match inner.pause_after(tries, manners.dialect).filter(|_| wanted && before == 0) {
                Some(pause) => sleep(pause).await,
                None => {
                    let outage = failure.cause.is_outage();
                    return NotifyOutcome::Failed { tries, failure: failure.into(), outage };
                }
            }
        }
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
        let mut manners = inner.manners();
        manners.times.total = total;
        let target = Target::parse(url, &manners).map_err(FetchFailure::from)?;
        let request = WebhookRequest { url: url.to_owned(), method: Method::Get, params: Vec::new() };
        // Files are no part of a call's log: many calls share one.
        let mut trace = Trace::begin(None, WebhookKind::Instruction, &request, "", 1);
        let work = async {
            let _slot = inner.place(Class::Media, &target).await?;
            let outgoing = Outgoing { method: Method::Get, params: &[], headers: validators.headers(), session: None };
            let reply = inner.exchange(target.clone(), outgoing, &mut trace).await?;
            reply.download(bytes_max, &mut trace).await
        };
        Ok(within(Instant::now() + target.times.total, &target, work).await?)
    }
}

impl Inner {
    pub(super) fn manners(&self) -> Manners {
        Manners::of(self.dialect.now(), &self.limits)
    }

    /// Between two tries of a notification; None: no further one. Twilio's own count bounds it by itself.
    fn pause_after(&self, tries: u32, dialect: Dialect) -> Option<Duration> {
        let pauses = &self.limits.retry_pauses;
        let pause = pauses.get(usize::try_from(tries).unwrap_or(usize::MAX) - 1);
        match dialect {
            Dialect::SignalWire => pause.copied(),
            Dialect::Twilio => pause.or(pauses.last()).copied(),
        }
    }

    pub(super) async fn place(&self, class: Class, target: &Target) -> Result<Slot, Failure> {
        let authority = target.authority();
        let crowded = |_| fail(Cause::Crowded, format!("too many requests wait for {authority}"));
        self.in_flight.acquire(class, &authority).await.map_err(crowded)
    }

    async fn document(&self, target: &Target, outgoing: Outgoing<'_>, trace: &mut Trace) -> Result<Document, Failure> {
        let _slot = self.place(Class::Document, target).await?;
        trace.sending();
        let reply = self.exchange(target.clone(), outgoing, trace).await?.require_success(trace).await?;
        let url = reply.target.document_url.to_string();
        let content_type = reply.header(CONTENT_TYPE);
        let body = reply.body(self.limits.document_bytes_max, trace).await?;
        Ok(Document { url, content_type, body })
    }

    async fn deliver(
        &self,
        target: &Target,
        request: &WebhookRequest,
        token: &str,
        trace: &mut Trace,
    ) -> Result<(), Failure> {
        let _slot = self.place(Class::Callback, target).await?;
        trace.sending();
        let deadline = Instant::now() + target.times.total;
        let work = async {
            let (params, headers) = (&request.params, token_headers(token));
            let outgoing = Outgoing { method: request.method, params, headers, session: None };
            let reply = self.exchange(target.clone(), outgoing, trace).await?.require_success(trace).await?;
            // It was delivered, whatever becomes of the rest.
            let _ = timeout(Duration::from_secs(1), reply.body(CALLBACK_REPLY_BYTES, trace)).await;
            Ok(())
        };
        within(deadline, target, work).await
    }

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
    names: Arc<Names>,
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
                .dns_resolver(Arc::new(GuardedResolver {
                    guard: Arc::clone(&self.guard),
                    names: Arc::clone(&self.names),
                }))
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
    deadline: Instant,
    target: &Target,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = || fail(Cause::Read, format!("{} took longer than {:?} in all", target.authority(), target.times.total));
    timeout_at(deadline, work).await.unwrap_or_else(|_| Err(late()))
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
