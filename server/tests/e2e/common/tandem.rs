//! The server under test: the real program, with a configuration of its own in a folder of its own.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::address::{free_port, own_ip};
use super::http::{self, Response};
use super::{AppServer, eventually};

pub const TOKEN: &str = "PT-of-the-tests";
pub const SIGNING_KEY: &str = "PSK_of_the_tests";
/// The password [`Tandem::endpoint`] gives to all.
pub const PASSWORD: &str = "open-sesame-42";

/// What differs from one test to the next.
#[derive(Default)]
pub struct Options {
    /// Listens here; an own loopback address when None.
    pub ip: Option<IpAddr>,
    /// Listens for SIP at these addresses too.
    pub also: Vec<SocketAddr>,
    /// Of the RTP sockets; that of SIP when None.
    pub media_address: Option<IpAddr>,
    /// Listens for SIP at this port; one that is free when None.
    pub port: Option<u16>,
    /// More lines of configuration, as whole sections.
    pub config: String,
    /// More lines of section sip.
    pub sip: String,
    /// The first and the last port of media; 20000 and 20999 when None.
    pub media_ports: Option<[u16; 2]>,
    /// More lines of section media.
    pub media: String,
    /// What webhooks may reach; all of 127.0.0.0/8 when None.
    pub webhook_allow: Option<String>,
    /// More lines of section webhook.
    pub webhook: String,
    /// Makes the switch for injected faults available.
    pub faults: bool,
    /// With the demo's endpoints and applications.
    pub demo: bool,
    /// Its log level when `TANDEM_TEST_LOG` says none; `debug` when None.
    pub log: Option<&'static str>,
}

pub struct Tandem {
    pub ip: IpAddr,
    pub sip: SocketAddr,
    pub http: SocketAddr,
    pub project: String,
    dir: PathBuf,
    faults: bool,
    demo: bool,
    log_level: &'static str,
    child: Option<Child>,
}

impl Tandem {
    pub fn start() -> Tandem {
        Tandem::start_with(Options::default())
    }

    pub fn start_with(options: Options) -> Tandem {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let ip = options.ip.unwrap_or_else(own_ip);
        let sip = SocketAddr::new(ip, options.port.unwrap_or_else(|| free_port(ip)));
        let http = SocketAddr::new(ip, free_port(ip));
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tandem-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder for the server");
        let project =
            format!("6bfbbe86-a901-4197-8759-{:012x}", u64::from(std::process::id()) * 1_000 + u64::from(number));
        // Outside of the system's range for outgoing ports, and on an address of its own: nobody is in the way.
        let all: Vec<String> = [sip].iter().chain(&options.also).map(SocketAddr::to_string).collect();
        let media = options.media_address.unwrap_or(ip);
        let config = format!(
            "[project]\nid = \"{project}\"\ntoken = \"{TOKEN}\"\nsigning_key = \"{SIGNING_KEY}\"\nspace = \"acme\"\n\
             [server]\ndomain = \"test.example\"\n\
             [sip]\nudp = {all:?}\ntcp = {all:?}\n{}\
             [media]\naddress = \"{media}\"\nports = {:?}\n{}\
             [http]\nlisten = \"{http}\"\n\
             [store]\nurl = \"sqlite:{}\"\n\
             [webhook]\nallow = [\"{}\"]\n{}\n\
             {}\n",
            options.sip,
            options.media_ports.unwrap_or([20_000, 20_999]),
            options.media,
            dir.join("tandem.db").display(),
            options.webhook_allow.as_deref().unwrap_or("127.0.0.0/8"),
            options.webhook,
            options.config
        );
        std::fs::write(dir.join("tandem.toml"), config).expect("to write the configuration");
        let (faults, demo, log_level) = (options.faults, options.demo, options.log.unwrap_or("debug"));
        let mut tandem = Tandem { ip, sip, http, project, dir, faults, demo, log_level, child: None };
        tandem.launch();
        tandem
    }

