mod hooks;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tandem_call::directory::{Carrier, Handler};
use tandem_model::{Sid, WallTime};

use super::*;

/// A folder that goes with the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tandem-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.0.join("tandem.db").display())
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn settings() -> ProjectSettings {
    ProjectSettings { space: "acme".into(), domain: "sw.example.com".into(), ..Default::default() }
}

pub(crate) fn call(n: u8, status: CallStatus, created: i64) -> CallRecord {
    let (from, to) = ("+15550000001".to_owned(), format!("sip:u{n}@sw.example.com"));
    let record = CallRecord::new(Sid::from_bytes([n; 16]), CallDirection::Inbound, from, to, WallTime(created));
    CallRecord { status, started: Some(WallTime(created)), ..record }
}

fn endpoint(n: u8, username: &str) -> EndpointRecord {
    let secrets = digest_secrets(username, "sw.example.com", "pass");
    EndpointRecord::new(Sid::from_bytes([n; 16]), username.into(), secrets, WallTime(1))
}

fn binding(aor: &str, contact: &str, expires: i64) -> BindingRow {
    BindingRow {
        aor: aor.into(),
        contact: contact.into(),
        expires_at: WallTime(expires),
        call_id: "c1".into(),
        cseq: 7,
        q_milli: 1000,
        source: "udp/192.0.2.1:5060".into(),
        local: "192.0.2.9:5060".into(),
        path: vec!["<sip:edge;lr>".into()],
        user_agent: Some("phone".into()),
        flow: String::new(),
        instance: None,
        reg_id: None,
        behind_nat: false,
        registered_at: WallTime(5),
    }
}

#[tokio::test]
async fn the_first_start_makes_up_id_token_and_key_and_later_starts_keep_them() {
    let dir = TempDir::new();
    let first = Store::open(&dir.url(), settings()).await.unwrap();
    let token = first.project().new_token.clone().expect("shown once");
    let (id, key) = (first.project().project.id.clone(), first.project().signing_key.clone());
    assert!(token.starts_with("PT") && key.starts_with("PSK_"));
    assert_eq!(id.parse::<Sid>().map(|s| s.to_string()), Ok(id.clone()));
    drop(first);

    let moved = ProjectSettings { domain: "new.example.com".into(), ..settings() };
    let second = Store::open(&dir.url(), moved).await.unwrap();
    let project = second.project();
    assert_eq!(project.new_token, None);
    assert!(project.accepts_token(&token));
    assert!(!project.accepts_token("PTother") && !project.accepts_token(""));
    assert_eq!((&project.project.id, &project.signing_key), (&id, &key));
    // Secrets depend on the realm, so it stays when the domain moves.
    assert_eq!(project.project.realm, "sw.example.com");
    assert_eq!(second.catalog().profile.domain_identifier, id[id.len() - 12..]);

    let configured = ProjectSettings { token: Some("PTmine".into()), signing_key: Some("k".into()), ..settings() };
    let third = Store::open(&dir.url(), configured).await.unwrap();
    assert!(third.project().accepts_token("PTmine") && !third.project().accepts_token(&token));
    assert_eq!(third.project().signing_key, "k");

    let other = ProjectSettings { id: Some("00000000-0000-4000-8000-000000000001".into()), ..settings() };
    assert!(matches!(Store::open(&dir.url(), other).await, Err(StoreError::Failed(why)) if why.contains("belongs")));
}

#[tokio::test]
async fn no_secret_lies_in_clear_in_the_database() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let carrier = carrier("pw-of-the-carrier");
    store.put_carrier(carrier).await.unwrap();
    let (token, key) = (store.project().new_token.clone().unwrap(), store.project().signing_key.clone());
    store.flush().await.unwrap();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in ["pw-of-the-carrier", &token, &key] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{secret} lies open");
        }
    }
}

