use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tandem_actors::signalling::{Algorithm, ContactOverflow, RegistrationPolicy, is_loose_route};
use tandem_call::directory::IpRange;
use tandem_call::leg::{CodecUse, ComfortNoiseUse, Extensions, Reliable};
use toml::de::{DeTable, DeValue};

use super::{
    CertificateFiles, ClientCertificates, Config, HoldName, KEYS, Key, Kind, LogFormat, Media, Problem, Sip, Webhook,
};

/// File, then environment, then meaning; all problems together.
pub(super) fn read(
    file: &Path,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader { file, text, found: BTreeMap::new(), problems: Vec::new() };
    reader.file();
    reader.problems.sort_by_key(|p| (p.line, p.column));
    reader.environment(environment);
    let config = reader.config();
    if reader.problems.is_empty() { Ok(config) } else { Err(reader.problems) }
}

pub(super) struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    found: BTreeMap<String, Found>,
    problems: Vec<Problem>,
}

struct Found {
    value: Value,
    place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Texts(Vec<String>),
    Integer(i64),
    Integers(Vec<i64>),
    Boolean(bool),
}

#[derive(Clone)]
pub(super) struct Place {
    file: PathBuf,
    line: usize,
    column: usize,
}

impl Reader<'_> {
    fn file(&mut self) {
        let root = match DeTable::parse(self.text) {
            Ok(root) => root,
            Err(e) => {
                let place = self.place(e.span().unwrap_or(0..0));
                return self.report(place, "", e.message().to_owned());
            }
        };
        for (name, value) in root.get_ref() {
            let section = name.get_ref().as_ref();
            if !KEYS.iter().any(|k| k.section == section) {
                let near = nearest(section, KEYS.iter().map(|k| k.section));
                self.report(self.place(name.span()), section, format!("unknown section{near}"));
                continue;
            }
            match value.get_ref() {
                DeValue::Table(table) => self.section(section, table),
                _ => self.report(self.place(value.span()), section, format!("must be a section: [{section}]")),
            }
        }
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = format!("{section}.{}", name.get_ref());
            let Some(key) = KEYS.iter().find(|k| k.section == section && k.name == name.get_ref().as_ref()) else {
                let near = nearest(name.get_ref(), KEYS.iter().filter(|k| k.section == section).map(|k| k.name));
                self.report(self.place(name.span()), &full, format!("unknown key{near}"));
                continue;
            };
            let place = self.place(value.span());
            match of_toml(key.kind, value.get_ref()) {
                Some(value) => {
                    self.found.insert(full, Found { value, place });
                }
                None => self.report(place, &full, format!("must be {}", key.kind.describe())),
            }
        }
    }

    fn environment(&mut self, environment: impl Iterator<Item = (String, String)>) {
        let mut variables: Vec<_> = environment.filter(|(name, _)| name.starts_with("TANDEM_")).collect();
        variables.sort();
        for (name, value) in variables {
            let place = Place { file: PathBuf::from(&name), line: 0, column: 0 };
            let Some(key) = KEYS.iter().find(|k| k.variable() == name) else {
                // Other variables of the product are not ours to judge; a misspelt key of a section is.
                if KEYS.iter().any(|k| name.starts_with(&format!("TANDEM_{}_", k.section.to_ascii_uppercase()))) {
                    let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
                    let near = nearest(&name, names.iter().map(String::as_str));
                    self.report(place, "", format!("unknown variable{near}"));
                }
                continue;
            };
            let full = format!("{}.{}", key.section, key.name);
            match of_text(key.kind, &value) {
                Some(value) => {
                    self.found.insert(full, Found { value, place });
                }
                None => self.report(place, &full, format!("must be {}", describe_text(key.kind))),
            }
        }
    }

    fn config(&mut self) -> Config {
        let mut c = Config::default();
        c.project.id = self.parsed::<Uuid>("project.id").map(|id| id.0);
        c.project.token = self.non_empty("project.token");
        c.project.signing_key = self.non_empty("project.signing_key");
        self.set("project.space", &mut c.project.space, |s| label(s, "a space"));
        self.set("server.domain", &mut c.server.domain, domain);
        self.set_all("sip.udp", &mut c.sip.udp);
        self.set_all("sip.tcp", &mut c.sip.tcp);
        self.streams(&mut c.sip);
        c.sip.advertise = self.parsed::<Host>("sip.advertise").map(|host| host.0);
        self.digest(&mut c.sip);
        self.registration(&mut c.sip.registration);
        self.integer("sip.nat_keepalive_secs", &mut c.sip.nat_keepalive_secs);
        self.service_route(&mut c.sip.service_route);
        self.extensions(&mut c.sip.extensions);
        if let Some((Value::Texts(names), _)) = self.take("sip.names") {
            c.sip.names = names;
        }
        self.set("sip.dial_transport", &mut c.sip.dial_transport, dial_transport);
        self.set("sip.redirects", &mut c.sip.redirects, redirects);
        self.set("sip.hold", &mut c.sip.hold, hold);
        c.sip.hold_music = self.non_empty("sip.hold_music").map(PathBuf::from);
        self.set("media.address", &mut c.media.address, parse);
        c.media.advertise = self.parsed("media.advertise");
        self.ports(&mut c.media.ports);
        if let Some((Value::Integers(cpus), _)) = self.take("media.cpus") {
            c.media.cpus = cpus.into_iter().filter_map(|cpu| usize::try_from(cpu).ok()).collect();
        }
        self.codecs(&mut c.media.codecs);
        self.jitter(&mut c.media);
        self.integer("media.load_max_percent", &mut c.media.load_max_percent);
        self.integer("media.realtime_priority", &mut c.media.realtime_priority);
        self.integer("media.busy_poll_us", &mut c.media.busy_poll_us);
        self.integer("media.dscp", &mut c.media.dscp);
        self.integer("media.buffer_bytes", &mut c.media.buffer_bytes);
        self.set("http.listen", &mut c.http.listen, parse);
        self.set("http.public_url", &mut c.http.public_url, public_url);
        self.integer("http.workers", &mut c.http.workers);
        if let Some((Value::Boolean(public), _)) = self.take("http.metrics_public") {
            c.http.metrics_public = public;
        }
        self.set("store.url", &mut c.store.url, store_url);
        self.set("recording.folder", &mut c.recording.folder, folder);
        self.integer("recording.recordings_max", &mut c.recording.recordings_max);
        self.speech(&mut c.speech);
        self.speech_recognition(&mut c.speech_recognition);
        self.webhook(&mut c.webhook);
        self.integer("limits.calls_max", &mut c.limits.calls_max);
        self.integer("limits.call_threads", &mut c.limits.call_threads);
        self.integer("limits.calls_per_second", &mut c.limits.calls_per_second);
        self.integer("limits.connections", &mut c.limits.connections);
        self.integer("limits.connections_per_source", &mut c.limits.connections_per_source);
        self.integer("limits.unproved_per_second", &mut c.limits.unproved_per_second);
        self.integer("limits.drain_secs", &mut c.limits.drain_secs);
        self.integer("limits.call_secs_max", &mut c.limits.call_secs_max);
        self.set("log.level", &mut c.log.level, |s| if s.is_empty() { Err("is empty".into()) } else { Ok(s.into()) });
        self.set("log.format", &mut c.log.format, log_format);
        if [&c.sip.udp, &c.sip.tcp, &c.sip.tls, &c.sip.ws, &c.sip.wss].iter().all(|list| list.is_empty()) {
            let place = Place { file: self.file.to_owned(), line: 0, column: 0 };
            self.report(place, "sip", "needs at least one address in udp, tcp, tls, ws or wss".into());
        }
        c
    }

    fn webhook(&mut self, webhook: &mut Webhook) {
        self.set_all("webhook.allow", &mut webhook.allow);
        webhook.ca = self.non_empty("webhook.ca").map(PathBuf::from);
        self.set_all("webhook.dns_servers", &mut webhook.dns_servers);
        self.integer("webhook.requests_per_host", &mut webhook.requests_per_host);
        self.integer("webhook.status_retry_hours", &mut webhook.status_retry_hours);
        self.integer("webhook.status_queue_max", &mut webhook.status_queue_max);
        self.integer("webhook.log_max", &mut webhook.log_max);
        self.integer("webhook.log_per_call_max", &mut webhook.log_per_call_max);
    }

    fn digest(&mut self, sip: &mut Sip) {
        let mut place = None;
        if let Some((Value::Texts(names), at)) = self.take("sip.digest") {
            sip.digest.clear();
            for name in names {
                match Algorithm::from_name(&name).filter(|a| !a.is_session()) {
                    Some(algorithm) if !sip.digest.contains(&algorithm) => sip.digest.push(algorithm),
                    Some(_) => self.report(at.clone(), "sip.digest", format!("has {name:?} twice")),
                    None => {
                        let why = format!("{name:?} is none of md5, sha-256, sha-512-256");
                        self.report(at.clone(), "sip.digest", why);
                    }
                }
            }
            place = Some(at);
        }
        if let Some((Value::Boolean(false), at)) = self.take("sip.digest_sha256") {
            sip.digest.retain(|a| *a == Algorithm::Md5);
            place = Some(at);
        }
        if let Some(place) = place.filter(|_| sip.digest.is_empty() && self.problems.is_empty()) {
            self.report(place, "sip.digest", "leaves nothing to challenge for".into());
        }
        if let Some((Value::Boolean(offered), _)) = self.take("sip.digest_auth_int") {
            sip.digest_auth_int = offered;
        }
    }

    /// The three times are one range with a default in it.
    fn registration(&mut self, policy: &mut RegistrationPolicy) {
        let times = self.found.iter().find(|(key, _)| key.starts_with("sip.register_expires"));
        let place = times.map(|(_, found)| found.place.clone());
        self.integer("sip.register_expires_min", &mut policy.expires_secs_min);
        self.integer("sip.register_expires_max", &mut policy.expires_secs_max);
        self.integer("sip.register_expires_default", &mut policy.expires_secs_default);
        let bounds = policy.expires_secs_min..=policy.expires_secs_max;
        if let Some(place) = place.filter(|_| !bounds.contains(&policy.expires_secs_default)) {
            let why = "must lie between register_expires_min and register_expires_max";
            self.report(place, "sip.register_expires_default", why.into());
        }
        self.integer("sip.contacts_max", &mut policy.contacts_max);
        self.set("sip.contact_overflow", &mut policy.overflow, |name| {
            ContactOverflow::from_name(name).ok_or_else(|| format!("{name:?} is neither refuse nor replace_oldest"))
        });
    }

    fn service_route(&mut self, out: &mut Vec<String>) {
        let Some((Value::Texts(routes), place)) = self.take("sip.service_route") else { return };
        for route in &routes {
            // Without brackets or `lr` phones misread it (RFC 3608 section 6.1).
            if !is_loose_route(route) {
                let why = format!("{route:?} is not of the form <sip:host;lr>");
                self.report(place.clone(), "sip.service_route", why);
            }
        }
        *out = routes;
    }

    /// The three are one range with a beginning in it.
    fn jitter(&mut self, media: &mut Media) {
        let place = self.found.iter().find(|(key, _)| key.starts_with("media.jitter_")).map(|(_, f)| f.place.clone());
        self.integer("media.jitter_min_ms", &mut media.jitter_min_ms);
        self.integer("media.jitter_max_ms", &mut media.jitter_max_ms);
        self.integer("media.jitter_start_ms", &mut media.jitter_start_ms);
        let ordered = media.jitter_min_ms <= media.jitter_start_ms && media.jitter_start_ms <= media.jitter_max_ms;
        if let Some(place) = place.filter(|_| !ordered) {
            self.report(place, "media.jitter_start_ms", "must lie between jitter_min_ms and jitter_max_ms".into());
        }
    }

    fn ports(&mut self, out: &mut (u16, u16)) {
        let Some((Value::Integers(ports), place)) = self.take("media.ports") else { return };
        match ports.as_slice() {
            [lo, hi] if hi - lo >= 3 => {
                // The kind's bounds fit u16.
                *out = (u16::try_from(*lo).unwrap_or(u16::MAX), u16::try_from(*hi).unwrap_or(u16::MAX));
            }
            _ => self.report(place, "media.ports", "must be [first, last] with room for two port pairs".into()),
        }
    }

    fn codecs(&mut self, out: &mut CodecUse) {
        let opus = &mut out.tuning.opus;
        self.integer("media.opus_complexity", &mut opus.complexity);
        self.integer("media.opus_bitrate_narrowband", &mut opus.bitrate_narrowband);
        self.integer("media.opus_bitrate_wideband", &mut opus.bitrate_wideband);
        self.integer("media.opus_bitrate_fullband", &mut opus.bitrate_fullband);
        self.integer("media.opus_playback_rate", &mut opus.playback_rate);
        if let Some((Value::Boolean(dtx), _)) = self.take("media.opus_dtx") {
            opus.dtx = dtx;
        }
        self.set("media.comfort_noise", &mut out.comfort_noise, comfort_noise);
    }

    fn extensions(&mut self, out: &mut Extensions) {
        self.set("sip.reliable_provisional", &mut out.reliable, reliable);
        self.integer("sip.min_se", &mut out.min_se_secs);
        if let Some((Value::Integer(secs), place)) = self.take("sip.session_expires") {
            match u32::try_from(secs) {
                Ok(secs) if secs == 0 || secs >= out.min_se_secs => out.session_expires_secs = secs,
                _ => self.report(place, "sip.session_expires", "must be 0, or min_se at least".into()),
            }
        }
        if let Some((Value::Boolean(only), _)) = self.take("sip.known_sources_only") {
            out.known_sources_only = only;
        }
    }

    /// TLS and WebSocket: what one key asks for, another has to give.
    fn streams(&mut self, sip: &mut Sip) {
        let place_of = |reader: &Self, key: &str| reader.found.get(key).map(|f| f.place.clone());
        let secure = place_of(self, "sip.tls").or_else(|| place_of(self, "sip.wss"));
        let demand = place_of(self, "sip.tls_client_certificates");
        self.set_all("sip.tls", &mut sip.tls);
        self.set_all("sip.ws", &mut sip.ws);
        self.set_all("sip.wss", &mut sip.wss);
        let half = place_of(self, "sip.tls_certificate").or_else(|| place_of(self, "sip.tls_key"));
        let mut file = |key: &str| {
            let mut path = PathBuf::new();
            self.set(key, &mut path, folder);
            Some(path).filter(|p| !p.as_os_str().is_empty())
        };
        let (chain, key) = (file("sip.tls_certificate"), file("sip.tls_key"));
        sip.tls_client_ca = file("sip.tls_client_ca");
        sip.tls_ca = file("sip.tls_ca");
        self.set("sip.tls_client_certificates", &mut sip.tls_client_certificates, client_certificates);
        self.set_all("sip.dns_servers", &mut sip.dns_servers);
        self.set_all("sip.proxies", &mut sip.proxies);
        self.set_all("sip.overload_control", &mut sip.overload_control);
        if let Some((Value::Texts(origins), place)) = self.take("sip.ws_origins") {
            if let Some(bad) = origins.iter().find(|o| !is_origin(o)) {
                self.report(place, "sip.ws_origins", format!("{bad:?} is no origin such as https://app.example.com"));
            }
            sip.ws_origins = origins;
        }
        sip.certificate = chain.zip(key).map(|(chain, key)| CertificateFiles { chain, key });
        if let Some(place) = half.filter(|_| sip.certificate.is_none()) {
            self.report(place, "sip.tls_certificate", "tls_certificate and tls_key belong together".into());
        } else if let Some(place) =
            secure.filter(|_| sip.certificate.is_none() && !(sip.tls.is_empty() && sip.wss.is_empty()))
        {
            self.report(place, "sip.tls", "tls and wss need tls_certificate and tls_key".into());
        }
        let unproved = sip.tls_client_certificates != ClientCertificates::Off && sip.tls_client_ca.is_none();
        if let Some(place) = demand.filter(|_| unproved) {
            self.report(place, "sip.tls_client_certificates", "needs tls_client_ca".into());
        }
    }

    pub(super) fn set<T>(&mut self, key: &str, out: &mut T, read: impl Fn(&str) -> Result<T, String>) {
        let Some((Value::Text(text), place)) = self.take(key) else { return };
        match read(&text) {
            Ok(value) => *out = value,
            Err(why) => self.report(place, key, why),
        }
    }

    fn set_all<T: Meaning>(&mut self, key: &str, out: &mut Vec<T>) {
        let Some((Value::Texts(texts), place)) = self.take(key) else { return };
        out.clear();
        for text in texts {
            match parse(&text) {
                Ok(value) => out.push(value),
                Err(why) => self.report(place.clone(), key, why),
            }
        }
    }

    fn parsed<T: Meaning>(&mut self, key: &str) -> Option<T> {
        let Some((Value::Text(text), place)) = self.take(key) else { return None };
        match parse(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.report(place, key, why);
                None
            }
        }
    }

    pub(super) fn non_empty(&mut self, key: &str) -> Option<String> {
        let Some((Value::Text(text), place)) = self.take(key) else { return None };
        if text.trim().is_empty() || text.contains(char::is_control) {
            self.report(place, key, "is empty, or holds control characters".into());
            return None;
        }
        Some(text)
    }

    pub(super) fn integer<T: TryFrom<i64>>(&mut self, key: &str, out: &mut T) {
        if let Some((Value::Integer(n), _)) = self.take(key)
            && let Ok(n) = T::try_from(n)
        {
            *out = n;
        }
    }

    /// Where a key is set.
    pub(super) fn place_of(&self, key: &str) -> Option<Place> {
        self.found.get(key).map(|f| f.place.clone())
    }

    pub(super) fn take(&mut self, key: &str) -> Option<(Value, Place)> {
        self.found.remove(key).map(|f| (f.value, f.place))
    }

    pub(super) fn report(&mut self, place: Place, key: &str, message: String) {
        let Place { file, line, column } = place;
        self.problems.push(Problem { file, line, column, key: key.to_owned(), message });
    }

    fn place(&self, span: Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Place {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

fn reliable(text: &str) -> Result<Reliable, String> {
    match text {
        "off" => Ok(Reliable::Off),
        "supported" => Ok(Reliable::Supported),
        "required" => Ok(Reliable::Required),
        _ => Err("must be off, supported or required".into()),
    }
}

fn dial_transport(text: &str) -> Result<Option<&'static str>, String> {
    match text {
        "auto" => Ok(None),
        "udp" => Ok(Some("udp")),
        "tcp" => Ok(Some("tcp")),
        "tls" => Ok(Some("tls")),
        _ => Err("must be auto, udp, tcp or tls".into()),
    }
}

fn redirects(text: &str) -> Result<bool, String> {
    match text {
        "off" => Ok(false),
        "bounded" => Ok(true),
        _ => Err("must be off or bounded".into()),
    }
}

fn hold(text: &str) -> Result<HoldName, String> {
    match text {
        "pass" => Ok(HoldName::Pass),
        "music" => Ok(HoldName::Music),
        "local" => Ok(HoldName::Local),
        _ => Err("must be pass, music or local".into()),
    }
}

fn client_certificates(text: &str) -> Result<ClientCertificates, String> {
    match text {
        "off" => Ok(ClientCertificates::Off),
        "optional" => Ok(ClientCertificates::Optional),
        "required" => Ok(ClientCertificates::Required),
        _ => Err("must be off, optional or required".into()),
    }
}

/// Scheme and authority, no path; or any.
fn is_origin(text: &str) -> bool {
    text == "*"
        || text
            .split_once("://")
            .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty() && !rest.contains(['/', ' ']))
}

