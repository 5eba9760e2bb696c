//! baresip, each in a network namespace of its own: it refuses loopback interfaces.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use super::tandem::PASSWORD;
use super::{Tandem, audio};

/// Why these tests cannot run here, if so: namespaces are made by root alone.
pub fn cannot_run() -> Option<&'static str> {
    let id = Command::new("id").arg("-u").output().ok()?;
    (id.stdout.trim_ascii() != b"0").then_some("not root: network namespaces cannot be made")
}

/// A namespace joined to this machine by a pair of interfaces, of which `outside` is this machine's address.
pub struct Namespace {
    name: String,
    interface: String,
    peer: String,
    pub inside: IpAddr,
    pub outside: IpAddr,
}

impl Namespace {
    pub fn new() -> Namespace {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(n < 60, "too many namespaces in one test process");
        let pid = std::process::id();
        let [_, _, _, low] = pid.to_be_bytes();
        // 198.18.0.0/15 is for tests of networks (RFC 2544 appendix C.2.2).
        let address = |host: u8| IpAddr::V4(Ipv4Addr::new(198, 18 + (pid >> 8 & 1) as u8, low, 4 * n + host));
        let (outside, inside) = (address(1), address(2));
        let name = format!("tandem{pid}x{n}");
        let (interface, peer) = (format!("tdm{:x}h{n}", pid & 0xf_ffff), format!("tdm{:x}n{n}", pid & 0xf_ffff));
        let namespace = Namespace { name, interface, peer, inside, outside };
        let Namespace { name, interface, peer, .. } = &namespace;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {interface} type veth peer name {peer} netns {name}"));
        ip(&format!("addr add {outside}/30 dev {interface}"));
        ip(&format!("link set {interface} up"));
        ip(&format!("-n {name} addr add {inside}/30 dev {peer}"));
        ip(&format!("-n {name} link set {peer} up"));
        ip(&format!("-n {name} link set lo up"));
        ip(&format!("-n {name} route add default via {outside}"));
        namespace
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["link", "del", &self.interface]).output();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

fn ip(arguments: &str) {
    let out = Command::new("ip").args(arguments.split(' ')).output().expect("ip, of iproute2");
    assert!(out.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&out.stderr));
}

/// How one phone is set up.
pub struct Account {
    pub user: &'static str,
    /// As baresip writes it: `pcmu`, or `opus/48000/2`.
    pub codec: &'static str,
    /// `srtp-mand` for SDES-SRTP.
    pub encryption: Option<&'static str>,
    pub says: &'static str,
    pub voice: &'static str,
}

/// A running phone that answers by itself.
pub struct Baresip {
    /// Where its console listens.
    console: SocketAddr,
    dir: PathBuf,
    child: Child,
}

impl Baresip {
    /// Starts a phone that registers and, if `dial` is given, calls it.
    pub fn start(namespace: &Namespace, tandem: &Tandem, account: &Account, dial: Option<&str>) -> Baresip {
        let name = format!("baresip-{}-{}", namespace.name, account.user);
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).expect("a folder for the phone");
        let (rate, channels) = if account.codec.starts_with("opus") { (48_000, 2) } else { (8_000, 1) };
        audio::speech(account.says, account.voice, &dir.join("says.wav"), rate, channels);
        let interface = namespace.peer.clone();
        std::fs::write(dir.join("config"), config(&dir, namespace.inside, &interface)).expect("its configuration");
        let encryption = account.encryption.map_or(String::new(), |e| format!(";mediaenc={e}"));
        // The proxy is where to send; the domain is only a name.
        let line = format!(
            "<sip:{user}@{domain};transport=udp>;auth_user={user};auth_pass={PASSWORD};outbound=\"sip:{server};transport=udp\";\
             regint=60;answermode=auto;audio_codecs={codec}{encryption}\n",
            user = account.user,
            domain = tandem.domain(),
            server = tandem.sip,
            codec = account.codec,
        );
        std::fs::write(dir.join("accounts"), line).expect("its account");
        std::fs::write(dir.join("contacts"), "").expect("its contacts");
        let log = File::create(dir.join("log")).expect("its log");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &namespace.name, "baresip", "-f"]).arg(&dir);
        if let Some(target) = dial {
            command.args(["-e", &format!("/dial {target}")]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log twice"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| panic!("baresip does not start ({e}): tools/setup.sh test installs it"));
        Baresip { console: SocketAddr::new(namespace.inside, 5555), dir, child }
    }

    /// Types this into its console: keys, or a command that begins with a slash.
    pub fn tell(&self, keys: &str) {
        let mut console = TcpStream::connect_timeout(&self.console, Duration::from_secs(5)).expect("its console");
        let end = if keys.starts_with('/') { "\n" } else { "" };
        console.write_all(format!("{keys}{end}").as_bytes()).expect("to type");
        // It echoes, and wants somebody to read that.
        let _ = console.set_read_timeout(Some(Duration::from_millis(300)));
        let mut echo = [0; 1_024];
        while matches!(console.read(&mut echo), Ok(n) if n > 0) {}
    }

    /// What this phone played.
    pub fn said(&self) -> Vec<i16> {
        audio::read(&self.dir.join("says.wav"))
    }

    /// Ends the phone, and returns what it heard.
    pub fn finish(mut self) -> Vec<i16> {
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
        let dump = std::fs::read_dir(&self.dir).expect("its folder").flatten().map(|f| f.path());
        let dump = dump.filter(|p| p.to_string_lossy().ends_with("-dec.wav")).max();
        let heard = dump.map_or_else(Vec::new, |path| audio::read(&path));
        assert!(!heard.is_empty(), "the phone heard nothing:\n{}", self.log());
        heard
    }

    pub fn log(&self) -> String {
        let raw = std::fs::read(self.dir.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&raw).into_owned()
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn config(dir: &Path, address: IpAddr, interface: &str) -> String {
    let dir = dir.display();
    let modules =
        ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/lib64/baresip/modules"];
    let modules = modules.into_iter().find(|m| Path::new(m).is_dir()).unwrap_or(modules[0]);
    format!(
        "poll_method epoll\nsip_listen {address}:5060\nsip_trans_def udp\ncall_local_timeout 120\ncall_max_calls 4\n\
         audio_player aubridge,nil\naudio_alert aubridge,nil\naudio_source aufile,{dir}/says.wav\n\
         ausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\naudio_buffer 20-160\n\
         rtp_ports 10000-12000\nrtcp_mux no\njitter_buffer_delay 2-10\nnet_interface {interface}\n\
         opus_bitrate 32000\n\
         module_path {modules}\nmodule cons.so\nmodule g711.so\nmodule opus.so\nmodule aufile.so\nmodule aubridge.so\n\
         module sndfile.so\nmodule srtp.so\nmodule_tmp account.so\nmodule_app menu.so\nsnd_path {dir}\n\
         cons_listen {address}:5555\n"
    )
}
