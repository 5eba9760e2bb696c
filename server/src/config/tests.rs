use std::path::Path;

use super::read::read;
use super::*;

fn with(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let environment = environment.iter().map(|(k, v)| (k.to_string(), v.to_string()));
    read(Path::new("tandem.toml"), text, environment)
}

/// Each problem as a user reads it.
fn problems(text: &str, environment: &[(&str, &str)]) -> Vec<String> {
    with(text, environment).expect_err(text).iter().map(Problem::to_string).collect()
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(with("", &[]), Ok(Config::default()));
}

#[test]
fn the_example_file_is_the_defaults_written_out() {
    let text = include_str!("../../../tandem.example.toml");
    assert_eq!(text, example(), "tandem.example.toml is not what the list of keys says");
    assert_eq!(with(text, &[]), Ok(Config::default()));
}

#[test]
fn the_samples_of_keys_without_a_default_are_good_values() {
    let text: String = example().lines().map(|l| format!("{}\n", sample(l).unwrap_or(l))).collect();
    let config = with(&text, &[]).expect("samples");
    assert!(config.project.id.is_some() && config.project.token.is_some() && config.project.signing_key.is_some());
    assert!(config.sip.advertise.is_some() && config.media.advertise.is_some());
}

/// A commented-out key, put in force.
fn sample(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("# ")?;
    KEYS.iter().any(|k| k.default.is_empty() && rest.starts_with(&format!("{} =", k.name))).then_some(rest)
}

