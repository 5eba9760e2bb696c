//! What the operator says: `tandem.toml`, overlaid by `TANDEM_SECTION_KEY` environment variables. Every problem is
//! reported at once, with its place. Start at [`load`]; the keys are listed in [`keys`].

mod key;
mod problem;
mod read;
mod speech;

#[cfg(test)]
mod tests;

pub use key::{KEYS, Key, Kind, example};
pub use problem::Problem;
pub use speech::{RecogniserFormat, RecogniserName, Speech, SpeechEngineName, SpeechRecognition};

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use tandem_actors::signalling::{Algorithm, RegistrationPolicy};
use tandem_actors::transport::{CertificateFiles, ClientCertificates};
use tandem_call::directory::IpRange;
use tandem_call::leg::{CodecUse, Extensions};

/// The whole configuration, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub project: Project,
    pub server: Server,
    pub sip: Sip,
    pub media: Media,
    pub http: Http,
    pub store: Store,
    pub recording: Recording,
    pub speech: Speech,
    pub speech_recognition: SpeechRecognition,
    pub webhook: Webhook,
    pub limits: Limits,
    pub log: Log,
}

/// What is left out is made up at first start and kept in the store.
#[derive(Clone, PartialEq)]
pub struct Project {
    /// UUID.
    pub id: Option<String>,
    pub token: Option<String>,
    pub signing_key: Option<String>,
    pub space: String,
}

impl std::fmt::Debug for Project {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Project").field("id", &self.id).field("space", &self.space).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    pub domain: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sip {
    pub udp: Vec<SocketAddr>,
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    pub ws: Vec<SocketAddr>,
    pub wss: Vec<SocketAddr>,
    /// Certificate chain and key, PEM; there when `tls` or `wss` is.
    pub certificate: Option<CertificateFiles>,
    pub tls_client_certificates: ClientCertificates,
    /// Authorities of client certificates, PEM.
    pub tls_client_ca: Option<PathBuf>,
    /// Authorities of peers we connect to, PEM; None takes the system's.
    pub tls_ca: Option<PathBuf>,
    /// Origins of web pages that may connect; empty is the same host.
    pub ws_origins: Vec<String>,
    /// Our own proxies: what they send on is counted by the client that they name.
    pub proxies: Vec<IpRange>,
    /// Next hops that are offered overload control (RFC 7339), and obeyed in it.
    pub overload_control: Vec<IpRange>,
    /// Empty takes the system's.
    pub dns_servers: Vec<SocketAddr>,
    /// Host written into Via, Contact and Record-Route; None takes the listener's address.
    pub advertise: Option<String>,
    /// What phones are challenged for, in this order.
    pub digest: Vec<Algorithm>,
    /// Offer qop "auth-int" too.
    pub digest_auth_int: bool,
    pub registration: RegistrationPolicy,
    /// Seconds between two questions to a phone behind a NAT; 0 asks none.
    pub nat_keepalive_secs: u32,
    /// `<sip:host;lr>` each.
    pub service_route: Vec<String>,
    pub extensions: Extensions,
    /// Further hosts that lead here, for Route.
    pub names: Vec<String>,
    /// For SIP addresses that name none; None is as DNS says.
    pub dial_transport: Option<&'static str>,
    /// 3xx responses are followed, within bounds.
    pub redirects: bool,
    pub hold: HoldName,
    /// None is the music that is built in.
    pub hold_music: Option<PathBuf>,
}

