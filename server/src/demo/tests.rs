use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tandem_actors::store::{ProjectSettings, Store, digest_secrets};
use tandem_laml::instruction::{DialOutcome, DialStatus, Document, Input, Instruction, Method, Prompt, TargetAddress};
use tandem_laml::{Script, ScriptConfig};
use tandem_model::Timestamp;

use super::documents::{APPS, Caller, document};
use super::instructions::Facts;
use super::keepsake::{self, Keepsake};
use super::seed::seed;
use super::tone;

const BASE: &str = "http://127.0.0.1:8081";
const DOMAIN: &str = "demo-0123456789ab.sip.localhost";

/// Runs the document at `path` to its end, as a call would whose caller presses nothing and whose dials end so.
fn run(path: &str, params: &[(&str, &str)], speaks: bool) -> Vec<Instruction> {
    let params: Vec<_> = params.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let xml = document(path, &Caller { params: &params, domain: DOMAIN, speaks }).unwrap();
    let mut now = Timestamp::ZERO;
    let url = format!("{BASE}{path}");
    let mut script = Script::new(ScriptConfig::default());
    script.start_fetch(now, url.clone(), Method::Post, None);
    assert!(matches!(script.poll(), Some(Instruction::Fetch { .. })));
    let content_type = Some("application/xml; charset=utf-8".to_owned());
    script.handle(now, Input::Document(Ok(Document { url, content_type, body: xml.into_bytes() })));
    let mut seen = Vec::new();
    for _ in 0..100 {
        let Some(instruction) = script.poll() else {
            let Some(deadline) = script.deadline().filter(|_| !script.is_finished()) else { break };
            now = deadline;
            script.expire(now);
            continue;
        };
        match &instruction {
            Instruction::Prompt { id, .. } => script.handle(now, Input::PromptEnded { id: *id, result: Ok(()) }),
            Instruction::Dial(_) => script.handle(now, Input::DialEnded(busy())),
            _ => {}
        }
        seen.push(instruction);
    }
    for instruction in &seen {
        assert!(!matches!(instruction, Instruction::Warn { .. }), "{path}: {instruction:?}");
    }
    seen
}

fn busy() -> DialOutcome {
    DialOutcome {
        status: DialStatus::Busy,
        call_sid: None,
        duration: None,
        recording: None,
        bridged: false,
        queue: None,
        sip: None,
    }
}

/// What the caller hears: texts, or the paths of files.
fn heard(seen: &[Instruction]) -> Vec<String> {
    let prompts = seen.iter().filter_map(|i| match i {
        Instruction::Prompt { what: Prompt::Speech { text, .. }, .. } => Some(text.clone()),
        Instruction::Prompt { what: Prompt::Url(url), .. } => Some(url.strip_prefix(BASE)?.to_owned()),
        _ => None,
    });
    prompts.collect()
}

#[test]
fn every_document_runs_without_a_warning_spoken_or_in_tones() {
    for path in ["/echo", "/hello", "/hello/key", "/dial-bob", "/dial-bob/after"] {
        for speaks in [true, false] {
            let seen = run(path, &[("From", "sip:alice@x"), ("Digits", "5"), ("DialCallStatus", "busy")], speaks);
            assert!(!seen.is_empty(), "{path}");
            for file in heard(&seen).iter().filter_map(|h| h.strip_prefix("/tones/")) {
                assert!(tone::wav(file.strip_suffix(".wav").unwrap()).is_some(), "{file} is not served");
            }
        }
    }
}

#[test]
fn echo_lets_the_caller_hear_itself_for_two_minutes() {
    let params = Caller { params: &[], domain: DOMAIN, speaks: true };
    assert!(document("/echo", &params).unwrap().contains("<Echo timeout=\"120\"/>"));
    assert!(run("/echo", &[], true).contains(&Instruction::Echo { on: true }));
    assert_eq!(heard(&run("/echo", &[], false)), ["/tones/greeting.wav"]);
}

#[test]
fn hello_names_the_callers_user_and_nothing_else_of_what_a_peer_sent() {
    for (from, greeting) in [
        ("sip:alice@demo.sip.localhost", "Hello, alice. This is Tandem."),
        ("+15550100", "Hello, +15550100. This is Tandem."),
        ("sip:<Hangup/>&amp;@x", "Hello, Hangupamp. This is Tandem."),
        ("sip:x.example", "Hello, x.example. This is Tandem."),
        ("", "Hello. This is Tandem."),
    ] {
        assert_eq!(heard(&run("/hello", &[("From", from)], true))[0], greeting, "{from}");
    }
}