fn comfort_noise(text: &str) -> Result<ComfortNoiseUse, String> {
    match text {
        "off" => Ok(ComfortNoiseUse::Off),
        "receive" => Ok(ComfortNoiseUse::Receive),
        "send" => Ok(ComfortNoiseUse::Send),
        _ => Err("must be off, receive or send".into()),
    }
}

fn of_toml(kind: Kind, value: &DeValue<'_>) -> Option<Value> {
    match kind {
        Kind::Text => value.as_str().map(|s| Value::Text(s.to_owned())),
        Kind::Boolean => value.as_bool().map(Value::Boolean),
        Kind::Integer(lo, hi) => integer(value, lo, hi).map(Value::Integer),
        Kind::Texts => {
            let items = value.as_array()?.iter().map(|v| v.get_ref().as_str().map(str::to_owned));
            items.collect::<Option<_>>().map(Value::Texts)
        }
        Kind::Integers(lo, hi) => {
            let items = value.as_array()?.iter().map(|v| integer(v.get_ref(), lo, hi));
            items.collect::<Option<_>>().map(Value::Integers)
        }
    }
}

fn integer(value: &DeValue<'_>, lo: i64, hi: i64) -> Option<i64> {
    let n = value.as_integer()?;
    i64::from_str_radix(n.as_str(), n.radix()).ok().filter(|n| (lo..=hi).contains(n))
}