fn carrier(password: &str) -> CarrierRecord {
    let record =
        CarrierRecord::new(Sid::from_bytes([9; 16]), "alpha".into(), "sip:carrier.example.com".into(), WallTime(1));
    CarrierRecord {
        username: Some("u".into()),
        password: Some(password.into()),
        patterns: vec!["+1*".into()],
        priority: 3,
        allow_from: vec!["192.0.2.0/24".into()],
        dtmf: "info".into(),
        policy: CarrierPolicy {
            register: true,
            registrar: Some("sip:registrar.example.com".into()),
            weight: 70,
            failover_on: vec!["503".into()],
            encryption: "required".into(),
            identity: "pai".into(),
            headers: vec!["X-Trunk: 7".into()],
            number_format: "national".into(),
            country: Some("de".into()),
            outbound_rules: vec![NumberRule { prefix: "0".into(), replacement: "9".into(), digits: Some(9) }],
            channels: Some(30),
            options_interval: 20,
            ..CarrierPolicy::default()
        },
        ..record
    }
}

#[tokio::test]
async fn a_carrier_of_an_older_program_reads_with_every_policy_at_its_default() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    store.put_carrier(carrier("s3cret")).await.unwrap();
    drop(store);
    let old = r#"{"id":"09090909-0909-0909-0909-090909090909","name":"alpha","uri":"sip:c","username":null,
        "patterns":["+1*"],"priority":3,"allow_from":[],"created":1,"updated":1}"#;
    let pool = sqlx::SqlitePool::connect(&dir.url()).await.unwrap();
    sqlx::query("UPDATE carriers SET fields = ?1").bind(old).execute(&pool).await.unwrap();
    pool.close().await;
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let record = store.catalog().carriers.newest_first().next().unwrap().clone();
    assert_eq!(record.policy, CarrierPolicy::default());
    let read = store.directory().borrow().carriers[0].clone();
    let mut new = Carrier::new(read.id, "alpha", "sip:c");
    new.patterns = vec!["+1*".into()];
    new.priority = 3;
    new.password = Some("s3cret".into());
    new.codecs = vec!["PCMU".into(), "PCMA".into()];
    assert_eq!(*read, new);
}

#[tokio::test]
async fn configuration_survives_a_restart_whole() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let mut alice = endpoint(1, "Alice");
    alice.caller_id = Some("Alice \"A\" O'Hara; DROP TABLE endpoints".into());
    alice.handler.call_handler = Some("laml_webhooks".into());
    alice.handler.call_request_url = Some("https://app.example.com/in".into());
    alice.outbound_policy = Some("passthrough".into());
    store.put_endpoint(alice).await.unwrap();
    store.put_endpoint(endpoint(2, "bob")).await.unwrap();
    store.put_carrier(carrier("s3cret")).await.unwrap();
    let mut profile = SipProfileRecord::clone(&store.catalog().profile);
    profile.domain_identifier = "desk".into();
    store.put_profile(profile).await.unwrap();
    let before = store.directory().borrow().clone();
    drop(store);

    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let after = store.directory().borrow().clone();
    assert_eq!(after.endpoints, before.endpoints);
    assert_eq!(after.profile, before.profile);
    assert_eq!(after.carriers, before.carriers);
    assert_eq!(after.carriers[0].password.as_deref(), Some("s3cret"));
    assert_eq!(after.profile_domain(), "acme-desk.sip.sw.example.com");
    let alice = after.endpoint("ALICE").expect("by any case");
    assert_eq!(alice.secrets, digest_secrets("Alice", "sw.example.com", "pass"));
    assert!(matches!(&alice.handler, Handler::LamlWebhooks(w) if w.request_url == "https://app.example.com/in"));
    let newest: Vec<_> = store.catalog().endpoints.newest_first().map(|e| e.username.clone()).collect();
    assert_eq!(newest, ["bob", "Alice"]);
}

