//! The web server of a customer: hands out LaML and audio, and remembers every request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

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
    body: Vec<u8>,
}

impl Reply {
    /// A LaML document: the verbs inside `<Response>`.
    pub fn laml(verbs: impl AsRef<str>) -> Reply {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{}</Response>", verbs.as_ref());
        Reply { status: 200, kind: "application/xml", body: text.into_bytes() }
    }

    pub fn wav(bytes: Vec<u8>) -> Reply {
        Reply { status: 200, kind: "audio/wav", body: bytes }
    }

    pub fn empty() -> Reply {
        Reply { status: 204, kind: "text/plain", body: Vec::new() }
    }

    pub fn status(status: u16) -> Reply {
        Reply { status, kind: "text/plain", body: Vec::new() }
    }
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

pub struct AppServer {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl AppServer {
    /// Serves until the test process ends.
    pub fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> AppServer {
        let ip = own_ip();
        let listener = TcpListener::bind((ip, free_port(ip))).expect("the application's port");
        let address = listener.local_addr().expect("its address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Handler> = Arc::new(handler);
        let log = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, handler) = (log.clone(), handler.clone());
                std::thread::spawn(move || serve(stream, address, &log, &*handler));
            }
        });
        AppServer { address, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The first request for `path` that `which` accepts, waiting for it.
    #[track_caller]
    pub fn wait(&self, path: &str, which: impl Fn(&Seen) -> bool) -> Seen {
        let what = format!("a request for {path}");
        eventually(&what, Duration::from_secs(15), || self.seen().into_iter().find(|s| s.path() == path && which(s)))
    }
}

fn serve(stream: TcpStream, address: SocketAddr, log: &Mutex<Vec<Seen>>, handler: &Handler) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(seen) = read_request(&mut reader, address) {
        log.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(seen.clone());
        let reply = handler(&seen);
        let head = format!(
            "HTTP/1.1 {} Reply\r\nContent-Type: {}\r\nContent-Length: {}\r\nETag: \"{}\"\r\n\r\n",
            reply.status,
            reply.kind,
            reply.body.len(),
            reply.body.len()
        );
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&reply.body)).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>, address: SocketAddr) -> Option<Seen> {
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
    Some(Seen { method, url: format!("http://{address}{target}"), target, headers, params })
}
