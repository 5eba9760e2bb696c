//! Kamailio of the distribution, run with the configuration that `docs/deploy/kamailio` ships, before two nodes.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::address::{free_port, own_ip};
use crate::common::tandem::PASSWORD;
use crate::common::{AppServer, Options, Phone, Tandem, eventually, root};

/// The identifier both nodes have in their domain.
const IDENTIFIER: &str = "shared";

/// Where the shipped files are.
pub fn shipped() -> PathBuf {
    root().join("docs/deploy/kamailio")
}

/// A proxy before two nodes that know the same endpoints and applications.
pub struct Cluster {
    pub proxy: Kamailio,
    /// The first choice.
    pub first: Tandem,
    pub second: Tandem,
}

impl Cluster {
    pub fn start() -> Cluster {
        Cluster::start_with(&[])
    }

    /// More of the proxy's local part.
    pub fn start_configured(local: &str) -> Cluster {
        Cluster::build(&[], local)
    }

    /// `carriers`: addresses whose calls the proxy takes as a carrier's.
    pub fn start_with(carriers: &[SocketAddr]) -> Cluster {
        Cluster::build(carriers, "")
    }

    fn build(carriers: &[SocketAddr], local: &str) -> Cluster {
        let ip = own_ip();
        let [first, second] = [(); 2].map(|()| {
            // As the page of the configuration says: all strangers have the proxy's address.
            let sip = format!("proxies = [\"{ip}\"]\n");
            let tandem = Tandem::start_with(Options { sip, ..Options::default() });
            let profile = json!({"domain_identifier": IDENTIFIER});
            tandem.api("PATCH", "/api/relay/rest/sip_profile", Some(profile)).success();
            tandem
        });
        let proxy = Kamailio::start(ip, &[&first, &second], carriers, local);
        Cluster { proxy, first, second }
    }

    pub fn nodes(&self) -> [&Tandem; 2] {
        [&self.first, &self.second]
    }

    /// An endpoint, made at both nodes.
    pub fn endpoint(&self, username: &str) {
        for node in self.nodes() {
            node.endpoint(username, json!({}));
        }
    }

    /// An application, made at both nodes.
    pub fn app(&self, identifier: &str, app: &AppServer, path: &str) -> String {
        for node in self.nodes() {
            node.domain_app(identifier, app, path, json!({}));
        }
        self.first.app_uri(identifier)
    }

    /// A phone that knows nothing but the proxy.
    pub fn phone(&self, user: &str) -> Phone {
        self.line(user, PASSWORD)
    }

    /// A caller without an account.
    pub fn stranger(&self) -> Phone {
        self.line("caller", "")
    }

    /// The same, at this address.
    pub fn stranger_at(&self, ip: IpAddr) -> Phone {
        self.known(Phone::at(ip, &self.first, "caller", ""))
    }

    fn line(&self, user: &str, password: &str) -> Phone {
        self.known(Phone::new(&self.first, user, password))
    }

    fn known(&self, mut phone: Phone) -> Phone {
        phone.server = self.proxy.sip;
        phone.domain = domain();
        phone
    }
}

pub fn domain() -> String {
    format!("acme-{IDENTIFIER}.sip.test.example")
}

/// Whether a node has this user's registration.
pub fn registered_at(node: &Tandem, user: &str) -> Option<Value> {
    let path = format!("/api/relay/rest/endpoints/sip?filter_username={user}");
    let found = node.api("GET", &path, None).success()["data"][0].clone();
    (found["registered"] == json!(true)).then_some(found)
}

pub struct Kamailio {
    /// Where phones and nodes reach it, by UDP and TCP.
    pub sip: SocketAddr,
    pub websocket: SocketAddr,
    /// Where calls of carriers leave for the nodes.
    pub carriers: IpAddr,
    dir: PathBuf,
    child: Child,
}

impl Kamailio {
    fn start(ip: IpAddr, nodes: &[&Tandem], carriers: &[SocketAddr], more: &str) -> Kamailio {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let carrier_ip = own_ip();
        let sip = SocketAddr::new(ip, free_port(ip));
        let websocket = SocketAddr::new(ip, free_port(ip));
        // A socket's path has some hundred bytes of room: a short folder.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("tandem-kamailio-{}-{number}", std::process::id()));
        std::fs::create_dir_all(dir.join("run")).expect("a folder for Kamailio");
        std::fs::copy(shipped().join("kamailio.cfg"), dir.join("kamailio.cfg")).expect("the shipped configuration");
        let list = dir.join("dispatcher.list");
        let mut local = format!(
            "listen=udp:{sip}\nlisten=tcp:{sip}\nlisten=tcp:{websocket}\n#!define WS_PORT {}\n\
             #!define WS_ORIGIN \"^https://phone.example$\"\n#!define DISPATCHER_LIST \"{}\"\n",
            websocket.port(),
            list.display()
        );
        local += more;
        if !carriers.is_empty() {
            let port = free_port(carrier_ip);
            local += &format!("#!define WITH_CARRIERS\nlisten=udp:{carrier_ip}:{port} name \"carriers\"\n");
        }
        std::fs::write(dir.join("local.cfg"), local).expect("its local part");
        let mut lines = String::new();
        for (node, priority) in nodes.iter().zip([20, 10]) {
            lines += &format!("1 sip:{} 0 {priority}\n", node.sip);
        }
        for carrier in carriers {
            lines += &format!("2 sip:{carrier} 4\n");
        }
        std::fs::write(&list, lines).expect("its list of nodes");
        let child = run(&dir);
        let kamailio = Kamailio { sip, websocket, carriers: carrier_ip, dir, child };
        for node in nodes {
            kamailio.wait_until(node, "AP");
        }
        kamailio
    }

    /// Waits until the proxy sees a node as `AP` (active) or `IP` (inactive).
    pub fn wait_until(&self, node: &Tandem, state: &str) {
        let wanted = format!("sip:{}", node.sip);
        eventually(&format!("the proxy holds {wanted} for {state}"), Duration::from_secs(20), || {
            let socket = format!("unix:{}", self.dir.join("run/kamailio_ctl").display());
            let out =
                Command::new(program("kamcmd")).args(["-s", &socket, "dispatcher.list"]).output().expect("kamcmd");
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            let entry = text.split("URI: ").find(|e| e.starts_with(&format!("{wanted}\n")))?;
            let flags = entry.split("FLAGS: ").nth(1)?.split_whitespace().next()?;
            (flags == state).then_some(())
        });
    }

    /// The end of its own log, for what fails.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

/// A program of the administrator's, which may not be where others look for theirs.
pub fn program(name: &str) -> PathBuf {
    let known = Path::new("/usr/sbin").join(name);
    if known.exists() { known } else { name.into() }
}

fn run(dir: &Path) -> Child {
    let log = File::create(dir.join("log")).expect("its log");
    // -DD: it stays our child; -E: it logs to us; -Y and -P: nothing of the system's instance is touched.
    Command::new(program("kamailio"))
        .args(["-DD", "-E", "-m", "32", "-M", "4", "-f"])
        .arg(dir.join("kamailio.cfg"))
        .arg("-Y")
        .arg(dir.join("run"))
        .arg("-P")
        .arg(dir.join("run/pid"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log twice"))
        .stderr(log)
        .spawn()
        .unwrap_or_else(|e| panic!("kamailio does not start ({e}): tools/setup.sh test installs it"))
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Its first process ends the others on SIGTERM, and leaves them alone on SIGKILL.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("Kamailio's log, its files at {}:\n{}", self.dir.display(), self.log());
        } else {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