fn of_text(kind: Kind, text: &str) -> Option<Value> {
    let bounded = |s: &str, lo, hi| s.trim().parse().ok().filter(|n: &i64| (lo..=hi).contains(n));
    let items = || text.split(',').map(str::trim).filter(|s| !s.is_empty());
    match kind {
        Kind::Text => Some(Value::Text(text.to_owned())),
        Kind::Texts => Some(Value::Texts(items().map(str::to_owned).collect())),
        Kind::Integer(lo, hi) => bounded(text, lo, hi).map(Value::Integer),
        Kind::Integers(lo, hi) => items().map(|s| bounded(s, lo, hi)).collect::<Option<_>>().map(Value::Integers),
        Kind::Boolean => match text {
            "true" | "1" => Some(Value::Boolean(true)),
            "false" | "0" => Some(Value::Boolean(false)),
            _ => None,
        },
    }
}

fn describe_text(kind: Kind) -> String {
    match kind {
        Kind::Integers(..) => format!("{}, with commas", kind.describe()),
        _ => kind.describe(),
    }
}

/// A word that means something: how it reads, and what to say when it does not.
trait Meaning: FromStr {
    const WHAT: &'static str;
}

impl Meaning for std::net::SocketAddr {
    const WHAT: &'static str = "an address and port such as 192.0.2.1:5060 or [2001:db8::1]:5060";
}

