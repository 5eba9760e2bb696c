//! The web server of a customer: hands out LaML and audio, and remembers every request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use super::address::{free_port, own_ip};
use super::{eventually, http, signature};

/// A request as the customer sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// With the query.
    pub target: String,
    /// As the switch was told it: what signatures are made of.
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub params: Vec<(String, String)>,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// A form or query parameter; empty when absent.
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }

    /// Checks both signature headers against one made here.
    #[track_caller]
    pub fn assert_signed(&self, key: &str) {
        let params: &[(String, String)] = if self.method == "POST" { &self.params } else { &[] };
        let expected = signature::sign(key, &self.url, params);
        for name in ["X-SignalWire-Signature", "X-Twilio-Signature"] {
            assert_eq!(self.header(name), Some(expected.as_str()), "{name} of {}", self.target);
        }
    }
}

/// What a route answers.
pub struct Reply {
    status: u16,
    kind: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl Reply {
    /// A LaML document: the verbs inside `<Response>`.
    pub fn laml(verbs: impl AsRef<str>) -> Reply {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{}</Response>", verbs.as_ref());
        Reply { status: 200, kind: "application/xml", headers: String::new(), body: text.into_bytes() }
    }

    pub fn wav(bytes: Vec<u8>) -> Reply {
        Reply { status: 200, kind: "audio/wav", headers: String::new(), body: bytes }
    }

    pub fn empty() -> Reply {
        Reply { status: 204, kind: "text/plain", headers: String::new(), body: Vec::new() }
    }

    pub fn status(status: u16) -> Reply {
        Reply { status, kind: "text/plain", headers: String::new(), body: Vec::new() }
    }
}

impl Reply {
    /// With another header field.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

pub struct AppServer {
    pub address: SocketAddr,
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl AppServer {
    /// Serves until the test process ends.
    pub fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> AppServer {
        let ip = own_ip();
        AppServer::at(SocketAddr::new(ip, free_port(ip)), handler)
    }

    /// Where somebody expects it.
    pub fn at(address: SocketAddr, handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> AppServer {
        AppServer::serve(address, None, handler)
    }

    /// Over TLS, with a certificate for its address by an authority of its own, whose certificate is the second.
    pub fn start_tls(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> (AppServer, String) {
        let ip = own_ip();
        let (tls, ca) = tls_config(ip);
        (AppServer::serve(SocketAddr::new(ip, free_port(ip)), Some(Arc::new(tls)), handler), ca)
    }

    fn serve(
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> AppServer {
        let listener = TcpListener::bind(address).expect("the application's port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, connections) = (seen.clone(), Arc::<AtomicUsize>::default());
        let accepted = connections.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (log, handler, tls) = (log.clone(), handler.clone(), tls.clone());
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
                    let base = format!("{scheme}://{address}");
                    match tls.and_then(|tls| rustls::ServerConnection::new(tls).ok()) {
                        Some(tls) => answer(rustls::StreamOwned::new(tls, stream), &base, &log, &*handler),
                        None => answer(stream, &base, &log, &*handler),
                    }
                });
            }
        });
        AppServer { address, scheme, seen, connections }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }

    /// As [`AppServer::url`], with credentials in it.
    pub fn url_as(&self, userinfo: &str, path: &str) -> String {
        format!("{}://{userinfo}@{}{path}", self.scheme, self.address)
    }

    /// Connections it has had.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// All requests so far, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Remembers none of the requests so far.
    pub fn forget(&self) {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    /// The first request for `path` that `which` accepts, waiting for it.
    #[track_caller]
    pub fn wait(&self, path: &str, which: impl Fn(&Seen) -> bool) -> Seen {
        let what = format!("a request for {path}");
        eventually(&what, Duration::from_secs(15), || self.seen().into_iter().find(|s| s.path() == path && which(s)))
    }
}

fn answer<S: Read + Write>(stream: S, base: &str, log: &Mutex<Vec<Seen>>, handler: &Handler) {
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read_request(&mut reader, base) {
        log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(seen.clone());
        let reply = handler(&seen);
        let mut whole = format!(
            "HTTP/1.1 {} Reply\r\nContent-Type: {}\r\nContent-Length: {}\r\nETag: \"{}\"\r\n{}\r\n",
            reply.status,
            reply.kind,
            reply.body.len(),
            reply.body.len(),
            reply.headers
        )
        .into_bytes();
        // In one piece: the second of two small ones would wait until the first is acknowledged, which may take 40 ms.
        whole.extend(reply.body);
        let writer = reader.get_mut();
        if writer.write_all(&whole).is_err() {
            return;
        }
        let _ = writer.flush();
    }
}

fn read_request<S: Read>(reader: &mut BufReader<S>, base: &str) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let query = target.split_once('?').map_or("", |(_, q)| q);
    let params = http::parse_form(if method == "POST" { &body } else { query });
    Some(Seen { method, url: format!("{base}{target}"), target, headers, params })
}

/// A server's side for `ip`, and the PEM of the authority that vouches for it.
fn tls_config(ip: IpAddr) -> (rustls::ServerConfig, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec![ip.to_string()])
        .and_then(|params| params.signed_by(&key, &issuer))
        .expect("a certificate");
    let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).expect("the key again");
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("protocol versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .expect("a server's configuration");
    (config, ca)
}
