use std::time::Duration;

use super::super::test_server::{Reply, TestServer, local_client};
use super::super::{StatusDrop, StatusJob, StatusQueue, StatusQueueLimits};
use super::post;

fn job(call: &str, url: String, number: usize) -> StatusJob {
    StatusJob::new(call, post(url, &[("SequenceNumber", &number.to_string()), ("Call", call)]))
}

#[tokio::test]
async fn one_calls_callbacks_arrive_in_order_though_the_first_is_slow_and_retried() {
    let server = TestServer::start(|seen, number| match (number, seen.body.as_str()) {
        (0, _) => Reply::status("500 Oops"),
        (_, "SequenceNumber=0&Call=a") => Reply::After(Duration::from_millis(200), Box::new(Reply::status("200 OK"))),
        _ => Reply::status("200 OK"),
    })
    .await;
    let queue = StatusQueue::start(local_client(|_| ()), StatusQueueLimits::default());
    for number in 0..10 {
        queue.push(job("a", server.url("/"), number)).unwrap();
    }
    assert!(queue.drain(Duration::from_secs(10)).await);
    let numbers: Vec<String> = server.requests().iter().map(|seen| seen.form()[0].1.clone()).collect();
    assert_eq!(numbers, ["0", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let stats = queue.stats();
    assert_eq!((stats.queued, stats.delivered, stats.retried, stats.failed, stats.dropped), (0, 10, 1, 0, 0));
}

#[tokio::test]
async fn one_calls_slow_server_holds_up_no_other_call() {
    let slow = TestServer::start(|_, _| Reply::Hang(Vec::new())).await;
    let fast = TestServer::start(|_, _| Reply::status("200 OK")).await;
    let client = local_client(|config| config.limits.in_flight_per_host_max = 2);
    let queue = StatusQueue::start(client, StatusQueueLimits::default());
    for number in 0..50 {
        queue.push(job(&format!("slow{number}"), slow.url("/"), 0)).unwrap();
    }
    for number in 0..50 {
        queue.push(job(&format!("fast{number}"), fast.url("/"), 0)).unwrap();
    }
    for _ in 0..100 {
        if fast.requests().len() == 50 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((fast.requests().len(), slow.requests().len()), (50, 2));
    assert!(!queue.drain(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn above_its_bounds_the_newest_is_dropped_and_counted() {
    let slow = TestServer::start(|_, _| Reply::Hang(Vec::new())).await;
    let fast = TestServer::start(|_, _| Reply::status("200 OK")).await;
    let limits = StatusQueueLimits { queued_max: 6, queued_per_host_max: 4, ..StatusQueueLimits::default() };
    let queue = StatusQueue::start(local_client(|_| ()), limits);
    for number in 0..5 {
        queue.push(job("a", slow.url("/"), number)).unwrap();
    }
    // The host's share is counted by the task, so let it run: the fifth goes, and makes room for another host's.
    for _ in 0..100 {
        if queue.stats().dropped == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((queue.stats().queued, queue.stats().dropped), (4, 1));
    // localhost is another host by name.
    let other = format!("http://localhost:{}/", fast.address.port());
    queue.push(job("b", other.clone(), 0)).unwrap();
    queue.push(job("b", other.clone(), 1)).unwrap();
    assert_eq!(queue.push(job("b", other, 2)), Err(StatusDrop::Full));
    for _ in 0..100 {
        if queue.stats().delivered == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let stats = queue.stats();
    assert_eq!((stats.queued, stats.delivered, stats.dropped), (4, 2, 2));
}

#[tokio::test]
async fn what_was_pushed_is_delivered_though_the_handle_is_gone() {
    let server = TestServer::start(|_, _| Reply::status("200 OK")).await;
    let queue = StatusQueue::start(local_client(|_| ()), StatusQueueLimits::default());
    for number in 0..3 {
        queue.push(job("a", server.url("/"), number)).unwrap();
    }
    drop(queue);
    for _ in 0..100 {
        if server.requests().len() == 3 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} of 3 arrived", server.requests().len());
}
