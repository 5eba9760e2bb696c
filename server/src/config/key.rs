/// A configuration key: the one list that the reader, the environment overlay and the example file follow.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub section: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    /// As written in the file; empty when there is none.
    pub default: &'static str,
    /// A value to show where there is no default.
    pub sample: &'static str,
    pub doc: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Texts,
    /// With its bounds, both allowed.
    Integer(i64, i64),
    Integers(i64, i64),
    Boolean,
}

impl Kind {
    pub(super) fn describe(self) -> String {
        match self {
            Kind::Text => "a string".into(),
            Kind::Texts => "a list of strings".into(),
            Kind::Integer(lo, hi) => format!("an integer of {lo}..{hi}"),
            Kind::Integers(lo, hi) => format!("a list of integers of {lo}..{hi}"),
            Kind::Boolean => "true or false".into(),
        }
    }
}

impl Key {
    /// `TANDEM_SECTION_KEY`.
    pub fn variable(&self) -> String {
        format!("TANDEM_{}_{}", self.section, self.name).to_ascii_uppercase()
    }

    const fn new(
        section: &'static str,
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Key {
        Key { section, name, kind, default, sample: "", doc }
    }

    const fn optional(
        section: &'static str,
        name: &'static str,
        kind: Kind,
        sample: &'static str,
        doc: &'static str,
    ) -> Key {
        Key { section, name, kind, default: "", sample, doc }
    }
}

/// All keys, in the order of the example file.
pub const KEYS: &[Key] = &[
    Key::optional(
        "project",
        "id",
        Kind::Text,
        "\"00000000-0000-4000-8000-000000000000\"",
        "Project id, a UUID: user name of REST, AccountSid of webhooks. Made up and kept at first start when absent.",
    ),
    Key::optional(
        "project",
        "token",
        Kind::Text,
        "\"PT-choose-a-long-random-token\"",
        "API token: password of REST. Made up at first start when absent, and printed that once.",
    ),
    Key::optional(
        "project",
        "signing_key",
        Kind::Text,
        "\"PSK_choose-a-long-random-key\"",
        "Key that signs webhooks. Made up and kept at first start when absent.",
    ),
    Key::new(
        "project",
        "space",
        Kind::Text,
        "\"tandem\"",
        "First part of the SIP domains: <space>-<identifier>.sip.<domain>.",
    ),
    Key::new(
        "server",
        "domain",
        Kind::Text,
        "\"localhost\"",
        "Last part of the SIP domains, as DNS knows this server.",
    ),
    Key::new("sip", "udp", Kind::Texts, "[\"0.0.0.0:5060\"]", "Addresses to take SIP over UDP at."),
    Key::new("sip", "tcp", Kind::Texts, "[\"0.0.0.0:5060\"]", "Addresses to take SIP over TCP at."),
    Key::new("sip", "tls", Kind::Texts, "[]", "Addresses to take SIP over TLS at; 5061 is the usual port."),
    Key::new("sip", "ws", Kind::Texts, "[]", "Addresses to take SIP over WebSocket at (RFC 7118)."),
    Key::new("sip", "wss", Kind::Texts, "[]", "Addresses to take SIP over WebSocket over TLS at."),
    Key::optional(
        "sip",
        "tls_certificate",
        Kind::Text,
        "\"/etc/tandem/tls/fullchain.pem\"",
        "PEM file of the certificate for tls and wss, with its chain. Read again when it changes, and on SIGHUP.",
    ),
    Key::optional(
        "sip",
        "tls_key",
        Kind::Text,
        "\"/etc/tandem/tls/privkey.pem\"",
        "PEM file of the certificate's private key.",
    ),
    Key::new(
        "sip",
        "tls_client_certificates",
        Kind::Text,
        "\"off\"",
        "Certificates of peers that connect to tls: off, optional (checked where shown) or required.",
    ),
    Key::optional(
        "sip",
        "tls_client_ca",
        Kind::Text,
        "\"/etc/tandem/tls/clients.pem\"",
        "PEM file of the authorities that client certificates are checked against.",
    ),
    Key::optional(
        "sip",
        "tls_ca",
        Kind::Text,
        "\"/etc/tandem/tls/peers.pem\"",
        "PEM file of the authorities of peers this server connects to over TLS, in place of the system's.",
    ),
    Key::new(
        "sip",
        "ws_origins",
        Kind::Texts,
        "[]",
        "Origins of web pages that may connect to ws and wss; empty means pages of the same host, \"*\" any.",
    ),
    Key::new(
        "sip",
        "dns_servers",
        Kind::Texts,
        "[]",
        "DNS servers to ask where SIP names lead, with ports; empty means those of the system.",
    ),
    Key::new(
        "sip",
        "proxies",
        Kind::Texts,
        "[]",
        "Addresses or CIDR ranges of your own SIP proxies in front. What they send on is counted for the client that they name in Via, and their connections to the limit of all alone.",
    ),
    Key::new(
        "sip",
        "overload_control",
        Kind::Texts,
        "[]",
        "Addresses or CIDR ranges of carriers and proxies that calls are sent to and that take part in overload control (RFC 7339): fewer calls are sent to them when they ask for it.",
    ),
    Key::optional(
        "sip",
        "advertise",
        Kind::Text,
        "\"203.0.113.10\"",
        "Host other parties reach this server at, when it is not the listener's own address. An address is told to peers of its own family, IPv4 or IPv6.",
    ),
    Key::new(
        "sip",
        "digest",
        Kind::Texts,
        "[\"md5\", \"sha-256\"]",
        "What phones are challenged for, in this order: md5, sha-256, sha-512-256. Strongest first is better where no phone looks at the first alone.",
    ),
    Key::new(
        "sip",
        "digest_sha256",
        Kind::Boolean,
        "true",
        "false leaves md5 alone of the list above, for phones that give up when several are offered.",
    ),
    Key::new(
        "sip",
        "digest_auth_int",
        Kind::Boolean,
        "false",
        "Offer phones to protect bodies too (qop auth-int). Some choose it and get it wrong.",
    ),
    Key::new(
        "sip",
        "register_expires_min",
        Kind::Integer(5, 86_400),
        "60",
        "Shortest registration, in seconds; a phone that wants less is told so (423).",
    ),
    Key::new(
        "sip",
        "register_expires_max",
        Kind::Integer(5, 604_800),
        "3600",
        "Longest registration, in seconds; a phone that wants more gets this.",
    ),
    Key::new(
        "sip",
        "register_expires_default",
        Kind::Integer(5, 604_800),
        "600",
        "Registration of a phone that names no time, in seconds.",
    ),
    Key::new(
        "sip",
        "contacts_max",
        Kind::Integer(1, 100),
        "10",
        "Phones that may be registered for one endpoint at a time, unless the endpoint says otherwise.",
    ),
    Key::new("sip", "contact_overflow", Kind::Text, "\"refuse\"", "One phone more: refuse it, or replace_oldest."),
    Key::new(
        "sip",
        "nat_keepalive_secs",
        Kind::Integer(0, 3_600),
        "30",
        "How often phones behind a NAT are asked whether they are there (OPTIONS over UDP), in seconds. 0: never.",
    ),
    Key::new(
        "sip",
        "service_route",
        Kind::Texts,
        "[]",
        "Proxies that phones are told to send their requests through, such as <sip:proxy.example.com;lr> (RFC 3608).",
    ),
    Key::new(
        "sip",
        "reliable_provisional",
        Kind::Text,
        "\"supported\"",
        "Reliable provisional responses (RFC 3262): off, supported, or required (callers without them are refused).",
    ),
    Key::new(
        "sip",
        "session_expires",
        Kind::Integer(0, 86_400),
        "1800",
        "Seconds a call lasts without a refresh (RFC 4028). 0: we ask for no limit, and keep to the one a peer asks for.",
    ),
    Key::new(
        "sip",
        "min_se",
        Kind::Integer(90, 86_400),
        "90",
        "Shortest session interval a peer may ask for, in seconds; below it a call is refused with 422.",
    ),
    Key::new(
        "sip",
        "known_sources_only",
        Kind::Boolean,
        "true",
        "Take requests of a call only from addresses that its messages came from or named, and responses only from the address asked. Off for phones that roam between networks.",
    ),
    Key::new(
        "sip",
        "names",
        Kind::Texts,
        "[]",
        "Further host names of this server, with or without a port. A request whose Route names another host is refused.",
    ),
    Key::new(
        "sip",
        "dial_transport",
        Kind::Text,
        "\"auto\"",
        "Transport for dialled SIP addresses that name none: auto (as DNS says, UDP last), udp, tcp, or tls.",
    ),
    Key::new(
        "sip",
        "redirects",
        Kind::Text,
        "\"off\"",
        "3xx responses of callees: off (not reached), or bounded (a few, never to numbers, under the caller's rules).",
    ),
    Key::new(
        "sip",
        "hold",
        Kind::Text,
        "\"pass\"",
        "One party puts the other on hold: pass (the other telephone is told so), music (it hears music), or local (it is told nothing).",
    ),
    Key::optional(
        "sip",
        "hold_music",
        Kind::Text,
        "\"/etc/tandem/hold.wav\"",
        "File for hold = \"music\", over and over, in any format that Play takes. Music that is built in when absent.",
    ),
    Key::new(
        "media",
        "address",
        Kind::Text,
        "\"0.0.0.0\"",
        "Address of the RTP sockets. :: is all addresses of IPv6 and IPv4, and calls of both.",
    ),
    Key::optional(
        "media",
        "advertise",
        Kind::Text,
        "\"203.0.113.10\"",
        "Address written into SDP; that of the sockets when absent. Where they speak both families, that of its own.",
    ),
    Key::new(
        "media",
        "ports",
        Kind::Integers(1024, 65535),
        "[16384, 32767]",
        "First and last port for RTP and RTCP. Keep it out of the system's range for outgoing connections.",
    ),
    Key::new(
        "media",
        "cpus",
        Kind::Integers(0, 4095),
        "[]",
        "CPUs to pin one media thread to each. Empty: one on every CPU of the machine.",
    ),
    Key::new(
        "media",
        "opus_complexity",
        Kind::Integer(0, 10),
        "5",
        "Effort of the Opus encoder. Each step costs CPU; above 5 nobody hears much of it.",
    ),
    Key::new(
        "media",
        "opus_bitrate_narrowband",
        Kind::Integer(6_000, 510_000),
        "20000",
        "Bits a second of Opus towards a peer, for telephone audio. Redundancy, where the peer asks for it, takes 4000 more.",
    ),
    Key::new(
        "media",
        "opus_bitrate_wideband",
        Kind::Integer(6_000, 510_000),
        "24000",
        "The same for audio up to 8 kHz.",
    ),
    Key::new(
        "media",
        "opus_bitrate_fullband",
        Kind::Integer(6_000, 510_000),
        "32000",
        "The same for audio above that.",
    ),
    Key::new(
        "media",
        "opus_playback_rate",
        Kind::Integer(8_000, 48_000),
        "48000",
        "Highest sampling rate we tell Opus peers to send for. 8000 saves CPU where most calls go to telephone lines.",
    ),
    Key::new("media", "opus_dtx", Kind::Boolean, "false", "Ask Opus peers to send nothing while nobody speaks."),
    Key::new(
        "media",
        "comfort_noise",
        Kind::Text,
        "\"receive\"",
        "Silence suppression with PCMU, PCMA, G722 and L16 (RFC 3389): off, receive, or send (offer it, and use it ourselves).",
    ),
    Key::new(
        "media",
        "jitter_min_ms",
        Kind::Integer(0, 500),
        "20",
        "Least delay a jitter buffer adds, in milliseconds. Only what is decoded is buffered.",
    ),
    Key::new(
        "media",
        "jitter_max_ms",
        Kind::Integer(20, 500),
        "180",
        "Most delay a jitter buffer adds, in milliseconds; what comes later is not played.",
    ),
    Key::new(
        "media",
        "jitter_start_ms",
        Kind::Integer(0, 500),
        "40",
        "Delay a jitter buffer begins with, in milliseconds, until it has learned what the path needs.",
    ),
    Key::new(
        "media",
        "load_max_percent",
        Kind::Integer(1, 100),
        "80",
        "Share of a media thread's time that may be in use when a new call comes; above it the call gets 503.",
    ),
    Key::new(
        "media",
        "realtime_priority",
        Kind::Integer(0, 99),
        "0",
        "Real-time priority of the media threads, where the system allows it. 0: none.",
    ),
    Key::new(
        "media",
        "busy_poll_us",
        Kind::Integer(0, 10_000),
        "0",
        "Microseconds a media thread goes on looking for packets before it sleeps. It spends its CPU for a shorter delay. 0: none.",
    ),
    Key::new(
        "media",
        "dscp",
        Kind::Integer(0, 63),
        "46",
        "Differentiated services code point of RTP and RTCP. 46 is expedited forwarding.",
    ),
    Key::new(
        "media",
        "buffer_bytes",
        Kind::Integer(4_096, 16_777_216),
        "131072",
        "Receive and send buffer of each RTP socket, each, as far as the system grants it.",
    ),
    Key::new(
        "http",
        "listen",
        Kind::Text,
        "\"127.0.0.1:8080\"",
        "Address of REST, dashboard and metrics. Put a TLS proxy in front of it before it leaves the machine.",
    ),
    Key::new(
        "http",
        "public_url",
        Kind::Text,
        "\"\"",
        "Scheme, host and port under which others reach REST, for addresses of recordings and documents kept here; empty: http and the address it listens on.",
    ),
    Key::new("http", "workers", Kind::Integer(1, 64), "1", "Threads that serve HTTP."),
    Key::new("http", "metrics_public", Kind::Boolean, "true", "Serve /metrics without credentials."),
    Key::new(
        "store",
        "url",
        Kind::Text,
        "\"sqlite:tandem.db\"",
        "Database, sqlite:path. The key that seals passwords in it lies next to it, in <path>.key: keep both.",
    ),
    Key::new(
        "recording",
        "folder",
        Kind::Text,
        "\"recordings\"",
        "Folder of recordings; made at start when missing. What was cut by a kill is finished there at the next start.",
    ),
    Key::new(
        "recording",
        "recordings_max",
        Kind::Integer(0, 100_000),
        "1000",
        "Recordings at a time. Each takes some 120 kB of memory at 8 kHz, and an open file.",
    ),
    Key::new(
        "speech",
        "engine",
        Kind::Text,
        "\"espeak\"",
        "What reads Say aloud: espeak (the espeak-ng program), or http (a server).",
    ),
    Key::new(
        "speech",
        "program",
        Kind::Text,
        "\"espeak-ng\"",
        "The espeak-ng program: a path, or a name to look for in PATH.",
    ),
    Key::new("speech", "processes_max", Kind::Integer(1, 64), "2", "Texts that espeak-ng reads at a time."),
    Key::optional(
        "speech",
        "url",
        Kind::Text,
        "\"http://127.0.0.1:5002/api/tts?text={text}&voice={voice}\"",
        "Of the speech server. {text}, {ssml}, {voice} and {language} stand for what is to be said.",
    ),
    Key::optional("speech", "token", Kind::Text, "\"secret\"", "Sent to the speech server as Authorization: Bearer."),
    Key::new("speech", "headers", Kind::Texts, "[]", "Further header fields for it, each as \"Name: value\"."),
    Key::new(
        "speech",
        "body",
        Kind::Text,
        "'{\"text\":\"{text}\",\"voice\":\"{voice}\",\"language\":\"{language}\"}'",
        "What is POSTed to it, with the same placeholders. Empty: the request is a GET.",
    ),
    Key::new(
        "speech",
        "content_type",
        Kind::Text,
        "\"application/json\"",
        "Of the body; says how placeholders in it are escaped.",
    ),
    Key::new(
        "speech",
        "raw_rate",
        Kind::Integer(8_000, 48_000),
        "16000",
        "Sampling rate of raw 16-bit samples, where its answer does not say.",
    ),
    Key::new("speech", "timeout_secs", Kind::Integer(1, 120), "10", "How long one text may take, in seconds."),
    Key::new("speech", "requests_max", Kind::Integer(1, 1_000), "16", "Texts that it is asked for at a time."),
    Key::new("speech", "fallback", Kind::Text, "\"espeak\"", "What reads what it cannot: espeak, or none."),
    Key::new(
        "speech_recognition",
        "engine",
        Kind::Text,
        "\"none\"",
        "What understands callers and transcribes recordings: none, http (each utterance whole) or websocket (as it is spoken).",
    ),
    Key::optional(
        "speech_recognition",
        "url",
        Kind::Text,
        "\"ws://127.0.0.1:2700\"",
        "Of the recogniser: http, https, ws or wss.",
    ),
    Key::optional("speech_recognition", "token", Kind::Text, "\"secret\"", "Sent to it as Authorization: Bearer."),
    Key::new(
        "speech_recognition",
        "headers",
        Kind::Texts,
        "[]",
        "Further header fields for it, each as \"Name: value\".",
    ),
    Key::new(
        "speech_recognition",
        "format",
        Kind::Text,
        "\"form\"",
        "How http sends audio: form (as OpenAI's /v1/audio/transcriptions takes it), wav or raw (the body alone).",
    ),
    Key::new(
        "speech_recognition",
        "model",
        Kind::Text,
        "\"\"",
        "Model that is asked for where the application names none.",
    ),
    Key::new(
        "speech_recognition",
        "response_format",
        Kind::Text,
        "\"json\"",
        "Asked for with form; verbose_json tells how sure it is.",
    ),
    Key::new(
        "speech_recognition",
        "rate",
        Kind::Integer(8_000, 16_000),
        "16000",
        "Sampling rate it is sent: 8000 or 16000.",
    ),
    Key::new(
        "speech_recognition",
        "timeout_secs",
        Kind::Integer(1, 600),
        "10",
        "How long it may take to connect, and for its answer after the end of speech, in seconds.",
    ),
    Key::new(
        "speech_recognition",
        "sessions_max",
        Kind::Integer(1, 100_000),
        "100",
        "Callers that it listens to at a time.",
    ),
    Key::new(
        "webhook",
        "allow",
        Kind::Texts,
        "[]",
        "Private networks webhooks may reach, as CIDR ranges. All other private addresses are refused.",
    ),
    Key::optional(
        "webhook",
        "ca",
        Kind::Text,
        "\"/etc/tandem/tls/apps.pem\"",
        "PEM file of authorities trusted beside the system's, for webhooks and prompt files over https.",
    ),
    Key::new(
        "webhook",
        "dns_servers",
        Kind::Texts,
        "[]",
        "DNS servers that webhooks' hosts are asked of, as address:port; those of the system when empty.",
    ),
    Key::new(
        "webhook",
        "requests_per_host",
        Kind::Integer(1, 2_048),
        "256",
        "Requests under way to one host, for instructions and for notifications each; more wait.",
    ),
    Key::new(
        "webhook",
        "status_retry_hours",
        Kind::Integer(0, 720),
        "24",
        "How long a notification is tried again while its server is down. 0: three tries and no more.",
    ),
    Key::new(
        "webhook",
        "status_queue_max",
        Kind::Integer(1, 1_000_000),
        "50000",
        "Notifications that may wait, in memory and in the database; more are lost. Each takes about 1 kB.",
    ),
    Key::new(
        "webhook",
        "log_max",
        Kind::Integer(0, 100_000_000),
        "100000",
        "Entries of the log of webhooks, about 2 kB each in the database; the oldest go. 0: no log.",
    ),
    Key::new("webhook", "log_per_call_max", Kind::Integer(1, 10_000), "200", "The same of one call."),
    Key::new("limits", "calls_max", Kind::Integer(1, 1_000_000), "4000", "Calls at a time; more get 503."),
    Key::new(
        "limits",
        "call_threads",
        Kind::Integer(0, 256),
        "0",
        "Threads that calls live on. 0: that of signalling, least CPU a call and enough for thousands of new ones a second.",
    ),
    Key::new("limits", "calls_per_second", Kind::Integer(1, 100_000), "500", "New calls a second; more get 503."),
    Key::new(
        "limits",
        "connections",
        Kind::Integer(1, 1_000_000),
        "8192",
        "SIP connections at a time over TCP, TLS, WS and WSS; when all are in use, silent ones make room.",
    ),
    Key::new(
        "limits",
        "connections_per_source",
        Kind::Integer(1, 1_000_000),
        "1024",
        "The same from one IPv4 address or one IPv6 /64 that is none of `[sip] proxies`.",
    ),
    Key::new(
        "limits",
        "unproved_per_second",
        Kind::Integer(0, 1_000_000),
        "200",
        "SIP messages a second read from one address that has proved nothing yet; more are lost. 0 sets no bound.",
    ),
    Key::new(
        "limits",
        "drain_secs",
        Kind::Integer(0, 86_400),
        "300",
        "How long calls may go on after SIGTERM, in seconds.",
    ),
    Key::new("limits", "call_secs_max", Kind::Integer(1, 604_800), "14400", "Longest call, in seconds."),
    Key::new(
        "log",
        "level",
        Kind::Text,
        "\"info\"",
        "error, warn, info, debug, trace, or a filter such as info,tandem_actors=debug.",
    ),
    Key::new("log", "format", Kind::Text, "\"text\"", "text or json."),
];

/// The commented example file: every key with its default.
pub fn example() -> String {
    let mut out = String::from(
        "# Every key of the configuration, with its default. An environment variable TANDEM_SECTION_KEY overrides a key;\n\
         # a list is then written with commas.\n",
    );
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            out.push_str(&format!("\n[{section}]\n"));
        } else {
            out.push('\n');
        }
        out.push_str(&format!("# {}\n", key.doc));
        match key.default {
            "" => out.push_str(&format!("# {} = {}\n", key.name, key.sample)),
            default => out.push_str(&format!("{} = {default}\n", key.name)),
        }
    }
    out
}