#[tokio::test]
async fn the_directory_is_replaced_after_each_commit_and_unchanged_endpoints_are_shared() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let mut directory = store.directory();
    store.put_endpoint(endpoint(1, "alice")).await.unwrap();
    assert!(directory.has_changed().unwrap());
    let first = directory.borrow_and_update().clone();
    store.put_endpoint(endpoint(2, "bob")).await.unwrap();
    let second = directory.borrow_and_update().clone();
    assert!(Arc::ptr_eq(&first.endpoints["alice"], &second.endpoints["alice"]));
    assert_eq!(second.endpoints.len(), 2);
    store.delete_endpoint(Sid::from_bytes([1; 16])).await.unwrap();
    assert!(directory.borrow_and_update().endpoint("alice").is_none());
    assert_eq!(store.delete_endpoint(Sid::from_bytes([1; 16])).await, Err(StoreError::NotFound));
}

#[tokio::test]
async fn names_are_unique_whatever_their_case_and_a_stale_change_is_refused() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let alice = store.put_endpoint(endpoint(1, "alice")).await.unwrap();
    assert_eq!(store.put_endpoint(endpoint(2, "ALICE")).await, Err(StoreError::Taken { field: "username" }));
    let mut renamed = EndpointRecord::clone(&alice);
    renamed.username = "Alice".into();
    store.put_endpoint(renamed.clone()).await.unwrap();
    assert_eq!(store.put_endpoint(renamed).await, Err(StoreError::Stale));
    let gone = EndpointRecord { revision: 4, ..endpoint(3, "carol") };
    assert_eq!(store.put_endpoint(gone).await, Err(StoreError::NotFound));
}

#[tokio::test]
async fn many_registrations_at_once_share_commits_and_each_is_durable() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let many = (0..500).map(|n| {
        let store = store.clone();
        async move {
            store.put_bindings(vec![BindingChange::Put(binding(&format!("u{n}"), "sip:u@192.0.2.1", 1_000))]).await
        }
    });
    let begun = std::time::Instant::now();
    for result in futures_util::future::join_all(many).await {
        assert_eq!(result, Ok(()));
    }
    let took = begun.elapsed();
    drop(store);
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    assert_eq!(store.bindings(WallTime(0)).await.unwrap().len(), 500);
    assert!(took.as_secs() < 20, "500 bindings took {took:?}: one commit each");
}

#[tokio::test]
async fn bindings_change_expire_and_go_with_their_endpoint() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let alice = store.put_endpoint(endpoint(1, "Alice")).await.unwrap();
    let put = |aor: &str, contact: &str, expires| BindingChange::Put(binding(aor, contact, expires));
    store
        .put_bindings(vec![
            put("alice", "sip:1", 10),
            put("alice", "sip:2", 20),
            put("bob", "sip:3", 30),
            put("bob", "sip:4", 30),
        ])
        .await
        .unwrap();
    assert_eq!(store.bindings(WallTime(0)).await.unwrap()[0], binding("alice", "sip:1", 10));
    store
        .put_bindings(vec![
            put("alice", "sip:1", 50),
            BindingChange::Remove { aor: "bob".into(), contact: "sip:4".into(), flow: String::new() },
        ])
        .await
        .unwrap();
    let contacts = async |now| -> Vec<String> {
        store.bindings(WallTime(now)).await.unwrap().into_iter().map(|b| b.contact).collect()
    };
    assert_eq!(contacts(0).await, ["sip:1", "sip:2", "sip:3"]);
    assert_eq!(contacts(25).await, ["sip:1", "sip:3"]);
    store.put_bindings(vec![BindingChange::RemoveExpired { before: WallTime(25) }]).await.unwrap();
    assert_eq!(contacts(0).await, ["sip:1", "sip:3"]);
    store.put_bindings(vec![BindingChange::RemoveAll { aor: "bob".into() }]).await.unwrap();
    assert_eq!(contacts(0).await, ["sip:1"]);
    store.delete_endpoint(alice.id).await.unwrap();
    assert!(contacts(0).await.is_empty());
}

