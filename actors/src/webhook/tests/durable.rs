//! Notifications that outlive an outage of their receiver and a restart of this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::test_server::{Reply, TestServer, local_client};
use super::super::{StatusJob, StatusQueue, StatusQueueLimits};
use super::post;
use crate::store::tests::{TempDir, settings};
use crate::store::{EventLevel, Store};

const CALL: &str = "0703574f-b151-465d-aedb-28972eb513c7";

fn limits() -> StatusQueueLimits {
    StatusQueueLimits {
        pause_min: Duration::from_millis(50),
        pause_max: Duration::from_millis(100),
        ..StatusQueueLimits::default()
    }
}

fn job(url: &str, number: usize) -> StatusJob {
    StatusJob::new("7", post(url, &[("CallSid", CALL), ("SequenceNumber", &number.to_string())]))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within five seconds");
}

fn numbers(server: &TestServer) -> Vec<String> {
    server.requests().iter().map(|seen| seen.form()[1].1.clone()).collect()
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_all_in_order_once_it_is_well() {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let server = TestServer::start(move |_, _| {
        Reply::status(if is_well.load(Ordering::SeqCst) { "200 OK" } else { "503 Busy" })
    })
    .await;
    let queue = StatusQueue::start(local_client(|_| ()), limits());
    for number in 0..3 {
        queue.push(job(&server.url("/"), number)).unwrap();
    }
    until("all sleep", || queue.stats().asleep == 3).await;
    assert!(queue.drain(Duration::from_secs(1)).await, "who sleeps holds up no shutdown");
    well.store(true, Ordering::SeqCst);
    until("all are delivered", || queue.stats().delivered == 3).await;
    let got = numbers(&server);
    assert_eq!(got[got.len() - 3..], ["0", "1", "2"]);
    assert!(got[..got.len() - 3].iter().all(|n| n == "0"), "{got:?}");
    let stats = queue.stats();
    assert_eq!((stats.queued, stats.asleep, stats.failed), (0, 0, 0));
}

#[tokio::test]
async fn one_that_is_refused_for_good_is_given_up_and_told_of_in_the_calls_log() {
    let server = TestServer::start(|_, _| Reply::status("404 Not Found")).await;
    let dir = TempDir::new();
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let queue = StatusQueue::restored(local_client(|_| ()), limits(), store.clone()).await.unwrap();
    queue.push(job(&server.url("/"), 0)).unwrap();
    queue.push(job("http://10.0.0.1/", 0)).unwrap();
    until("both are given up", || queue.stats().failed == 2).await;
    assert_eq!(server.requests().len(), 3);
    store.flush().await.unwrap();
    assert_eq!(store.status_jobs().await.unwrap(), []);
    let events = store.call_events(CALL.parse().unwrap()).await.unwrap();
    let mut codes: Vec<_> = events.iter().map(|e| (e.level, e.code)).collect();
    codes.sort_by_key(|(_, code)| *code);
    assert_eq!(codes, [(EventLevel::Error, 11200), (EventLevel::Error, 11217)]);
}

#[tokio::test]
async fn what_was_not_delivered_is_on_disk_and_comes_after_a_restart_with_its_token() {
    let server = TestServer::start(|_, number| Reply::status(if number < 3 { "500 Oops" } else { "200 OK" })).await;
    let dir = TempDir::new();
    {
        let store = Store::open(&dir.url(), settings()).await.unwrap();
        let long = StatusQueueLimits { pause_min: Duration::from_secs(3_600), ..StatusQueueLimits::default() };
        let queue = StatusQueue::restored(local_client(|_| ()), long, store.clone()).await.unwrap();
        for number in 0..3 {
            queue.push(job(&server.url("/"), number)).unwrap();
        }
        until("all are on disk", || queue.stats().stored == 3).await;
        until("all sleep", || queue.stats().asleep == 3).await;
    }
    let store = Store::open(&dir.url(), settings()).await.unwrap();
    let queue = StatusQueue::restored(local_client(|_| ()), limits(), store.clone()).await.unwrap();
    assert_eq!(queue.stats().stored, 3);
    // Another call with the number of one of before: it waits for nobody.
    queue.push(job(&server.url("/new"), 0)).unwrap();
    until("all are delivered", || queue.stats().delivered == 4).await;
    let seen: Vec<_> = server.requests().into_iter().filter(|s| s.path == "/").collect();
    assert_eq!(seen.iter().map(|s| s.form()[1].1.clone()).collect::<Vec<_>>(), ["0", "0", "0", "0", "1", "2"]);
    assert_eq!(seen[3].header("i-twilio-idempotency-token"), seen[0].header("i-twilio-idempotency-token"));
    until("nothing is on disk", || queue.stats().stored == 0).await;
    assert_eq!(store.status_jobs().await.unwrap(), []);
}

#[tokio::test]
async fn after_its_time_one_is_given_up() {
    let refusing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let short = StatusQueueLimits { retry_for: Duration::from_millis(300), ..limits() };
    let queue = StatusQueue::start(local_client(|_| ()), short);
    queue.push(job(&format!("http://{refusing}/"), 0)).unwrap();
    until("it is given up", || queue.stats().failed == 1).await;
    assert!(queue.stats().retried >= 2, "{:?}", queue.stats());
    // Without any time, three tries are all.
    let none = StatusQueueLimits { retry_for: Duration::ZERO, ..limits() };
    let queue = StatusQueue::start(local_client(|_| ()), none);
    queue.push(job(&format!("http://{refusing}/"), 0)).unwrap();
    until("it is given up", || queue.stats().failed == 1).await;
    assert_eq!(queue.stats().retried, 2);
}

#[tokio::test]
async fn a_host_with_a_thousand_calls_waiting_takes_no_more_than_its_turns() {
    let down = TestServer::start(|_, _| Reply::Hang(Vec::new())).await;
    let fast = TestServer::start(|_, _| Reply::status("200 OK")).await;
    let queue = StatusQueue::start(local_client(|config| config.limits.in_flight_per_host_max = 4), limits());
    for number in 0..1_000 {
        let request = post(down.url("/"), &[("SequenceNumber", "0")]);
        queue.push(StatusJob::new(format!("slow{number}"), request)).unwrap();
    }
    let request = post(format!("http://localhost:{}/", fast.address.port()), &[]);
    queue.push(StatusJob::new("fast", request)).unwrap();
    until("the other host's is delivered", || queue.stats().delivered == 1).await;
    assert_eq!(down.requests().len(), 4);
}
