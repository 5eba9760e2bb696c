//! What each try leaves for the log of its call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::test_server::{Reply, TestServer, local_client};
use super::super::{LogSink, WebhookClient};
use super::post;
use crate::store::{WebhookEntry, WebhookKind};

const CALL: &str = "0703574f-b151-465d-aedb-28972eb513c7";

type Told = Arc<Mutex<Vec<WebhookEntry>>>;

fn logging() -> (WebhookClient, Told) {
    let told = Told::default();
    let log = Arc::clone(&told);
    let client = local_client(|config| config.log = Some(LogSink::new(move |entry| log.lock().unwrap().push(entry))));
    (client, told)
}

#[tokio::test]
async fn a_request_is_told_with_its_response_and_without_its_credentials() {
    let server = TestServer::start(|seen, _| match seen.path.as_str() {
        "/a?x=1" => Reply::redirect("302 Found", "/b"),
        _ => {
            Reply::with("200 OK", &[("Content-Type", "text/xml"), ("Set-Cookie", "a=1"), ("X-App", "7")], "<Response/>")
        }
    })
    .await;
    let (client, told) = logging();
    let url = format!("http://user:hidden@localhost:{}/a?x=1#rt=4000", server.address.port());
    client.fetch(&post(&url, &[("CallSid", CALL), ("From", &"9".repeat(2_000))])).await.unwrap();
    let [entry] = &told.lock().unwrap()[..] else { panic!("one entry") };
    assert_eq!(entry.call_sid, CALL.parse().ok());
    assert_eq!((entry.kind, entry.attempt, entry.method.as_str()), (WebhookKind::Instruction, 1, "POST"));
    assert_eq!(entry.url, format!("http://localhost:{}/a?x=1#rt=4000", server.address.port()));
    assert_eq!(entry.final_url, Some(format!("http://localhost:{}/b", server.address.port())));
    assert_eq!((entry.status, entry.response_body.as_str(), entry.response_bytes), (Some(200), "<Response/>", 11));
    assert_eq!(entry.remote, Some(server.address.to_string()));
    assert!(entry.response_headers.contains(&("x-app".into(), "7".into())), "{entry:?}");
    assert!(!entry.response_headers.iter().any(|(name, _)| name == "set-cookie"));
    assert_eq!(entry.params[1].1.len(), 512);
    assert!(entry.timings.dns_ms.is_some() && entry.timings.first_byte_ms.is_some(), "{:?}", entry.timings);
    assert_eq!(entry.error, None);
}

#[tokio::test]
async fn each_try_is_told_and_so_is_what_could_not_be_asked() {
    let server = TestServer::start(|_, _| Reply::with("500 Oops", &[], "it hurts")).await;
    let (client, told) = logging();
    client.notify(&post(server.url("/"), &[("CallSid", CALL)])).await;
    client.fetch(&post("gopher://user:hidden@h/", &[("CallSid", CALL)])).await.unwrap_err();
    client.fetch(&post("http://10.0.0.1/", &[])).await.unwrap_err();
    let told = told.lock().unwrap();
    let seen: Vec<_> = told.iter().map(|e| (e.attempt, e.status, e.error.as_ref().map_or(0, |e| e.code))).collect();
    let failed = |attempt| (attempt, Some(500), 11217);
    assert_eq!(seen, [failed(1), failed(2), failed(3), (1, None, 11100), (1, None, 11200)]);
    assert_eq!(told[0].response_body, "it hurts");
    assert!(told[..3].iter().all(|e| e.kind == WebhookKind::Notification && e.token == told[0].token));
    assert_eq!(told[3].url, "gopher://h/");
    assert_eq!(told[4].call_sid, None);
}

#[tokio::test]
async fn a_request_nobody_waits_for_any_longer_is_told_too() {
    let server = TestServer::start(|_, _| Reply::Hang(Vec::new())).await;
    let (client, told) = logging();
    let request = post(server.url("/"), &[("CallSid", CALL)]);
    let _ = tokio::time::timeout(Duration::from_millis(200), client.fetch(&request)).await;
    let [entry] = &told.lock().unwrap()[..] else { panic!("one entry") };
    assert_eq!((entry.status, entry.error.as_ref().map(|e| e.code)), (None, Some(0)));
}

#[tokio::test]
async fn of_a_large_body_the_beginning_is_kept() {
    let server = TestServer::start(|_, _| Reply::xml(&"é".repeat(60_000))).await;
    let (client, told) = logging();
    client.fetch(&post(server.url("/"), &[("CallSid", CALL)])).await.unwrap_err();
    let [entry] = &told.lock().unwrap()[..] else { panic!("one entry") };
    assert_eq!(entry.error.as_ref().map(|e| e.code), Some(11750));
    assert!(entry.response_body.len() <= 2_048 + 2, "{}", entry.response_body.len());
}