#[test]
fn every_key_is_read_from_the_file_and_from_the_environment() {
    // For each key a value other than its default; the configuration must change, by both ways alike.
    let cases = [
        ("project.id", r#""0A000000-0000-4000-8000-000000000001""#, "0A000000-0000-4000-8000-000000000001"),
        ("project.token", r#""PTx""#, "PTx"),
        ("project.signing_key", r#""PSK_x""#, "PSK_x"),
        ("project.space", r#""acme""#, "acme"),
        ("server.domain", r#""voice.example.com""#, "voice.example.com"),
        ("sip.udp", r#"["192.0.2.1:5060", "[2001:db8::1]:5070"]"#, "192.0.2.1:5060,[2001:db8::1]:5070"),
        ("sip.tcp", "[]", ""),
        ("sip.tls", r#"["192.0.2.1:5061"]"#, "192.0.2.1:5061"),
        ("sip.ws", r#"["192.0.2.1:80"]"#, "192.0.2.1:80"),
        ("sip.wss", r#"["192.0.2.1:443"]"#, "192.0.2.1:443"),
        ("sip.tls_certificate", r#""chain.pem""#, "chain.pem"),
        ("sip.tls_key", r#""key.pem""#, "key.pem"),
        ("sip.tls_client_certificates", r#""optional""#, "optional"),
        ("sip.tls_client_ca", r#""clients.pem""#, "clients.pem"),
        ("sip.tls_ca", r#""peers.pem""#, "peers.pem"),
        (
            "sip.ws_origins",
            r#"["https://app.example.com", "https://b.example"]"#,
            "https://app.example.com,https://b.example",
        ),
        ("sip.dns_servers", r#"["192.0.2.53:53"]"#, "192.0.2.53:53"),
        ("sip.proxies", r#"["192.0.2.10/32", "2001:db8:1::/64"]"#, "192.0.2.10/32,2001:db8:1::/64"),
        ("sip.overload_control", r#"["192.0.2.10/32", "2001:db8:1::/64"]"#, "192.0.2.10/32,2001:db8:1::/64"),
        ("sip.advertise", r#""sip.example.com""#, "sip.example.com"),
        ("sip.digest", r#"["sha-512-256", "SHA-256", "md5"]"#, "sha-512-256,SHA-256,md5"),
        ("sip.digest_sha256", "false", "false"),
        ("sip.reliable_provisional", r#""required""#, "required"),
        ("sip.session_expires", "600", "600"),
        ("sip.min_se", "120", "120"),
        ("sip.known_sources_only", "false", "false"),
        ("sip.names", r#"["pbx.example.com"]"#, "pbx.example.com"),
        ("sip.dial_transport", r#""tcp""#, "tcp"),
        ("sip.redirects", r#""bounded""#, "bounded"),
        ("sip.hold", r#""music""#, "music"),
        ("sip.hold_music", r#""hold.wav""#, "hold.wav"),
        ("sip.digest_auth_int", "true", "true"),
        ("sip.register_expires_min", "30", "30"),
        ("sip.register_expires_max", "7200", "7200"),
        ("sip.register_expires_default", "120", "120"),
        ("sip.contacts_max", "3", "3"),
        ("sip.contact_overflow", r#""replace_oldest""#, "replace_oldest"),
        ("sip.nat_keepalive_secs", "20", "20"),
        ("sip.service_route", r#"["<sip:proxy.example.com;lr>"]"#, "<sip:proxy.example.com;lr>"),
        ("media.address", r#""192.0.2.1""#, "192.0.2.1"),
        ("media.advertise", r#""203.0.113.1""#, "203.0.113.1"),
        ("media.ports", "[20000, 20999]", "20000,20999"),
        ("media.cpus", "[0, 1]", "0, 1"),
        ("media.opus_complexity", "8", "8"),
        ("media.opus_bitrate_narrowband", "12000", "12000"),
        ("media.opus_bitrate_wideband", "20000", "20000"),
        ("media.opus_bitrate_fullband", "64000", "64000"),
        ("media.opus_playback_rate", "8000", "8000"),
        ("media.opus_dtx", "true", "true"),
        ("media.comfort_noise", r#""send""#, "send"),
        ("media.jitter_min_ms", "30", "30"),
        ("media.jitter_max_ms", "300", "300"),
        ("media.jitter_start_ms", "60", "60"),
        ("media.load_max_percent", "70", "70"),
        ("media.realtime_priority", "10", "10"),
        ("media.busy_poll_us", "200", "200"),
        ("media.dscp", "34", "34"),
        ("media.buffer_bytes", "262144", "262144"),
        ("http.listen", r#""[::1]:9000""#, "[::1]:9000"),
        ("http.public_url", r#""https://tandem.example:8443""#, "https://tandem.example:8443"),
        ("http.workers", "2", "2"),
        ("http.metrics_public", "false", "false"),
        ("store.url", r#""sqlite:/var/lib/tandem/t.db""#, "sqlite:/var/lib/tandem/t.db"),
        ("recording.folder", r#""/var/lib/tandem/recordings""#, "/var/lib/tandem/recordings"),
        ("recording.recordings_max", "9", "9"),
        ("speech.engine", r#""http""#, "http"),
        ("speech.program", r#""/opt/espeak""#, "/opt/espeak"),
        ("speech.processes_max", "4", "4"),
        ("speech.url", r#""http://tts.example/{text}""#, "http://tts.example/{text}"),
        ("speech.token", r#""t""#, "t"),
        ("speech.headers", r#"["X-Key: a b"]"#, "X-Key: a b"),
        ("speech.body", r#""{ssml}""#, "{ssml}"),
        ("speech.content_type", r#""application/ssml+xml""#, "application/ssml+xml"),
        ("speech.raw_rate", "24000", "24000"),
        ("speech.timeout_secs", "3", "3"),
        ("speech.requests_max", "2", "2"),
        ("speech.fallback", r#""none""#, "none"),
        ("speech_recognition.engine", r#""websocket""#, "websocket"),
        ("speech_recognition.url", r#""wss://asr.example/""#, "wss://asr.example/"),
        ("speech_recognition.token", r#""t""#, "t"),
        ("speech_recognition.headers", r#"["X-Key: a"]"#, "X-Key: a"),
        ("speech_recognition.format", r#""raw""#, "raw"),
        ("speech_recognition.model", r#""whisper-1""#, "whisper-1"),
        ("speech_recognition.response_format", r#""verbose_json""#, "verbose_json"),
        ("speech_recognition.rate", "8000", "8000"),
        ("speech_recognition.timeout_secs", "3", "3"),
        ("speech_recognition.sessions_max", "5", "5"),
        ("webhook.allow", r#"["10.0.0.0/8"]"#, "10.0.0.0/8"),
        ("webhook.ca", r#""apps.pem""#, "apps.pem"),
        ("webhook.dns_servers", r#"["192.0.2.53:53"]"#, "192.0.2.53:53"),
        ("webhook.requests_per_host", "8", "8"),
        ("webhook.status_retry_hours", "1", "1"),
        ("webhook.status_queue_max", "9", "9"),
        ("webhook.log_max", "0", "0"),
        ("webhook.log_per_call_max", "7", "7"),
        ("limits.calls_max", "5", "5"),
        ("limits.call_threads", "2", "2"),
        ("limits.calls_per_second", "6", "6"),
        ("limits.connections", "100", "100"),
        ("limits.connections_per_source", "50", "50"),
        ("limits.unproved_per_second", "0", "0"),
        ("limits.drain_secs", "7", "7"),
        ("limits.call_secs_max", "8", "8"),
        ("log.level", r#""debug""#, "debug"),
        ("log.format", r#""json""#, "json"),
    ];
    for (key, file, variable) in cases {
        let (section, name) = key.split_once('.').unwrap();
        // Some mean nothing without another.
        let (certificate, private) = (("TANDEM_SIP_TLS_CERTIFICATE", "c.pem"), ("TANDEM_SIP_TLS_KEY", "k.pem"));
        let others = match key {
            "sip.tls" | "sip.wss" => vec![certificate, private],
            "sip.tls_certificate" => vec![private],
            "sip.tls_key" => vec![certificate],
            "sip.tls_client_certificates" => vec![("TANDEM_SIP_TLS_CLIENT_CA", "ca.pem")],
            "speech.engine" => vec![("TANDEM_SPEECH_URL", "http://tts.example/")],
            "speech_recognition.engine" => vec![("TANDEM_SPEECH_RECOGNITION_URL", "ws://asr.example/")],
            _ => vec![],
        };
        let by_file = with(&format!("[{section}]\n{name} = {file}\n"), &others).expect(key);
        let var = format!("TANDEM_{section}_{name}").to_uppercase();
        let by_env = with("", &[others.as_slice(), &[(&var, variable)]].concat()).expect(key);
        assert_eq!(by_file, by_env, "{key}");
        assert_ne!(Ok(by_file), with("", &others), "{key}");
    }
    // Each of `KEYS` has its row.
    let listed = cases.iter().map(|(key, ..)| (*key).to_owned()).collect::<std::collections::BTreeSet<_>>();
    let known = KEYS.iter().map(|k| format!("{}.{}", k.section, k.name)).collect();
    assert_eq!(listed, known, "a new key belongs in the table above");
}

#[test]
fn the_environment_overrides_the_file() {
    let config = with("[http]\nlisten = \"127.0.0.1:1\"\n", &[("TANDEM_HTTP_LISTEN", "127.0.0.1:2")]).unwrap();
    assert_eq!(config.http.listen.port(), 2);
}

#[test]
fn each_mistake_is_reported_at_its_place() {
    for (text, problem) in [
        ("[sip]\nupd = []\n", "tandem.toml:2:1: sip.upd: unknown key, did you mean udp?"),
        ("[spi]\n", "tandem.toml:1:2: spi: unknown section, did you mean sip?"),
        ("[sip]\nzzzzzzzz = 1\n", "tandem.toml:2:1: sip.zzzzzzzz: unknown key"),
        ("[speech]\nengine = \"http\"\n", "tandem.toml:2:10: speech.engine: needs url"),
        ("[speech]\nheaders = [\"x\"]\n", "tandem.toml:2:11: speech.headers: \"x\" is not of the form Name: value"),
        (
            "[speech_recognition]\nurl = \"http://a/\"\nengine = \"websocket\"\n",
            "tandem.toml:3:10: speech_recognition.engine: needs an url with ws or wss",
        ),
        ("[speech_recognition]\nrate = 11025\n", "tandem.toml:2:8: speech_recognition.rate: must be 8000 or 16000"),
        ("sip = 3\n", "tandem.toml:1:7: sip: must be a section: [sip]"),
        ("[sip]\nudp = \"x\"\n", "tandem.toml:2:7: sip.udp: must be a list of strings"),
        (
            "[sip]\nudp = [\"host\"]\n",
            "tandem.toml:2:7: sip.udp: \"host\" is not an address and port such as 192.0.2.1:5060 or [2001:db8::1]:5060",
        ),
        (
            "[sip]\ndigest = [\"sha-1\"]\n",
            "tandem.toml:2:10: sip.digest: \"sha-1\" is none of md5, sha-256, sha-512-256",
        ),
        ("[sip]\ndigest = [\"md5\", \"MD5\"]\n", "tandem.toml:2:10: sip.digest: has \"MD5\" twice"),
        ("[sip]\ndigest = []\n", "tandem.toml:2:10: sip.digest: leaves nothing to challenge for"),
        (
            "[sip]\ndigest = [\"sha-256\"]\ndigest_sha256 = false\n",
            "tandem.toml:3:17: sip.digest: leaves nothing to challenge for",
        ),
        (
            "[sip]\nregister_expires_max = 90\n",
            "tandem.toml:2:24: sip.register_expires_default: must lie between register_expires_min and register_expires_max",
        ),
        (
            "[sip]\ncontact_overflow = \"drop\"\n",
            "tandem.toml:2:20: sip.contact_overflow: \"drop\" is neither refuse nor replace_oldest",
        ),
        (
            "[sip]\nservice_route = [\"sip:proxy.example.com\"]\n",
            "tandem.toml:2:17: sip.service_route: \"sip:proxy.example.com\" is not of the form <sip:host;lr>",
        ),
        ("[limits]\n\n  calls_max = 0\n", "tandem.toml:3:15: limits.calls_max: must be an integer of 1..1000000"),
        ("[sip]\nsession_expires = 60\n", "tandem.toml:2:19: sip.session_expires: must be 0, or min_se at least"),
        (
            "[sip]\nreliable_provisional = \"yes\"\n",
            "tandem.toml:2:24: sip.reliable_provisional: must be off, supported or required",
        ),
        ("[http]\nmetrics_public = 1\n", "tandem.toml:2:18: http.metrics_public: must be true or false"),
        (
            "[media]\nports = [20000]\n",
            "tandem.toml:2:9: media.ports: must be [first, last] with room for two port pairs",
        ),
        (
            "[media]\nports = [20000, 20001]\n",
            "tandem.toml:2:9: media.ports: must be [first, last] with room for two port pairs",
        ),
        (
            "[media]\njitter_max_ms = 30\n",
            "tandem.toml:2:17: media.jitter_start_ms: must lie between jitter_min_ms and jitter_max_ms",
        ),
        ("[project]\nid = \"7\"\n", "tandem.toml:2:6: project.id: \"7\" is not a UUID with hyphens"),
        ("[project]\ntoken = \" \"\n", "tandem.toml:2:9: project.token: is empty, or holds control characters"),
        ("[server]\ndomain = \"a b\"\n", "tandem.toml:2:10: server.domain: \"a b\" is not a domain name"),
        ("[store]\nurl = \"mysql:x\"\n", "tandem.toml:2:7: store.url: \"mysql:x\" is not of the form sqlite:path"),
        (
            "[webhook]\nallow = [\"10/8\"]\n",
            "tandem.toml:2:9: webhook.allow: \"10/8\" is not a CIDR range such as 10.0.0.0/8",
        ),
        ("[recording]\nfolder = \"\"\n", "tandem.toml:2:10: recording.folder: is empty"),
        ("[log]\nformat = \"xml\"\n", "tandem.toml:2:10: log.format: \"xml\" is neither text nor json"),
        ("[sip]\nudp = []\ntcp = []\n", "tandem.toml: sip: needs at least one address in udp, tcp, tls, ws or wss"),
        (
            "[sip]\ntls = [\"192.0.2.1:5061\"]\n",
            "tandem.toml:2:7: sip.tls: tls and wss need tls_certificate and tls_key",
        ),
        (
            "[sip]\nwss = [\"192.0.2.1:443\"]\n",
            "tandem.toml:2:7: sip.tls: tls and wss need tls_certificate and tls_key",
        ),
        (
            "[sip]\ntls_key = \"k.pem\"\n",
            "tandem.toml:2:11: sip.tls_certificate: tls_certificate and tls_key belong together",
        ),
        (
            "[sip]\ntls_client_certificates = \"required\"\n",
            "tandem.toml:2:27: sip.tls_client_certificates: needs tls_client_ca",
        ),
        (
            "[sip]\ntls_client_certificates = \"yes\"\n",
            "tandem.toml:2:27: sip.tls_client_certificates: must be off, optional or required",
        ),
        (
            "[sip]\nproxies = [\"192.0.2.1/33\"]\n",
            "tandem.toml:2:11: sip.proxies: \"192.0.2.1/33\" is not an address or a CIDR range such as 10.0.0.0/8",
        ),
        (
            "[sip]\nws_origins = [\"app.example.com\"]\n",
            "tandem.toml:2:14: sip.ws_origins: \"app.example.com\" is no origin such as https://app.example.com",
        ),
    ] {
        assert_eq!(problems(text, &[]), [problem], "{text}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_reported_with_its_line() {
    let found = with("[sip]\nudp = [\n", &[]).unwrap_err();
    assert_eq!(found.len(), 1);
    assert!(found[0].line >= 2 && !found[0].message.is_empty(), "{found:?}");
    let twice = with("[log]\nlevel = \"a\"\nlevel = \"b\"\n", &[]).unwrap_err();
    assert_eq!(twice[0].line, 3, "{twice:?}");
}

#[test]
fn all_mistakes_are_reported_together_in_the_order_of_the_file() {
    let found = with("[http]\nx = 1\n[log]\nlevel = 4\n[http2]\n", &[("TANDEM_LOG_FORMAT", "xml")]).unwrap_err();
    let places: Vec<_> = found.iter().map(|p| (p.line, p.key.as_str())).collect();
    assert_eq!(places, [(2, "http.x"), (4, "log.level"), (5, "http2"), (0, "log.format")]);
}

#[test]
fn a_misspelt_variable_is_reported_and_a_foreign_one_is_not() {
    assert_eq!(
        problems("", &[("TANDEM_HTTP_LISTENS", "x")]),
        ["TANDEM_HTTP_LISTENS: unknown variable, did you mean TANDEM_HTTP_LISTEN?"]
    );
    assert_eq!(
        problems("", &[("TANDEM_MEDIA_CPUS", "a")]),
        ["TANDEM_MEDIA_CPUS: media.cpus: must be a list of integers of 0..4095, with commas"]
    );
    assert_eq!(with("", &[("TANDEM_CONFIG", "/etc/tandem.toml"), ("PATH", "/bin")]), Ok(Config::default()));
}

#[test]
fn a_missing_file_is_a_problem_of_its_own() {
    let found = check(Path::new("/nonexistent/tandem.toml"));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].line, found[0].key.as_str()), (0, ""));
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let config = with("[project]\ntoken = \"PTsecret\"\nsigning_key = \"PSK_secret\"\n", &[]).unwrap();
    assert!(!format!("{config:?}").contains("secret"));
}
