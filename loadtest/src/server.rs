use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

pub const PASSWORD: &str = "load-test-password";
const PROJECT: &str = "6bfbbe86-a901-4197-8759-2a0de1fa319d";
const TOKEN: &str = "PT-load";

/// A server of our own on one CPU, with the endpoints `caller` and `callee`.
pub struct Server {
    pub sip: SocketAddr,
    pub domain: String,
    http: SocketAddr,
    child: Child,
    dir: PathBuf,
}

impl Server {
    pub fn start(program: &Path, cpu: usize) -> Result<Server, String> {
        let dir = std::env::temp_dir().join(format!("tandem-load-{}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|e| e.to_string())?;
        let (sip, http) = (free_port()?, free_port()?);
        let config = format!(
            "[project]\nid = \"{PROJECT}\"\ntoken = \"{TOKEN}\"\nsigning_key = \"PSK_load\"\nspace = \"load\"\n\
             [server]\ndomain = \"test.example\"\n[sip]\nudp = [\"{sip}\"]\ntcp = [\"{sip}\"]\n\
             [media]\naddress = \"127.0.0.1\"\nports = [10000, 31999]\ncpus = [{cpu}]\n\
             [http]\nlisten = \"{http}\"\n[store]\nurl = \"sqlite:{}\"\n\
             [limits]\ncalls_max = 5000\ncalls_per_second = 5000\n[log]\nlevel = \"warn\"\n",
            dir.join("tandem.db").display()
        );
        let file = dir.join("tandem.toml");
        std::fs::write(&file, config).map_err(|e| e.to_string())?;
        let log = File::create(dir.join("log")).map_err(|e| e.to_string())?;
        let child = Command::new("taskset")
            .args(["-c", &cpu.to_string()])
            .arg(program)
            .args(["serve", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|e| e.to_string())?)
            .stderr(log)
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let server = Server { sip, domain: "load-2a0de1fa319d.sip.test.example".into(), http, child, dir };
        let end = Instant::now() + Duration::from_secs(10);
        while server.request("GET", "/readyz", None).is_err() {
            if Instant::now() > end {
                return Err(format!("the server does not start; see {}", server.dir.join("log").display()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        for username in ["caller", "callee"] {
            let fields = json!({"username": username, "password": PASSWORD});
            server.request("POST", "/api/relay/rest/endpoints/sip", Some(&fields.to_string()))?;
        }
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn request(&self, method: &str, path: &str, body: Option<&str>) -> Result<(), String> {
        let failed = |e: std::io::Error| e.to_string();
        let mut stream = TcpStream::connect(self.http).map_err(failed)?;
        let body = body.unwrap_or_default();
        let login = STANDARD.encode(format!("{PROJECT}:{TOKEN}"));
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {login}\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.http,
            body.len()
        );
        stream.write_all(text.as_bytes()).map_err(failed)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(failed)?;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        if status.starts_with('2') { Ok(()) } else { Err(format!("{method} {path}: {answer}")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let warnings = std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let warnings: Vec<&str> = warnings.lines().filter(|l| l.contains("WARN") || l.contains("ERROR")).collect();
        if let Some(last) = warnings.last() {
            eprintln!("the server logged {} warnings, the last: {last}", warnings.len());
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A port free for both transports, at loopback.
fn free_port() -> Result<SocketAddr, String> {
    for _ in 0..100 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
        let address = udp.local_addr().map_err(|e| e.to_string())?;
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err("no free port".into())
}
