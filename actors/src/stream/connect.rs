use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tandem_call::call::StreamProblem;
use tandem_laml::instruction::{Stream, StreamFault};
use tandem_model::limits::{STREAM_CONNECT_WAIT, STREAM_MESSAGE_BYTES_MAX};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderName, USER_AGENT};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use crate::webhook::{WebhookClient, code};

/// Where a stream cannot go.
const STREAM_URL: u32 = 31_922;
const READ_BYTES: usize = 16 * 1024;
/// What is written and not taken by the network: a slow server has little of the past to catch up with.
const WRITE_BYTES_MAX: usize = 64 * 1024;

pub(super) type Socket = WebSocketStream<Box<dyn Io>>;

/// A connection's bytes, under TLS or not.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects streams: through the guard of webhooks, trusting whom they trust.
pub(super) struct Connector {
    webhooks: WebhookClient,
    tls: TlsConnector,
}

impl Connector {
    /// Reads the system's certificate authorities; `extra` are trusted beside them.
    pub fn new(webhooks: WebhookClient, extra: &[CertificateDer<'static>]) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!(errors = ?found.errors, "the system has no certificate authorities: streams over wss will fail");
        }
        for certificate in extra {
            roots.add(certificate.clone())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Connector { webhooks, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// From the URL to an open WebSocket.
    pub async fn connect(&self, stream: &Stream) -> Result<Socket, StreamProblem> {
        match tokio::time::timeout(STREAM_CONNECT_WAIT, self.try_connect(stream)).await {
            Ok(connected) => connected,
            Err(_) => {
                let message = format!("no connection within {STREAM_CONNECT_WAIT:?}");
                Err(problem(StreamFault::Unreachable, code::NO_RESPONSE, message))
            }
        }
    }

    async fn try_connect(&self, stream: &Stream) -> Result<Socket, StreamProblem> {
        let url = Url::parse(&stream.url)
            .map_err(|e| problem(StreamFault::InvalidUrl, STREAM_URL, format!("the URL is not valid: {e}")))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let addresses = self.webhooks.addresses(&url).await.map_err(|failure| {
            let fault = if failure.code == code::DNS { StreamFault::Unreachable } else { StreamFault::Refused };
            problem(fault, failure.code, failure.message)
        })?;
        let secure = url.scheme() == "wss";
        if !secure && !addresses.iter().all(|address| self.webhooks.is_listed(address.ip())) {
            // laml.md 1.16: without TLS only within networks that the operator vouches for.
            let message = format!("ws is for networks that the operator listed, which {host} is not in; take wss");
            return Err(problem(StreamFault::InvalidUrl, STREAM_URL, message));
        }
        let tcp = TcpStream::connect(&addresses[..]).await.map_err(|e| no_connection(&host, &e))?;
        // Audio in small pieces: none waits for the next.
        let _ = tcp.set_nodelay(true);
        let io: Box<dyn Io> = if secure {
            let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|_| problem(StreamFault::InvalidUrl, STREAM_URL, format!("{host} is no name for TLS")))?;
            let tls = self.tls.connect(name, tcp).await;
            Box::new(tls.map_err(|e| problem(StreamFault::Unreachable, code::TLS, format!("TLS with {host}: {e}")))?)
        } else {
            Box::new(tcp)
        };
        let request = self.request(stream, &url)?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .max_message_size(Some(STREAM_MESSAGE_BYTES_MAX))
            .max_frame_size(Some(STREAM_MESSAGE_BYTES_MAX));
        let upgraded = client_async_with_config(request, io, Some(config)).await;
        upgraded.map(|(socket, _)| socket).map_err(|error| no_upgrade(&host, &error))
    }

    /// The request for an upgrade: signed like a GET, with the token that was asked for.
    fn request(&self, stream: &Stream, url: &Url) -> Result<Request, StreamProblem> {
        let invalid = |what: &str| problem(StreamFault::InvalidUrl, STREAM_URL, what.to_owned());
        let shown = without_user(&stream.url, url);
        let mut request = shown.as_str().into_client_request().map_err(|_| invalid("the URL is not valid"))?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Tandem/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in self.webhooks.get_signature(&shown) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        if let Some(authorization) = authorization(stream, url) {
            let mut value = HeaderValue::from_str(&authorization).map_err(|_| invalid("the token fits no header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(request)
    }
}

/// The token, else the user in the URL.
fn authorization(stream: &Stream, url: &Url) -> Option<String> {
    if let Some(token) = &stream.bearer_token {
        return Some(format!("Bearer {token}"));
    }
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default()));
    Some(format!("Basic {}", STANDARD.encode(pair)))
}

/// As it was configured, which is what is signed, but for a user and password (laml.md 2.6).
fn without_user(text: &str, url: &Url) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return text.to_owned();
    }
    let mut bare = url.clone();
    // Both fail only for URLs without a host, which no stream has.
    let _ = bare.set_username("");
    let _ = bare.set_password(None);
    bare.into()
}

fn no_connection(host: &str, error: &io::Error) -> StreamProblem {
    let fault = match error.kind() {
        io::ErrorKind::ConnectionRefused => StreamFault::Refused,
        _ => StreamFault::Unreachable,
    };
    problem(fault, code::NO_RESPONSE, format!("no connection with {host}: {error}"))
}

fn no_upgrade(host: &str, error: &Error) -> StreamProblem {
    match error {
        Error::Http(response) => {
            problem(StreamFault::Refused, code::STATUS, format!("{host} answered {}", response.status()))
        }
        Error::Io(e) => no_connection(host, e),
        other => problem(StreamFault::General, code::PROTOCOL, format!("no WebSocket with {host}: {other}")),
    }
}

pub(super) fn problem(fault: StreamFault, code: u32, message: String) -> StreamProblem {
    StreamProblem { fault, code, message }
}