/// What the other party of a bridge is told of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldName {
    Pass,
    Music,
    Local,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    pub address: IpAddr,
    /// Address written into SDP, for its own family where `address` has both; None takes `address`.
    pub advertise: Option<IpAddr>,
    /// First and last RTP port, both used.
    pub ports: (u16, u16),
    /// One media thread is pinned to each; empty leaves the choice to the program.
    pub cpus: Vec<usize>,
    pub codecs: CodecUse,
    /// What a jitter buffer may add to the delay, and what it begins with, in milliseconds.
    pub jitter_min_ms: u16,
    pub jitter_max_ms: u16,
    pub jitter_start_ms: u16,
    /// Share of a thread's time in use up to which new calls are taken.
    pub load_max_percent: u8,
    /// 0 is none.
    pub realtime_priority: u8,
    pub busy_poll_us: u32,
    pub dscp: u8,
    /// Receive and send buffer of each socket.
    pub buffer_bytes: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    pub listen: SocketAddr,
    /// Without a slash at the end; empty: `http` and `listen`.
    pub public_url: String,
    pub workers: usize,
    pub metrics_public: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// `sqlite:path`.
    pub url: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub folder: PathBuf,
    /// At a time.
    pub recordings_max: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Webhook {
    /// Private networks webhooks may reach all the same.
    pub allow: Vec<IpNet>,
    /// Authorities trusted beside the system's.
    pub ca: Option<PathBuf>,
    /// The system's when empty.
    pub dns_servers: Vec<SocketAddr>,
    pub requests_per_host: usize,
    pub status_retry_hours: u64,
    pub status_queue_max: usize,
    /// Entries of the log; 0: none.
    pub log_max: usize,
    pub log_per_call_max: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Calls at a time; above it new ones get 503.
    pub calls_max: usize,
    /// 0: the one of signalling.
    pub call_threads: usize,
    /// New calls a second; above it 503.
    pub calls_per_second: u32,
    /// SIP connections at a time, over all stream transports, and from one source.
    pub connections: usize,
    pub connections_per_source: usize,
    /// From one source that has proved nothing; 0 sets no bound.
    pub unproved_per_second: u32,
    /// How long calls may go on after SIGTERM.
    pub drain_secs: u64,
    /// Longest call.
    pub call_secs_max: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,tandem_actors=debug`.
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        let any = |port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
        Config {
            project: Project { id: None, token: None, signing_key: None, space: "tandem".into() },
            server: Server { domain: "localhost".into() },
            sip: Sip {
                udp: vec![any(5060)],
                tcp: vec![any(5060)],
                tls: Vec::new(),
                ws: Vec::new(),
                wss: Vec::new(),
                certificate: None,
                tls_client_certificates: ClientCertificates::Off,
                tls_client_ca: None,
                tls_ca: None,
                ws_origins: Vec::new(),
                proxies: Vec::new(),
                overload_control: Vec::new(),
                dns_servers: Vec::new(),
                advertise: None,
                digest: vec![Algorithm::Md5, Algorithm::Sha256],
                digest_auth_int: false,
                registration: RegistrationPolicy::default(),
                nat_keepalive_secs: 30,
                service_route: Vec::new(),
                extensions: Extensions::default(),
                names: vec![],
                dial_transport: None,
                redirects: false,
                hold: HoldName::Pass,
                hold_music: None,
            },
            media: Media {
                address: Ipv4Addr::UNSPECIFIED.into(),
                advertise: None,
                ports: (16_384, 32_767),
                cpus: Vec::new(),
                codecs: CodecUse::default(),
                jitter_min_ms: 20,
                jitter_max_ms: 180,
                jitter_start_ms: 40,
                load_max_percent: 80,
                realtime_priority: 0,
                busy_poll_us: 0,
                dscp: 46,
                buffer_bytes: 131_072,
            },
            http: Http {
                listen: (Ipv4Addr::LOCALHOST, 8080).into(),
                public_url: String::new(),
                workers: 1,
                metrics_public: true,
            },
            store: Store { url: "sqlite:tandem.db".into() },
            recording: Recording { folder: "recordings".into(), recordings_max: 1_000 },
            speech: Speech::default(),
            speech_recognition: SpeechRecognition::default(),
            webhook: Webhook {
                allow: Vec::new(),
                ca: None,
                dns_servers: Vec::new(),
                requests_per_host: 256,
                status_retry_hours: 24,
                status_queue_max: 50_000,
                log_max: 100_000,
                log_per_call_max: 200,
            },
            limits: Limits {
                calls_max: 4_000,
                call_threads: 0,
                calls_per_second: 500,
                connections: 8_192,
                connections_per_source: 1_024,
                unproved_per_second: 200,
                drain_secs: 300,
                call_secs_max: 14_400,
            },
            log: Log { level: "info".into(), format: LogFormat::Text },
        }
    }
}

/// Reads `path` (None: no file, defaults only) and overlays the process's environment.
///
/// # Errors
/// All problems found, in the order of the file, then of the environment.
pub fn load(path: Option<&Path>) -> Result<Config, Vec<Problem>> {
    let text = match path {
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => return Err(vec![Problem::of_file(path, e.to_string())]),
        },
        None => String::new(),
    };
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    read::read(path.unwrap_or(Path::new("")), &text, environment)
}

/// What is wrong with a configuration file, for `check-config`. The environment takes part as it does at a start.
pub fn check(path: &Path) -> Vec<Problem> {
    load(Some(path)).err().unwrap_or_default()
}