impl Meaning for std::net::IpAddr {
    const WHAT: &'static str = "an IP address";
}

impl Meaning for IpRange {
    const WHAT: &'static str = "an address or a CIDR range such as 10.0.0.0/8";
}

impl Meaning for ipnet::IpNet {
    const WHAT: &'static str = "a CIDR range such as 10.0.0.0/8";
}

struct Uuid(String);

impl FromStr for Uuid {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        s.parse::<tandem_model::Sid>().map(|sid| Uuid(sid.to_string()))
    }
}

impl Meaning for Uuid {
    const WHAT: &'static str = "a UUID with hyphens";
}

struct Host(String);

impl FromStr for Host {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let is_host = s.parse::<std::net::IpAddr>().is_ok() || domain(s).is_ok();
        if is_host { Ok(Host(s.to_owned())) } else { Err(()) }
    }
}

impl Meaning for Host {
    const WHAT: &'static str = "a host name or an IP address, without a port";
}

fn parse<T: Meaning>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is not {}", T::WHAT))
}

fn label(text: &str, what: impl Display) -> Result<String, String> {
    let good = !text.is_empty()
        && text.len() <= 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if good {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is not {what}: letters, digits and inner dashes, at most 40"))
    }
}

fn domain(text: &str) -> Result<String, String> {
    let good = text.len() <= 180 && text.split('.').all(|part| part.len() <= 63 && label(part, "").is_ok());
    if good { Ok(text.to_ascii_lowercase()) } else { Err(format!("{text:?} is not a domain name")) }
}

fn store_url(text: &str) -> Result<String, String> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is not of the form sqlite:path")),
    }
}

fn public_url(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let is_origin =
        |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@']) && !host.contains(char::is_whitespace);
    if text.is_empty() || rest.is_some_and(is_origin) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not of the form https://host:port"))
}

fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') { Err("is empty".into()) } else { Ok(text.into()) }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is neither text nor json")),
    }
}

/// `, did you mean …?` when one of `known` is close.
fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    let word = word.to_ascii_lowercase();
    let close = known.map(|k| (distance(&word, &k.to_ascii_lowercase()), k)).min();
    match close {
        Some((d, k)) if d <= 2.max(word.len() / 3) => format!(", did you mean {k}?"),
        _ => String::new(),
    }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