#[test]
fn hello_tells_which_key_was_pressed() {
    for (digits, text, tone) in [
        ("5", "You pressed 5.", "/tones/key-5.wav"),
        ("#", "You pressed pound.", "/tones/key-pound.wav"),
        ("*", "You pressed star.", "/tones/key-star.wav"),
        ("", "I did not hear which key that was.", "/tones/question.wav"),
        ("<", "I did not hear which key that was.", "/tones/question.wav"),
    ] {
        assert_eq!(heard(&run("/hello/key", &[("Digits", digits)], true)), [text, "Goodbye."]);
        assert_eq!(heard(&run("/hello/key", &[("Digits", digits)], false)), [tone, "/tones/goodbye.wav"]);
    }
}

#[test]
fn dial_bob_rings_bob_where_he_is_and_asks_what_comes_after() {
    let seen = run("/dial-bob", &[], true);
    let dial = seen.iter().find_map(|i| if let Instruction::Dial(d) = i { Some(d) } else { None }).unwrap();
    assert_eq!(dial.timeout, Duration::from_secs(20));
    assert_eq!(dial.targets().len(), 1);
    let TargetAddress::Sip { uri: bob, .. } = &dial.targets()[0].to else { panic!("{:?}", dial.targets()) };
    assert!(format!("{bob:?}").contains(&format!("bob@{DOMAIN}")), "{bob:?}");
    let Some(Instruction::Fetch { url, params, .. }) = seen.last() else { panic!("{seen:?}") };
    assert_eq!(url, "http://127.0.0.1:8081/dial-bob/after");
    assert!(params.contains(&("DialCallStatus".to_owned(), "busy".to_owned())));
}

#[test]
fn each_outcome_of_the_dial_sounds_different() {
    let tones: Vec<_> = ["completed", "busy", "no-answer", "failed", "canceled"]
        .iter()
        .map(|status| heard(&run("/dial-bob/after", &[("DialCallStatus", status)], false)))
        .collect();
    for (i, tone) in tones.iter().enumerate() {
        assert_eq!(tone.len(), 1);
        assert!(!tones[..i].contains(tone), "{tone:?} is heard twice");
    }
    let unknown = heard(&run("/dial-bob/after", &[("DialCallStatus", "new-one")], false));
    assert_eq!(unknown, ["/tones/failed.wav"]);
}

#[test]
fn there_is_no_document_elsewhere() {
    let caller = Caller { params: &[], domain: DOMAIN, speaks: true };
    for path in ["/", "/dial-bob/", "/nothing"] {
        assert!(document(path, &caller).is_none(), "{path}");
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-demo-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.0.join("tandem.db").display())
    }

    async fn store(&self) -> Store {
        let settings =
            ProjectSettings { space: "demo".into(), domain: "localhost".into(), ..ProjectSettings::default() };
        Store::open(&self.url(), settings).await.unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn app_urls(store: &Store) -> Vec<Option<String>> {
    let catalog = store.catalog();
    let url = |name: &&str| {
        let app = catalog.domain_apps.newest_first().find(|a| a.identifier == **name).unwrap();
        app.handler.call_request_url.clone()
    };
    APPS.iter().map(url).collect()
}

#[actix::test]
async fn seeding_twice_changes_nothing_the_second_time() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut keep = Keepsake::read_or_make(&keepsake::path(&folder.url())).unwrap();
    seed(&store, &keep, BASE).await.unwrap();
    let first = store.catalog();
    assert_eq!((first.endpoints.len(), first.domain_apps.len()), (2, 3));
    let alice = first.endpoint_by_username("alice").unwrap();
    assert!(alice.secrets == digest_secrets("alice", &first.project.realm, &keep.alice));

    keep.base = Some(BASE.into());
    seed(&store, &keep, BASE).await.unwrap();
    let second = store.catalog();
    assert_eq!((second.endpoints.len(), second.domain_apps.len()), (2, 3));
    for (a, b) in first.endpoints.newest_first().zip(second.endpoints.newest_first()) {
        assert_eq!(a, b);
    }
    for (a, b) in first.domain_apps.newest_first().zip(second.domain_apps.newest_first()) {
        assert_eq!(a, b);
    }
}

