//! A small HTTP/1.1 client over plain TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.body))
    }

    /// The body of a success.
    #[track_caller]
    pub fn success(self) -> Value {
        assert!((200..300).contains(&self.status), "HTTP {}: {}", self.status, self.body);
        if self.body.is_empty() { Value::Null } else { self.json() }
    }
}

/// One request on a connection of its own. An error when nobody answers.
pub fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    auth: Option<(&str, &str)>,
    body: Option<(&str, &str)>,
) -> std::io::Result<Response> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(3))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    if let Some((user, password)) = auth {
        head.push_str(&format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}"))));
    }
    let (kind, content) = body.unwrap_or(("", ""));
    if !kind.is_empty() {
        head.push_str(&format!("Content-Type: {kind}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n{content}", content.len()));
    stream.write_all(head.as_bytes())?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    let text = String::from_utf8_lossy(&raw);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| std::io::Error::other("no end of headers"))?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|l| l.split(' ').nth(1)).and_then(|s| s.parse().ok());
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(':')).map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())).collect();
    let chunked = headers.iter().any(|(n, v)| n.eq_ignore_ascii_case("transfer-encoding") && v.contains("chunked"));
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Ok(Response { status: status.ok_or_else(|| std::io::Error::other("no status"))?, headers, body })
}

/// `name=value` pairs as a form body.
pub fn form(fields: &[(&str, &str)]) -> String {
    let encoded: Vec<String> = fields.iter().map(|(n, v)| format!("{}={}", escape(n), escape(v))).collect();
    encoded.join("&")
}

pub fn escape(text: &str) -> String {
    let mut out = String::new();
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

/// What [`form`] makes, read back.
pub fn parse_form(text: &str) -> Vec<(String, String)> {
    let pair = |p: &str| {
        let (n, v) = p.split_once('=').unwrap_or((p, ""));
        (unescape(n), unescape(v))
    };
    text.split('&').filter(|p| !p.is_empty()).map(pair).collect()
}

fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
            Some(b) => {
                out.push(b);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn unchunk(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let n = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if n == 0 || rest.len() < n {
            break;
        }
        out.push_str(&rest[..n]);
        body = rest[n..].trim_start_matches("\r\n");
    }
    out
}

/// The body at an `http` URL, as it came.
pub fn download(url: &str, auth: (&str, &str)) -> Vec<u8> {
    let rest = url.strip_prefix("http://").unwrap_or_else(|| panic!("{url} is not http"));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).unwrap_or_else(|e| panic!("{url}: {e}"));
    let credentials = STANDARD.encode(format!("{}:{}", auth.0, auth.1));
    let head = format!(
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {credentials}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("to ask");
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).expect("an answer");
    assert!(raw.starts_with(b"HTTP/1.1 200"), "{url}: {}", String::from_utf8_lossy(&raw[..raw.len().min(200)]));
    let at = raw.windows(4).position(|w| w == b"\r\n\r\n").expect("the end of the headers");
    raw.split_off(at + 4)
}