#[tokio::test]
async fn call_records_are_readable_at_once_and_on_disk_after_a_flush() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    for n in 0..200 {
        assert!(store.upsert_call(call(n, CallStatus::Ringing, 1_000 + i64::from(n))));
    }
    let done = CallRecord { duration_secs: 5, sip_code: Some(200), ..call(7, CallStatus::Completed, 1_007) };
    store.upsert_call(done.clone());
    assert_eq!(store.call(done.sid).await.unwrap(), Some(done.clone()));
    store.flush().await.unwrap();
    assert_eq!(store.calls_pending(), 0);
    drop(store);

    let store = Store::open(&dir.url(), settings()).await.unwrap();
    assert_eq!(store.call(done.sid).await.unwrap(), Some(done));
    let all = CallPage { after: None, before: None, limit: 1_000 };
    let calls = store.calls(&CallFilter::default(), all).await.unwrap();
    assert_eq!(calls.len(), 200);
    assert!(calls.is_sorted_by_key(|c| std::cmp::Reverse(c.created)));
    assert_eq!(store.calls_lost(), 0);
}

#[tokio::test]
async fn records_handed_over_before_the_store_is_dropped_are_written() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    store.upsert_call(call(1, CallStatus::Completed, 5));
    drop(store);
    // The writer ends by itself; another store sees its work soon.
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    for _ in 0..100 {
        if store.call(Sid::from_bytes([1; 16])).await.unwrap().is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the record was lost");
}

#[tokio::test]
async fn a_store_that_does_not_write_refuses_changes_and_keeps_call_records_until_it_does() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let path = dir.path().join("tandem.db");
    // Another process holds the write lock for longer than the busy timeout.
    let blocker = sqlx::SqlitePool::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    let mut conn = blocker.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await.unwrap();
    store.upsert_call(call(1, CallStatus::Completed, 5));
    let refused = store.put_bindings(vec![BindingChange::Put(binding("a", "sip:a", 9))]).await;
    assert!(matches!(refused, Err(StoreError::Failed(_))), "{refused:?}");
    assert_eq!(store.calls_pending(), 1);
    sqlx::query("ROLLBACK").execute(&mut *conn).await.unwrap();
    drop(conn);
    store.flush().await.unwrap();
    assert_eq!(store.calls_pending(), 0);
    assert!(store.inner.db.call(Sid::from_bytes([1; 16])).await.unwrap().is_some());
    assert!(store.bindings(WallTime(0)).await.unwrap().is_empty(), "what was refused must not appear");
}

#[tokio::test]
async fn calls_are_filtered_and_paged_in_both_directions() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    for n in 1..=5u8 {
        let status = if n % 2 == 0 { CallStatus::Busy } else { CallStatus::Completed };
        let parent_sid = (n == 3).then(|| Sid::from_bytes([1; 16]));
        let ended = Some(WallTime(i64::from(n) * 100 + 50));
        store.upsert_call(CallRecord { parent_sid, ended, ..call(n, status, i64::from(n) * 100) });
    }
    store.flush().await.unwrap();
    let list = async |filter: CallFilter, page: CallPage| -> Vec<u8> {
        store.calls(&filter, page).await.unwrap().iter().map(|c| c.sid.as_bytes()[0]).collect()
    };
    let all = CallPage { after: None, before: None, limit: 10 };
    let none = CallFilter::default;
    assert_eq!(list(none(), all).await, [5, 4, 3, 2, 1]);
    let place = |n: u8| Some((WallTime(i64::from(n) * 100), Sid::from_bytes([n; 16])));
    assert_eq!(list(none(), CallPage { after: place(4), before: None, limit: 2 }).await, [3, 2]);
    assert_eq!(list(none(), CallPage { after: None, before: place(2), limit: 2 }).await, [4, 3]);
    assert_eq!(list(CallFilter { status: Some(CallStatus::Busy), ..none() }, all).await, [4, 2]);
    assert_eq!(list(CallFilter { to: Some("sip:u2@sw.example.com".into()), ..none() }, all).await, [2]);
    assert_eq!(list(CallFilter { from: Some("' OR 1=1 --".into()), ..none() }, all).await, [0; 0]);
    assert_eq!(list(CallFilter { parent_sid: Some(Sid::from_bytes([1; 16])), ..none() }, all).await, [3]);
    let started = TimeBound { from: Some(WallTime(200)), before: Some(WallTime(400)) };
    assert_eq!(list(CallFilter { started, ..none() }, all).await, [3, 2]);
    let ended = TimeBound { from: Some(WallTime(450)), before: None };
    assert_eq!(list(CallFilter { ended, ..none() }, all).await, [5, 4]);
}

