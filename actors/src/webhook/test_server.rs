//! A customer's web server for tests: raw bytes out, so that it can misbehave in every way.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Limits, WebhookClient, WebhookConfig};

pub(crate) struct TestServer {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub connections: Arc<AtomicUsize>,
    /// Body bytes of [`Reply::Flood`] the kernel took.
    pub flooded: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

pub(crate) enum Reply {
    Bytes(Vec<u8>),
    After(Duration, Box<Reply>),
    /// Bytes, then a TCP reset.
    Reset(Vec<u8>),
    /// Bytes, then silence.
    Hang(Vec<u8>),
    /// A chunked body of this many bytes.
    Flood(usize),
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }
}

impl Reply {
    pub fn ok(content_type: &str, body: impl AsRef<[u8]>) -> Reply {
        Reply::with("200 OK", &[("Content-Type", content_type)], body)
    }

    pub fn xml(body: &str) -> Reply {
        Reply::ok("text/xml", body)
    }

    pub fn status(line: &str) -> Reply {
        Reply::with(line, &[], "")
    }

    pub fn redirect(line: &str, location: &str) -> Reply {
        Reply::with(line, &[("Location", location)], "")
    }

    pub fn with(line: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {line}\r\nContent-Length: {}\r\n", body.len()).into_bytes();
        for (name, value) in headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(body);
        Reply::Bytes(bytes)
    }
}

impl TestServer {
    /// `answer` gets each request and its number, from 0.
    pub async fn start(answer: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> TestServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let flooded = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(answer);
        let shared = (Arc::clone(&seen), Arc::clone(&connections), Arc::clone(&flooded));
        let task = tokio::spawn(async move {
            let (seen, connections, flooded) = shared;
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, flooded, answer) = (Arc::clone(&seen), Arc::clone(&flooded), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &seen, &flooded, &*answer).await;
                });
            }
        });
        TestServer { address, seen, connections, flooded, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that may reach 127.0.0.0/8 and retries at once.
pub(crate) fn local_client(change: impl FnOnce(&mut WebhookConfig)) -> WebhookClient {
    let mut config = WebhookConfig {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        signing_key: "PSK_test".to_owned(),
        limits: Limits { retry_pauses: vec![Duration::from_millis(10); 2], ..Limits::default() },
        ..WebhookConfig::default()
    };
    change(&mut config);
    WebhookClient::new(config).unwrap()
}

async fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Seen>>,
    flooded: &AtomicUsize,
    answer: &(dyn Fn(&Seen, usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    while let Some(request) = read_request(&mut stream).await? {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let mut reply = answer(&request, number);
        while let Reply::After(delay, then) = reply {
            tokio::time::sleep(delay).await;
            reply = *then;
        }
        match reply {
            Reply::After(..) => unreachable!("unwrapped above"),
            Reply::Bytes(bytes) => stream.write_all(&bytes).await?,
            Reply::Hang(bytes) => {
                stream.write_all(&bytes).await?;
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            Reply::Reset(bytes) => {
                stream.write_all(&bytes).await?;
                // The bytes must be read before the reset overtakes them.
                tokio::time::sleep(Duration::from_millis(50)).await;
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                return Ok(());
            }
            Reply::Flood(total) => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n")
                    .await?;
                let chunk = [format!("{:x}\r\n", 16_384).as_bytes(), &[b'x'; 16_384], b"\r\n"].concat();
                for _ in 0..total / 16_384 {
                    stream.write_all(&chunk).await?;
                    flooded.fetch_add(16_384, Ordering::SeqCst);
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
        }
    }
    Ok(())
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let headers: Vec<(String, String)> =
        lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let mut seen = Seen {
        method: first.next().unwrap_or_default(),
        path: first.next().unwrap_or_default(),
        headers,
        body: String::new(),
    };
    let length: usize = seen.header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut body = bytes.split_off(end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    seen.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(seen))
}