#[actix::test]
async fn what_a_person_changed_is_left_alone_and_what_was_deleted_comes_back() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut keep = Keepsake::read_or_make(&keepsake::path(&folder.url())).unwrap();
    seed(&store, &keep, BASE).await.unwrap();
    keep.base = Some(BASE.into());
    let catalog = store.catalog();
    let mut alice = catalog.endpoint_by_username("alice").unwrap().as_ref().clone();
    alice.secrets = digest_secrets("alice", &catalog.project.realm, "my own");
    store.put_endpoint(alice.clone()).await.unwrap();
    store.delete_endpoint(catalog.endpoint_by_username("bob").unwrap().id).await.unwrap();

    seed(&store, &keep, BASE).await.unwrap();
    assert!(store.catalog().endpoint_by_username("alice").unwrap().secrets == alice.secrets);
    assert!(store.catalog().endpoint_by_username("bob").is_some());
}

#[actix::test]
async fn when_the_port_changed_applications_follow_unless_they_point_elsewhere() {
    let folder = Folder::new();
    let store = folder.store().await;
    let mut keep = Keepsake::read_or_make(&keepsake::path(&folder.url())).unwrap();
    seed(&store, &keep, BASE).await.unwrap();
    keep.base = Some(BASE.into());
    let hello = store.catalog().domain_apps.newest_first().find(|a| a.identifier == "hello").cloned().unwrap();
    let mut hello = hello.as_ref().clone();
    hello.handler.call_request_url = Some("https://app.example.com/hello".into());
    store.put_domain_app(hello).await.unwrap();

    seed(&store, &keep, "http://127.0.0.1:9000").await.unwrap();
    let expected = ["http://127.0.0.1:9000/echo", "https://app.example.com/hello", "http://127.0.0.1:9000/dial-bob"];
    assert_eq!(app_urls(&store), expected.map(|url| Some(url.to_owned())));
}

#[test]
fn the_kept_secrets_read_back_and_only_the_owner_may_read_them() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = keepsake::path(&folder.url());
    assert_eq!(path.file_name().unwrap(), "tandem.db.demo");
    let mut keep = Keepsake::read_or_make(&path).unwrap();
    keep.token = Some("PT1".into());
    assert_ne!(keep.alice, keep.bob);
    assert!(keep.alice.starts_with("demo-") && keep.alice.len() == 17, "{}", keep.alice);
    // Twice: the second write replaces a file.
    for _ in 0..2 {
        keep.write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Keepsake::read_or_make(&path).unwrap() == keep);
    }
    std::fs::write(&path, "alice = 1").unwrap();
    let Err(problem) = Keepsake::read_or_make(&path) else { panic!("a broken file was read") };
    assert!(problem.contains("tandem.db.demo"), "{problem}");
    assert!(!Path::new(&folder.0.join("tandem.db.demo.next")).exists());
}

#[test]
fn the_instructions_name_all_that_a_phone_and_a_terminal_need() {
    let at = |port| std::net::SocketAddr::from(([192, 0, 2, 7], port));
    let mut facts = Facts {
        passwords: [("alice", Some("demo-1")), ("bob", None)],
        domain: DOMAIN,
        apps_domain: "dapp.localhost".into(),
        space: "Demo",
        project: "6bfbbe86-a901-4197-8759-0123456789ab",
        token: Some("PT1"),
        sip: vec![("UDP".into(), at(5060)), ("TCP".into(), at(5060))],
        http: Some(at(8080)),
        documents: at(8081),
        speaks: true,
    };
    let text = facts.text();
    for part in [
        "user           alice   password demo-1",
        "user           bob     password (the one",
        "outbound proxy 192.0.2.7:5060 (UDP or TCP)",
        "sip:bob@demo-0123456789ab.sip.localhost",
        "sip:me@demo-dial-bob.dapp.localhost",
        "curl -u '6bfbbe86-a901-4197-8759-0123456789ab:PT1'",
        "http://192.0.2.7:8080/api/laml/2010-04-01/Accounts/6bfbbe86-a901-4197-8759-0123456789ab/Calls.json",
        "'To=sip:alice@demo-0123456789ab.sip.localhost'",
        "http://192.0.2.7:8080/ (user",
        "<Say>",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    facts.speaks = false;
    facts.token = None;
    let text = facts.text();
    assert!(text.contains("http://192.0.2.7:8081/tones/greeting.wav") && !text.contains("<Say>"), "{text}");
    assert!(text.contains(":TOKEN'"), "{text}");
}