#[tokio::test]
async fn only_finished_calls_are_deleted_and_stay_deleted() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let (live, over) = (call(1, CallStatus::InProgress, 1), call(2, CallStatus::Completed, 2));
    store.upsert_call(live.clone());
    store.upsert_call(over.clone());
    let event = CallEvent {
        call_sid: over.sid,
        at: WallTime(3),
        level: EventLevel::Warning,
        code: 13420,
        message: "not audio".into(),
        line: Some(4),
    };
    store.log_event(event.clone());
    store.flush().await.unwrap();
    assert_eq!(store.call_events(over.sid).await.unwrap(), [event]);
    assert_eq!(store.delete_call(live.sid).await, Err(StoreError::Unfinished));
    assert_eq!(store.delete_call(Sid::from_bytes([8; 16])).await, Err(StoreError::NotFound));
    assert_eq!(store.delete_call(over.sid).await, Ok(()));
    store.upsert_call(over.clone());
    store.flush().await.unwrap();
    assert_eq!(store.call(over.sid).await.unwrap(), None);
    assert_eq!(store.call_events(over.sid).await.unwrap(), []);
    assert_eq!(store.delete_call(over.sid).await, Err(StoreError::NotFound));
}

#[tokio::test]
async fn calls_of_a_killed_process_are_closed_at_the_next_start() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let talking = CallRecord {
        answered: Some(WallTime(10_000)),
        updated: WallTime(25_000),
        ..call(1, CallStatus::InProgress, 5_000)
    };
    store.upsert_call(talking);
    store.upsert_call(call(2, CallStatus::Ringing, 6_000));
    store.upsert_call(call(3, CallStatus::Busy, 7_000));
    store.flush().await.unwrap();
    drop(store);
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let closed = store.close_orphans().await.unwrap();
    assert_eq!(closed.len(), 2);
    let talked = store.call(Sid::from_bytes([1; 16])).await.unwrap().unwrap();
    assert_eq!((talked.status, talked.duration_secs), (CallStatus::Completed, 15));
    assert_eq!(talked.end_reason.as_deref(), Some("server restart"));
    assert_eq!(talked.ended, Some(WallTime(25_000)));
    let rang = store.call(Sid::from_bytes([2; 16])).await.unwrap().unwrap();
    assert_eq!((rang.status, rang.duration_secs), (CallStatus::Failed, 0));
    assert!(store.close_orphans().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_database_of_a_newer_program_and_a_wrong_url_are_refused() {
    let dir = TempDir::new();
    drop(Store::open(&dir.url(), settings()).await.unwrap());
    let pool = sqlx::SqlitePool::connect(&dir.url()).await.unwrap();
    sqlx::query("PRAGMA user_version = 99").execute(&pool).await.unwrap();
    pool.close().await;
    assert!(matches!(Store::open(&dir.url(), settings()).await, Err(StoreError::Failed(why)) if why.contains("99")));
    for url in ["postgres:x", "sqlite:", "tandem.db", "sqlite:a?mode=ro"] {
        assert!(Store::open(url, settings()).await.is_err(), "{url}");
    }
}

#[test]
fn a_full_waiting_room_refuses_new_calls_and_counts_them_but_takes_news_of_known_ones() {
    let pending = super::pending::Pending::default();
    let sid = |n: usize| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        Sid::from_bytes(bytes)
    };
    for n in 0..super::pending::CALLS_WAITING_MAX {
        assert!(pending.put_call(Arc::new(CallRecord { sid: sid(n), ..call(0, CallStatus::Queued, 0) })));
    }
    assert!(!pending.put_call(Arc::new(CallRecord { sid: sid(usize::MAX), ..call(0, CallStatus::Queued, 0) })));
    assert!(pending.put_call(Arc::new(CallRecord { sid: sid(3), ..call(0, CallStatus::Completed, 0) })));
    assert_eq!(pending.lost(), 1);
    assert_eq!(pending.call(sid(3)).unwrap().status, CallStatus::Completed);
}