    /// Starts the program again after it ended.
    pub fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("the log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tandem"));
        command
            .args(["serve", "--config"])
            .arg(self.dir.join("tandem.toml"))
            .current_dir(&self.dir)
            .env("TANDEM_LOG_LEVEL", std::env::var("TANDEM_TEST_LOG").unwrap_or_else(|_| self.log_level.into()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log);
        if self.demo {
            command.arg("--demo");
        }
        if self.faults {
            command.env("TANDEM_FAULTS", "1");
        }
        self.child = Some(command.spawn().expect("to start tandem"));
        eventually("the server is ready", Duration::from_secs(20), || {
            if let Some(status) = self.child.as_mut().and_then(|c| c.try_wait().ok().flatten()) {
                panic!("tandem ended with {status}:\n{}", self.log());
            }
            http::request(self.http, "GET", "/readyz", None, None).ok().filter(|r| r.status == 200)
        });
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    /// As `kill -9` does.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a running server");
        child.kill().expect("to kill it");
        child.wait().expect("its end");
    }

    /// Asks it to end, and goes on at once.
    pub fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().expect("kill");
        assert!(status.success());
    }

    /// How it ended, within this time.
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        let mut child = self.child.take().expect("a running server");
        let end = Instant::now() + within;
        loop {
            if let Some(status) = child.try_wait().expect("its state") {
                return status;
            }
            if Instant::now() >= end {
                let _ = child.kill();
                panic!("tandem did not end within {within:?}:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where the profile's endpoints live.
    pub fn domain(&self) -> String {
        format!("acme-{}.sip.test.example", &self.project[24..])
    }

    /// A domain application's address.
    pub fn app_uri(&self, identifier: &str) -> String {
        format!("sip:anything@acme-{identifier}.dapp.test.example")
    }

    pub fn api(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        let text = body.map(|b| b.to_string());
        let body = text.as_deref().map(|t| ("application/json", t));
        http::request(self.http, method, path, Some((&self.project, TOKEN)), body).expect("an answer from REST")
    }

    /// The Compatibility API below the account.
    pub fn laml(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let form = http::form(fields);
        let body = (method == "POST").then_some(("application/x-www-form-urlencoded", form.as_str()));
        let path = format!("/api/laml/2010-04-01/Accounts/{}{path}", self.project);
        http::request(self.http, method, &path, Some((&self.project, TOKEN)), body).expect("an answer from REST")
    }

    /// An endpoint with [`PASSWORD`]; `more` overrides fields.
    pub fn endpoint(&self, username: &str, more: Value) -> Value {
        let mut fields = json!({"username": username, "password": PASSWORD});
        merge(&mut fields, more);
        self.api("POST", "/api/relay/rest/endpoints/sip", Some(fields)).success()
    }

    /// A domain application whose documents come from `app` at `path`.
    pub fn domain_app(&self, identifier: &str, app: &AppServer, path: &str, more: Value) -> Value {
        let mut fields = json!({
            "name": identifier, "identifier": identifier, "call_handler": "laml_webhooks", "call_request_url": app.url(path),
        });
        merge(&mut fields, more);
        self.api("POST", "/api/relay/rest/domain_applications", Some(fields)).success()
    }

    pub fn carrier(&self, name: &str, address: SocketAddr, more: Value) -> Value {
        let mut fields = json!({"name": name, "uri": format!("sip:{address};transport=udp"), "patterns": ["+*"]});
        merge(&mut fields, more);
        self.api("POST", "/api/tandem/carriers", Some(fields)).success()
    }

    /// All calls, newest first.
    pub fn calls(&self) -> Vec<Value> {
        let list = self.laml("GET", "/Calls", &[]).success();
        list["calls"].as_array().cloned().unwrap_or_default()
    }

    /// The call that `which` accepts, waiting for it.
    #[track_caller]
    pub fn wait_call(&self, what: &str, which: impl Fn(&Value) -> bool) -> Value {
        eventually(what, Duration::from_secs(10), || self.calls().into_iter().find(&which))
    }

    /// The sum of a metric over its labels that contain `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let text = http::request(self.http, "GET", "/metrics", None, None).expect("metrics").body;
        let of_line = |line: &str| {
            let (id, value) = line.rsplit_once(' ')?;
            let (found, labels) = id.split_once('{').unwrap_or((id, ""));
            (found == name && labels.contains(label)).then(|| value.parse::<f64>().ok())?
        };
        text.lines().filter_map(of_line).sum()
    }

    /// All that was logged so far: lines wait for a twentieth of a second before they are written.
    pub fn log(&self) -> String {
        std::thread::sleep(Duration::from_millis(150));
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.join("tandem.log")
    }
}

impl Drop for Tandem {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            // Calls of a failed test may go on: no waiting for their end.
            let end = Instant::now() + Duration::from_millis(if std::thread::panicking() { 100 } else { 500 });
            while Instant::now() < end && matches!(child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(6_000);
            let from = (from..log.len()).find(|at| log.is_char_boundary(*at)).unwrap_or(log.len());
            eprintln!("the end of the server's log, whole at {}:\n{}", self.log_path().display(), &log[from..]);
        } else {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn merge(fields: &mut Value, more: Value) {
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
}
