//! What the operator sees: readiness, metrics, an orderly end, and mistakes in the configuration.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::common::tandem::PASSWORD;
use crate::common::{Phone, Tandem, alone, audio, eventually, http};

#[test]
fn after_sigterm_new_calls_get_503_and_a_call_in_progress_goes_on_until_it_is_over() {
    let mut tandem = Tandem::start();
    tandem.endpoint("alice", json!({}));
    tandem.endpoint("bob", json!({}));
    let (mut alice, mut bob) = (Phone::new(&tandem, "alice", PASSWORD), Phone::new(&tandem, "bob", PASSWORD));
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);

    tandem.terminate();
    eventually("it says that it drains", Duration::from_secs(5), || {
        http::request(tandem.http, "GET", "/readyz", None, None).ok().filter(|r| r.status == 503)
    });
    let mut late = alice.invite(&bob.uri());
    let refusal = alice.outcome(&mut late);
    assert_eq!(refusal.status(), 503);
    assert!(!refusal.header("Retry-After").is_empty(), "{refusal:?}");

    let words = audio::sweep(1.5, 400.0, 1_800.0);
    call.media.play(&words);
    std::thread::sleep(Duration::from_millis(2_200));
    assert!(audio::likeness(&words, &rung.media.heard()) >= 0.85);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
    assert_eq!(tandem.ended(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn calls_still_there_at_the_deadline_are_hung_up_and_the_exit_is_clean() {
    let config = "[limits]\ndrain_secs = 1\n".to_owned();
    let mut tandem = Tandem::start_with(crate::common::Options { config, ..Default::default() });
    tandem.endpoint("alice", json!({}));
    tandem.endpoint("bob", json!({}));
    let (mut alice, mut bob) = (Phone::new(&tandem, "alice", PASSWORD), Phone::new(&tandem, "bob", PASSWORD));
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);
    tandem.terminate();
    alice.hung_up(&call);
    bob.hung_up(&rung);
    assert_eq!(tandem.ended(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn health_readiness_and_metrics_are_there_and_count() {
    let tandem = Tandem::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http::request(tandem.http, "GET", path, None, None).expect("an answer").status, 200);
    }
    let _bob = Phone::registered(&tandem, "bob", json!({}));
    assert!(tandem.metric("tandem_sip_requests_total", "REGISTER") >= 2.0);
    assert!((tandem.metric("tandem_registrations", "") - 1.0).abs() < 0.5);
    let refused = http::request(tandem.http, "GET", "/api/relay/rest/sip_profile", None, None).expect("an answer");
    assert_eq!(refused.status, 401);
    assert!(refused.header("WWW-Authenticate").is_some_and(|h| h.starts_with("Basic")));
}

#[test]
fn check_config_names_file_line_and_key() {
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let check = |name: &str, text: &str| {
        let file = dir.join(name);
        std::fs::write(&file, text).expect("to write");
        let out = Command::new(env!("CARGO_BIN_EXE_tandem")).args(["check-config", "--config"]).arg(&file).output();
        let out = out.expect("to run tandem");
        let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        (out.status.code(), said)
    };
    let (code, said) = check("good.toml", "[sip]\nudp = [\"127.0.0.1:5060\"]\n");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) =
        check("bad.toml", "[sip]\nudp = [\"127.0.0.1:5060\"]\n\n[media]\nports = [9, 3]\nadress = \"::\"\n");
    assert_ne!(code, Some(0));
    assert!(said.contains("bad.toml:5") && said.contains("media.ports"), "{said}");
    assert!(said.contains("bad.toml:6") && said.contains("media.adress"), "{said}");
    let _ = std::fs::remove_dir_all(&dir);
}

#[test]
fn media_at_its_share_of_load_gets_new_calls_503_with_retry_after_and_those_in_progress_go_on() {
    let _alone = alone();
    let media = "cpus = [0]\nload_max_percent = 1\n".to_owned();
    let tandem = Tandem::start_with(crate::common::Options { media, ..Default::default() });
    tandem.endpoint("alice", json!({}));
    tandem.endpoint("bob", json!({}));
    let (mut alice, mut bob) = (Phone::new(&tandem, "alice", PASSWORD), Phone::new(&tandem, "bob", PASSWORD));
    assert_eq!((alice.register().status(), bob.register().status()), (200, 200));
    let mut call = alice.invite(&bob.uri());
    let mut rung = bob.ringing();
    bob.answer_call(&mut rung);
    alice.connected(&mut call);

    // One percent of a thread is a dozen relayed calls at most, however quick the machine.
    let mut ringing = Vec::new();
    let refusal = loop {
        let next = alice.invite(&bob.uri());
        // 100 while the callee is looked for, or the refusal.
        let answer = alice.wait("an answer", Duration::from_secs(10), |m| {
            !m.is_request() && m.call_id() == next.call_id && m.cseq() == next.cseq
        });
        if answer.status() >= 300 {
            break answer;
        }
        ringing.push((next, bob.ringing()));
        assert!(ringing.len() < 20, "no call was refused");
    };
    assert_eq!(refusal.status(), 503);
    assert!(!refusal.header("Retry-After").is_empty(), "{refusal:?}");
    let by_rest =
        tandem.laml("POST", "/Calls", &[("To", &bob.uri()), ("From", "alice"), ("Url", "http://127.0.0.1:9/")]);
    assert_eq!(by_rest.status, 503, "{}", by_rest.body);
    assert!(by_rest.header("Retry-After").is_some());

    let words = audio::sweep(1.5, 400.0, 1_800.0);
    call.media.play(&words);
    std::thread::sleep(Duration::from_millis(2_200));
    assert!(audio::likeness(&words, &rung.media.heard()) >= 0.85);
    assert!(tandem.metric("tandem_media_thread_load", "thread=\"0\"") > 0.0);
    assert!(tandem.metric("tandem_media_tick_late_seconds_bucket", "+Inf") > 50.0);
    assert!(tandem.metric("tandem_media_kernel_drops_total", "") < 0.5);
    assert_eq!(alice.hang_up(&mut call).status(), 200);
    bob.hung_up(&rung);
}