#[tokio::test]
async fn the_last_word_on_a_binding_counts_and_flows_are_kept_apart() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let flow = |flow: &str, expires| BindingRow { flow: flow.into(), ..binding("alice", "sip:1", expires) };
    let gone = |name: &str| BindingChange::Remove { aor: "alice".into(), contact: "sip:1".into(), flow: name.into() };
    let changes = [
        vec![BindingChange::Put(flow("1;x", 10)), BindingChange::Put(flow("2;x", 10))],
        vec![gone("1;x"), BindingChange::Put(flow("1;x", 20)), gone("2;x"), BindingChange::Put(flow("", 30))],
        vec![gone("")],
    ];
    // In one commit or in three, as it happens.
    let all = changes.map(|c| store.put_bindings(c));
    for done in futures_util::future::join_all(all).await {
        assert_eq!(done, Ok(()));
    }
    assert_eq!(store.bindings(WallTime(0)).await.unwrap(), [flow("1;x", 20)]);
}

#[tokio::test]
async fn a_database_from_before_flows_and_the_third_hash_keeps_what_it_has() {
    let dir = TempDir::new();
    let pool = sqlx::SqlitePool::connect_with(
        dir.url().parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap().create_if_missing(true),
    )
    .await
    .unwrap();
    sqlx::raw_sql(include_str!("sqlite/0001_first.sql")).execute(&pool).await.unwrap();
    sqlx::query("PRAGMA user_version = 1").execute(&pool).await.unwrap();
    let old = serde_json::to_value(binding("alice", "sip:1", 10)).unwrap();
    let mut fields = old.as_object().unwrap().clone();
    fields.remove("flow");
    fields.remove("behind_nat");
    sqlx::query("INSERT INTO bindings (aor, contact, expires_at, fields) VALUES ('alice', 'sip:1', 10, ?1)")
        .bind(serde_json::Value::Object(fields).to_string())
        .execute(&pool)
        .await
        .unwrap();
    let mut alice = serde_json::to_value(endpoint(1, "alice")).unwrap();
    for later in ["max_contacts", "contact_overflow"] {
        alice.as_object_mut().unwrap().remove(later);
    }
    sqlx::query(
        "INSERT INTO endpoints (id, revision, username, ha1_md5, ha1_sha256, fields) VALUES (?1, 1, 'alice', 'm', 's', ?2)",
    )
    .bind(Sid::from_bytes([1; 16]).to_string())
    .bind(alice.to_string())
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    assert_eq!(store.bindings(WallTime(0)).await.unwrap(), [binding("alice", "sip:1", 10)]);
    let kept = store.catalog().endpoints.get(Sid::from_bytes([1; 16])).cloned().unwrap();
    assert_eq!((kept.secrets.md5.as_str(), kept.secrets.sha512_256.as_str()), ("m", ""));
    let renewed = EndpointRecord { secrets: digest_secrets("alice", "r", "p"), ..EndpointRecord::clone(&kept) };
    store.put_endpoint(renewed.clone()).await.unwrap();
    drop(store);
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    assert!(store.catalog().endpoints.get(kept.id).unwrap().secrets == renewed.secrets);
}

fn recording(n: u8, created: i64) -> RecordingRecord {
    RecordingRecord {
        call_sid: Some(Sid::from_bytes([100; 16])),
        status: RecordingStatus::InProgress,
        started: Some(WallTime(created)),
        ..RecordingRecord::new(Sid::from_bytes([n; 16]), RecordingSource::RecordVerb, WallTime(created))
    }
}

