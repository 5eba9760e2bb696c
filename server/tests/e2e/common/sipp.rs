//! SIPp, run with a scenario of `server/tests/sipp`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::address::free_port;
use super::root;

/// One SIPp process that handles one call.
pub struct Sipp {
    pub address: SocketAddr,
    name: String,
    dir: PathBuf,
    child: Child,
}

impl Sipp {
    /// Starts `server/tests/sipp/<name>/scenario.xml` at `ip`; `arguments` go to SIPp as they are.
    pub fn start(name: &str, ip: IpAddr, port: Option<u16>, arguments: &[&str]) -> Sipp {
        let scenario = root().join("server/tests/sipp").join(name).join("scenario.xml");
        Sipp::play(&scenario, name, ip, port, arguments)
    }

    /// Starts any scenario file; `name` is for reports.
    pub fn play(scenario: &Path, name: &str, ip: IpAddr, port: Option<u16>, arguments: &[&str]) -> Sipp {
        let port = port.unwrap_or_else(|| free_port(ip));
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sipp-{ip}-{port}"));
        std::fs::create_dir_all(&dir).expect("a folder for SIPp");
        let child = Command::new("sipp")
            .arg("-sf")
            .arg(scenario)
            .args(["-i", &ip.to_string(), "-p", &port.to_string(), "-m", "1", "-nostdin", "-trace_err"])
            .args(["-trace_msg", "-message_file", "messages.log", "-error_file", "errors.log"])
            .args(["-timeout", "60s", "-timeout_error"])
            .args(arguments)
            .current_dir(&dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("sipp does not start ({e}): tools/setup.sh test installs it"));
        let mut sipp = Sipp { address: SocketAddr::new(ip, port), name: name.to_owned(), dir, child };
        sipp.wait_until_bound();
        sipp
    }

    /// A server scenario must listen before it is called.
    fn wait_until_bound(&mut self) {
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            if std::net::UdpSocket::bind(self.address).is_err() || std::net::TcpListener::bind(self.address).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the end; the scenario must have gone as written.
    #[track_caller]
    pub fn succeeded(mut self) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().expect("SIPp's state") {
                if status.code() == Some(0) {
                    let _ = std::fs::remove_dir_all(&self.dir);
                    return;
                }
                panic!("SIPp scenario {} ended with {status}:\n{}", self.name, self.report());
            }
            if Instant::now() >= end {
                panic!("SIPp scenario {} does not end:\n{}", self.name, self.report());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All messages, and what went wrong.
    pub fn report(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.dir.join(name)).unwrap_or_default();
        format!("{}\n{}", read("errors.log"), read("messages.log"))
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
