//! `tandem serve --demo` as a first visitor starts it, twice.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const PROJECT: &str = "6bfbbe86-a901-4197-8759-00000000de30";

struct Tandem {
    child: Child,
    dir: PathBuf,
}

impl Tandem {
    /// Starts the program and waits until it is ready.
    fn start(dir: &Path, http: SocketAddr, documents: SocketAddr) -> Tandem {
        let output = std::fs::File::create(dir.join("out")).unwrap();
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .args(["serve", "--demo", "--demo-listen", &documents.to_string(), "--config"])
            .arg(dir.join("tandem.toml"))
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .spawn()
            .unwrap();
        let mut tandem = Tandem { child, dir: dir.to_owned() };
        let end = Instant::now() + Duration::from_secs(30);
        // The text is the last thing a start does, and this its last line.
        while get(http, "/readyz", None).is_none_or(|(status, _)| status != 200)
            || !tandem.text().contains("documents come from")
        {
            if let Some(status) = tandem.child.try_wait().unwrap() {
                panic!("ended with {status}:\n{}", std::fs::read_to_string(dir.join("log")).unwrap());
            }
            assert!(Instant::now() < end, "not ready:\n{}", tandem.text());
            std::thread::sleep(Duration::from_millis(50));
        }
        tandem
    }

    /// What it printed.
    fn text(&self) -> String {
        std::fs::read_to_string(self.dir.join("out")).unwrap()
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let end = Instant::now() + Duration::from_secs(30);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Tandem {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn free_tcp() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A port free for both of SIP's transports.
fn free_sip() -> SocketAddr {
    loop {
        let addr = free_tcp();
        if UdpSocket::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// Status and body; None while nobody listens.
fn get(to: SocketAddr, path: &str, authorization: Option<&str>) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(to).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let authorization = authorization.map(|a| format!("Authorization: {a}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {to}\r\n{authorization}\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

struct Seen {
    /// Username and id.
    endpoints: Vec<(String, String)>,
    /// Name, id and address of the documents.
    apps: Vec<(String, String, String)>,
}

fn look(http: SocketAddr, token: &str) -> Seen {
    let authorization = format!("Basic {}", STANDARD.encode(format!("{PROJECT}:{token}")));
    let list = |path: &str| -> Vec<Value> {
        let (status, body) = get(http, path, Some(&authorization)).unwrap();
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        let body: Value = serde_json::from_slice(&body).unwrap();
        body["data"].as_array().unwrap().clone()
    };
    let text = |v: &Value, name: &str| v[name].as_str().unwrap().to_owned();
    let endpoints = list("/api/relay/rest/endpoints/sip");
    let apps = list("/api/relay/rest/domain_applications");
    let mut seen = Seen {
        endpoints: endpoints.iter().map(|e| (text(e, "username"), text(e, "id"))).collect(),
        apps: apps.iter().map(|a| (text(a, "name"), text(a, "id"), text(a, "call_request_url"))).collect(),
    };
    seen.endpoints.sort();
    seen.apps.sort();
    seen
}

/// The word after `label`.
fn word_after(text: &str, label: &str) -> String {
    let rest = text.split_once(label).unwrap_or_else(|| panic!("no {label:?} in:\n{text}")).1;
    rest.split_whitespace().next().unwrap().to_owned()
}

/// The project id and token of the curl line.
fn credentials(text: &str) -> String {
    word_after(text, "curl -u").trim_matches('\'').to_owned()
}

#[test]
fn the_demo_starts_serves_its_documents_and_starts_again_with_the_same() {
    let folder = Folder(std::env::temp_dir().join(format!("tandem-demo-start-{}", std::process::id())));
    let dir = &folder.0;
    std::fs::create_dir_all(dir).unwrap();
    let (sip, http) = (free_sip(), free_tcp());
    let config = format!(
        "[project]\nid = \"{PROJECT}\"\nspace = \"demo\"\n[server]\ndomain = \"localhost\"\n\
         [sip]\nudp = [\"{sip}\"]\ntcp = [\"{sip}\"]\n[media]\naddress = \"127.0.0.1\"\nports = [20000, 20099]\n\
         [http]\nlisten = \"{http}\"\n[store]\nurl = \"sqlite:tandem.db\"\n"
    );
    std::fs::write(dir.join("tandem.toml"), config).unwrap();

    let documents = free_tcp();
    let tandem = Tandem::start(dir, http, documents);
    let first_text = tandem.text();
    let token = credentials(&first_text).strip_prefix(&format!("{PROJECT}:")).unwrap().to_owned();
    let first = look(http, &token);
    assert_eq!(first.endpoints.iter().map(|e| e.0.as_str()).collect::<Vec<_>>(), ["alice", "bob"]);
    assert_eq!(first.apps.iter().map(|a| a.0.as_str()).collect::<Vec<_>>(), ["dial-bob", "echo", "hello"]);
    for (name, _, url) in &first.apps {
        assert_eq!(*url, format!("http://{documents}/{name}"));
        let (status, body) = get(documents, &format!("/{name}"), None).unwrap();
        assert_eq!(status, 200, "{name}");
        assert!(String::from_utf8(body).unwrap().contains("<Response>"), "{name}");
    }
    let (_, dial) = get(documents, "/dial-bob", None).unwrap();
    let bob = "sip:bob@demo-00000000de30.sip.localhost";
    assert!(String::from_utf8(dial).unwrap().contains(bob));
    let (_, pressed) = get(documents, "/hello/key?Digits=7", None).unwrap();
    assert!(String::from_utf8(pressed).unwrap().contains('7'));
    let (status, tone) = get(documents, "/tones/busy.wav", None).unwrap();
    assert!(status == 200 && tone.starts_with(b"RIFF"));
    assert_eq!(get(documents, "/nothing", None).unwrap().0, 404);
    let alice = word_after(&first_text, "user           alice   password");
    assert!(alice.starts_with("demo-"), "{alice}");
    for part in [bob, "sip:me@demo-echo.dapp.localhost", &format!("outbound proxy {sip} (UDP or TCP)")] {
        assert!(first_text.contains(part), "{part} is missing in:\n{first_text}");
    }
    tandem.stop();

    // The port is somebody else's now.
    let taken = TcpListener::bind(documents).unwrap();
    let tandem = Tandem::start(dir, http, documents);
    let text = tandem.text();
    assert_eq!(word_after(&text, "user           alice   password"), alice);
    assert_eq!(credentials(&text), format!("{PROJECT}:{token}"));
    let second = look(http, &token);
    assert_eq!(second.endpoints, first.endpoints);
    for ((name, id, url), (first_name, first_id, first_url)) in second.apps.iter().zip(&first.apps) {
        assert_eq!((name, id), (first_name, first_id));
        assert_ne!(url, first_url);
        let at = url.strip_prefix("http://").and_then(|u| u.split_once('/')).unwrap().0.parse().unwrap();
        assert_eq!(get(at, &format!("/{name}"), None).unwrap().0, 200);
    }
    tandem.stop();
    drop(taken);
}