const FIRST_PAGE: CallPage = CallPage { after: None, before: None, limit: 10 };

#[tokio::test]
async fn recordings_are_found_by_call_and_time_and_a_deleted_one_does_not_come_back() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    for n in 1..=3u8 {
        assert!(store.upsert_recording(recording(n, i64::from(n) * 1_000)));
    }
    let other = RecordingRecord { call_sid: None, conference_sid: Some(Sid::from_bytes([9; 16])), ..recording(4, 500) };
    store.upsert_recording(other.clone());
    // Before it is written too.
    assert_eq!(store.recording(other.sid).await.unwrap(), Some(other.clone()));

    let sids = |found: Vec<RecordingRecord>| found.iter().map(|r| r.sid.as_bytes()[0]).collect::<Vec<_>>();
    let all = store.recordings(&RecordingFilter::default(), FIRST_PAGE).await.unwrap();
    assert_eq!(sids(all), [3, 2, 1, 4]);
    let of_call = RecordingFilter { call_sid: Some(Sid::from_bytes([100; 16])), ..Default::default() };
    assert_eq!(sids(store.recordings(&of_call, FIRST_PAGE).await.unwrap()), [3, 2, 1]);
    let after = CallPage { after: Some((WallTime(3_000), Sid::from_bytes([3; 16]))), limit: 1, ..FIRST_PAGE };
    assert_eq!(sids(store.recordings(&of_call, after).await.unwrap()), [2]);
    let of_room = RecordingFilter { conference_sid: other.conference_sid, ..Default::default() };
    assert_eq!(sids(store.recordings(&of_room, FIRST_PAGE).await.unwrap()), [4]);
    let early = TimeBound { from: Some(WallTime(1_000)), before: Some(WallTime(2_000)) };
    let early = RecordingFilter { created: early, ..Default::default() };
    assert_eq!(sids(store.recordings(&early, FIRST_PAGE).await.unwrap()), [1]);

    let gone = Sid::from_bytes([2; 16]);
    store.delete_recording(gone).await.unwrap();
    store.upsert_recording(recording(2, 2_000));
    store.flush().await.unwrap();
    assert_eq!(store.recording(gone).await.unwrap(), None);
    assert_eq!(store.delete_recording(gone).await, Err(StoreError::NotFound));
    assert_eq!(sids(store.recordings(&of_call, FIRST_PAGE).await.unwrap()), [3, 1]);

    // One that was never written, deleted while it waits.
    store.upsert_recording(recording(7, 9_000));
    store.delete_recording(Sid::from_bytes([7; 16])).await.unwrap();
    assert_eq!(store.recording(Sid::from_bytes([7; 16])).await.unwrap(), None);
}

#[tokio::test]
async fn a_restart_ends_the_recordings_it_cut() {
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let done = RecordingRecord { status: RecordingStatus::Completed, ..recording(1, 1) };
    for record in [done.clone(), recording(2, 2_000), recording(3, 3_000)] {
        store.upsert_recording(record);
    }
    store.flush().await.unwrap();
    drop(store);

    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let found = |sid: Sid| (sid.as_bytes()[0] == 2).then_some(std::time::Duration::from_millis(4_500));
    assert_eq!(store.close_orphaned_recordings(WallTime(60_000), found).await, Ok(2));
    assert_eq!(store.recording(done.sid).await.unwrap(), Some(done));
    let kept = store.recording(Sid::from_bytes([2; 16])).await.unwrap().unwrap();
    assert_eq!(
        (kept.status, kept.duration_secs, kept.ended),
        (RecordingStatus::Completed, Some(4), Some(WallTime(6_500)))
    );
    let empty = store.recording(Sid::from_bytes([3; 16])).await.unwrap().unwrap();
    assert_eq!((empty.status, empty.updated), (RecordingStatus::Absent, WallTime(60_000)));
}
